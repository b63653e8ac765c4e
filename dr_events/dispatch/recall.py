"""Taking back what was sent, where the vendor can cancel at all (CARRIER_CANCEL).

Nothing here needs a claim: a cancellation sent twice changes nothing, so a worker that dies leaves
a row that the next one simply asks for again. The emergency stop does not hold it: it stops what
asks homes for something, not what lets go of them.
"""

import time
from collections.abc import Sequence
from datetime import datetime

from base import clock
from carrier.fanout import Answer, Outgoing
from carrier.wire import Message
from dr_events import operations, queries
from dr_events.dispatch import vendor
from dr_events.dispatch.looking import BATCH, PATIENCE_S, Listing, Lookout, Seen, find, is_live
from dr_events.dispatch.message import take_back_message
from dr_events.dispatch.news import News
from dr_events.operations.recalling import TakenBack, save_recalls
from dr_events.queries.work import Sending, Watched
from dr_events.rules import recalls
from dr_events.states import Recall
from enrollments.tokens import CannotOpen

# Real seconds before a cancellation is asked for, or looked for, again.
AGAIN_S = 5.0
ROUND = 2


def take_back(event_id: int) -> int:
    """Ask Carrier to cancel what homes should not hold any more, and look whether it did; how many
    homes were asked about. One process per event at a time."""
    event = queries.work.sending(event_id)
    if event is None:
        return 0
    turn = operations.take_round(event_id=event_id, kind=ROUND)
    if turn is None:
        return 0
    try:
        asked = _ask(event, take_back_message(event_id))
        return asked + _look(event)
    finally:
        operations.give_back(turn)


def _homes(event: Sending, recall: Recall, after: int) -> list[Watched]:
    return queries.work.unwanted_homes(
        event_id=event.id,
        recall=recall,
        after=after,
        limit=BATCH,
        margin=vendor.TOKEN_MARGIN,
        now=clock.database_now(),
    )


def _ask(event: Sending, message: Message) -> int:
    """Send the cancellation to every home that should have it, a batch at a time."""
    until, after, asked = time.monotonic() + vendor.WORK_S, 0, 0
    while time.monotonic() < until and (rows := _homes(event, Recall.NONE, after)):
        after = rows[-1].system_id
        asked += _send(rows, message)
    return asked


def _send(rows: Sequence[Watched], message: Message) -> int:
    by_id = {row.id: row for row in rows}
    channel = vendor.requests().channel(lambda out: None)
    try:
        channel.send([out for row in rows if (out := _outgoing(row, message))])
        count, until = 0, time.monotonic() + PATIENCE_S
        while channel.pending and time.monotonic() < until:
            answers = channel.collect(at_most=BATCH, wait_s=1.0)
            _save(answers, by_id)
            count += len(answers)
        return count
    finally:
        channel.close()


def _outgoing(row: Watched, message: Message) -> Outgoing | None:
    """None when the token cannot be opened: the sender of the next event will say so."""
    try:
        return vendor.post(
            row.id,
            row.serial,
            row.sealed,
            row.seal_id,
            kind=message.content_type,
            body=message.body,
        )
    except CannotOpen:
        return None


def _save(answers: Sequence[Answer], by_id: dict[int, Watched]) -> None:
    lines, news = [], News()
    for answer in answers:
        row = by_id[answer.key]
        verdict = recalls.after_post(answer.outcome.name, answer.status, again_s=AGAIN_S)
        lines.append(_line(row.id, verdict))
        news.note(answer, row.grant_id, row.sealed)
    save_recalls(lines)
    news.pass_on()


def _look(event: Sending) -> int:
    """See whether what was asked came true. Carrier may take ``quiet_time`` to apply it."""
    looked = 0
    lookout = Lookout(lambda after: _homes(event, Recall.ASKED, after))
    for done in lookout.groups():
        applied_by = clock.real_now() - vendor.quiet_time()
        lines = [_seen(seen, event, applied_by) for seen in done]
        save_recalls([line for line in lines if line])
        looked += len(done)
    return looked


def _seen(seen: Seen, event: Sending, applied_by: datetime) -> TakenBack | None:
    listing, found = find(seen.list, event)
    if listing in (Listing.UNREADABLE, Listing.UNCLEAR):
        return None
    asked_at = seen.row.recall_at
    verdict = recalls.after_look(
        live=found is not None and is_live(found),
        waited=asked_at is not None and asked_at < applied_by,
        again_s=AGAIN_S,
    )
    return _line(seen.row.id, verdict)


def _line(row_id: int, verdict: recalls.Verdict) -> TakenBack:
    return TakenBack(row_id, verdict.recall, verdict.wait_s, verdict.trouble)
