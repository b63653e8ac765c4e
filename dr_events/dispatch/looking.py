"""Looking at many homes: the window of requests stays full, one slow answer holds up nobody."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from base import clock
from carrier import wire
from carrier.fanout import Answer, Channel, Outcome, Outgoing
from dr_events.dispatch import vendor
from dr_events.dispatch.news import News
from dr_events.queries.work import Sending, Watched
from enrollments import operations as homes
from enrollments.tokens import CannotOpen

BATCH = 500
# What is under way when the time of a task is over is waited for: longer than a request may take.
PATIENCE_S = 25.0


class Listing(Enum):
    """What a home's event list says about our event.

    UNCLEAR: another event covers our time, and we cannot tell whether it is ours under a number
    the vendor chose; it is neither a proof of presence nor of absence.
    """

    FOUND = "FOUND"
    ABSENT = "ABSENT"
    UNCLEAR = "UNCLEAR"
    UNREADABLE = "UNREADABLE"


@dataclass(slots=True)
class Seen:
    """A home and what it answered: the list, and its status where that was asked for too."""

    row: Watched
    wanted: int
    list: Answer | None = None
    status: Answer | None = None


@dataclass(slots=True)
class Lookout:
    """One pass over homes by system id. ``complete`` is true when it reached the last one."""

    rows_after: Callable[[int], list[Watched]]
    with_status: bool = False
    with_list: bool = True
    complete: bool = False
    _waiting: dict[int, Seen] = field(default_factory=dict)
    _after: int = 0

    def groups(self) -> Iterator[list[Seen]]:
        """Homes that have answered, some at a time, until all have or vendor.WORK_S is over."""
        channel = vendor.requests().channel(lambda out: None)
        until = time.monotonic() + vendor.WORK_S
        more = True
        try:
            while more or channel.pending:
                if time.monotonic() > until + PATIENCE_S:
                    self.complete = False  # nothing may leave: the next round asks those left over
                    return
                while more and vendor.has_room(channel):
                    more = time.monotonic() < until and self._ask(channel)
                done = [seen for answer in self._answers(channel) if (seen := self._take(answer))]
                if done:
                    yield done
                    _news(done).pass_on()
        finally:
            channel.close()

    def _answers(self, channel: Channel) -> list[Answer]:
        return channel.collect(at_most=BATCH, wait_s=0.2)

    def _ask(self, channel: Channel) -> bool:
        batch = self.rows_after(self._after)[: vendor.claim_rows()]
        if not batch:
            self.complete = True
            return False
        self._after = batch[-1].system_id
        for row in batch:
            requests = self._requests(row)
            if requests:
                self._waiting[row.id] = Seen(row, len(requests))
                channel.send(requests)
        return True

    def _requests(self, row: Watched) -> list[Outgoing]:
        """None when the token cannot be opened: the permission is then lost."""
        try:
            headers = [vendor.bearer(row.sealed, row.seal_id), "Accept: application/json"]
        except CannotOpen as error:
            homes.permission_lost(grant_id=row.grant_id, why=str(error), now=clock.now())
            return []
        wanted = []
        if self.with_list:
            events = vendor.events_address(row.serial)
            wanted.append(Outgoing(row.id, "GET", events, headers, None))
        if self.with_status:
            # One home, two requests: the status of row n travels under -n.
            wanted.append(
                Outgoing(-row.id, "GET", vendor.status_address(row.serial), headers, None)
            )
        return wanted

    def _take(self, answer: Answer) -> Seen | None:
        seen = self._waiting[abs(answer.key)]
        if answer.key > 0:
            seen.list = answer
        else:
            seen.status = answer
        seen.wanted -= 1
        return self._waiting.pop(abs(answer.key)) if seen.wanted == 0 else None


def _news(done: list[Seen]) -> News:
    news = News()
    for seen in done:
        for answer in (seen.list, seen.status):
            if answer is not None:
                news.note(answer, seen.row.grant_id, seen.row.sealed)
    return news


def find(answer: Answer | None, event: Sending) -> tuple[Listing, wire.ListedEvent | None]:
    """Our event in a home's list: by our id, or by kind and time where the vendor kept no id."""
    if answer is None or answer.outcome is not Outcome.ANSWERED or answer.status != 200:
        return Listing.UNREADABLE, None
    try:
        listed = wire.decode(answer.body, answer.content_type or wire.JSON)
        ours = wire.decode(event.message, event.content_type)[0]
    except ValueError:
        return Listing.UNREADABLE, None
    matches = [
        one
        for one in listed
        if one.event_id == event.wire_id or one.fingerprint == ours.fingerprint
    ]
    if matches:
        # Of several, the one that will still be felt: a cancellation may be listed beside it.
        return Listing.FOUND, next((one for one in matches if is_live(one)), matches[0])
    if any(_covers(one, event) for one in listed):
        return Listing.UNCLEAR, None
    return Listing.ABSENT, None


def is_live(one: wire.ListedEvent) -> bool:
    """Will the home still feel it, or does it now?"""
    return one.status not in ("cancelled", "completed")


def _covers(one: wire.ListedEvent, event: Sending) -> bool:
    """Does this entry touch our event's time? One without times might."""
    if not is_live(one):
        return False
    if one.start is None or one.end is None:
        return True
    return one.start < event.ends_at and event.starts_at < one.end
