"""One act for every system that matched a filter, a piece at a time.

Everything is asked again for each home: whether it still matches what was confirmed, and what the
operation itself asks of anybody who acts for one home.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from base.refusal import Refused
from dr_events import dispatch
from dr_events.queries import groups, systems
from enrollments import operations as enrolling
from enrollments.models import BulkAct
from enrollments.states import BulkVerb
from people.operations import Actor

log = logging.getLogger(__name__)

# Systems between two notes of how far it is.
AT_ONCE = 25
# Real seconds. Leaving asks Carrier to forget a permission too; when Carrier takes longer, the
# others of the piece leave without asking. Their tokens are destroyed here all the same.
CARRIER_IS_SLOW_S = 2.0

CHANGED = "It does not match the filter any more."
NO_PROGRAM = "They are in no program."
WAS_SO = "It was so already."
OUR_FAULT = "It failed on our side; it can be tried again."


def work(bulk_id: int, *, for_s: float, now: datetime, real_now: datetime) -> int:
    """Do the next piece of an act, for about ``for_s`` real seconds; how many systems it dealt
    with."""
    found = enrolling.claim_bulk(bulk_id=bulk_id, now=now, real_now=real_now)
    if found is None:
        return 0
    actor = enrolling.actor_of_bulk(found)
    if actor is None:
        trouble = "Whoever confirmed it may not do this any more."
        enrolling.end_bulk(found, now=now, trouble=trouble)
        return 0
    piece = _Piece(found, actor, now, time.monotonic() + for_s)
    for first in range(found.looked_at, found.total, AT_ONCE):
        portion = found.systems[first : first + AT_ONCE]
        dealt = piece.deal_with(portion)
        if not piece.save(first + dealt):
            return piece.dealt
        if piece.is_over and first + dealt < found.total:
            enrolling.put_down_bulk(found)
            return piece.dealt
    enrolling.end_bulk(found, now=now)
    return piece.dealt


class _Piece:
    """What one worker does of an act before it puts it down."""

    def __init__(self, found: BulkAct, actor: Actor, now: datetime, until: float) -> None:
        self.found, self.actor, self.now, self.until = found, actor, now, until
        self.wanted = systems.asked(found.filter)
        self.done, self.unchanged = found.done, Counter[str](found.unchanged)
        self.dealt = 0
        self.asks_carrier = True

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until

    def save(self, looked_at: int) -> bool:
        return enrolling.save_bulk(
            self.found, looked_at=looked_at, done=self.done, unchanged=self.unchanged
        )

    def deal_with(self, portion: Sequence[int]) -> int:
        """How many of the portion, from its first on; fewer when the time is over."""
        matching = systems.still(self.wanted, portion, now=self.now)
        if self.found.act == BulkVerb.GROUP:
            self._into_group([one for one in portion if one in matching])
            self.unchanged[CHANGED] += len(portion) - len(matching)
            dealt = len(portion)
        else:
            enrolled = systems.live_enrollments_of(list(matching))
            dealt = self._each(portion, matching, enrolled)
        self.unchanged = +self.unchanged  # without the zeros
        self.dealt += dealt
        return dealt

    def _each(
        self, portion: Sequence[int], matching: Iterable[int], enrolled: dict[int, int]
    ) -> int:
        for number, system_id in enumerate(portion):
            if number and self.is_over:  # one at least, or it would never come on
                return number
            if system_id not in matching:
                self.unchanged[CHANGED] += 1
            elif system_id not in enrolled:
                self.unchanged[NO_PROGRAM] += 1
            else:
                self._one(enrolled[system_id])
        return len(portion)

    def _one(self, enrollment_id: int) -> None:
        try:
            if self._act(enrollment_id):
                self.done += 1
            else:
                self.unchanged[WAS_SO] += 1
        except Refused as refused:
            self.unchanged[str(refused)] += 1
        except Exception:
            # One home's trouble must not keep the others waiting.
            log.exception("act %s failed for enrollment %s", self.found.pk, enrollment_id)
            self.unchanged[OUR_FAULT] += 1

    def _act(self, enrollment_id: int) -> object:
        why, actor, now = self.found.why, self.actor, self.now
        match self.found.act:
            case BulkVerb.PAUSE:
                return enrolling.pause(enrollment_id=enrollment_id, actor=actor, now=now, why=why)
            case BulkVerb.RESUME:
                return enrolling.resume(enrollment_id=enrollment_id, actor=actor, now=now, why=why)
        leave = dispatch.leave if self.asks_carrier else enrolling.withdraw
        began = time.monotonic()
        left = leave(enrollment_id=enrollment_id, actor=actor, now=now, why=why)
        self.asks_carrier = self.asks_carrier and time.monotonic() - began < CARRIER_IS_SLOW_S
        return left

    def _into_group(self, matching: Sequence[int]) -> None:
        group = self.found.group
        assert group is not None  # noqa: S101 - bulk_act_is_whole
        serials = systems.serials(matching, program=group.program_id)
        if missing := len(matching) - len(serials):
            self.unchanged[f"Not enrolled in {group.program.name}."] += missing
        if not serials:
            return
        try:
            self.done += enrolling.add_members(
                group=group,
                serials=serials,
                since=groups.today_in(group.program, self.now),
                until=None,
                actor=self.actor,
                now=self.now,
            )
        except Refused as refused:
            self.unchanged[str(refused)] += len(serials)
