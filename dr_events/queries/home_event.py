"""One event as a home meets it: what it does there, whether no can still be said, what became of
it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, QuerySet

from dr_events.models import Dispatch
from dr_events.rules.limits import words
from dr_events.states import (
    FAILURES,
    OPTED_OUT,
    Delivery,
    EventState,
    Participation,
    Reason,
    Recall,
    Response,
)
from enrollments.queries import pause_of
from enrollments.states import EndReason, EnrollmentState
from people.models import User

# Carrier has the request, or may have it: it cannot be taken back from here.
OUT_OF_HAND = frozenset({Delivery.SENDING, Delivery.UNSURE, Delivery.ACCEPTED, Delivery.CONFIRMED})
# And has not taken it back since.
AT_CARRIER = Q(delivery__in=OUT_OF_HAND) & ~Q(recall=Recall.RECALLED)


@dataclass(frozen=True, slots=True)
class HomeEvent:
    """One event for one system of this home. Moments are business time; temperatures °F."""

    dispatch_id: int
    event_id: int
    name: str
    program: str
    zone: str
    starts_at: datetime
    ends_at: datetime
    send_at: datetime | None
    system: str
    unit: str
    response: Response
    offset_f: Decimal | None
    cool_f: Decimal | None
    heat_f: Decimal | None
    price_cents: Decimal | None
    is_test: bool
    own: dict[str, float | str | None]
    note: str
    called_off: bool
    enrollment: EnrollmentState
    rests: bool  # a pause of the system touches the event
    replaced: bool  # another wall control has taken its place since
    delivery: Delivery
    participation: Participation
    reason: Reason
    opted_out_at: datetime | None
    recall: Recall
    seen_active_at: datetime | None
    now: datetime

    @property
    def is_over(self) -> bool:
        return self.ends_at <= self.now

    @property
    def is_running(self) -> bool:
        return self.starts_at <= self.now < self.ends_at

    @property
    def is_out_of_hand(self) -> bool:
        return self.delivery in OUT_OF_HAND

    @property
    def was_meant(self) -> bool:
        """It was planned for this system and not for another reason left out."""
        return self.delivery != Delivery.SKIPPED or self.reason == Reason.OPTED_OUT

    @property
    def is_coming(self) -> bool:
        """Something happens at the wall control, or did."""
        return self.touches_home or (self.is_over and self.is_out_of_hand)

    @property
    def touches_home(self) -> bool:
        """Something happens at the wall control, unless somebody still says no."""
        return self.what_now in (
            "planned",
            "sent",
            "said-no-late",
            "left-late",
            "called-off-late",
        )

    @property
    def said_no(self) -> bool:
        return self.opted_out_at is not None or self.participation in OPTED_OUT

    @property
    def has_left(self) -> bool:
        return self.enrollment == EnrollmentState.WITHDRAWN and not self.replaced

    @property
    def may_opt_out(self) -> bool:
        if self.replaced or self.has_left:
            return False
        waits = self.delivery == Delivery.PLANNED or self.is_out_of_hand
        return waits and not self.said_no and not self.is_over and not self.called_off

    @property
    def took_part_for(self) -> str:
        """How long, in words, as the season counts it (queries.seasons): the whole event, or until
        somebody pressed Override. Empty when it did not."""
        if self.participation == Participation.COMPLETED:
            return words(self.ends_at - self.starts_at)
        if self.participation == Participation.OPTED_OUT_DURING and self.opted_out_at:
            until = min(max(self.opted_out_at, self.starts_at), self.ends_at)
            return words(until - self.starts_at)
        return ""

    @property
    def may_opt_in(self) -> bool:
        """It said no in time, does not rest then, and nothing is sent to anybody yet."""
        if self.what_now != "said-no" or self.delivery != Delivery.SKIPPED or self.called_off:
            return False
        is_in = self.enrollment != EnrollmentState.WITHDRAWN and not self.rests
        return is_in and self.send_at is not None and self.now < self.send_at

    @property
    def what_now(self) -> str:
        """Which text stands beside an event that is ahead or running, as one word."""
        if self.delivery == Delivery.PLANNED:
            return self._while_planned
        if self.recall == Recall.RECALLED:
            return "taken-back"
        if self.is_out_of_hand:
            if self.called_off:
                return "called-off-late"
            if self.replaced:
                return "replaced-late"
            if self.said_no:
                return "said-no-late"
            return "left-late" if self.has_left else "sent"
        if self.delivery == Delivery.SKIPPED and self.reason == Reason.OPTED_OUT:
            return "said-no"
        return "called-off" if self.delivery == Delivery.CANCELLED else "left-out"

    @property
    def _while_planned(self) -> str:
        if self.called_off:
            return "called-off"
        if self.replaced:
            return "replaced"
        if self.said_no or self.enrollment == EnrollmentState.WITHDRAWN:
            return "said-no"
        return "paused" if self.rests else "planned"

    @property
    def truth(self) -> str:
        """What became of it, for a past event: as the word its sentence is filed under."""
        if self.delivery in FAILURES:
            return "failed"
        if self.delivery == Delivery.UNSURE or self.delivery == Delivery.SENDING:
            return "unsure"
        if not self.is_out_of_hand:
            return "said-no" if self.reason == Reason.OPTED_OUT else "left-out"
        if self.recall == Recall.RECALLED:
            return "said-no" if self.said_no else "left-out"
        return {
            Participation.COMPLETED: "took-part",
            Participation.OPTED_OUT_BEFORE: "said-no",
            Participation.OPTED_OUT_DURING: "stopped",
            Participation.UNREACHABLE: "unreachable",
        }.get(self.participation, "counting")


def rows_of(user: User) -> QuerySet[Dispatch]:
    shown = [EventState.SCHEDULED, EventState.COMPLETED, EventState.CANCELLED]
    # By who had joined then: the wall control may belong to somebody else today.
    return Dispatch.objects.filter(enrollment__user=user, event__state__in=shown).select_related(
        "event__program", "system", "enrollment"
    )


def event_of(row: Dispatch, now: datetime) -> HomeEvent:
    event = row.event
    pause = pause_of(row.enrollment)
    return HomeEvent(
        dispatch_id=row.pk,
        event_id=event.pk,
        name=event.name,
        program=event.program.name,
        zone=event.program.time_zone,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        send_at=event.send_at,
        system=row.system.name or row.system.serial,
        unit=row.system.unit,
        response=Response(event.response),
        offset_f=event.offset_f,
        cool_f=event.cool_f,
        heat_f=event.heat_f,
        price_cents=event.price_cents,
        is_test=event.is_test,
        own=row.system.dr_settings,
        note=event.note,
        called_off=event.state == EventState.CANCELLED,
        enrollment=EnrollmentState(row.enrollment.state),
        replaced=row.enrollment.ended_because == EndReason.REPLACED,
        rests=pause is not None and pause.touches(event.starts_at, event.ends_at),
        delivery=Delivery(row.delivery),
        participation=Participation(row.participation),
        reason=Reason(row.reason),
        opted_out_at=row.opted_out_at,
        recall=Recall(row.recall),
        seen_active_at=row.seen_active_at,
        now=now,
    )


def my_event(user: User, dispatch_id: int, *, now: datetime) -> HomeEvent | None:
    """One event of this home; None when there is none or it is somebody else's."""
    row = rows_of(user).filter(id=dispatch_id).first()
    return event_of(row, now) if row else None
