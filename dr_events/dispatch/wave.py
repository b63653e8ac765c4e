"""The wave: claim, keep the window of requests full, save beside it."""

import logging
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings

from base import clock
from carrier.fanout import Answer, Channel, Outcome, Outgoing
from dr_events import operations, queries
from dr_events.dispatch import vendor, witness
from dr_events.dispatch.news import News, wait_asked_for
from dr_events.dispatch.watch import Watch
from dr_events.queries.work import Sending
from dr_events.rules import outcomes
from dr_events.states import Delivery
from enrollments import operations as homes
from enrollments.tokens import CannotOpen
from enrollments.vendor_session import config

log = logging.getLogger(__name__)

SAVE_ROWS = 500


def send_wave(event_id: int) -> int:
    """Send what is due of one event until nothing is left or vendor.WORK_S is over; rows answered.

    Any number may run at once, in any process: streams are taken by a session lock, rows by a
    claim. Returns 0 when all streams are taken or nothing is due.
    """
    witness.look()
    event = queries.work.sending(event_id)
    if event is None:
        return 0
    if event.limits_changed:
        operations.recheck_limits(event_id=event_id, now=clock.database_now())
    stream = operations.take_stream(event_id=event_id, streams=settings.STREAMS_PER_EVENT)
    if stream is None:
        return 0
    try:
        try:
            return _Wave(event).run()
        finally:
            _settle(event)
    finally:
        operations.give_back(stream)


def _settle(event: Sending) -> None:
    operations.settle(
        event_id=event.id,
        last_send=event.last_send,
        ends_at=event.ends_at,
        now=clock.database_now(),
    )


