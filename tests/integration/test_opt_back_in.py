"""A home that said no takes part after all, as long as nothing of the event is sent."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from base import clock
from base.refusal import Refused
from dr_events import dispatch, operations
from dr_events.models import Dispatch, Event, OptOut
from dr_events.queries import work
from dr_events.states import Delivery, OptOutVia, Participation, Reason
from enrollments import operations as homes
from enrollments.models import CarrierGrant, Program, System
from enrollments.states import GrantState
from people.models import ActivityEntry
from people.operations import Actor
from tests import cast
from tests.cast import MORNING
from tests.integration.at_once import before_the_first_commits
from tests.integration.conftest import Vendor
from tests.integration.test_home_pages import text

pytestmark = pytest.mark.django_db
HANNA = Actor("user:hanna")
HOUR = timedelta(hours=1)
SEND_AT = MORNING + 5 * HOUR


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def system(summer: Program) -> System:
    # The neighbor keeps events from being empty.
    cast.enrolled(summer, "2319W000009")
    return cast.enrolled(summer, email="hanna@home.example")


@pytest.fixture
def event(summer: Program, system: System) -> Event:
    return cast.scheduled(summer)


@pytest.fixture
def row(system: System, event: Event) -> Dispatch:
    """Hanna's, who said no."""
    mine = Dispatch.objects.get(event=event, system=system)
    say_no(mine)
    return mine


def say_no(row: Dispatch, now: datetime = MORNING) -> bool:
    return operations.opt_out(dispatch_id=row.pk, via=OptOutVia.HOME_PAGE, actor=HANNA, now=now)


def back_in(row: Dispatch, now: datetime = MORNING + HOUR) -> None:
    operations.opt_back_in(dispatch_id=row.pk, actor=HANNA, now=now)


def state(row: Dispatch) -> tuple[Any, ...]:
    row.refresh_from_db()
    return (row.delivery, row.reason, row.participation, row.opted_out_at, row.holds_slot)


OUT = (Delivery.SKIPPED, Reason.OPTED_OUT, Participation.OPTED_OUT_BEFORE, MORNING, False)
IN = (Delivery.PLANNED, Reason.NONE, Participation.UNKNOWN, None, True)


def test_from_the_home_page(row: Dispatch, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING + HOUR)
    browser, address = Client(), f"/home/events/{row.pk}/opt-in/"
    browser.force_login(system.grant.user)
    assert f'href="{address}">Take part after all' in text(browser.get("/home/"))
    asked = text(browser.get(address))
    assert "You can take that back until it is sent," in asked
    assert state(row) == OUT, "looking changes nothing"
    done = text(browser.post(address, follow=True))
    assert "Downstairs takes part in Hot afternoon again." in done
    assert "Say no to this event" in done
    assert address not in done
    assert state(row) == IN
    assert OptOut.objects.values_list("at", "undone_at").get() == (MORNING, MORNING + HOUR)
    entry = ActivityEntry.objects.get(verb="opt-back-in")
    assert (entry.actor, entry.subject) == (
        f"user:{system.grant.user_id}",
        f"dispatch:{row.pk}",
    )
    assert "Your home takes part already." in text(browser.get(address))


def test_too_late_is_said_on_the_page(
    row: Dispatch, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: SEND_AT)
    browser, address = Client(), f"/home/events/{row.pk}/opt-in/"
    browser.force_login(system.grant.user)
    assert "Take part after all" not in text(browser.get("/home/"))
    assert '<button class="btn btn-primary btn-wide"' not in text(browser.get(address))
    answer = browser.post(address)
    assert answer.status_code == 409
    assert "It is too late: this event is being sent" in text(answer)
    assert state(row) == OUT


def test_twice_is_once_and_no_can_be_said_again(row: Dispatch) -> None:
    back_in(row)
    back_in(row)
    assert ActivityEntry.objects.filter(verb="opt-back-in").count() == 1
    assert say_no(row, MORNING + 2 * HOUR) is True
    assert state(row) == (*OUT[:3], MORNING + 2 * HOUR, False)
    back_in(row, MORNING + 3 * HOUR)
    assert list(OptOut.objects.order_by("id").values_list("at", "undone_at")) == [
        (MORNING, MORNING + HOUR),
        (MORNING + 2 * HOUR, MORNING + 3 * HOUR),
    ]


# --- refused --------------------------------------------------------------------------------------
def another(summer: Program, **fields: Any) -> None:
    cast.scheduled(summer, name="Another", **fields)


