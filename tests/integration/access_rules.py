"""The actors of the access matrix, and what holds for them whatever its table says."""

import re
from collections.abc import Iterator

from people.states import Role

STAFF = {
    "viewer": Role.VIEWER,
    "service": Role.CUSTOMER_SERVICE,
    "operator": Role.OPERATOR,
    "approver": Role.APPROVER,
    "admin": Role.ADMIN,
}
PARTNERS = ("partner", "other-p", "reader", "practice")
ACTORS = ("anon", "home-a", "home-b", *STAFF, *PARTNERS)
SHUT = {"403", "404", "405", "login"}
Row = tuple[str, ...]  # what each actor gets


def broken(seen: dict[tuple[str, str], Row]) -> Iterator[tuple[str, str]]:
    for (method, route), row in seen.items():
        got = dict(zip(ACTORS, row, strict=True))
        for rule, is_kept in rules_of(method, route, got):
            if not is_kept:
                yield f"{method} /{route}", rule


def rules_of(method: str, route: str, got: dict[str, str]) -> Iterator[tuple[str, bool]]:
    homeowners = {got["home-a"], got["home-b"]}
    staff = {got[name] for name in STAFF}
    partners = {got[name] for name in PARTNERS}
    strangers = {got["anon"], *partners}
    yield "no server error", not any(cell.startswith("5") for cell in got.values())
    if route.startswith("console/"):
        yield "strangers sign in first", strangers == {"login"}
        yield "homeowners stay outside", homeowners == {"403"}
        if method != "GET":
            yield (
                "a viewer changes nothing",
                got["viewer"] in {"403", "404", "405"}
                or (got["viewer"] == got["operator"] == "200" and "/new/" not in route),
            )
        private = r"/(audit/|audit\.csv|notices/|all\.csv|credits\.csv|proof/|proof\.json)$"
        if re.search(private, route):
            yield "a viewer sees no homeowner", got["viewer"] == "403"
        yield "an administrator is never refused by role", got["admin"] != "403"
    if route.startswith("console/people/"):
        roles = set(STAFF) - {"admin"}
        yield "only administrators manage people", {got[name] for name in roles} == {"403"}
    if route.startswith("home/"):
        yield "strangers sign in first", strangers == {"login"}
        yield "the utility stays outside", staff == {"403"}
    if "<int:dispatch_id>" in route or "<int:enrollment_id>" in route:
        yield "another home does not exist", got["home-b"] in {"404", "405"}
    if route.startswith("admin/") and "login" not in route:
        others = set(ACTORS) - {"admin"}
        yield (
            "the back office is the administrators'",
            {got[name] for name in others} <= (SHUT | {"302"}),
        )
    if route.startswith("api/v1/") and not route.endswith(("openapi.json", "reference/")):
        people = homeowners | staff | {got["anon"]}
        yield "a session opens no API", people == {"401"}
        yield "a partner's token does", not partners & {"401", "login"}
        if "<slug" in route:
            yield "what was not granted does not exist", got["other-p"] in {"400", "404", "405"}
            yield "a practice client opens nothing real", got["practice"] in {"400", "404", "405"}
        if method != "GET":
            yield "who may only read changes nothing", got["reader"] in {"403", "404", "405"}
        if "/webhooks" in route:
            yield "webhooks take their own scope", got["reader"] in {"403", "405"}
