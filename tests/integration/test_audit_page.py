"""The page of the activity log: who sees it, what it finds, how it pages, what its table holds."""

import csv
import io
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from people.models import ActivityEntry, User
from people.operations import SYSTEM, Actor, record
from people.operations.sealing import seal_all
from people.queries import audit
from people.queries.audit import Wanted
from people.states import MAY_SERVE, Role
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def olga() -> User:
    return cast.operator()


@pytest.fixture
def desk(olga: User) -> Client:
    client = Client()
    client.force_login(olga)
    return client


def act(actor: Actor, verb: str, subject: str, hours: float = 0, **detail: Any) -> int:
    record(
        actor=actor,
        verb=verb,
        subject=subject,
        now=cast.MORNING + timedelta(hours=hours),
        **detail,
    )
    return ActivityEntry.objects.latest("id").pk


def page(desk: Client, **asked: str) -> str:
    return desk.get(f"/console/audit/?{urlencode(asked)}").content.decode()


def rows(desk: Client, **asked: str) -> list[dict[str, str]]:
    answer = desk.get(f"/console/audit.csv?{urlencode(asked)}")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def subjects(desk: Client, **asked: str) -> list[str]:
    """What is found, but for the downloads that this very question leaves in the log."""
    lines = desk.get(f"/console/audit/?{urlencode(asked)}").context["lines"]
    shown = [line.subject for line in lines if line.verb != "export-activity"]
    found = [row["subject"] for row in rows(desk, **asked) if row["act"] != "export-activity"]
    assert shown == found, "page and table agree"
    return found


@pytest.mark.parametrize("role", sorted(MAY_SERVE))
def test_whoever_may_act_for_a_home_may_read_it(role: Role) -> None:
    client = Client()
    client.force_login(cast.operator("x@utility.example", role))
    assert client.get("/console/audit/").status_code == 200
    assert client.get("/console/audit.csv").status_code == 200


def test_homeowners_and_strangers_may_not() -> None:
    client = Client()
    for path in ("/console/audit/", "/console/audit.csv"):
        assert client.get(path)["Location"] == f"/accounts/login/?next={path}"
    viewer = cast.operator("vera@utility.example", Role.VIEWER)
    for user in (cast.homeowner(), viewer):
        client.force_login(user)
        for path in ("/console/audit/", "/console/audit.csv"):
            assert client.get(path).status_code == 403
    assert ActivityEntry.objects.count() == 0


def test_a_download_is_on_record_and_not_in_itself(desk: Client, olga: User) -> None:
    act(SYSTEM, "settle", "event:1")
    assert [row["act"] for row in rows(desk, subject="event:1")] == ["settle"]
    assert [row["act"] for row in rows(desk)] == ["export-activity", "settle"]
    entry = ActivityEntry.objects.filter(verb="export-activity").earliest("id")
    assert (entry.actor, entry.detail) == (f"user:{olga.pk}", {"filter": "subject=event%3A1"})


def test_an_entry_says_who_what_when_and_from_where(desk: Client, olga: User) -> None:
    act(
        Actor.person(olga, "198.51.100.7"),
        "change-role",
        "user:77",
        before={"role": "VIEWER", "note": ""},
        after={"role": "OPERATOR", "note": "a"},
        because="she asked",
    )
    text = page(desk)
    for part in (
        "Tue Jul 14, 9:00 AM CDT",
        "2026-07-14 14:00:00 UTC",
        "olga@utility.example",
        "from 198.51.100.7",
        "change role",
        "user:77",
        "<del>Viewer</del>",
        "<strong>Operator</strong>",
        "<del>–</del>",
        "she asked",
        "Not sealed yet",
    ):
        assert part in text, part
    seal_all()
    text = page(desk)
    assert "Not sealed yet" not in text
    assert str(audit.head()) in text


def test_who_is_somebody_a_partner_or_the_product_itself(desk: Client) -> None:
    act(SYSTEM, "open-circuit", "event:1")
    act(Actor.partner("leap"), "draft", "event:2")
    act(Actor("command line"), "emergency-stop", "control")
    act(Actor("user:99999"), "draft", "event:3")
    names = [row["who"] for row in rows(desk)]
    assert names == ["user:99999", "command line", "Partner leap", "Offpeak itself"]


def test_filters(desk: Client, olga: User) -> None:
    amir = cast.operator("amir@utility.example", Role.APPROVER)
    User.objects.filter(pk=amir.pk).update(first_name="Amir", last_name="Aziz")
    act(Actor.person(olga), "draft", "event:1")
    act(Actor.person(olga), "cancel", "event:11", hours=10)  # 7 pm in Chicago
    act(Actor.person(amir), "cancel", "event:2", hours=20)  # the next day there
    act(Actor.partner("leap"), "draft", "event:3", hours=30)
    every = ["event:3", "event:2", "event:11", "event:1"]
    assert subjects(desk) == every
    assert subjects(desk, who="olga@utility.example") == ["event:11", "event:1"]
    assert subjects(desk, who="OLGA") == ["event:11", "event:1"]
    assert subjects(desk, who="aziz") == ["event:2"]
    assert subjects(desk, who=f"user:{amir.pk}") == ["event:2"]
    assert subjects(desk, who="client:leap") == ["event:3"]
    assert subjects(desk, who="nobody") == []
    assert subjects(desk, verb="cancel") == ["event:2", "event:11"]
    assert subjects(desk, subject="event:1") == ["event:1"], "exactly this one"
    assert subjects(desk, since="2026-07-15") == ["event:3", "event:2"]
    assert subjects(desk, until="2026-07-14") == ["event:11", "event:1"], "all of that day"
    assert subjects(desk, since="2026-07-14", until="2026-07-14", verb="cancel") == ["event:11"]
    assert subjects(desk, who=" olga ", verb="", subject=" event:1 ") == ["event:1"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"since": "soon"}, "Enter a valid date."),
        ({"since": "2026-07-15", "until": "2026-07-14"}, "This day is before the first one."),
        ({"verb": "no-such-verb"}, "Select a valid choice."),
    ],
)
def test_a_filter_that_makes_no_sense_finds_nothing_and_says_why(
    desk: Client, asked: dict[str, str], said: str
) -> None:
    act(SYSTEM, "draft", "event:1")
    text = page(desk, **asked)
    assert said in text
    assert "Nothing was looked for" in text
    assert rows(desk, **asked) == []


