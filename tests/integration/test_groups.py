"""Groups: by rule, by hand, with days; an event for a group reaches its systems and nobody else."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from base import clock
from base.refusal import Refused
from dr_events import operations, queries
from dr_events.dispatch import submit
from dr_events.models import Dispatch, Event
from dr_events.queries import groups as query
from enrollments import operations as homes
from enrollments.models import (
    Application,
    Customer,
    Enrollment,
    Group,
    Location,
    Membership,
    Program,
    System,
)
from enrollments.states import ApplicationState, EnrollmentState
from people.models import ActivityEntry
from people.operations import Actor
from tests import cast

pytestmark = pytest.mark.django_db
OLGA = Actor("user:olga")
TODAY = date(2026, 7, 14)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.MORNING


@pytest.fixture
def summer() -> Program:
    """Four homes: two heat pumps and two air conditioners, one of each in 62702."""
    made = cast.program()
    for number, system in enumerate(cast.neighborhood(made, 4)):
        System.objects.filter(pk=system.pk).update(outdoor_type=("heatpump", "ac")[number % 2])
        if number >= 2:
            Location.objects.filter(pk=system.location_id).update(postal="62702")
    return made


def serials() -> list[str]:
    return list(System.objects.order_by("serial").values_list("serial", flat=True))


def group(of: Program, name: str = "North", **rule: list[str]) -> Group:
    return homes.make_group(program=of, name=name, rule=rule, actor=OLGA, now=cast.MORNING)


def put_in(to: Group, *whom: str, since: date = TODAY, until: date | None = None) -> int:
    return homes.add_members(
        group=to, serials=whom, since=since, until=until, actor=OLGA, now=cast.MORNING
    )


def targeted(program: Program, *of: Group, **wish: Any) -> list[str]:
    """Serials an event for these groups is planned for."""
    event = cast.scheduled(program, groups=tuple(one.pk for one in of), **wish)
    rows = Dispatch.objects.filter(event=event, delivery="PLANNED")
    return sorted(rows.values_list("system__serial", flat=True))


@pytest.mark.parametrize(
    ("rule", "which"),
    [
        ({"postal_codes": ["62702"]}, [2, 3]),
        ({"outdoor_types": ["heatpump"]}, [0, 2]),
        ({"outdoor_types": ["heatpump"], "postal_codes": ["62702"]}, [2]),
        ({"outdoor_types": ["heatpump", "ac"]}, [0, 1, 2, 3]),
    ],
)
def test_a_rule_holds_when_every_list_of_it_does(
    summer: Program, rule: dict[str, Any], which: list[int]
) -> None:
    assert targeted(summer, group(summer, **rule)) == [serials()[n] for n in which]


@pytest.mark.parametrize(
    ("rule", "which"),
    [
        ({"feeders": ["F1"]}, [0]),
        ({"substations": ["Oak"]}, [0, 1]),
        ({"feeders": ["F1", "F2"], "substations": ["Oak"]}, [0, 1]),
        ({"feeders": ["F3"], "substations": ["Oak"]}, []),
        ({"substations": ["Oak"], "outdoor_types": ["ac"]}, [1]),
    ],
)
def test_a_part_of_the_grid_is_where_the_matched_account_is(
    summer: Program, rule: dict[str, Any], which: list[int]
) -> None:
    """The third home's account is on another feeder, the fourth was matched with none."""
    for number, (feeder, substation) in enumerate((("F1", "Oak"), ("F2", "Oak"), ("F3", "Elm"))):
        owner = Enrollment.objects.get(system__serial=serials()[number]).user
        account = Customer.objects.create(
            account=f"4711{number}", name="A", street="1 Oak St", city="Springfield",
            postal_code="62701", feeder=feeder, substation=substation, changed_at=cast.MORNING,
        )  # fmt: skip
        Application.objects.create(
            user=owner, program=summer, state=ApplicationState.ACTIVE, customer=account,
            applied_at=cast.MORNING, changed_at=cast.MORNING,
        )  # fmt: skip
    event = operations.draft(
        program=summer, wish=cast.wish(groups=(group(summer, **rule).pk,)), actor=OLGA,
        now=cast.MORNING,
    )  # fmt: skip
    assert queries.candidates.preview(event).targeted == len(which)
    if which:
        submit(event_id=event.pk, actor=OLGA, now=cast.MORNING)
        planned = Dispatch.objects.filter(event=event).values_list("system__serial", flat=True)
        assert sorted(planned) == [serials()[n] for n in which]


def test_by_hand_and_by_rule_count_once(summer: Program) -> None:
    north = group(summer, postal_codes=["62702"])
    put_in(north, serials()[0], serials()[2])
    page = query.page(north, now=cast.MORNING)
    assert (page.by_rule, page.by_hand, page.members) == (2, 2, 3)
    assert targeted(summer, north) == [serials()[n] for n in (0, 2, 3)]


def test_several_groups_and_a_postal_code(summer: Program) -> None:
    pumps = group(summer, "Pumps", outdoor_types=["heatpump"])
    staff = group(summer, "Staff")
    put_in(staff, serials()[3])
    assert targeted(summer, pumps, staff, postal_codes=("62702",)) == [
        serials()[2],
        serials()[3],
    ]


