"""What people do during a schedule, and the history they keep of it.

An act that failed in a way that tells nothing (the database went away under it) is INFO: it may
have happened. Acts run on threads of their own, so one that hangs keeps nobody waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, connections

from base import clock
from base.refusal import Refused
from dr_events import dispatch, operations
from dr_events.models import Dispatch
from dr_events.states import OptOutVia
from enrollments import operations as homes
from enrollments import vendor_session
from people.models import User
from people.operations import Actor
from people.states import Role
from tests.faults.history import FAIL, INFO, OK, Act
from tests.faults.plan import Plan, Wish
from tests.faults.town import Home, Town

OLGA, AMIR = Actor("user:olga"), Actor("user:amir", User(role=Role.OPERATOR))
THREADS = 6


class Workload:
    def __init__(self, plan: Plan, town: Town, one_pm: datetime) -> None:
        self.plan, self.town, self.one_pm = plan, town, one_pm
        self.acts: list[Act] = []
        self.events: dict[int, int] = {}  # number of the wish -> event
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="people")
        self._running: list[Future[None]] = []

    def do(self, what: str, args: dict[str, Any]) -> None:
        """Begin an act."""
        self._running.append(self._pool.submit(self._do, what, args))

    def finish(self, limit_s: float = 75.0) -> None:
        """Until everybody has an answer. No statement of the portal takes longer than a minute."""
        for future in self._running:
            future.result(limit_s)
        self._pool.shutdown()

    def _do(self, what: str, args: dict[str, Any]) -> None:
        try:
            method: Callable[..., None] = getattr(self, f"_{what}")
            method(**args)
        finally:
            connections.close_all()

    def _act(self, act: Act, call: Callable[[], Any]) -> Any:
        self.acts.append(act)
        result = None
        try:
            result = call()
            act.outcome = OK
        except Refused as refused:
            act.outcome, act.detail["why"] = FAIL, str(refused)
        except (DatabaseError, InterfaceError) as error:
            act.outcome, act.detail["why"] = INFO, f"{type(error).__name__}: {error}"[:200]
        act.returned = time.time()
        return result

    def _plan(self, wish: int) -> None:
        wanted = self.plan.wishes[wish]
        act = Act("plan", time.time(), detail={"wish": wish})
        event = self._act(act, lambda: self._draft(wanted))
        if event is not None:
            act.event = self.events[wish] = event.pk
            again = Act("schedule", time.time(), event=event.pk)
            self._act(
                again, lambda: dispatch.submit(event_id=event.pk, actor=OLGA, now=clock.now())
            )

    def _draft(self, wanted: Wish) -> Any:
        starts_at = self.one_pm + timedelta(minutes=wanted.start)
        wish = operations.Draft(
            name=wanted.name,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=wanted.length),
            response="offset",
            offset_f=3,  # type: ignore[arg-type]
            postal_codes=(wanted.postal,) if wanted.postal else (),
        )
        return operations.draft(program=self.town.program, wish=wish, actor=OLGA, now=clock.now())

    def _cancel(self, wish: int) -> None:
        if (event := self.events.get(wish)) is None:
            return
        act = Act("cancel", time.time(), event=event)
        self._act(act, lambda: operations.cancel(event_id=event, actor=OLGA, now=clock.now()))

    def _opt_out(self, wish: int, home: float) -> None:
        event, chosen = self.events.get(wish), self.town.at(home)
        if event is None:
            return
        act = Act("opt_out", time.time(), event=event, serial=chosen.serial)
        act.detail["in_time"] = self._act(act, lambda: self._say_no(event, chosen, act))

    def _say_no(self, event: int, home: Home, act: Act) -> bool:
        row = Dispatch.objects.filter(event_id=event, system_id=home.system).first()
        if row is None:
            raise Refused("not targeted")
        act.detail["row"] = row.pk
        owner = Actor(f"user:{home.user}")
        return operations.opt_out(
            dispatch_id=row.pk, via=OptOutVia.HOME_PAGE, actor=owner, now=clock.now()
        )

    def _pause_home(self, home: float) -> None:
        chosen = self.town.at(home)
        act = Act("pause", time.time(), serial=chosen.serial, detail={"id": chosen.enrollment})

        def pause() -> None:
            if not homes.pause(enrollment_id=chosen.enrollment, actor=OLGA, now=clock.now()):
                raise Refused("was not active")

        self._act(act, pause)

    def _withdraw(self, home: float) -> None:
        chosen = self.town.at(home)
        act = Act("withdraw", time.time(), serial=chosen.serial, detail={"id": chosen.enrollment})

        def withdraw() -> None:
            # The commit is what counts; giving the permission back to Carrier may take seconds.
            left = homes.withdraw(enrollment_id=chosen.enrollment, actor=OLGA, now=clock.now())
            if left is None:
                raise Refused("was not enrolled")
            act.detail["forgotten"] = left.forgotten is not None

        self._act(act, withdraw)

    def _stop(self) -> None:
        self._act(
            Act("stop", time.time()),
            lambda: operations.emergency_stop(why="faults", actor=OLGA, now=clock.now()),
        )

    def _release(self) -> None:
        self._act(
            Act("release", time.time()),
            lambda: operations.release_stop(actor=AMIR, now=clock.now()),
        )


__all__ = ["AMIR", "OLGA", "Workload", "vendor_session"]
