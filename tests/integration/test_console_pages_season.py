"""A season: events side by side, and what each home earned by its program's rule."""

import csv
import io
from datetime import date, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from base import clock
from dr_events import operations
from dr_events.models import Dispatch, Event
from dr_events.queries import seasons
from dr_events.rules.credit import Basis, Credit, Season, earned_cents, mark
from dr_events.states import Delivery, EventState, Participation
from enrollments.models import Program
from people.models import ActivityEntry
from people.operations import SYSTEM, Actor
from people.states import Role
from tests import cast

pytestmark = pytest.mark.django_db
RULE = Credit(Basis.EVENTS, 65, 2000, 150)


@pytest.fixture(autouse=True)
def evening(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Two days after the first event of the cast."""
    now = cast.MORNING + timedelta(days=2)
    monkeypatch.setattr(clock, "now", lambda: now)
    return now


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(cast.operator("petra@utility.example", Role.APPROVER))
    return client


def over(program: Program, day: int, *what: tuple[Delivery, Participation]) -> Event:
    """A completed event of two hours; what became of each home, in their order."""
    later = timedelta(days=day)
    event = cast.scheduled(
        program,
        now=cast.MORNING + later,
        starts_at=cast.MORNING + later + timedelta(hours=6),
        ends_at=cast.MORNING + later + timedelta(hours=8),
    )
    rows = Dispatch.objects.filter(event=event).order_by("system_id")
    for row, (delivery, participation) in zip(rows, what, strict=True):
        row.delivery, row.participation = delivery, participation
        if participation == Participation.OPTED_OUT_DURING:
            row.opted_out_at = event.starts_at + timedelta(minutes=30)
        if delivery == Delivery.SKIPPED:
            row.reason, row.holds_slot = "OPTED_OUT", False
        row.save()
    Event.objects.filter(id=event.pk).update(state=EventState.COMPLETED, completed_at=event.ends_at)
    return event


@pytest.fixture
def program() -> Program:
    """Three homes, two events: one took part twice, one left during and was not reached, one
    said no in time and then was refused by mistake of ours."""
    made = cast.program()
    cast.neighborhood(made, 3)
    took_part = (Delivery.CONFIRMED, Participation.COMPLETED)
    over(
        made, 0, took_part, (Delivery.CONFIRMED, Participation.OPTED_OUT_DURING),
        (Delivery.SKIPPED, Participation.OPTED_OUT_BEFORE),
    )  # fmt: skip
    over(
        made, 1, took_part, (Delivery.CONFIRMED, Participation.UNREACHABLE),
        (Delivery.REJECTED, Participation.UNKNOWN),
    )  # fmt: skip
    return made


@pytest.mark.parametrize(
    ("home", "rule", "cents"),
    [
        (Season(20, 13, 40, 26), RULE, 13 * 150 + 2000),  # 65 % of the events: reached
        (Season(20, 12, 40, 30), RULE, 12 * 150),
        (Season(20, 12, 40, 30), Credit(Basis.HOURS, 75, 2000, 0), 2000),  # 75 % of the hours
        (Season(3, 3, 3 * 0.1, 0.1 + 0.1 + 0.1), Credit(Basis.HOURS, 100, 500, 0), 500),
        (Season(), RULE, 0),  # never asked: nothing reached, nothing earned
        (Season(0, 0), Credit(Basis.EVENTS, 0, 500, 0), 0),
        (Season(1, 0), Credit(Basis.EVENTS, 0, 500, 0), 500),  # asked is enough
    ],
)
def test_the_rule_in_figures(home: Season, rule: Credit, cents: int) -> None:
    assert earned_cents(home, rule) == cents


def test_each_home_earns_what_the_rule_says(program: Program, evening: datetime) -> None:
    page = seasons.season(program, now=evening)
    assert (page.totals.events, page.totals.hours, page.totals.targeted) == (2, 4, 6)
    assert (page.totals.took_part, page.totals.opted_out, page.totals.failed) == (2, 2, 1)
    found, further = seasons.homes(program, RULE, page.completed, after=0)
    assert further == 0
    assert [(home.season, home.cents) for home in found] == [
        (Season(2, 2, 4.0, 4.0), 2 * 150 + 2000),
        (Season(2, 0, 4.0, 0.5), 0),
        (Season(1, 0, 2.0, 0.0), 0),  # said no to one; our failure is not held against it
    ]


def test_an_event_of_another_season_does_not_count(program: Program, evening: datetime) -> None:
    before = seasons.season(program, year=2025, now=evening)
    assert before.events == ()
    assert (before.begins.year, before.totals.events) == (2025, 0)


@pytest.mark.parametrize(
    ("first", "last", "begins"),
    [
        ("06-01", "09-30", date(2026, 6, 1)),
        ("01-31", "01-30", date(2026, 1, 31)),
        ("02-29", "02-28", date(2026, 2, 28)),
    ],
)
def test_the_year_in_the_address_is_the_one_the_season_begins_in(
    desk: Client, program: Program, first: str, last: str, begins: date
) -> None:
    Program.objects.update(season_from=first, season_to=last)
    page = desk.get(reverse("season", args=[program.slug]), {"year": "2026"}).context["page"]
    assert page.begins.date() == begins
    earlier = desk.get(reverse("season", args=[program.slug]), {"year": "2025"}).context["page"]
    assert earlier.begins.year == 2025


def test_what_was_called_off_after_it_left_holds_the_cap_and_what_never_left_does_not(
    program: Program, evening: datetime
) -> None:
    most = program.max_per_season
    assert seasons.season(program, now=evening).left == most - 2
    for day in (6, 7):
        start = cast.MORNING + timedelta(days=day, hours=6)
        event = cast.scheduled(
            program, now=evening, starts_at=start, ends_at=start + timedelta(hours=1)
        )
        if day == 7:
            Dispatch.objects.filter(event=event).update(delivery=Delivery.CONFIRMED)
        operations.cancel(event_id=event.pk, actor=SYSTEM, now=evening)
    assert seasons.season(program, now=evening).left == most - 3


def test_homes_page_by_key(program: Program, evening: datetime) -> None:
    page = seasons.season(program, now=evening)
    first, further = seasons.homes(program, None, page.completed, after=0, limit=2)
    rest, end = seasons.homes(program, None, page.completed, after=further, limit=2)
    assert [len(first), len(rest), end] == [2, 1, 0]
    everybody = list(seasons.every_home(program, None, page.completed))
    assert everybody == [*first, *rest]


def test_the_rule_is_set_by_an_approver_and_recorded(desk: Client, program: Program) -> None:
    address = reverse("season", args=[program.slug])
    assert "No rule is set" in desk.get(address).content.decode()
    rule = {
        "basis": "EVENTS", "threshold": "65", "season": "20", "event": "1.50", "seen": "none",
    }  # fmt: skip
    text = desk.post(address, rule, follow=True).content.decode()
    assert seasons.credit_of(program) == RULE
    assert (
        "$20 for taking part in at least 65 % of the events of a season, and $1.50 for each" in text
    )
    assert "$23.00" in text
    desk.post(address, rule | {"threshold": "80", "seen": mark(RULE)})
    first, second = ActivityEntry.objects.filter(verb="set-credit").order_by("id")
    assert first.detail["before"] is None
    assert second.detail["before"] == first.detail["after"]
    assert second.detail["after"]["threshold"] == 80


@pytest.mark.parametrize(
    "wrong", [{"threshold": "101"}, {"season": "-1"}, {"event": "a"}, {"basis": "X"}]
)
def test_a_rule_that_makes_no_sense_is_not_kept(
    desk: Client, program: Program, wrong: dict[str, str]
) -> None:
    rule = {"basis": "EVENTS", "threshold": "65", "season": "20", "event": "1"} | wrong
    answer = desk.post(reverse("season", args=[program.slug]), rule)
    assert answer.status_code == 200
    assert answer.context["form"].errors.keys() == wrong.keys()
    assert seasons.credit_of(program) is None
    assert not ActivityEntry.objects.filter(verb="set-credit").exists()


def test_credits_are_downloaded(desk: Client, program: Program) -> None:
    paul = Actor.person(cast.operator("paul@utility.example", Role.APPROVER))
    operations.set_credit(slug=program.slug, credit=RULE, actor=paul, now=cast.MORNING)
    answer = desk.get(reverse("credits_csv", args=[program.slug]), {"year": "2026"})
    assert answer.streaming
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert [row["credit_usd"] for row in rows] == ["23.00", "0.00", "0.00"]
    assert [row["share_percent"] for row in rows] == ["100.0", "0.0", "0.0"]


def test_strangers_and_viewers(client: Client, program: Program) -> None:
    address = reverse("season", args=[program.slug])
    assert client.get(address).status_code == 302
    client.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    assert client.get(address).status_code == 200
    assert client.post(address, {"basis": "EVENTS"}).status_code == 403
    assert client.get(reverse("season", args=["nowhere"])).status_code == 404
    assert seasons.credit_of(program) is None
