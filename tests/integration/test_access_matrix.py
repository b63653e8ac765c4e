"""Who may do what: every route x method x actor, against one table that people have read.

``access_matrix.txt`` holds what each actor gets: a status, or ``login`` where the answer is the
way to the sign-in page. A route that is not in the table fails, and so does one that answers
otherwise. ``OFFPEAK_WRITE_MATRIX=1`` writes the table anew; then read what changed. The rules at
the end of this file hold whatever the table says. PUT stands for every other method; the partner
API is asked with PATCH and DELETE too.
"""

import json
import logging
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from django.urls.resolvers import RegexPattern, URLPattern, URLResolver
from django.utils import timezone
from pytest_django import Settings

from base import clock
from dr_events.models import Control, Dispatch, Event, Template
from enrollments import operations as homes
from enrollments import vendor_session
from enrollments.models import CustomerImport, Enrollment, Group, Program
from enrollments.states import ImportState, LinkPurpose
from partners.models import Post, PracticeRun
from partners.operations import hooks, practice, world
from partners.states import Scenario
from partners.who import READ
from people import operations
from people.models import User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.partner_calls import Caller

# Each request is a transaction of its own, rolled back: thousands of savepoints in one are slow.
pytestmark = pytest.mark.django_db(transaction=True)
TABLE = Path(__file__).with_name("access_matrix.txt")
METHODS = ("GET", "POST", "PUT")
API_METHODS = (*METHODS, "PATCH", "DELETE")
STAFF = {
    "viewer": Role.VIEWER,
    "service": Role.CUSTOMER_SERVICE,
    "operator": Role.OPERATOR,
    "approver": Role.APPROVER,
    "admin": Role.ADMIN,
}
PARTNERS = ("partner", "other-p", "reader", "practice")
ACTORS = ("anon", "home-a", "home-b", *STAFF, *PARTNERS)
HEAD = f"""\
# {"method":12}{"route":90}{" ".join(f"{name:8}" for name in ACTORS)}
# home-a owns the home in the addresses, home-b is another homeowner; partner was granted the
# program, other-p was granted none, reader was granted the program and may only read, practice is a
# practice client. PUT stands for every other method.
"""

Row = tuple[str, ...]


# --- every route ------------------------------------------------------------------------------
def routes(patterns: Any = None, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        text = before + _text(entry)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, text)
        else:
            yield text, entry


def _text(entry: URLPattern | URLResolver) -> str:
    text = str(entry.pattern)
    return text.removeprefix("^").removesuffix("$") if _is_regex(entry) else text


def _is_regex(entry: URLPattern | URLResolver) -> bool:
    return isinstance(entry.pattern, RegexPattern)


def every_route() -> list[str]:
    """Each once, as it is written; the first of two with the same address is the one that answers.
    The optional last slash of the API is one route."""
    found = dict.fromkeys(text.replace("/?", "/") for text, _ in routes())
    return list(dict.fromkeys(found))


def methods_of(route: str) -> tuple[str, ...]:
    return API_METHODS if route.startswith("api/v1/") else METHODS


