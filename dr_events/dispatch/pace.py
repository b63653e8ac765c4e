"""Limits on requests per second and in flight that hold over all processes together.

Each limit is cut into shares. A share belongs to whoever holds its session advisory lock, so a
killed process loses its shares by dying, and Redis is not asked. Each process wishes for as many as
its queue needs; the wishes are locks too, so everybody sees them and reckons the same fair part.
What a process holds becomes permits of its fan-out (carrier.permits); nothing is asked of the
database for a single request.

A share that was handed back in order is free at once, or when its last use no longer counts. One
whose holder vanished is left alone for as long as anything that holder began may still count.
Without an answer from the database for TRUST_S nothing more is admitted; what is in flight ends.
"""

import logging
import os
import secrets
import threading
import time

import psycopg
from django import db
from django.conf import settings

from base.locks import LockSpace
from carrier.fanout import Fanout, Permits
from carrier.permits import SECOND_S
from dr_events.dispatch.shares import LANES, RATE, WISH, Pool, fair_parts
from enrollments.vendor_session import config

log = logging.getLogger(__name__)

TICK_S, HUNGRY_TICK_S, SHORTEST_TICK_S = 0.25, 0.1, 0.02
# How long what was true at the last answer of the database is believed.
TRUST_S = 1.0
# Idle shares are kept for the next wave this long, unless somebody else wants them.
LINGER_S = 5.0
PAUSE_AFTER_TROUBLE_S = 0.5
# Where there are fewer shares than processes that wish for one, they go round.
TURN_S = 3

_LOOK = """
SELECT 0, (extract(epoch FROM clock_timestamp()) / %(turn)s)::bigint %% 1000000, pg_backend_pid()
UNION ALL
SELECT (objid::bigint >> 16)::int, objid::bigint & 65535, pid FROM pg_locks
WHERE locktype = 'advisory' AND classid::bigint = %(space)s AND objsubid = 1 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_LOCK = "SELECT share FROM unnest(%s::int[]) AS share WHERE pg_try_advisory_lock(%s | share)"
# Whoever held it before and did not hand it back may have used it until this moment.
_TAKE = """
INSERT INTO dr_events_pace AS p (kind, share, holder, free_at)
SELECT %(kind)s, share, %(me)s, clock_timestamp() FROM unnest(%(shares)s::int[]) AS share
ON CONFLICT (kind, share) DO UPDATE SET holder = %(me)s, free_at = CASE
    WHEN p.holder IS NULL OR p.holder = %(me)s THEN p.free_at
    ELSE greatest(p.free_at, clock_timestamp() + %(dirty_s)s * interval '1 second') END
RETURNING share, extract(epoch FROM free_at - clock_timestamp())::float8
"""
_HAND_BACK = """
UPDATE dr_events_pace SET holder = NULL,
    free_at = clock_timestamp() + %(busy_s)s * interval '1 second'
