"""The legs of dispatch and the sweep that finds everything that is due. Ids only."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celery import shared_task
from django.conf import settings
from kombu.exceptions import OperationalError

from base import clock
from dr_events import dispatch, mailing, many, operations, queries
from dr_events import read_back as window
from dr_events.operations import noticing, ringing, signs
from dr_events.queries import notices
from enrollments import operations as enrolling
from enrollments import tasks as homes
from enrollments import vendor_session
from enrollments.queries import bulk
from enrollments.vendor_session import TOKEN_MARGIN
from people.operations import sealing

log = logging.getLogger(__name__)

# A ring that nobody heard for this long is thrown away. Celery goes by the clock of the machine
# that hears it: one that is minutes or hours fast must not throw every ring away. A stale ring
# costs little: where nothing is due, its task does nothing; and there are few (operations.ringing).
STALE_S = 24 * 3600
# Tokens that end within this are renewed; no renewal begins later in a task than this many seconds.
RENEW_MARGIN, RENEW_FOR_S = 5 * TOKEN_MARGIN, 30.0
# So many renewals of different homes may be asked for at once, each with eight requests in flight.
RENEWERS = 4
# Real seconds a mail task works: without a broker it stands in the way of the next sweep. While an
# event is being sent, a dozen mails at most.
MAIL_FOR_S, MAIL_BREATH_S = 5.0, 0.2
# The same for a piece of an act for many systems.
MANY_FOR_S, MANY_BREATH_S = 4.0, 0.2
# Events counted in one task.
COUNTS = 10


@shared_task
def send(*, event_id: int, **_: Any) -> None:
    dispatch.send_wave(event_id)


@shared_task
def prove(*, event_id: int, **_: Any) -> None:
    dispatch.look_at_unsure(event_id)


@shared_task
def read_back(*, event_id: int, **_: Any) -> None:
    window.read_back(event_id)


@shared_task
def look_around(*, event_id: int, **_: Any) -> None:
    window.look_around(event_id)


@shared_task
def take_back(*, event_id: int, **_: Any) -> None:
    dispatch.take_back(event_id)


@shared_task
def mail(**_: Any) -> None:
    """Write down who must be told of what, and send what waits."""
    now = clock.database_now()
    noticing.write_rounds(now=now)
    operations.keep_tally(now=now)  # so that nobody waits for a page that counts
    is_busy = bool(queries.work.events_to_send(now=now))
    mailing.send_due(for_s=MAIL_BREATH_S if is_busy else MAIL_FOR_S)


@shared_task
def count(**_: Any) -> None:
    """Figures of large events under way, and of what else is due then, so that nobody waits for a
    page that counts."""
    now = clock.database_now()
    for _one in range(COUNTS):
        if not operations.keep_tally(now=now, under_way_for=queries.tallies.AGAIN_AFTER):
            return


@shared_task(bind=True)
def act_for_many(self: Any, /, *, bulk_id: int, **_: Any) -> None:
    """A piece of it. Not by the sweep itself when the broker is silent: no event waits for it."""
    if self.request.called_directly:
        return
    now = clock.database_now()
    is_busy = bool(queries.work.events_to_send(now=now))
    for_s = MANY_BREATH_S if is_busy else MANY_FOR_S
    many.work(bulk_id, for_s=for_s, now=now, real_now=clock.real_now())


@shared_task
def renew(*, part: int = 0, **_: Any) -> None:
    """Renew tokens that events need, of one part of the homes."""
    mine = [grant for grant in _to_renew(clock.database_now()) if grant % RENEWERS == part]
    until = time.monotonic() + RENEW_FOR_S
    vendor_session.refresh_many(mine, margin=RENEW_MARGIN, until=until)


@shared_task
def sweep(**_: Any) -> None:
    """Beat's tick."""
    ring_due()


@dataclass(frozen=True, slots=True)
class Ring:
    """A task that has something to do."""

    task: Any
    kwargs: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.task.name} {json.dumps(self.kwargs, sort_keys=True)}"


