"""Proof: a request whose answer was lost is never sent again on a hunch. A GET decides."""

from datetime import datetime

from django.conf import settings

from base import clock
from dr_events import operations, queries
from dr_events.dispatch import vendor
from dr_events.dispatch.looking import BATCH, Listing, Lookout, Seen, find
from dr_events.dispatch.news import wait_asked_for
from dr_events.queries.work import Sending, Watched
from dr_events.rules import outcomes
from dr_events.states import Delivery

# Real seconds between two looks at the same unsure row; longer after one that told nothing.
AGAIN_S, AFTER_NOTHING_S = 5.0, 15.0
ROUND = 0
SAMPLE = 25


def look_at_unsure(event_id: int) -> int:
    """Adopt rows whose sender died, then look every unsure row up whose waiting time is over.

    Returns how many rows were adopted or looked at. One looker per event at a time.
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
    def rows_after(after: int) -> list[Watched]:
        return queries.work.unsure_homes(
            event_id=event.id, after=after, limit=BATCH, margin=vendor.TOKEN_MARGIN
        )

    if not rows_after(0):
        return 0
    proven, looked = _lists_tell(event), 0
    for done in Lookout(rows_after).groups():
        now = clock.database_now()
        proofs = [_proof(seen, event, now, proven) for seen in done]
        operations.save_proofs(proofs=proofs, now=now)
        looked += len(done)
    return looked


def _lists_tell(event: Sending) -> bool:
    """Do lists show our events? Where none ever did, some homes that surely have this one are asked
    to show it: else the first wave of a new installation would wait for a look at all of them."""
    if queries.work.list_is_proven():
        return True

    def sample(after: int) -> list[Watched]:
        if after:
            return []
        return queries.work.sent_homes(
            event_id=event.id,
            after=0,
            limit=SAMPLE,
            margin=vendor.TOKEN_MARGIN,
            not_since=event.ends_at,
        )

    for done in Lookout(sample).groups():
        if any(find(seen.list, event)[0] is Listing.FOUND for seen in done):
            operations.lists_are_proven()
            return True
    return False


def _proof(seen: Seen, event: Sending, now: datetime, proven: bool) -> operations.Proof:
    listing, _ = find(seen.list, event)
    row = seen.row
    if listing is Listing.ABSENT and now >= event.ends_at:
        listing = Listing.UNCLEAR  # it may have run, and be listed no longer
    if listing in (Listing.UNREADABLE, Listing.UNCLEAR):
        asked = wait_asked_for(seen.list) if seen.list else None
        wait = max(asked or 0.0, AFTER_NOTHING_S)
        return operations.Proof(row.id, Delivery.UNSURE, False, False, wait)
    state = outcomes.after_look(
        listed=listing is Listing.FOUND,
        list_is_proven=proven,
        absent_reads=row.absent_reads + 1,
        absent_needed=row.absent_needed,
        resend=settings.CARRIER_RESEND_AFTER_UNKNOWN,
        too_late=now >= event.last_send,
    )
    return operations.Proof(row.id, state, listing is Listing.FOUND, True, AGAIN_S)