def one_a_day(row: Dispatch, summer: Program) -> None:
    Program.objects.update(max_per_day=1)
    another(summer, starts_at=MORNING + 9 * HOUR, ends_at=MORNING + 10 * HOUR)


def same_time(row: Dispatch, summer: Program) -> None:
    another(summer, starts_at=MORNING + 7 * HOUR, ends_at=MORNING + 9 * HOUR)


def season_over(row: Dispatch, summer: Program) -> None:
    Program.objects.update(weekdays=[5, 6])


def pause(row: Dispatch, summer: Program) -> None:
    homes.pause(enrollment_id=row.enrollment_id, actor=HANNA, now=MORNING)


def leave(row: Dispatch, summer: Program) -> None:
    homes.withdraw(enrollment_id=row.enrollment_id, actor=HANNA, now=MORNING)


def lose(row: Dispatch, summer: Program) -> None:
    CarrierGrant.objects.filter(systems=row.system_id).update(state=GrantState.NEEDS_RELINK)


def call_off(row: Dispatch, summer: Program) -> None:
    operations.cancel(event_id=row.event_id, actor=HANNA, now=MORNING)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (one_a_day, "not-free"),
        (same_time, "not-free"),
        (season_over, "not-free"),
        (pause, "not-free"),
        (lose, "not-free"),
        (leave, "left"),
        (call_off, "called-off"),
    ],
)
def test_who_is_not_free_any_more_stays_out(
    row: Dispatch, summer: Program, first: Callable[[Dispatch, Program], None], code: str
) -> None:
    first(row, summer)
    with pytest.raises(Refused) as refused:
        back_in(row)
    assert refused.value.code == code
    assert state(row) == OUT
    assert OptOut.objects.get().undone_at is None
    assert not ActivityEntry.objects.filter(verb="opt-back-in").exists()


@pytest.mark.parametrize(
    ("moment", "code"), [(SEND_AT - timedelta(seconds=1), ""), (SEND_AT, "late")]
)
def test_until_sending_begins(row: Dispatch, moment: datetime, code: str) -> None:
    if not code:
        back_in(row, moment)
        assert state(row) == IN
        return
    with pytest.raises(Refused) as refused:
        back_in(row, moment)
    assert (refused.value.code, state(row)) == (code, OUT)


@pytest.mark.parametrize(
    "left_out",
    [
        {"delivery": Delivery.SKIPPED, "reason": Reason.LIMITS},
        {"delivery": Delivery.WITHHELD, "reason": Reason.CONTROL_GROUP},
        {"delivery": Delivery.FAILED, "reason": Reason.NONE},
    ],
)
def test_who_was_left_out_for_another_reason_stays_out(
    row: Dispatch, left_out: dict[str, Any]
) -> None:
    Dispatch.objects.filter(pk=row.pk).update(**left_out)
    before = state(row)
    with pytest.raises(Refused, match="did not say no"):
        back_in(row)
    assert state(row) == before


# --- at once, and for real ------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_called_off_meanwhile_is_not_sent(row: Dispatch, event: Event) -> None:
    _, spared = before_the_first_commits(
        partial(back_in, row),
        partial(operations.cancel, event_id=event.pk, actor=HANNA, now=MORNING + HOUR),
    )
    assert (spared, state(row)[0]) == (2, Delivery.CANCELLED)


@pytest.mark.django_db(transaction=True)
def test_a_plan_for_the_same_time_that_is_not_committed_comes_first(
    row: Dispatch, summer: Program
) -> None:
    _, refused = before_the_first_commits(partial(same_time, row, summer), partial(back_in, row))
    assert (refused.code, state(row)) == ("not-free", OUT)


@pytest.mark.django_db(transaction=True)
def test_it_is_sent_like_any_other_and_not_taken_back(vendor: Vendor, settings: Settings) -> None:
    """The last look before the bytes leave, and whoever takes back, ask for a no that holds."""
    settings.CARRIER_CANCEL = "modification"
    summer = cast.program()
    systems = vendor.enroll(summer, vendor.homes()[:2])
    event = cast.scheduled(summer)
    first, second, *_ = Dispatch.objects.filter(event=event).order_by("id")
    for one in (first, second):
        say_no(one)
    back_in(first)
    vendor.at(SEND_AT)
    assert dispatch.send_wave(event.pk) == len(systems) - 1
    posted = [entry["serial"] for entry in vendor.entries("POST utility_events")]
    assert sorted(posted) == sorted(
        system.serial for system in systems if system.pk != second.system_id
    )
    assert state(first)[0] == Delivery.ACCEPTED
    assert work.events_to_take_back(now=SEND_AT) == []