# What the floors above find due: functions that never raise, added when they are loaded.
others_due: list[Callable[[], list[Ring]]] = []


def due() -> list[Ring]:
    """Everything due now: tokens first, then sending, then looking; counting and mail last."""
    now = clock.database_now()
    rings = [*_tokens(now)]
    for event_id in queries.work.events_to_send(now=now):
        streams = range(settings.STREAMS_PER_EVENT)
        rings += [Ring(send, {"event_id": event_id, "stream": stream}) for stream in streams]
        rings.append(Ring(prove, {"event_id": event_id}))
    for event_id in queries.work.events_to_take_back(now=now):
        rings.append(Ring(take_back, {"event_id": event_id}))
    for event_id in queries.work.events_to_read_back(now=now):
        rings.append(Ring(read_back, {"event_id": event_id}))
    rings += [Ring(look_around, {"event_id": one}) for one in queries.around.due(now=now)]
    rings += [Ring(homes.read_home, {"grant_id": grant}) for grant in homes.due()]
    rings += [Ring(homes.import_customers, {"import_id": one}) for one in homes.imports_due()]
    rings += [Ring(homes.clear_mail, {})] * enrolling.mail_is_old(now=now)
    rings += [Ring(homes.turn_pauses, {})] * enrolling.pauses_turn(now=now)
    acts = bulk.bulk_acts_due(real_now=clock.real_now())
    rings += [Ring(act_for_many, {"bulk_id": one}) for one in acts]
    rings += [ring for others in others_due for ring in others()]
    rings += [Ring(count, {})] * queries.tallies.are_due(now=now)
    return rings + [Ring(mail, {})] * notices.is_due(now=now)


def _to_renew(now: datetime) -> list[int]:
    times: dict[str, Any] = {"now": now, "real_now": clock.real_now(), "margin": RENEW_MARGIN}
    wanted = queries.work.grants_to_renew(**times) + queries.around.grants_to_renew(**times)
    return list(dict.fromkeys(wanted))


def _tokens(now: datetime) -> list[Ring]:
    parts = sorted({grant % RENEWERS for grant in _to_renew(now)})
    return [Ring(renew, {"part": part}) for part in parts]


def ring_due() -> int:
    """Ring for everything that is due; how many rings. Any number may sweep at once.

    When the broker does not answer, the work is done right here: Redis is only the bell.
    """
    dispatch.witness.look()
    signs.swept()
    found = {ring.name: ring for ring in due()}
    fresh = ringing.worth_ringing(list(found))
    rings = [ring for name, ring in found.items() if name in fresh]
    answers: bool | None = None
    for ring in rings:
        if answers is not False:
            before, answers = answers, _publish(ring)
            if answers is not before:
                signs.broker(answers=answers)
        if not answers:
            ringing.heard(ring.name)
            _work(ring)
    if answers is None and signs.broker_is_lost():
        signs.broker(answers=_knock())
    _seal_log()
    return len(rings)


def _seal_log() -> None:
    """After the rings: the activity log is never in the way of an event."""
    try:
        sealing.seal_all()
    except Exception:
        log.exception("sealing the activity log failed; the next sweep tries again")


def _work(ring: Ring) -> None:
    """Do it here. One event's trouble must not keep the others waiting."""
    try:
        ring.task.run(**ring.kwargs)
    except Exception:
        log.exception("%s %s failed", ring.task.name, ring.kwargs)


def _knock() -> bool:
    """Whether a broker that was lost is back, while there is nothing to ring for."""
    return _publish(Ring(sweep, {}))


def _publish(ring: Ring) -> bool:
    try:
        ring.task.apply_async(kwargs={**ring.kwargs, "ring": ring.name}, expires=STALE_S)
    except OperationalError as error:
        log.warning("the broker does not answer (%s); working without it", type(error).__name__)
        return False
    return True
