"""One schedule: people and nemesis for some seconds, then heal, wait, read, judge."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

from django.db import DatabaseError, InterfaceError, connection, connections
from django.utils import timezone

from base import bell
from base.refusal import Refused
from dr_events import operations
from dr_events.models import Control, Dispatch, Event, Pause
from portal.demo import clock as business
from tests.faults import checks_delivery, checks_requests, evidence
from tests.faults.history import Evidence
from tests.faults.nemesis import Nemesis, harness_connection, vendor_faults
from tests.faults.plan import Plan, Step
from tests.faults.readers import Readers
from tests.faults.stack import LATE_S, TOTAL_S, Stack
from tests.faults.town import Town, build
from tests.faults.vendor import POST
from tests.faults.workload import AMIR, Workload

CHICAGO = ZoneInfo("America/Chicago")
DECIDE_S, CLOSE_S = 60.0, 40.0
BETWEEN_LOOKS_S, RING_EVERY_S = 2.0, 1.0
DECIDING_RATE, CLOSING_RATE = 30.0, 100.0
CHECKS: list[Callable[[Evidence], Iterator[str]]] = [
    checks_delivery.v1_exactly_one,
    checks_delivery.v2_never_two_at_once,
    checks_requests.v3_nothing_after_no,
    checks_requests.v4_within_limits,
    checks_requests.v5_not_too_late,
    checks_requests.v6_own_token_only,
    checks_requests.v7_no_means_no,
    checks_requests.v8_same_bytes,
    checks_requests.v9_asked_to_wait,
    checks_requests.v9_in_flight,
    checks_requests.v10_one_refresh,
    checks_delivery.v11_all_decided,
    checks_delivery.v12_books_agree,
]


@dataclass
class Result:
    plan: Plan
    found: Evidence
    violations: list[str]
    seconds: float
    blows: Counter[str] = field(default_factory=Counter)
    phases: dict[str, float] = field(default_factory=dict)

    @property
    def deliveries(self) -> Counter[str]:
        return Counter(row.delivery for row in self.found.rows)


class Runner:
    """Runs schedule after schedule in one running stack."""

    def __init__(self, stack: Stack, readers: Readers) -> None:
        self.stack, self.readers = stack, readers
        self.events: list[int] = []  # of all schedules so far
        self._healed = 0.0
        self.given_up = 0  # workers that ended by themselves and were started again
        self.day = business.now(stack.clock_file).astimezone(CHICAGO).date()

    def run(self, plan: Plan) -> Result:
        began = time.monotonic()
        phases: dict[str, float] = {}
        one_pm = self._morning()
        town = build(self.stack.cloud, plan)
        self._forget(lies=plan.lies)
        ledger_from = self.stack.cloud.last_entry()
        reuse = self._reuse()
        vendor_faults(self.stack.cloud, plan.seed, plan.rules, plan.variants)
        work = Workload(plan, town, one_pm)
        nemesis = Nemesis(self.stack, town, self.events)
        business.set_rate(self.stack.clock_file, plan.rate)
        phases["prepared"] = time.monotonic() - began
        self._play(plan.steps, work, nemesis)
        phases["played"] = time.monotonic() - began
        hits = self._heal(plan, work, nemesis)
        phases["healed"] = time.monotonic() - began
        undecided = self._wait(plan, town, phases, began)
        found = evidence.gather(self.stack.cloud, town, work, ledger_from)
        found.blows = nemesis.blows
        found.revoked = set(nemesis.revoked)
        found.revoked_by_reuse = self._reuse() - reuse
        found.undecided = tuple(undecided)
        found.retry_after = _retry_after(plan)
        found.held_as_restored = Control.objects.filter(restored_at__isnull=False).exists()
        violations = [sentence for check in CHECKS for sentence in check(found)]
        self.events += found.events
        if undecided:
            self._bury(town)
        self.stack.mend()
        phases["judged"] = time.monotonic() - began
        if self.given_up:
            nemesis.counts["worker gave up by itself"] += self.given_up
            self.given_up = 0
        return Result(
            plan, found, violations, time.monotonic() - began,
            nemesis.counts + hits, phases,
        )  # fmt: skip

    def _morning(self) -> datetime:
        """The next weekday, five past one; business time only ever goes forward."""
        self.day += timedelta(days=1)
        while self.day.weekday() > 4:
            self.day += timedelta(days=1)
        one_pm = datetime.combine(self.day, clock_time(13), CHICAGO)
        business.set_rate(self.stack.clock_file, 1.0)
        business.jump_to(self.stack.clock_file, one_pm - timedelta(minutes=5))
        self.stack.cloud.ask("GET", "clock")  # looks at once
        return one_pm

    def _forget(self, *, lies: bool) -> None:
        """A new vendor, a new day: nothing is held. Its lists passed a communication test, unless
        they lie: no test would have let those pass."""
        fresh = {
            field.name: field.get_default()
            for field in Control._meta.concrete_fields
            if field.name not in ("id", "heartbeat")
        }
        fresh["listed_at"] = None if lies else timezone.now()
        Control.objects.update_or_create(id=1, defaults=fresh)
        Pause.objects.all().delete()

    def _bury(self, town: Town) -> None:
        """What one schedule left undecided must not trouble the next one."""
        rows = Dispatch.objects.filter(event__program=town.program)
        rows.filter(delivery__in=["PLANNED", "SENDING", "UNSURE"]).update(delivery="FAILED")
        Event.objects.filter(program=town.program, state="SCHEDULED").update(
            state="COMPLETED", read_back_due_at=None
        )

    def _reuse(self) -> int:
        return int(self.stack.cloud.ask("GET", "counts")["consents"]["revoked_by_reuse"])

    def _play(self, steps: tuple[Step, ...], work: Workload, nemesis: Nemesis) -> None:
        began = time.monotonic()
        for step in steps:
            time.sleep(max(0.0, began + step.at - time.monotonic()))
            doer = work if hasattr(work, f"_{step.what}") else nemesis
            doer.do(step.what, step.args)

    def _heal(self, plan: Plan, work: Workload, nemesis: Nemesis) -> Counter[str]:
        """Everything runs again, the vendor is well; only lists that lie go on lying."""
        rules = self.stack.cloud.ask("GET", "faults")["rules"]
        hits = Counter({f"vendor {rule['kind']}": rule["hits"] for rule in rules if rule["hits"]})
        variants = plan.variants if plan.lies else plan.variants | {"listing": "fresh"}
        if plan.lies:  # what is frozen stays frozen at the moment it froze
            self.stack.cloud.ask("PUT", "faults", rules=[], variants=variants)
        else:
            vendor_faults(self.stack.cloud, 0, [], variants)
        self.stack.mend(wrong_clocks=False)  # nobody has noticed: the rest must go on all the same
        nemesis.over()
        self.readers.broker_faults += nemesis.spans("broker killed", "broker hung", "broker full")
        self.readers.database_faults += [
            (b.begins, b.ends) for b in nemesis.blows if b.kind.startswith("database")
        ]
        # "Not listed" proves nothing before a list has shown one of our events, and the first look
        # at what was accepted comes two business minutes after the wave.
        business.set_rate(self.stack.clock_file, DECIDING_RATE)
        self._healed = time.time()
        work.finish()
        harness_connection()
        return hits

    def _wait(self, plan: Plan, town: Town, phases: dict[str, float], began: float) -> list[str]:
        """Until every delivery is decided; then past the end, until every event is closed."""
        left = self._until(lambda: self._open(plan, town), DECIDE_S)
        phases["decided"] = time.monotonic() - began
        undecided = [f"after {DECIDE_S:.0f} s: {line}" for line in left]
        # What was accepted last takes effect, and is listed, a moment later (a vendor's habit).
        time.sleep(plan.variants["effect_delay_s"] + plan.variants["list_delay_s"] + 0.1)
        ends = max(
            (event.ends_at for event in Event.objects.filter(program=town.program)), default=None
        )
        if ends is not None:
            after = ends + timedelta(minutes=62)
            now = business.now(self.stack.clock_file)
            # With time running 400 times as fast it may be past that already.
            with contextlib.suppress(ValueError):
                business.jump_to(self.stack.clock_file, max(after, now))
            # A last look that came too early is repeated READ_BACK_EVERY_S of business time later.
            business.set_rate(self.stack.clock_file, CLOSING_RATE)
        left = self._until(lambda: self._unclosed(town), CLOSE_S)
        phases["closed"] = time.monotonic() - began
        return undecided + [f"{CLOSE_S:.0f} s after the end: {line}" for line in left]

    def _until(self, look: Callable[[], list[str]], limit_s: float) -> list[str]:
        """Ring (any number of sweeps may run) and look, until nothing is left or time is up."""
        deadline = time.monotonic() + limit_s
        left = ["not looked"]
        while left and time.monotonic() < deadline:
            self.given_up += self.stack.restart_dead()
            try:
                self._let_go()
                bell.ring()
                left = look()
            except (DatabaseError, InterfaceError):
                connections.close_all()
            time.sleep(RING_EVERY_S if left else 0.0)
        return left

    def _let_go(self) -> None:
        """People release what is held: the stop, and a circuit that opened (they looked)."""
        now = business.now(self.stack.clock_file)
        for release in (operations.release_stop, operations.close_circuit):
            with contextlib.suppress(Refused):
                release(actor=AMIR, now=now)

    def _open(self, plan: Plan, town: Town) -> list[str]:
        """Rows somebody can still decide: not those that settle only an hour after the end of their
        event (``settling.GIVE_UP_AFTER``), because the lists lie, the permission to look is lost,
        or the event is over: then a list without it proves nothing. ``_unclosed`` waits for those.
        """
        rows = Dispatch.objects.filter(
            event__program=town.program, delivery__in=["PLANNED", "SENDING", "UNSURE"]
        )
        self._shorten_waits(town)
        if plan.lies:
            rows = rows.exclude(delivery="UNSURE")
        rows = rows.exclude(delivery="UNSURE", system__grant__state__in=["NEEDS_RELINK", "REVOKED"])
        now = business.now(self.stack.clock_file)
        rows = rows.exclude(delivery="UNSURE", event__ends_at__lte=now)
        return [
            f"{serial} is {delivery}, {trouble!r}"
            for serial, delivery, trouble in rows.values_list(
                "system__serial", "delivery", "trouble"
            )
        ]

    def _shorten_waits(self, town: Town) -> None:
        """Calm waits (growing back-offs, pauses between renewals) are cut short, or every schedule
        would take a minute. No wait that guards anything: by then every request that was under way
        when all was healed has had its time-out and its late effect behind it."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE dr_events_dispatch d SET not_before = to_timestamp(%s)"
                " FROM dr_events_event e WHERE e.id = d.event_id AND e.program_id = %s"
                " AND d.delivery IN ('PLANNED', 'UNSURE') AND d.not_before > to_timestamp(%s)",
                [self._calm(), town.program.pk, self._calm()],
            )
            cursor.execute(
                "UPDATE enrollments_carriergrant SET refresh_not_before = NULL"
                " WHERE refresh_not_before IS NOT NULL AND id = ANY (%s)",
                [[home.grant for home in town.homes]],
            )

    def _calm(self) -> float:
        """From this moment on nothing of before the healing can take effect any more."""
        return max(self._healed + TOTAL_S + LATE_S + 1.0, time.time() + BETWEEN_LOOKS_S)

    def _unclosed(self, town: Town) -> list[str]:
        self._shorten_waits(town)
        events = Event.objects.filter(program=town.program)
        waiting = events.filter(state="SCHEDULED") | events.filter(
            state="CANCELLED", read_back_due_at__isnull=False
        )
        rows = Dispatch.objects.filter(
            event__program=town.program, delivery__in=["PLANNED", "SENDING", "UNSURE"]
        )
        return [f"event {event.pk} is {event.state}" for event in waiting] + [
            f"{serial} is {delivery}" for serial, delivery in
            rows.values_list("system__serial", "delivery")
        ]  # fmt: skip


def _retry_after(plan: Plan) -> dict[int, float]:
    """Seconds asked for by status, where all rules of the schedule agree on them."""
    asked: dict[int, set[str | None]] = {}
    for rule in plan.rules:
        if rule["kind"] == "too_many" and rule["match"]["operation"] == POST:
            asked.setdefault(rule.get("status", 429), set()).add(rule["retry_after"])
    return {
        status: float(words.pop() or 0)
        for status, words in asked.items()
        if len(words) == 1 and None not in words
    }