WHERE kind = %(kind)s AND share = %(share)s
"""


class Pacer:
    """The thread that gets shares for this process's fan-out and hands them back."""

    def __init__(self) -> None:
        rate, lanes = settings.CARRIER_MAX_REQUESTS_PER_S, settings.CARRIER_MAX_IN_FLIGHT
        self.permits = Permits(paced=rate > 0, laned=lanes > 0)
        vendor = config()
        self._pools: list[Pool] = []
        if rate:
            wait = TRUST_S + vendor.connect_timeout_s + SECOND_S
            self._pools.append(Pool(RATE, rate, wait))
        if lanes:
            self._pools.append(Pool(LANES, lanes, TRUST_S + vendor.total_timeout_s + 1.0))
        self._me = secrets.randbits(62)
        self._fan: Fanout | None = None
        self._idle_since = self._allowed_at = self._cool_at = 0.0
        threading.Thread(target=self._run, name="pace", daemon=True).start()

    def serve(self, fan: Fanout) -> None:
        """The fan-out to get shares for: it has our permits."""
        self._fan = fan

    def here(self) -> tuple[int | None, int | None]:
        """What this process may do now: requests per second, requests in flight. A guess while it
        holds nothing of a limit; None where there is none."""
        now = time.monotonic()
        found = {pool.kind: pool.ceiling(now) or -(-pool.total // 4) for pool in self._pools}
        return found.get(RATE), found.get(LANES)

    def _run(self) -> None:
        while True:
            self.permits.asked.wait()
            try:
                self._session()
            except Exception:
                self.permits.freeze()
                self.permits.asked.set()  # somebody may still be waiting
                log.exception("no shares of Carrier's limits; nothing is sent until they are back")
                time.sleep(PAUSE_AFTER_TROUBLE_S)

    def _session(self) -> None:
        """Get and hand back shares until nothing is held and nobody wants to send."""
        parameters = db.connection.get_connection_params()
        wanted = {k: v for k, v in parameters.items() if k not in ("cursor_factory", "context")}
        wanted["application_name"] = "offpeak pace"
        for pool in self._pools:
            # Their locks went with the last connection. What is in use is still counted here.
            pool.last = [*pool.held, *pool.leaving]
            pool.held, pool.leaving, pool.published = {}, {}, 0
        self._cool_at = self.permits.dropped()
        with psycopg.connect(**wanted, autocommit=True) as line:
            self._idle_since = time.monotonic()
            while self._tick(line):
                time.sleep(self._pause_s())

    def _pause_s(self) -> float:
        """Until the next round: sooner while more is wished for, or a share begins to count."""
        hungry = any(len(pool.held) < max(pool.wishes) for pool in self._pools)
        pauses = [HUNGRY_TICK_S if hungry else TICK_S]
        for pool in self._pools:
            pauses += [at - self._allowed_at for at in pool.held.values() if at > self._allowed_at]
        return max(min(pauses), SHORTEST_TICK_S)

    def _tick(self, line: "psycopg.Connection[tuple]") -> bool:
        """One round; false when there is nothing to do and nothing to hand back."""
        began = time.monotonic()
        self._wish(line, began)
        values = {"turn": TURN_S, "space": LockSpace.PACE >> 32}
        (_, turn, me), *locks = sorted(line.execute(_LOOK, values).fetchall())
        for pool in self._pools:
            holding: dict[int, set[int]] = {}
            wishes: dict[int, int] = {}
            for kind, number, pid in locks:
                if kind == pool.kind:
                    holding.setdefault(pid, set()).add(number)
                elif kind == pool.kind + WISH:
                    wishes[pid] = max(number, wishes.get(pid, 0))
            fair = fair_parts(wishes, pool.count, turn)
            others_short = any(
                len(holding.get(pid, ())) < part for pid, part in fair.items() if pid != me
            )
            if others_short or began > self._idle_since + LINGER_S:
                self._part(pool, fair.get(me, 0))
            taken = set().union(*holding.values())
            self._take(line, pool, fair.get(me, 0) - len(pool.held), taken)
        self._allow(began)
        for pool in self._pools:
            self._hand_back(line, pool)
        return any(pool.held or pool.leaving or pool.published for pool in self._pools) or (
            began < self._idle_since + LINGER_S
        )

    def _wish(self, line: "psycopg.Connection[tuple]", now: float) -> None:
        """Publish how many shares of each limit the queue here needs."""
        queued = self._fan.queued() if self._fan else 0
        if queued or self.permits.asked.is_set():
            self._idle_since = now
            self.permits.asked.clear()
        _, in_flight = self.permits.in_use()
        for pool in self._pools:
            wanted = queued
            if queued and pool.kind == LANES:
                wanted = min(queued + in_flight, settings.CARRIER_IN_FLIGHT)
            wish = pool.wish(wanted)
            if wish == pool.published:
                continue
            if wish:
                key = pool.key(wish, wish=True)
                line.execute("SELECT pg_advisory_lock_shared(%s)", [key])
            if pool.published:
                key = pool.key(pool.published, wish=True)
                line.execute("SELECT pg_advisory_unlock_shared(%s)", [key])
            pool.published = wish

    def _part(self, pool: Pool, fair: int) -> None:
        """Let go of what somebody else lacks, or nobody needed for a while. It is not taken up
        again before it was handed back: its rights are gone."""
        for share in list(pool.held)[: max(len(pool.held) - fair, 0)]:
            counts = pool.held.pop(share)
            pool.leaving[share] = counts if counts > self._allowed_at else 0.0

    def _take(
        self, line: "psycopg.Connection[tuple]", pool: Pool, wanted: int, taken: set[int]
    ) -> None:
        """Take free shares, those of a broken connection first: nobody has to wait for them."""
        free = [share for share in range(pool.count) if share not in taken]
        secrets.SystemRandom().shuffle(free)
        free.sort(key=lambda share: share not in pool.last)
        if wanted <= 0 or not free:
            return
        rows = line.execute(_LOCK, [free[:wanted], pool.key(0)]).fetchall()
        if not rows:
            return
        values = {"kind": pool.kind, "me": self._me, "dirty_s": pool.dirty_s}
        shares = [share for (share,) in rows]
        taken_over = line.execute(_TAKE, values | {"shares": shares}).fetchall()
        now = time.monotonic()
        for share, wait_s in taken_over:
            pool.held[share] = max(now + wait_s, self._cool_at if share in pool.last else 0.0)

    def _allow(self, asked_at: float) -> None:
        now = self._allowed_at = time.monotonic()
        ceilings = {pool.kind: pool.ceiling(now) for pool in self._pools}
        self.permits.allow(
            rights=ceilings.get(RATE, 0), lanes=ceilings.get(LANES, 0), until=asked_at + TRUST_S
        )
        if self._fan:
            self._fan.wake()

    def _hand_back(self, line: "psycopg.Connection[tuple]", pool: Pool) -> None:
        """Hand back leaving shares, as far as nothing here uses them any more."""
        used = self.permits.in_use()[pool.kind - 1]
        mine = [share for share, counts in pool.leaving.items() if not counts]
        room = pool.ceiling(self._allowed_at) + sum(map(pool.size, mine)) - used
        for share, counts in list(pool.leaving.items()):
            if not counts:
                if pool.size(share) > room:
                    continue
                room -= pool.size(share)
                if pool.kind == RATE:
                    counts = self.permits.dropped(pool.size(share))
            busy_s = max(counts - time.monotonic(), 0.0)
            line.execute(_HAND_BACK, {"kind": pool.kind, "share": share, "busy_s": busy_s})
            line.execute("SELECT pg_advisory_unlock(%s)", [pool.key(share)])
            del pool.leaving[share]


_pacer: Pacer | None = None
_lock = threading.Lock()
_of_parents: list[Pacer | None] = []


def pacer() -> Pacer | None:
    """This process's pacer; None where no limit is set."""
    global _pacer
    if not settings.CARRIER_MAX_REQUESTS_PER_S and not settings.CARRIER_MAX_IN_FLIGHT:
        return None
    with _lock:
        if _pacer is None:
            _pacer = Pacer()
        return _pacer


def _after_fork() -> None:
    """A child has no thread and no session; its parent's connection is kept, unused and open."""
    global _pacer, _lock
    _of_parents.append(_pacer)
    _pacer, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