# --- an address for every route -----------------------------------------------------------------
class Town:
    """One home with an event, another homeowner, everybody of the utility, a partner."""

    def __init__(self) -> None:
        program = cast.program()
        system = cast.enrolled(program, "2319W004821", "a@home.example")
        other = cast.enrolled(program, "2319W004822", "b@home.example")
        event = cast.scheduled(program)
        self.people = {
            role: cast.operator(f"{name}@x.example", role) for name, role in STAFF.items()
        }
        User.objects.filter(role=Role.ADMIN).update(is_staff=True, is_superuser=True)
        self.owners = {"home-a": system.grant.user, "home-b": other.grant.user}
        self.partner = Caller("summer-peak")
        self.callers = {
            "partner": self.partner,
            "other-p": Caller(),
            "reader": Caller("summer-peak", scope=READ),
            "practice": Caller(practice=True),
        }
        with world.practice():
            practice.furnish(self.callers["practice"].client_id, now=clock.now())
        colleague = cast.operator("colleague@x.example", Role.VIEWER)
        admin = Actor.person(self.people[Role.ADMIN])
        now, real = clock.now(), timezone.now()
        invitation, token = operations.invite(
            email="n@x.example", role=Role.VIEWER, actor=admin, now=now, real_now=real
        )
        self.tokens = {
            "invitation/": token,
            "o/": self._link(LinkPurpose.SAY_NO, f"event:{event.pk}", event.ends_at),
            "calendar/": homes.open_calendar(user=self.owners["home-a"], actor=admin, now=now),
            "m/": self._link(LinkPurpose.STOP_MAIL, "", event.ends_at),
        }
        hook = self._hook(admin)
        self.samples: dict[str, object] = {
            "event_id": event.pk,
            "system_id": system.pk,
            "dispatch_id": Dispatch.objects.get(system=system).pk,
            "enrollment_id": Enrollment.objects.get(system=system).pk,
            "slug": program.slug,
            "group_id": Group.objects.create(program=program, name="North").pk,
            "template_id": self._template(program).pk,
            "user_id": colleague.pk,
            "session_id": 1,
            "invitation_id": invitation.pk,
            "key": "status",
            "import_id": self._list().pk,
            "bulk_id": self._bulk(system.pk, admin, now),
            "client_id": self.partner.client_id,
            "hook_id": hook.webhook_id,
            "run_id": self._run(event).pk,
            "post_id": Post.objects.get(webhook_id=hook.webhook_id).pk,
            "serial": system.serial,
            "nowhere": "nowhere",
            # No such row: whether other tables hold this number depends on the tests before.
            "object_id": 0,
            "content_type_id": 0,
            "app_label": "enrollments",
            "uidb36": "1",
            "url": "nowhere",
        }
        self.wire_id = event.wire_id

    def _template(self, program: Program) -> Template:
        return Template.objects.create(
            program=program,
            name="Hot weekday",
            values={"start": "15:00", "end": "17:00", "response": "customer"},
            kept_by="user:1",
            kept_at=clock.now(),
        )

    def _link(self, purpose: LinkPurpose, subject: str, expires_at: Any) -> str:
        return homes.make_link(
            user=self.owners["home-a"], purpose=purpose, subject=subject, expires_at=expires_at
        )

    def _list(self) -> CustomerImport:
        """A list of customers that waits for somebody to import it."""
        return CustomerImport.objects.create(
            file_name="customers.csv",
            body=b"x",
            size=1,
            state=ImportState.CHECKED,
            uploaded_by="user:1",
            uploaded_at=clock.now(),
        )

    def _bulk(self, system_id: int, actor: Actor, now: Any) -> int:
        """An act for many systems that waits to be confirmed."""
        return homes.prepare_bulk(
            act="PAUSE", why="Storm", group=None, wanted="", systems=[system_id], actor=actor,
            now=now,
        ).pk  # fmt: skip

    def _hook(self, actor: Actor) -> hooks.NewSecret:
        """The partner's webhook, with a message."""
        made = hooks.make(
            client_id=self.partner.client_id, url="https://hooks.partner.example/in", kinds=[],
            actor=actor, now=clock.now(), real_now=timezone.now(),
        )  # fmt: skip
        hooks.send_test(
            hook_id=made.webhook_id, actor=actor, now=clock.now(), real_now=timezone.now()
        )
        return made

    def _run(self, event: Event) -> PracticeRun:
        return PracticeRun.objects.create(
            client_id=self.partner.client_id,
            scenario=Scenario.ALL_ACCEPT,
            event_id=event.pk,
            wire_id=event.wire_id,
            began_at=timezone.now(),
            lasts_s=20,
            homes=1,
        )

    def address(self, route: str) -> str:
        """The route with samples in place of its parameters."""

        def sample(found: re.Match[str]) -> str:
            name = found["name"]
            if name == "token":
                return next(
                    value for start, value in self.tokens.items() if route.startswith(start)
                )
            if name == "event_id" and route.startswith("api/"):
                return self.wire_id
            if name == "act" or (name == "key" and route.startswith("accounts/")):
                return found["what"].partition("|")[0] if name == "act" else "set-password"
            assert name in self.samples, f"give a sample for <{name}> of {route}"
            return str(self.samples[name])

        text = re.sub(r"\(\?P<(?P<name>\w+)>(?P<what>[^()]*)\)", sample, route)
        text = re.sub(r"<(?:\w+:)?(?P<name>\w+)>", sample, text)
        return "/" + text.replace("\\", "").replace("^", "").replace("$", "")