@pytest.mark.parametrize(
    ("since", "until", "is_in"),
    [(0, 0, True), (0, None, True), (1, None, False), (-3, -1, False), (-3, 0, True)],
)
def test_a_membership_counts_on_the_day_of_the_event(
    summer: Program, since: int, until: int | None, is_in: bool
) -> None:
    staff = group(summer, "Staff")
    last = None if until is None else TODAY + until * DAY
    put_in(staff, serials()[0], since=TODAY + since * DAY, until=last)
    event = operations.draft(
        program=summer, wish=cast.wish(groups=(staff.pk,)), actor=OLGA, now=cast.MORNING
    )
    assert queries.candidates.preview(event).targeted == int(is_in)


def test_the_day_is_the_programs_own(summer: Program) -> None:
    """8 to 9 in the evening in Chicago is the next day in UTC."""
    staff = group(summer, "Staff")
    put_in(staff, serials()[0], until=TODAY)
    evening: dict[str, Any] = {
        "starts_at": cast.MORNING + timedelta(hours=11),
        "ends_at": cast.MORNING + timedelta(hours=12),
    }
    assert evening["starts_at"].isoformat() == "2026-07-15T01:00:00+00:00"
    assert targeted(summer, staff, **evening) == [serials()[0]]


def test_who_left_the_program_is_in_no_group(summer: Program) -> None:
    north = group(summer, postal_codes=["62702"])
    put_in(north, serials()[0])
    for serial in (serials()[0], serials()[2]):
        Enrollment.objects.filter(system__serial=serial).update(state=EnrollmentState.WITHDRAWN)
    page = query.page(north, now=cast.MORNING)
    assert (page.by_rule, page.by_hand, page.members) == (1, 0, 1)
    assert targeted(summer, north) == [serials()[3]]


def test_a_planned_event_keeps_its_homes_when_the_group_changes(summer: Program) -> None:
    north = group(summer, postal_codes=["62702"])
    event = cast.scheduled(summer, groups=(north.pk,))
    homes.change_group(
        group_id=north.pk, seen=1, name="North", rule={"postal_codes": ["62701"]},
        actor=OLGA, now=cast.MORNING,
    )  # fmt: skip
    rows = Dispatch.objects.filter(event=event, delivery="PLANNED")
    assert sorted(rows.values_list("system__serial", flat=True)) == serials()[2:]


# --- refusals ---------------------------------------------------------------------------------
def test_a_group_of_another_program_is_refused(summer: Program) -> None:
    winter = cast.program("Winter Peak")
    foreign = group(winter)
    with pytest.raises(operations.Invalid, match="not a group of this program"):
        operations.draft(
            program=summer, wish=cast.wish(groups=(foreign.pk,)), actor=OLGA, now=cast.MORNING
        )
    assert not Event.objects.exists()


def test_a_name_is_there_once_until_it_is_retired(summer: Program) -> None:
    first = group(summer)
    before = ActivityEntry.objects.count()
    with pytest.raises(Refused, match="has a group of that name"):
        group(summer)
    assert (Group.objects.count(), ActivityEntry.objects.count()) == (1, before)
    assert homes.retire_group(group_id=first.pk, actor=OLGA, now=cast.MORNING) == 1
    assert homes.retire_group(group_id=first.pk, actor=OLGA, now=cast.MORNING) == 0
    group(summer)
    assert [one.retired_at is None for one in Group.objects.order_by("id")] == [False, True]


def test_an_unknown_serial_adds_nobody(summer: Program) -> None:
    staff = group(summer, "Staff")
    other = cast.enrolled(cast.program("Winter Peak"), "9900W000001")
    with pytest.raises(Refused, match=r"Summer Peak: 9900W000001, NOPE\. Nobody was added"):
        put_in(staff, serials()[0], other.serial, "NOPE")
    with pytest.raises(Refused, match="last day is before the first"):
        put_in(staff, serials()[0], until=TODAY - DAY)
    with pytest.raises(Refused, match="at least one system"):
        put_in(staff)
    assert not Membership.objects.exists()


def test_a_stale_form_changes_nothing(summer: Program) -> None:
    north = group(summer, postal_codes=["62702"])
    values: dict[str, Any] = {
        "group_id": north.pk,
        "actor": OLGA,
        "now": cast.MORNING,
    }
    homes.change_group(seen=1, name="North", rule={"postal_codes": ["62701"]}, **values)
    with pytest.raises(Refused, match="meanwhile; nothing was saved"):
        homes.change_group(seen=1, name="South", rule={}, **values)
    homes.change_group(seen=1, name="North", rule={"postal_codes": ["62701"]}, **values)
    north.refresh_from_db()
    assert (north.name, north.postal_codes, north.version) == ("North", ["62701"], 2)


def test_removing_keeps_the_days_before(summer: Program) -> None:
    staff = group(summer, "Staff")
    put_in(staff, serials()[0], since=TODAY - 7 * DAY)
    put_in(staff, serials()[1], since=TODAY)
    for serial in serials()[:2]:
        system = System.objects.get(serial=serial)
        ended: dict[str, Any] = {
            "group": staff,
            "system_id": system.pk,
            "actor": OLGA,
            "now": cast.MORNING,
        }
        assert homes.end_membership(**ended) == 1
        assert homes.end_membership(**ended) == 0
    assert list(Membership.objects.values_list("since", "until")) == [
        (TODAY - 7 * DAY, TODAY - DAY)
    ]
