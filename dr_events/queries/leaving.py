"""What Carrier has for a home that is about to leave."""

from dataclasses import dataclass
from datetime import datetime

from dr_events.models import Dispatch
from dr_events.states import Delivery, Recall
from enrollments.models import Enrollment
from enrollments.states import LIVE_ENROLLMENTS


@dataclass(frozen=True, slots=True)
class AtCarrier:
    """A row of a home that Carrier has and that nobody asked to take back yet."""

    id: int
    event_id: int
    grant_id: int
    serial: str


def held_by_carrier(
    *, now: datetime, enrollment_id: int | None = None, user_id: int | None = None
) -> list[AtCarrier]:
    """What Carrier has for one live enrolment, or for all of a person, and is not over."""
    mine = Enrollment.objects.filter(state__in=LIVE_ENROLLMENTS)
    mine = mine.filter(id=enrollment_id) if enrollment_id else mine.filter(user=user_id)
    rows = Dispatch.objects.filter(
        enrollment__in=list(mine),
        delivery__in=[Delivery.ACCEPTED, Delivery.CONFIRMED],
        recall__in=[Recall.NONE, Recall.ASKED],
        event__ends_at__gt=now,
    )
    columns = rows.order_by("id").values_list("id", "event", "system__grant", "system__serial")
    return [AtCarrier(*row) for row in columns]
