"""Window to Carrier for looking: who has the event, who takes part, how the home is doing."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from base import clock
from carrier import documents, wire
from carrier.fanout import Answer, Outcome, Outgoing
from carrier.parsing import parse
from dr_events import operations, queries
from dr_events.dispatch import vendor
from dr_events.dispatch.proof import list_request, listed_event
from dr_events.queries.work import Sending, Watched
from dr_events.rules import participation as rules
from dr_events.states import Participation
from enrollments import operations as homes
from enrollments.sync import indoor_f

log = logging.getLogger(__name__)

BATCH = 500
ROUND = 1


def read_back(event_id: int) -> int:
    """One round of looks at every home that got the event; how many were looked at.

    Sets the next round, or closes the event after the last one. Looking twice is harmless.
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


def _round(event: Sending, due: datetime, now: datetime) -> int:
    every = timedelta(seconds=settings.READ_BACK_EVERY_S)
    following = rules.next_look(
        now=now, starts_at=event.starts_at, ends_at=event.ends_at, every=every
    )
    # Taken before the looking: if this process dies, the next round is only late, never lost.
    if not operations.read_back_again(event_id=event.id, old=due, new=following or now + every):
        return 0
    looked = _Round(event, now).run()
    if following is None:
        operations.complete(event_id=event.id, now=now)
    return looked


@dataclass(slots=True)
class _Round:
    event: Sending
    now: datetime
    rows: dict[int, Watched] = field(default_factory=dict)
    lists: dict[int, Answer] = field(default_factory=dict)
    states: dict[int, Answer] = field(default_factory=dict)

    def run(self) -> int:
        looked, after = 0, 0
        channel = vendor.requests().channel(lambda out: None)
        try:
            while batch := queries.work.sent_homes(
                event_id=self.event.id, after=after, limit=BATCH, margin=timedelta(0)
            ):
                after = batch[-1].system_id
                self.rows = {row.id: row for row in batch}
                channel.send(self._requests(batch))
                while channel.pending:
                    for answer in channel.collect(at_most=BATCH, wait_s=1.0):
                        # One home, two requests: the status of row n travels under -n.
                        if answer.key > 0:
                            self.lists[answer.key] = answer
                        else:
                            self.states[-answer.key] = answer
                self._save()
                looked += len(batch)
        finally:
            channel.close()
        return looked

    def _requests(self, batch: list[Watched]) -> list[Outgoing]:
        requests = []
        for row in batch:
            wanted = list_request(row)
            if wanted is not None:
                address = vendor.status_address(row.serial)
                requests += [wanted, Outgoing(-row.id, "GET", address, wanted.headers, None)]
        return requests

    def _save(self) -> None:
        looks, samples = [], []
        for row_id, answer in self.lists.items():
            row = self.rows[row_id]
            readable, found = listed_event(answer, self.event.wire_id)
            if answer.status == 401:
                homes.distrust_token(grant_id=row.grant_id, real_now=timezone.now())
            status = _status(self.states.get(row_id))
            if status is not None:
                samples.append(_sample(row_id, status))
            if readable:
                looks.append(self._look(row, found, status))
        operations.save_looks(looks=looks, samples=samples, now=self.now)
        self.lists.clear()
        self.states.clear()

    def _look(
        self, row: Watched, found: wire.ListedEvent | None, status: documents.Status | None
    ) -> operations.Look:
        online = None if status is None else not status.is_disconnected
        sight = rules.Sight(
            listed=found is not None,
            status=found.status if found else "unknown",
            opt=found.opt if found else "none",
            opted_at=found.opted_at if found else None,
            online=online,
        )
        verdict = rules.verdict(
            Participation(row.participation),
            sight,
            starts_at=self.event.starts_at,
            ends_at=self.event.ends_at,
            seen_active=row.seen_active,
            now=self.now,
        )
        opted = found.opted_at if found and found.opt == "optOut" else None
        return operations.Look(
            id=row.id,
            participation=verdict,
            listed=found is not None,
            opted_out_at=opted.isoformat() if opted else None,
            active=verdict == Participation.ACTIVE,
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
    zone: Any = next((zone for zone in status.zones if zone.enabled), None)
    running = documents.running(status.odu.opstat) if status.odu else (None, None)
    return operations.Sample(
        id=row_id,
        is_online=not status.is_disconnected,
        indoor_f=indoor_f(status),
        cool_f=zone.cool_f if zone else None,
        outdoor_f=status.outdoor_f,
        load=running[1],
    )
