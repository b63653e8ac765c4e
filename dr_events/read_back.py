"""Window to Carrier for looking: who has the event, who takes part, how the home is doing."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings

from base import clock
from carrier import documents, wire
from carrier.fanout import Answer, Outcome
from carrier.parsing import parse
from dr_events import operations, queries
from dr_events.dispatch import vendor
from dr_events.dispatch.looking import BATCH, Listing, Lookout, Seen, find
from dr_events.queries.work import Sending, Watched
from dr_events.rules import around as rules_around
from dr_events.rules import outcomes
from dr_events.rules import participation as rules
from dr_events.states import EventState, Participation
from enrollments.sync import indoor_f

log = logging.getLogger(__name__)

ROUND, AROUND = 1, 3
# Homes between two questions whether something else is to be done first.
AROUND_AT_ONCE = 50


def read_back(event_id: int) -> int:
    """Look at every home that got the event and was not looked at in this round yet; how many.

    A round that ran out of time goes on with the next sweep. A finished one sets the next, or
    closes the event. Looking twice is harmless.
    """
    event = queries.work.sending(event_id)
    if event is None or event.read_back_due_at is None:
        return 0
    turn = operations.take_round(event_id=event_id, kind=ROUND)
    if turn is None:
        return 0
    try:
        return _round(event, event.read_back_due_at, clock.database_now())
    finally:
        operations.give_back(turn)


def look_around(event_id: int) -> int:
    """One look at how warm it is before or after an event (rules.around); how many homes.

    It decides nothing and is in nobody's way: whenever something is to be sent, or homes must be
    looked at for participation, it stops, and goes on with a later sweep or not at all.
    """
    look = queries.around.look(event_id)
    now = clock.database_now()
    if look is None or look.due > now:
        return 0
    turn = operations.take_round(event_id=event_id, kind=AROUND)
    if turn is None:
        return 0
    try:
        return _around(look, now)
    finally:
        operations.give_back(turn)


def _around(look: queries.around.Look, now: datetime) -> int:
    looked, gave_way = 0, False

    def rows_after(after: int) -> list[Watched]:
        nonlocal gave_way
        gave_way = queries.around.is_busy(now=clock.database_now())
        return [] if gave_way else queries.around.watched(look, after=after, limit=AROUND_AT_ONCE)

    if rules_around.is_in_time(look.due, now, starts_at=look.starts_at):
        lookout = Lookout(rows_after, with_status=True, with_list=False)
        for done in lookout.groups():
            known = [(seen, status) for seen in done if (status := _status(seen.status))]
            _keep([_sample(seen.row.id, status) for seen, status in known], now)
            looked += len(done)
        if gave_way or not lookout.complete:
            return looked
    following = rules_around.next_look(now=now, starts_at=look.starts_at, ends_at=look.ends_at)
    operations.look_around_again(event_id=look.event_id, old=look.due, new=following)
    return looked


def _keep(samples: Sequence[operations.Sample], now: datetime) -> None:
    operations.save_looks(
        looks=[],
        samples=samples,
        quiet=vendor.quiet_time(),
        absent_needed=outcomes.PROOF_AFTER_SILENCE,
        now=now,
    )


def _round(event: Sending, due: datetime, now: datetime) -> int:
    def rows_after(after: int) -> list[Watched]:
        return queries.work.sent_homes(
            event_id=event.id, after=after, limit=BATCH, margin=timedelta(0), not_since=due
        )

    looked = 0
    lookout = Lookout(rows_after, with_status=True)
    for done in lookout.groups():
        _save(done, event, now)
        looked += len(done)
    if lookout.complete:
        _set_next(event, due, now)
    return looked


def _set_next(event: Sending, due: datetime, now: datetime) -> None:
    every = timedelta(seconds=settings.READ_BACK_EVERY_S)
    following = rules.next_look(
        now=now,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        every=every,
        all_listed=not queries.work.some_unlisted(event_id=event.id),
    )
    if following is not None:
        operations.read_back_again(event_id=event.id, old=due, new=following)
    elif event.state == EventState.CANCELLED:
        operations.stop_watching(event_id=event.id)
    elif not operations.complete(event_id=event.id, now=now):
        # Somewhere a delivery is undecided still: the event stays open until that is known.
        operations.read_back_again(event_id=event.id, old=due, new=now + every)


def _save(done: Sequence[Seen], event: Sending, now: datetime) -> None:
    looks, samples = [], []
    telling = _absence_tells(event, now)
    for seen in done:
        status = _status(seen.status)
        if status is not None:
            samples.append(_sample(seen.row.id, status))
        looks.append(_look(seen, event, status, now, telling))
    operations.save_looks(
        looks=looks,
        samples=samples,
        quiet=vendor.quiet_time(),
        absent_needed=outcomes.PROOF_AFTER_SILENCE,
        now=now,
    )


def _absence_tells(event: Sending, now: datetime) -> bool:
    """May an event that is in no list be taken for one that never arrived? Not once it is over: a
    list need not show the past."""
    never = settings.CARRIER_RESEND_AFTER_UNKNOWN == "never"
    return not never and now < event.ends_at and queries.work.list_is_proven()


def _look(
    seen: Seen, event: Sending, status: documents.Status | None, now: datetime, telling: bool
) -> operations.Look:
    """A list that could not be read leaves participation as it was; the home was looked at."""
    listing, found = find(seen.list, event)
    before = Participation(seen.row.participation)
    if listing is Listing.UNREADABLE:
        return operations.Look(seen.row.id, before, False, False, None, False)
    verdict = rules.verdict(
        before,
        _sight(found, status),
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        seen_active=seen.row.seen_active,
        now=now,
    )
    opted = found.opted_at if found and found.opt == "optOut" else None
    return operations.Look(
        id=seen.row.id,
        participation=verdict,
        listed=found is not None,
        missing=telling and listing is Listing.ABSENT,
        opted_out_at=opted.isoformat() if opted else None,
        active=verdict == Participation.ACTIVE,
    )


def _sight(found: wire.ListedEvent | None, status: documents.Status | None) -> rules.Sight:
    online = None if status is None else not status.is_disconnected
    if found is None:
        return rules.Sight(listed=False, online=online)
    return rules.Sight(
        listed=True,
        status=found.status,
        opt=found.opt,
        opted_at=found.opted_at,
        online=online,
    )


def _status(answer: Answer | None) -> documents.Status | None:
    if answer is None or answer.outcome is not Outcome.ANSWERED or answer.status != 200:
        return None
    try:
        return documents.Status.of(parse(answer.body, answer.content_type))
    except ValueError as error:
        log.warning("an unreadable status: %s", error)
        return None


def _sample(row_id: int, status: documents.Status) -> operations.Sample:
    zone = next((zone for zone in status.zones if zone.enabled), None)
    running = documents.running(status.odu.opstat) if status.odu else (None, None)
    return operations.Sample(
        id=row_id,
        is_online=not status.is_disconnected,
        indoor_f=indoor_f(status),
        cool_f=zone.cool_f if zone else None,
        outdoor_f=status.outdoor_f,
        load=running[1],
    )
