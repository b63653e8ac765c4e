"""The hand that plays a scenario, inside ``world.practice()``: its steps are written straight into
the rows, as the senders and the looks would have."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db.models import F

from dr_events import operations
from dr_events.models import Dispatch, Event, Reading
from dr_events.states import OPTED_OUT, SENT, Delivery, Participation, Reason
from partners.rules import scenarios
from partners.rules.scenarios import Act, Step
from people.operations import SYSTEM

LOOKS = timedelta(minutes=15)


def moment(event: Event, step: Step) -> datetime:
    """When a step is due, in business time."""
    send_at = event.send_at or event.starts_at
    return scenarios.moment(
        step.when, send_at=send_at, starts_at=event.starts_at, ends_at=event.ends_at
    )


def targeted(event: Event) -> list[int]:
    """Ids of the rows that were to get it, in the order of their systems."""
    left_out = [Delivery.WITHHELD, Delivery.SKIPPED]
    rows = Dispatch.objects.filter(event=event).exclude(delivery__in=left_out)
    return list(rows.order_by("system_id").values_list("id", flat=True))


def do(event: Event, step: Step, *, real_now: datetime) -> None:
    """One step, for its share of the homes. Twice does nothing more."""
    at = moment(event, step)
    if step.act == Act.COMPLETE:
        _look_back(event)
        operations.complete(event_id=event.pk, now=at)
    elif step.act == Act.CANCEL:
        operations.cancel(event_id=event.pk, actor=SYSTEM, now=at)
    else:
        rows = Dispatch.objects.pick(id__in=scenarios.of(targeted(event), step.share))
        if not step.delivery and step.http_status:
            rows.filter(delivery=Delivery.PLANNED).update(
                http_status=step.http_status, attempts=1, sent_at=real_now
            )
        for old, new in pairwise(step.delivery):
            rows.move(old, new, **_stamps(new, at, real_now))
        if step.participation:
            _take_part(rows, step.participation, at)


def _stamps(state: Delivery, at: datetime, real_now: datetime) -> dict[str, Any]:
    """What the senders and the looks write beside a state."""
    written: dict[Delivery, dict[str, Any]] = {
        Delivery.SENDING: {"sent_at": real_now, "attempts": F("attempts") + 1},
        Delivery.ACCEPTED: {"accepted_at": real_now, "http_status": 200},
        Delivery.CONFIRMED: {"confirmed_at": at, "read_at": at},
        Delivery.EXPIRED: {"reason": Reason.TOO_LATE, "holds_slot": False},
    }
    return written.get(state, {})


def _take_part(rows: Any, what: Participation, at: datetime) -> None:
    came_from: dict[Participation, Sequence[Participation]] = {
        Participation.SCHEDULED: [Participation.UNKNOWN],
        Participation.ACTIVE: [Participation.SCHEDULED],
        Participation.OPTED_OUT_DURING: [Participation.ACTIVE],
    }
    changes: dict[str, Any] = {"participation": what, "read_at": at}
    if what in OPTED_OUT:
        changes["opted_out_at"] = at
    if what == Participation.ACTIVE:
        changes["seen_active_at"] = at
    rows.filter(delivery__in=SENT, participation__in=came_from[what]).update(**changes)


def _look_back(event: Event) -> None:
    """What the homes reported meanwhile: warmer and quieter while they take part."""
    rows = Dispatch.objects.filter(event=event, delivery=Delivery.CONFIRMED).order_by("system_id")
    looks, at = [], event.starts_at
    while at < event.ends_at:
        for row in rows:
            takes_part = row.opted_out_at is None or at < row.opted_out_at
            load = 0.25 if takes_part else 0.75
            looks.append(Reading(dispatch=row, at=at, is_online=True, outdoor_f=95.0, load=load))
        at += LOOKS
    Reading.objects.bulk_create(looks, ignore_conflicts=True)
