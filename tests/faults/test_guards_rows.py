"""Guards that PostgreSQL itself holds: constraints, and the lock of a token renewal.

The same scenario with and without each; what breaks is what the pretend cloud says.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, transaction

from base.refusal import Refused
from carrier.oauth import OAuth
from dr_events import dispatch, operations
from dr_events.models import Dispatch, Event
from dr_events.operations import scheduling
from dr_events.states import EventState, OptOutVia
from enrollments import vendor_session
from enrollments.models import CarrierGrant
from enrollments.vendor_session import renewing
from people.operations import Actor
from tests import cast
from tests.faults.crash_guards import rewritten
from tests.faults.crash_mortals import Mortals, until
from tests.faults.crash_stage import Guard, Stage, play
from tests.faults.crash_town import (
    Case,
    Town,
    _children,
    _town,
    expired,
    heal,
    mortals,
    town,
)
from tests.integration.at_once import before_the_first_commits

__all__ = ["_children", "_town", "mortals", "town"]  # fixtures
OLGA = Actor("user:olga")


# --- constraints -------------------------------------------------------------------------------
def two_plans_for_one_hour(stage: Stage) -> list[int]:
    """Both are written before either commits, past the lock that makes plans take turns. The most
    events that were ever live at one moment in the home."""
    case = stage.town.case()
    late = cast.wish(
        starts_at=case.event.starts_at + timedelta(hours=1),
        ends_at=case.event.ends_at + timedelta(hours=1),
    )
    Dispatch.objects.filter(event=case.event).delete()
    Event.objects.filter(pk=case.event.pk).update(state=EventState.DRAFT)
    other = operations.draft(program=case.event.program, wish=late, actor=OLGA, now=cast.MORNING)
    submit = partial(dispatch.submit, actor=OLGA, now=cast.MORNING)
    with stage.here():
        with rewritten("FOR NO KEY UPDATE", ""):
            _, second = before_the_first_commits(
                partial(submit, event_id=case.event.pk), partial(submit, event_id=other.pk)
            )
        stage.town.cloud.move_to(other.starts_at.timestamp() - 3600)
        heal()
    assert isinstance(second, Refused | Event)
    return [stage.town.truths()[case.serials[0]]["peak_overlap"]]


def planned_twice(stage: Stage) -> list[int]:
    """One home has said no; then the list of homes is frozen a second time."""
    case = stage.town.case(2)
    operations.opt_out(
        dispatch_id=case.rows[0].pk, via=OptOutVia.HOME_PAGE, actor=OLGA, now=cast.MORNING
    )
    with stage.here():
        with transaction.atomic():
            scheduling._freeze_targets(Event.objects.get(pk=case.event.pk))
        heal()
    return stage.town.live(case)


def without(name: str) -> Callable[[], AbstractContextManager[None]]:
    """The constraint does not exist; afterwards it does again."""
    (constraint,) = (one for one in Dispatch._meta.constraints if one.name == name)

    @contextmanager
    def dropped() -> Iterator[None]:
        with connection.schema_editor() as editor:
            editor.remove_constraint(Dispatch, constraint)
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE dr_events_dispatch CASCADE")
            with connection.schema_editor() as editor:
                editor.add_constraint(Dispatch, constraint)

    return dropped


# --- the renewal of a token --------------------------------------------------------------------
def in_a_thread(job: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        try:
            job()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def revoked_by_reuse(town: Town) -> int:
    return int(town.cloud.admin("GET", "counts")["consents"]["revoked_by_reuse"])


def grant_of(case: Case) -> int:
    grant_id = case.rows[0].system.grant_id
    expired(grant_id)
    return grant_id


def two_renew_at_once(stage: Stage) -> list[int]:
    """Nobody's request leaves before both are as far, or one has given up. Consents that Carrier
    has revoked for it."""
    grant_id, before = grant_of(stage.town.case()), revoked_by_reuse(stage.town)
    ask, arrived, gave_up = OAuth.refresh, [0], threading.Event()

    def together(self: OAuth, *, refresh_token: str) -> Any:
        arrived[0] += 1
        until(lambda: arrived[0] == 2 or gave_up.is_set())
        return ask(self, refresh_token=refresh_token)

    def renew() -> None:
        vendor_session.refresh(grant_id)
        gave_up.set()

    with patch.object(OAuth, "refresh", together), stage.here():
        for thread in [in_a_thread(renew), in_a_thread(renew)]:
            thread.join()
    return [revoked_by_reuse(stage.town) - before]


def renewed_while_it_waited(stage: Stage) -> list[int]:
    """One has read the row; before it has the lock, another has renewed the token and is done."""
    grant_id, before = grant_of(stage.town.case()), revoked_by_reuse(stage.town)
    look, turns = renewing._without_asking, iter([vendor_session.refresh])

    def interrupted(grant: CarrierGrant | None, margin: timedelta) -> Any:
        found = look(grant, margin)
        other = next(turns, None)
        if other is not None:
            in_a_thread(partial(other, grant_id)).join()
        return found

    with patch.object(renewing, "_without_asking", interrupted), stage.here():
        vendor_session.refresh(grant_id)
    assert next(turns, None) is None
    return [revoked_by_reuse(stage.town) - before]


@contextmanager
def no_second_reading() -> Iterator[None]:
    """Under the lock, what was read before it still counts."""
    look, renew = renewing._without_asking, renewing._fetch
    first_read: dict[int, CarrierGrant] = {}

    def once(grant: CarrierGrant | None, margin: timedelta) -> Any:
        me = threading.get_ident()
        if me in first_read or grant is None:
            return None
        first_read[me] = grant
        return look(grant, margin)

    def with_first_reading(_: CarrierGrant) -> Any:
        return renew(first_read[threading.get_ident()])

    with (
        patch.object(renewing, "_without_asking", once),
        patch.object(renewing, "_fetch", with_first_reading),
    ):
        yield


def no_row_lock() -> AbstractContextManager[Any]:
    return rewritten("FOR NO KEY UPDATE SKIP LOCKED", "")


GUARDS = {
    "no_overlapping_events": Guard(
        two_plans_for_one_hour, [1], [2], without("no_overlapping_events")
    ),
    "unique (event, system)": Guard(
        planned_twice, [0, 1], [1, 1], without("one_dispatch_per_system")
    ),
    "row lock of a renewal": Guard(two_renew_at_once, [0], [1], no_row_lock),
    "reading again under it": Guard(renewed_while_it_waited, [0], [1], no_second_reading),
}


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("name", GUARDS)
def test_guard(name: str, on: bool, town: Town, mortals: Mortals) -> None:
    play(GUARDS[name], on, town, mortals)


def test_the_constraints_are_back(town: Town) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'dr_events_dispatch'::regclass"
        )
        names = {name for (name,) in cursor.fetchall()}
    assert {"no_overlapping_events", "one_dispatch_per_system"} <= names