def session_of(user: User) -> str:
    """A session as signing in makes it, without the slow hash of a password."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = django_settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


@pytest.fixture
def town(settings: Settings, tmp_path: Path) -> Iterator[Town]:
    stopped = {"real": 0.0, "sim": cast.MORNING.timestamp(), "rate": 0.0}
    (tmp_path / "clock.json").write_text(json.dumps(stopped))
    settings.SIMULATED_CLOCK_FILE = str(tmp_path / "clock.json")
    # Nobody listens there: what an act would send goes nowhere.
    nowhere = dict.fromkeys(("base_url", "token_url", "revoke_url"), "http://127.0.0.1:9/x")
    settings.CARRIER = dict(settings.CARRIER) | nowhere
    settings.SECURE_SSL_REDIRECT = False
    vendor_session.config.cache_clear()
    Control.objects.get_or_create(id=1)  # earlier tests may have emptied every table
    yield Town()
    vendor_session.config.cache_clear()
    world.build()  # between tests only the real tables are emptied


def visitors(town: Town) -> dict[str, Callable[[], Client]]:
    """Each actor's browser, as fresh as on the first visit. One for all visits: a new one loads
    every middleware anew."""
    keys = {name: session_of(user) for name, user in town.owners.items()}
    keys |= {name: session_of(town.people[role]) for name, role in STAFF.items()}
    tokens = {name: caller.token for name, caller in town.callers.items()}
    browsers = {
        name: Client(
            headers={"Authorization": f"Bearer {tokens[name]}"} if name in tokens else {},
            raise_request_exception=False,
        )
        for name in ACTORS
    }

    def arrive(name: str) -> Client:
        browser = browsers[name]
        browser.cookies.clear()
        if name in keys:
            browser.cookies[django_settings.SESSION_COOKIE_NAME] = keys[name]
        return browser

    return {name: partial(arrive, name) for name in ACTORS}


def answer(client: Client, method: str, address: str) -> str:
    """What came of it; everything it did is undone."""
    with transaction.atomic():
        got = client.generic(
            method,
            address,
            b"{}" if "/api/" in address else b"",
            content_type=(
                "application/json" if "/api/" in address else "application/x-www-form-urlencoded"
            ),
        )
        transaction.set_rollback(True)
    to = got.headers.get("Location", "")
    return "login" if to.startswith("/accounts/login/") else str(got.status_code)


@pytest.fixture
def seen(town: Town) -> dict[tuple[str, str], Row]:
    logging.disable(logging.ERROR)  # thousands of refusals, each with its trace
    try:
        return _ask_all(town)
    finally:
        logging.disable(logging.NOTSET)


def _ask_all(town: Town) -> dict[tuple[str, str], Row]:
    arrivals = visitors(town)
    found = {}
    for route in every_route():
        address = town.address(route)
        for method in methods_of(route):
            found[method, route] = tuple(
                answer(arrivals[name](), method, address) for name in ACTORS
            )
    return found


def read_table() -> dict[tuple[str, str], Row]:
    table = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            methods, route, *row = line.split()
            for method in methods.split(","):
                table[method, route.removeprefix("/")] = tuple(row)
    return table


def write_table(seen: dict[tuple[str, str], Row]) -> None:
    lines = []
    for route in every_route():
        rows: dict[Row, list[str]] = defaultdict(list)
        for method in methods_of(route):
            rows[seen[method, route]].append(method)
        for row, methods in rows.items():
            cells = " ".join(f"{cell:8}" for cell in row)
            lines.append(f"{','.join(methods):13} /{route:88} {cells}".rstrip())
    TABLE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def test_every_route_answers_everybody_as_the_table_says(seen: dict[tuple[str, str], Row]) -> None:
    if os.environ.get("OFFPEAK_WRITE_MATRIX") == "1":
        write_table(seen)
    table = read_table()
    unlisted = sorted({route for _, route in seen} - {route for _, route in table})
    assert unlisted == [], "put them into access_matrix.txt, after reading what each actor gets"
    gone = sorted({route for _, route in table} - {route for _, route in seen})
    assert gone == [], "take them out of access_matrix.txt"
    different = [
        f"{method} /{route}: {name} gets {is_so}, the table says {should}"
        for (method, route), row in seen.items()
        for name, is_so, should in zip(ACTORS, row, table[method, route], strict=True)
        if is_so != should
    ]
    assert different == []
    breaks = [f"{where}: {rule}" for where, rule in broken(seen)]
    assert breaks == []


# --- what holds whatever the table says ---------------------------------------------------------
SHUT = {"403", "404", "405", "login"}


def broken(seen: dict[tuple[str, str], Row]) -> Iterator[tuple[str, str]]:
    for (method, route), row in seen.items():
        got = dict(zip(ACTORS, row, strict=True))
        for rule, is_kept in _rules(method, route, got):
            if not is_kept:
                yield f"{method} /{route}", rule


def _rules(method: str, route: str, got: dict[str, str]) -> Iterator[tuple[str, bool]]:
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


def holes(usual: dict[str, str], method: str, route: str, **got: str) -> list[str]:
    row = {**usual, **{name.replace("_", "-"): cell for name, cell in got.items()}}
    return [rule for rule, is_kept in _rules(method, route, row) if not is_kept]


def test_the_rules_notice_a_hole() -> None:
    """Tests that never fail prove nothing."""
    shut = dict.fromkeys(ACTORS, "403") | {
        **dict.fromkeys(("anon", *PARTNERS), "login"),
        "admin": "200",
    }
    people = "console/people/"
    assert holes(shut, "POST", people) == []
    assert holes(shut, "POST", people, approver="302") == ["only administrators manage people"]
    assert holes(shut, "POST", "console/stop/", viewer="302") == ["a viewer changes nothing"]
    assert holes(shut, "GET", "console/", anon="200") == ["strangers sign in first"]
    assert holes(shut, "GET", "console/", home_b="200") == ["homeowners stay outside"]
    assert holes(shut, "GET", "console/", viewer="500") == ["no server error"]
    mail = "home/mail/<int:dispatch_id>/"
    assert holes(shut, "GET", mail, home_b="200", admin="403") == ["another home does not exist"]


def test_the_rules_notice_a_hole_of_the_api() -> None:
    shut = dict.fromkeys(ACTORS, "401") | dict.fromkeys(PARTNERS, "404") | {"reader": "403"}
    at = "api/v1/webhooks/<slug:hook_id>/"
    assert holes(shut, "DELETE", at) == []
    assert holes(shut, "DELETE", at, admin="200") == ["a session opens no API"]
    assert holes(shut, "DELETE", at, other_p="204") == ["what was not granted does not exist"]
    assert holes(shut, "DELETE", at, practice="204") == ["a practice client opens nothing real"]
    assert holes(shut, "DELETE", at, reader="204") == [
        "who may only read changes nothing",
        "webhooks take their own scope",
    ]


def test_the_table_names_each_route_and_method_once() -> None:
    named: Counter[tuple[str, str]] = Counter()
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            methods, route, *_ = line.split()
            named.update((method, route) for method in methods.split(","))
    assert [twice for twice, times in named.items() if times > 1] == []