def test_what_nobody_types_is_nothing(desk: Client) -> None:
    act(SYSTEM, "draft", "event:1")
    for asked in ("who=%00", "subject=%00", "verb=%00", "before=%00", "before=999999999999999999"):
        assert desk.get(f"/console/audit/?{asked}").status_code == 200
    assert subjects(desk, who="\0") == ["event:1"]


def test_pages_follow_each_other_without_a_gap_also_for_equal_moments(desk: Client) -> None:
    for number in range(2 * audit.PAGE + 1):
        act(SYSTEM, "draft" if number % 2 else "cancel", f"event:{number}", hours=number // 60)
    seen: list[str] = []
    before = ""
    for size in (audit.PAGE, audit.PAGE, 1):
        shown = desk.get(f"/console/audit/?{urlencode({'before': before})}").context
        assert len(shown["lines"]) == size
        seen += [line.subject for line in shown["lines"]]
        before = str(shown["further"])
    assert before == "0"
    assert seen == [row["subject"] for row in rows(desk)]
    assert len(set(seen)) == 2 * audit.PAGE + 1
    assert page(desk, before=str(ActivityEntry.objects.earliest("id").pk)).count("No entry") == 0


def test_the_filter_goes_along_from_page_to_page(desk: Client) -> None:
    for number in range(audit.PAGE + 5):
        act(SYSTEM, "draft", f"event:{number}")
        act(SYSTEM, "cancel", f"event:{number}")
    first = desk.get("/console/audit/?verb=draft")
    text = first.content.decode()
    assert f'href="?verb=draft&amp;before={first.context["further"]}"' in text
    second = desk.get(f"/console/audit/?verb=draft&before={first.context['further']}")
    assert [line.verb for line in second.context["lines"]] == ["draft"] * 5


def test_a_page_needs_few_questions(
    desk: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        act(Actor.person(cast.operator(f"p{number}@utility.example")), "draft", f"event:{number}")
    with django_assert_max_num_queries(9):  # one is for the badge of applications
        assert desk.get("/console/audit/?verb=draft&who=p").status_code == 200


def test_a_cell_does_nothing_in_a_spreadsheet(desk: Client) -> None:
    act(Actor("=HYPERLINK(1)"), "draft", "@event", note="x")
    (row,) = rows(desk)
    assert (row["actor"], row["subject"]) == ("'=HYPERLINK(1)", "'@event")
    assert row["changes_and_facts"] == "Note: x"
    assert row["at_utc"] == "2026-07-14T14:00:00.000000Z"


def test_nothing_typed_becomes_markup(desk: Client) -> None:
    act(SYSTEM, "draft", "event:1", name="<script>alert(1)</script>")
    assert "<script>alert(1)" not in page(desk, who="<script>alert(2)</script>")
    text = page(desk)
    assert "&lt;script&gt;alert(1)" in text


def test_verbs_are_offered_each_once() -> None:
    for number in range(50):
        act(SYSTEM, ("draft", "cancel", "pause")[number % 3], "event:1")
    assert audit.verbs() == ["cancel", "draft", "pause"]


def test_the_day_begins_at_midnight_where_the_utility_is(desk: Client, settings: Settings) -> None:
    act(SYSTEM, "draft", "event:1", hours=-9.5)  # 4:30 UTC, 23:30 in Chicago the day before
    assert subjects(desk, since="2026-07-14") == []
    settings.UTILITY_TIME_ZONE = "UTC"
    assert subjects(desk, since="2026-07-14") == ["event:1"]


def test_words_are_for_the_page_alone(desk: Client) -> None:
    detail: dict[str, Any] = {"since": "2026-07-14T14:00:00.123456+00:00", "act": "WITHDRAW"}
    act(SYSTEM, "act-for-many", "bulk:1", **detail)
    seal_all()
    text = page(desk)
    assert "Since: <strong>Tue Jul 14, 9:00 AM CDT</strong>" in text
    assert "Act: <strong>Take out of the program</strong>" in text
    assert ActivityEntry.objects.get(verb="act-for-many").detail == detail
    assert audit.verify().trouble == ""
    (row,) = rows(desk, verb="act-for-many")
    said = row["changes_and_facts"].split("; ")
    assert sorted(said) == ["Act: WITHDRAW", "Since: 2026-07-14T14:00:00.123456+00:00"]


def test_what_a_program_promised_before_stands_beside_what_it_promises_now(desk: Client) -> None:
    act(SYSTEM, "change-program", "program:1", changes={"max_per_day": [1, 2]})
    assert "Max per day: <del>1</del> → <strong>2</strong>" in page(desk)


def test_asking_for_nothing_at_all_finds_nothing() -> None:
    act(SYSTEM, "draft", "event:1")
    assert audit.find(None) == ([], 0)
    assert len(audit.find(Wanted())[0]) == 1
