"""Proof: a request whose answer was lost is never sent again on a hunch. A GET decides."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from base import clock
from carrier import wire
from carrier.fanout import Answer, Outcome, Outgoing
from dr_events import operations, queries
from dr_events.dispatch import vendor
from dr_events.queries.work import Sending, Watched
from dr_events.rules import outcomes
from enrollments import operations as homes
from enrollments.tokens import CannotOpen

BATCH = 500
# Real time between two looks at the same unsure row.
AGAIN = timedelta(seconds=5)
ROUND = 0


def look_at_unsure(event_id: int) -> int:
    """Adopt rows whose sender died, then look every unsure row up whose waiting time is over.

    Returns how many rows were decided or looked at. One looker per event at a time.
    """
    event = queries.work.sending(event_id)
    if event is None:
        return 0
    turn = operations.take_round(event_id=event_id, kind=ROUND)
    if turn is None:
        return 0
    try:
        adopted = operations.adopt_orphans(
            event_id=event_id,
            quiet=vendor.quiet_time(),
            absent_needed=outcomes.PROOF_AFTER_SILENCE,
        )
        return adopted + _look(event)
    finally:
        operations.give_back(turn)


def _look(event: Sending) -> int:
    looked, after = 0, 0
    channel = vendor.requests().channel(lambda out: None)
    try:
        while homes_ := queries.work.unsure_homes(
            event_id=event.id, after=after, limit=BATCH, margin=vendor.TOKEN_MARGIN
        ):
            after = homes_[-1].system_id
            rows = {row.id: row for row in homes_}
            channel.send([request for row in homes_ if (request := list_request(row))])
            proofs = []
            while channel.pending:
                for answer in channel.collect(at_most=BATCH, wait_s=1.0):
                    proofs += _proof(rows[answer.key], answer, event)
            operations.save_proofs(proofs=proofs, again=AGAIN, now=clock.now())
            looked += len(homes_)
    finally:
        channel.close()
    return looked


def list_request(row: Watched) -> Outgoing | None:
    """A GET of the home's events; None when its token cannot be opened (it is then lost)."""
    try:
        headers = [vendor.bearer(row.sealed, row.seal_id), "Accept: application/json"]
    except CannotOpen as error:
        homes.permission_lost(grant_id=row.grant_id, why=str(error), now=clock.now())
        return None
    return Outgoing(row.id, "GET", vendor.events_address(row.serial), headers, None)


def listed_event(answer: Answer, wire_id: str) -> tuple[bool, wire.ListedEvent | None]:
    """(could the list be read, our event in it). An unreadable answer proves nothing."""
    if answer.outcome is not Outcome.ANSWERED or answer.status != 200:
        return False, None
    try:
        events = wire.decode(answer.body, answer.content_type or "application/json")
    except ValueError:
        return False, None
    return True, next((event for event in events if event.event_id == wire_id), None)


def _proof(row: Watched, answer: Answer, event: Sending) -> list[operations.Proof]:
    readable, found = listed_event(answer, event.wire_id)
    if not readable:
        if answer.status == 401:
            homes.distrust_token(grant_id=row.grant_id, real_now=timezone.now())
        return []
    state = outcomes.after_look(
        listed=found is not None,
        absent_reads=row.absent_reads + 1,
        absent_needed=row.absent_needed,
        resend=settings.CARRIER_RESEND_AFTER_UNKNOWN,
    )
    return [operations.Proof(row.id, state, found is not None)]
