"""The rules of the access matrix notice a hole. Tests that never fail prove nothing."""

from tests.integration.access_rules import ACTORS, PARTNERS, rules_of


def holes(usual: dict[str, str], method: str, route: str, **got: str) -> list[str]:
    row = {**usual, **{name.replace("_", "-"): cell for name, cell in got.items()}}
    return [rule for rule, is_kept in rules_of(method, route, row) if not is_kept]


def test_the_rules_notice_a_hole() -> None:
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
