"""A replaced wall control keeps the enrolment: the home's caps, rest and credit go on counting."""

from datetime import timedelta

import pytest

from base.refusal import Refused
from dr_events.models import Credit, Dispatch, Event
from dr_events.queries import seasons
from dr_events.queries.candidates import preview
from dr_events.queries.home import home_page
from dr_events.queries.limits_left import left_of_system
from enrollments import operations
from enrollments.models import Enrollment, Program, System
from tests import cast
from tests.cast import MORNING
from tests.integration.test_replaced import HANNA, NEW, OLD, ask, read, reading, summer, system

__all__ = ["summer", "system"]  # fixtures

pytestmark = pytest.mark.django_db
NEWER = "2319W000003"


def took_part(event: Event) -> None:
    Dispatch.objects.filter(event=event).update(delivery="CONFIRMED", participation="COMPLETED")
    Event.objects.filter(pk=event.pk).update(state="COMPLETED", completed_at=event.ends_at)


def follow(mine: Enrollment) -> Enrollment:
    made = operations.confirm_replacement(enrollment_id=mine.pk, actor=HANNA, now=MORNING)
    assert made is not None
    return made


@pytest.fixture
def replaced(summer: Program, system: System) -> Enrollment:
    """It took part from 3 to 5 PM; then its wall control was replaced."""
    took_part(cast.scheduled(summer))
    return follow(ask(system))


def left_out(program: Program, **after: float) -> list[tuple[str, int]]:
    begins = MORNING + timedelta(hours=6) + timedelta(**after)
    event = Event(
        program=program, starts_at=begins, ends_at=begins + timedelta(hours=2), share_percent=100
    )
    return [(str(reason), homes) for reason, homes in preview(event).left_out]


def test_the_days_cap_and_the_rest_hold_for_the_new_one(
    summer: Program, replaced: Enrollment
) -> None:
    assert left_out(summer, hours=1) == [("OVERLAP", 1)]
    assert left_out(summer, hours=3) == [("DAY_CAP", 1)]
    Program.objects.update(max_per_day=2)
    summer.refresh_from_db()
    assert left_out(summer, hours=3) == [("REST", 1)]
    assert left_out(summer, days=1) == []
    with pytest.raises(Refused, match="Nobody would get this event"):
        cast.scheduled(
            summer,
            starts_at=MORNING + timedelta(hours=9),
            ends_at=MORNING + timedelta(hours=11),
        )
    assert Dispatch.objects.get().system.serial == OLD, "nothing was planned for the new one"


def test_it_counts_on_over_several_changes_and_back(
    summer: Program, system: System, replaced: Enrollment
) -> None:
    Program.objects.update(max_per_season=1)
    summer.refresh_from_db()
    assert left_out(summer, days=7) == [("SEASON_CAP", 1)]
    read(system.grant, reading(NEWER), at=MORNING + timedelta(days=2))
    third = follow(replaced)
    assert third.system.serial == NEWER
    assert left_out(summer, days=7) == [("SEASON_CAP", 1)]
    read(system.grant, reading(OLD), at=MORNING + timedelta(days=3))
    System.objects.filter(serial=OLD).update(first_read_at=MORNING + timedelta(days=3))
    read(system.grant, reading(OLD), at=MORNING + timedelta(days=3))
    first = follow(third)
    assert first.system.serial == OLD
    left = left_of_system(first.system_id, summer, at=MORNING)
    assert [(one.period, one.used) for one in left] == [("day", 1), ("week", 1), ("season", 1)]
    assert left_out(summer, days=7) == [("SEASON_CAP", 1)]


def test_the_homes_season_and_its_credit_go_on_and_are_paid_once(
    summer: Program, replaced: Enrollment
) -> None:
    Credit.objects.create(
        program=summer, basis="EVENTS", threshold=50, season_cents=2000, event_cents=100
    )
    took_part(
        cast.scheduled(
            summer,
            now=MORNING + timedelta(days=1),
            starts_at=MORNING + timedelta(days=1, hours=6),
            ends_at=MORNING + timedelta(days=1, hours=8),
        )
    )
    evening = MORNING + timedelta(days=2)
    (mine,) = home_page(replaced.user, now=evening).enrolled
    assert (mine.card.serial, mine.used, mine.left) == (NEW, 2, 13)
    assert mine.earned is not None
    assert (mine.earned.done, mine.earned.so_far) == ("2 of 2 events (100 %)", "$22.00")
    events = list(Event.objects.values_list("id", flat=True))
    homes, _ = seasons.homes(summer, seasons.credit_of(summer), events, after=0)
    assert [(one.serial, one.season.asked, one.dollars) for one in homes] == [(NEW, 2, "$22.00")]


def test_another_homes_new_wall_control_has_no_part_in_it(
    summer: Program, replaced: Enrollment
) -> None:
    cast.enrolled(summer, "2419W000009", "paul@home.example")
    assert left_out(summer, hours=3) == [("DAY_CAP", 1)]
    begins = MORNING + timedelta(hours=9)
    event = Event(program=summer, starts_at=begins, ends_at=begins + timedelta(hours=2))
    assert preview(event).targeted == 1, "Paul's"