@dataclass(slots=True)
class _Wave:
    event: Sending
    watch: Watch = field(init=False)
    channel: Channel = field(init=False)
    rows: dict[int, tuple[int, operations.Claimed]] = field(default_factory=dict)
    open_of_claim: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    # Answers that are not on disk yet; an error between the two must not lose them.
    unsaved: list[Answer] = field(default_factory=list)
    # What answers say beyond their rows, until it is passed on.
    news: News = field(default_factory=News)
    answered: int = 0
    after: int = 0

    def run(self) -> int:
        self.watch = Watch(self.event, settings.LEASE_S, clock.database_now)
        self.channel = vendor.requests().channel(lambda out: self.watch.refusal(out.key))
        until = time.monotonic() + vendor.WORK_S
        # Where nothing may leave, what is queued goes back after as long as a claim may wait.
        patience = until + settings.LEASE_S / 3
        more = True
        try:
            while (more or self.channel.pending) and time.monotonic() < patience:
                while more and vendor.has_room(self.channel):
                    self.watch.refresh()
                    more = time.monotonic() < until and self._claim()
                self._turn()
            self._send_suspects(until)
        finally:
            self._finish()
        return self.answered

    def _send_suspects(self, until: float) -> None:
        """Rows whose senders kept dying, one after the other and when nothing else is in the air:
        if one of them is the reason, it takes no other row along."""
        while time.monotonic() < until and self._claim(alone=True):
            while self.channel.pending and time.monotonic() < until:
                self._turn()

    def _turn(self) -> None:
        self.watch.refresh()
        self._collect()

    def _collect(self, wait_s: float = 0.1) -> None:
        self.unsaved += self.channel.collect(at_most=SAVE_ROWS, wait_s=wait_s)
        if self.unsaved:
            self._save(self.unsaved)

    def _claim(self, *, alone: bool = False) -> bool:
        """Claim and queue the next rows; false when nothing is due.

        ``alone``: the next one of those whose senders kept dying (operations.claim).
        """
        asked_at = time.monotonic()
        claimed = operations.claim(
            event_id=self.event.id,
            after=0 if alone else self.after,
            limit=1 if alone else vendor.claim_rows(),
            alone=alone,
            lease=timedelta(seconds=settings.LEASE_S),
            token_margin=vendor.TOKEN_MARGIN,
            last_send=self.event.last_send,
            now=clock.database_now(),
        )
        if not claimed.rows:
            return False
        self.after = claimed.rows[-1].system_id
        self.rows.update({row.id: (claimed.number, row) for row in claimed.rows})
        self.open_of_claim[claimed.number] = len(claimed.rows)
        self.watch.claimed([row.id for row in claimed.rows], asked_at=asked_at)
        self.channel.send(self._requests(claimed))
        return True

    def _requests(self, claimed: operations.Claim) -> list[Outgoing]:
        kind, body = self.event.content_type, self.event.message
        ready, broken = [], []
        for row in claimed.rows:
            try:
                ready.append(
                    vendor.post(row.id, row.serial, row.sealed, row.seal_id, kind=kind, body=body)
                )
            except CannotOpen as error:
                broken.append((row, str(error)))
        for row, why in broken:
            self._give_up(claimed.number, row, why)
        return ready

    def _give_up(self, number: int, row: operations.Claimed, why: str) -> None:
        """The token cannot be opened: the key is missing. Nothing was sent."""
        verdict = outcomes.Verdict(Delivery.UNAUTHORIZED, why)
        self._store(number, {_told(outcomes.REFUSED, None, verdict): [(row.id, 0.0)]})
        homes.permission_lost(grant_id=row.grant_id, why=why, now=clock.now())

    def _save(self, answers: list[Answer]) -> None:
        by_claim: dict[int, dict[operations.Outcome, list[tuple[int, float]]]] = {}
        quiet_s = vendor.quiet_time().total_seconds()
        for answer in answers:
            number, row = self.rows[answer.key]
            outcome = _outcome(answer, row, quiet_s)
            self.news.note(answer, row.grant_id, row.sealed, renew=outcome.renew)
            tries = by_claim.setdefault(number, {}).setdefault(outcome, [])
            tries.append((row.id, answer.elapsed_s * 1000))
        try:
            for number, told in by_claim.items():
                self._store(number, told)
        finally:  # the claims before the one that failed are on disk
            self.unsaved = [answer for answer in answers if answer.key in self.rows]
        self.answered += len(answers)
        # What was learnt is on disk first: this can wait, or fail, without harm.
        news, self.news = self.news, News()
        news.pass_on(self.event.id)

    def _store(self, number: int, told: operations.Outcomes) -> None:
        saved = operations.save_outcomes(number=number, outcomes=told)
        ids = [row_id for tries in told.values() for row_id, _ in tries]
        if saved != len(ids):
            log.warning("claim %s: %s of %s rows were ours", number, saved, len(ids))
        self.watch.settled(ids)
        for row_id in ids:
            self.rows.pop(row_id, None)
        self.open_of_claim[number] -= len(ids)
        if self.open_of_claim[number] == 0:
            del self.open_of_claim[number]
            operations.release(number)

    def _finish(self) -> None:
        """Leave nothing in the air, also on the way out through an error.

        What is queued goes back unsent; what is in flight is waited for, as long as a request may
        take; then the locks go. Where the database is gone too, the rows stay SENDING: they are
        adopted and looked up.
        """
        verdict = outcomes.Verdict(Delivery.PLANNED, "the sender stopped")
        try:
            for row_id in self.channel.withdraw():
                number, _ = self.rows[row_id]
                self._store(number, {_told(outcomes.REFUSED, None, verdict): [(row_id, 0.0)]})
            until = time.monotonic() + config().total_timeout_s + 1.0
            while (self.channel.pending or self.unsaved) and time.monotonic() < until:
                self._collect(wait_s=1.0)
        finally:
            self.channel.close()
            # Also where saving fails: while a lock is held, nobody adopts the rows of its claim.
            for number in list(self.open_of_claim):
                operations.release(number)


def _outcome(answer: Answer, row: operations.Claimed, quiet_s: float) -> operations.Outcome:
    known = answer.outcome is Outcome.ANSWERED
    if known and answer.status is not None and answer.status < 300 and _says_error(answer.body):
        known = False
    elif known and answer.status == 200:
        return _TAKEN  # nearly all of them, so not reckoned anew each time
    verdict = outcomes.after_post(
        answer.outcome.name if known else answer.outcome.name.replace("ANSWERED", "UNKNOWN"),
        answer.status,
        attempts=row.attempts,
        renewals=row.renewals,
        retry_after_s=wait_asked_for(answer),
        quiet_s=quiet_s,
        detail=answer.error[:120],
    )
    return _told(answer.outcome.name, answer.status, verdict)


def _says_error(body: bytes) -> bool:
    """A 200 that carries an error (seen on the same server family, contract 2.3) proves nothing."""
    return b'"error"' in body[:2000] or b"<error" in body[:2000]


def _told(outcome: str, status: int | None, verdict: outcomes.Verdict) -> operations.Outcome:
    return operations.Outcome(
        delivery=verdict.delivery,
        outcome=outcome,
        http=status,
        trouble=verdict.trouble[:120],
        wait_s=verdict.wait_s,
        absent=verdict.absent_needed,
        renew=verdict.renew_token,
    )


_TAKEN = _told(outcomes.ANSWERED, 200, outcomes.Verdict(Delivery.ACCEPTED))
