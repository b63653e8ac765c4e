"""The legs of dispatch and the sweep that finds everything that is due. Ids only."""

import logging
from collections.abc import Callable
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from base import clock
from dr_events import dispatch, queries
from dr_events import read_back as window
from enrollments import tasks as homes
from enrollments.vendor_session import TOKEN_MARGIN

log = logging.getLogger(__name__)

# A ring that nobody heard for this long is stale: the next sweep rings again.
STALE_S = 20
RENEW_BATCH = 50


@shared_task(queue="dispatch")
def send(*, event_id: int, **_: Any) -> None:
    dispatch.send_wave(event_id)


@shared_task(queue="dispatch")
def prove(*, event_id: int, **_: Any) -> None:
    dispatch.look_at_unsure(event_id)


@shared_task(queue="dispatch")
def read_back(*, event_id: int, **_: Any) -> None:
    window.read_back(event_id)


@shared_task(queue="default")
def sweep(**_: Any) -> None:
    ring_due()


def ring_due() -> int:
    """Ring for everything that is due; how many rings. Any number may sweep at once."""
    now = clock.database_now()
    rings: list[tuple[Callable[..., Any], dict[str, Any]]] = []
    for event_id in queries.work.events_to_send(now=now):
        rings += [(send.apply_async, {"event_id": event_id})] * settings.STREAMS_PER_EVENT
        rings.append((prove.apply_async, {"event_id": event_id}))
    for event_id in queries.work.events_to_read_back(now=now):
        rings.append((read_back.apply_async, {"event_id": event_id}))
    margin = 5 * TOKEN_MARGIN
    tokens = queries.work.grants_to_renew(now=now, real_now=timezone.now(), margin=margin)
    for start in range(0, len(tokens), RENEW_BATCH):
        batch = {
            "grant_ids": tokens[start : start + RENEW_BATCH],
            "margin_s": margin.total_seconds(),
        }
        rings.insert(0, (homes.refresh_tokens.apply_async, batch))
    for ring, kwargs in rings:
        ring(kwargs=kwargs, expires=STALE_S)
    return len(rings) + homes.ring_due()
