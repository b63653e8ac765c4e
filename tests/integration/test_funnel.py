"""From a visit to an enrolled home, counted; and nothing known about whoever visits."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse

from base import clock
from enrollments.models import Application, Program, Visits
from enrollments.queries import funnel
from enrollments.rules.visitors import is_person
from enrollments.states import ApplicationState
from people.states import Role
from tests import cast

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
CHICAGO = ZoneInfo("America/Chicago")
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.MORNING


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    return client


def look(program: Program, agent: str = FIREFOX, **headers: str) -> int:
    """Somebody opens the program's page."""
    address = reverse("program", args=[program.slug])
    return Client(headers={"User-Agent": agent, **headers}).get(address).status_code


def visits() -> list[tuple[date, int]]:
    return list(Visits.objects.order_by("day").values_list("day", "number"))


# --- visits -------------------------------------------------------------------------------------
def test_each_look_adds_one_to_the_programs_own_day(
    summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [look(summer), look(summer, PHONE)] == [200, 200]
    # 4 in the morning in London is still the evening before in Chicago.
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING + timedelta(hours=14))
    look(summer)
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING + timedelta(hours=15))
    look(summer)
    assert visits() == [(date(2026, 7, 14), 3), (date(2026, 7, 15), 1)]


@pytest.mark.parametrize(
    ("agent", "headers"),
    [
        ("", {}),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", {}),
        ("curl/8.5.0", {}),
        ("python-requests/2.32", {}),
        ("Mozilla/5.0 (X11) HeadlessChrome/120.0", {}),
        (FIREFOX, {"Sec-Purpose": "prefetch;prerender"}),
        (FIREFOX, {"Purpose": "prefetch"}),
    ],
)
def test_machines_and_pages_fetched_in_advance_do_not_count(
    summer: Program, agent: str, headers: dict[str, str]
) -> None:
    assert look(summer, agent, **headers) == 200
    assert visits() == []


@pytest.mark.parametrize("agent", [FIREFOX, PHONE])
def test_a_browser_is_a_person(agent: str) -> None:
    assert is_person(agent, "")


def test_neither_do_people_of_the_utility_nor_a_question_for_the_head(
    desk: Client, summer: Program
) -> None:
    address = reverse("program", args=[summer.slug])
    headers = {"User-Agent": FIREFOX}
    assert desk.get(address, headers=headers).status_code == 200
    assert Client(headers=headers).head(address).status_code == 200
    assert Client(headers=headers).get(reverse("program", args=["nowhere"])).status_code == 404
    assert visits() == []
    home = Client(headers=headers)
    home.force_login(cast.homeowner())
    home.get(address)
    assert visits() == [(date(2026, 7, 14), 1)], "a homeowner is a visitor"


def test_nothing_about_the_visitor_is_kept(summer: Program) -> None:
    columns = {field.name for field in Visits._meta.get_fields()}
    assert columns == {"id", "program", "day", "number"}
    look(summer)
    assert "sessionid" not in Client().get(reverse("program", args=[summer.slug])).cookies


def test_a_count_that_fails_shows_the_page_all_the_same(
    summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(execute: Any, sql: str, *more: Any) -> Any:
        if "enrollments_visits" in sql:
            raise DatabaseError("planted")
        return execute(sql, *more)

    with connection.execute_wrapper(broken):
        assert look(summer) == 200
    assert visits() == []


# --- the funnel ---------------------------------------------------------------------------------
def applied(program: Program, days_ago: float, **fields: Any) -> Application:
    at = cast.MORNING - days_ago * DAY
    owner = cast.homeowner(f"h{Application.objects.count()}@home.example")
    return Application.objects.create(
        user=owner, program=program, applied_at=at, changed_at=at, **fields
    )


@pytest.fixture
def told(summer: Program) -> Program:
    """July 14, 2026 is a Tuesday; the week before began on July 6."""
    winter = cast.program("Winter")
    active = {"state": ApplicationState.ACTIVE}
    applied(summer, 0)
    applied(summer, 1.4, **active)  # Sunday evening in Chicago: the week before
    applied(summer, 3, **active)
    applied(summer, 3, state=ApplicationState.NEEDS_ACTION, who="UTILITY", why="ACCOUNT")
    applied(summer, 100, **active)
    applied(winter, 8, state=ApplicationState.WITHDRAWN)
    for program, days, number in ((summer, 0, 40), (summer, 3, 7), (summer, 90, 9), (winter, 2, 5)):
        Visits.objects.create(
            program=program, day=(cast.MORNING - days * DAY).date(), number=number
        )
    return summer


def test_visits_and_applications_of_thirty_days_and_of_all_time(told: Program) -> None:
    recent = {line.program: line for line in funnel.funnel(since=cast.MORNING - funnel.RECENT)}
    mine = recent["Summer Peak"]
    assert (mine.visited, mine.begun, mine.applied, mine.utility, mine.active) == (47, 4, 1, 1, 2)
    assert (recent["All programs"].visited, recent["All programs"].begun) == (52, 5)
    always = {line.program: line for line in funnel.funnel()}
    assert (always["Summer Peak"].visited, always["Summer Peak"].begun) == (56, 5)


def test_week_by_week_by_the_days_of_the_zone(told: Program) -> None:
    found = funnel.weeks(program=None, zone=CHICAGO, now=cast.MORNING)
    assert len(found) == 12
    assert [week.begins_on for week in found[-2:]] == [date(2026, 7, 6), date(2026, 7, 13)]
    last, this = found[-2].line, found[-1].line
    assert (this.visited, this.begun, this.applied, this.active) == (40, 1, 1, 0)
    assert (last.visited, last.begun, last.utility, last.active) == (12, 4, 1, 2)
    assert (last.withdrawn, sum(week.line.begun for week in found)) == (1, 5)
    mine = funnel.weeks(program=told, zone=CHICAGO, now=cast.MORNING)
    assert (mine[-2].line.visited, mine[-2].line.begun, mine[-2].line.withdrawn) == (7, 3, 0)


def test_the_pages_say_the_same(
    desk: Client, told: Program, django_assert_max_num_queries: Any
) -> None:
    page = desk.get(reverse("console_applications")).content.decode()
    assert f'hx-get="{reverse("applications_weeks")}"' in page
    assert '<td class="num">47</td><td class="num">4</td>' in page
    address = reverse("applications_weeks")
    with django_assert_max_num_queries(12):
        text = desk.get(address, {"program": "summer-peak"}).content.decode()
    assert "Jul 6: 7; Jul 13: 40." in text
    assert "Jul 6 to Jul 12" in text
    assert '<strong aria-current="true">Summer Peak</strong>' in text
    fragment = desk.get(address, headers={"HX-Request": "true"}).content.decode()
    assert fragment.startswith('<section class="panel stack-tight" id="weeks"')
    assert "Jul 6: 12; Jul 13: 40." in fragment


def test_nothing_yet_is_said(desk: Client, summer: Program) -> None:
    text = desk.get(reverse("applications_weeks")).content.decode()
    assert "Nobody visited and nobody applied in the last 12 weeks." in text
    assert "<svg" not in text.split('id="weeks"')[1]
