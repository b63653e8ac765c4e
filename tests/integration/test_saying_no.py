"""A no to one event: in time or not, and never a promise that does not hold."""

from datetime import timedelta

import pytest

from base.refusal import Refused
from dr_events import operations as events
from dr_events.models import Dispatch, OptOut
from dr_events.states import Delivery, OptOutVia
from enrollments.models import Program
from people.models import ActivityEntry, User
from people.operations import Actor
from tests import cast

pytestmark = pytest.mark.django_db
NOW = cast.MORNING
LATER = NOW + timedelta(days=1)
HANNA = Actor("user:hanna", address="203.0.113.7")


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def hanna() -> User:
    return cast.homeowner()


def opt_out(row: Dispatch) -> bool:
    return events.opt_out(dispatch_id=row.pk, via=OptOutVia.HOME_PAGE, actor=HANNA, now=LATER)


@pytest.fixture
def row(summer: Program) -> Dispatch:
    cast.enrolled(summer)
    event = cast.scheduled(
        summer, starts_at=NOW + timedelta(days=2, hours=6), ends_at=NOW + timedelta(days=2, hours=8)
    )
    return Dispatch.objects.get(event=event)


def test_a_no_before_the_sending_is_in_time(row: Dispatch) -> None:
    assert opt_out(row) is True
    row.refresh_from_db()
    assert (row.delivery, row.reason, row.holds_slot) == (Delivery.SKIPPED, "OPTED_OUT", False)
    assert (row.participation, row.opted_out_at) == ("OPTED_OUT_BEFORE", LATER)
    assert OptOut.objects.values_list("via", "actor", "in_time").get() == (
        "HOME_PAGE",
        "user:hanna",
        True,
    )
    assert opt_out(row) is True
    assert OptOut.objects.count() == 1


@pytest.mark.parametrize(
    "delivery", [Delivery.SENDING, Delivery.UNSURE, Delivery.ACCEPTED, Delivery.CONFIRMED]
)
def test_a_no_to_what_is_or_may_be_at_carrier_is_kept_but_not_in_time(
    row: Dispatch, delivery: Delivery
) -> None:
    Dispatch.objects.update(delivery=delivery)
    assert opt_out(row) is False
    row.refresh_from_db()
    assert (row.delivery, row.holds_slot, row.opted_out_at) == (delivery, True, LATER)
    assert OptOut.objects.get().in_time is False
    assert opt_out(row) is False


@pytest.mark.parametrize("delivery", [Delivery.WITHHELD, Delivery.SKIPPED, Delivery.CANCELLED])
def test_a_no_to_what_is_never_sent_does_not_claim_that_carrier_has_it(
    row: Dispatch, delivery: Delivery
) -> None:
    """The control group, a home that was left out, an event cancelled a moment ago."""
    Dispatch.objects.update(delivery=delivery, holds_slot=False)
    assert opt_out(row) is True
    row.refresh_from_db()
    assert (row.delivery, row.holds_slot) == (delivery, False)
    assert OptOut.objects.get().in_time is True


def test_a_no_after_the_end_is_refused(row: Dispatch) -> None:
    before = ActivityEntry.objects.count()
    with pytest.raises(Refused, match="This event is over"):
        events.opt_out(
            dispatch_id=row.pk, via=OptOutVia.HOME_PAGE, actor=HANNA, now=row.event.ends_at
        )
    row.refresh_from_db()
    assert (row.delivery, row.opted_out_at) == (Delivery.PLANNED, None)
    assert (OptOut.objects.count(), ActivityEntry.objects.count()) == (0, before)
