"""What holds sending back: the circuit, pauses, changed limits, a restored database, poison."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from base.refusal import Refused
from dr_events import dispatch, operations
from dr_events.dispatch.watch import Watch
from dr_events.models import Control, Dispatch, Event, Pause
from dr_events.states import Delivery, Reason
from enrollments.models import Program
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.integration.conftest import Vendor
from tests.integration.sending import (
    POSTS,
    SEND_AT,
    deliveries,
    faults,
    live,
    no_waiting,
    posts,
    sent,
)

pytestmark = pytest.mark.django_db(transaction=True)
OLGA, OTTO = (
    Actor("user:olga", User(role=Role.OPERATOR)),
    Actor("user:otto", User(role=Role.OPERATOR)),
)


@pytest.fixture
def summer() -> Program:
    return cast.program()


def control() -> Control:
    return Control.objects.get(id=1)


def nothing_moves(vendor: Vendor, event: Event) -> None:
    """Whoever sweeps: no row is claimed and nothing leaves the building."""
    before, rows = posts(vendor), deliveries(event)
    no_waiting(event)
    assert dispatch.send_wave(event.pk) == 0
    assert posts(vendor) == before
    assert deliveries(event) == rows


def test_a_405_opens_the_circuit_and_a_person_closes_it(vendor: Vendor, summer: Program) -> None:
    systems, event = sent(vendor, summer, 3)
    faults(vendor, {"kind": "error_before", "status": 405, "match": POSTS, "count": 1})
    held = systems[1:]
    Dispatch.objects.filter(system__in=held).update(not_before=timezone.now() + timedelta(hours=1))
    dispatch.send_wave(event.pk)
    assert deliveries(event) == {Delivery.FAILED: 1, Delivery.PLANNED: len(held)}
    assert control().broken_why.startswith("Carrier does not take our requests at all")
    entry = ActivityEntry.objects.get(verb="open-circuit")
    assert (entry.actor, entry.subject) == ("system", f"event:{event.pk}")

    nothing_moves(vendor, event)
    operations.close_circuit(actor=OLGA, now=SEND_AT)
    assert dispatch.send_wave(event.pk) == len(held)
    assert control().broken_at is None
    with pytest.raises(Refused):
        operations.close_circuit(actor=OLGA, now=SEND_AT)


def test_a_wave_of_400s_stops_itself(
    vendor: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    systems, event = sent(vendor, summer, 9)
    faults(vendor, {"kind": "error_before", "status": 400, "match": POSTS})
    monkeypatch.setattr("dr_events.dispatch.vendor.CLAIM_ROWS", 5)
    dispatch.send_wave(event.pk)
    said = control().broken_why
    rejected = deliveries(event)[Delivery.REJECTED]
    assert said == f"Carrier rejected {rejected} of {rejected} requests as wrong (400)."
    faults(vendor)
    operations.close_circuit(actor=OLGA, now=SEND_AT)
    no_waiting(event)
    assert dispatch.send_wave(event.pk) == len(systems) - rejected
    assert deliveries(event).get(Delivery.REJECTED) == rejected, "a 400 is never sent again"
    assert control().broken_at is None, "answers are counted afresh"


def test_a_pause_holds_for_one_permission_only(vendor: Vendor, summer: Program) -> None:
    systems, event = sent(vendor, summer, 3)
    quiet, *others = systems
    operations.leave_alone({quiet.grant_id: 600.0})
    dispatch.send_wave(event.pk)
    expected = {one.serial: 1 for one in others if one.grant_id != quiet.grant_id}
    assert posts(vendor) == expected
    Pause.objects.filter(grant_id=quiet.grant_id).update(until=timezone.now())
    dispatch.send_wave(event.pk)
    assert posts(vendor) == {one.serial: 1 for one in systems}


def test_retry_after_is_kept_and_a_longer_pause_stays(vendor: Vendor, summer: Program) -> None:
    (system,), event = sent(vendor, summer, 1)
    faults(vendor, {"kind": "too_many", "retry_after": "120", "match": POSTS})
    dispatch.send_wave(event.pk)
    until = Pause.objects.get(grant_id=system.grant_id).until
    assert timedelta(seconds=115) < until - timezone.now() <= timedelta(seconds=120)
    operations.leave_alone({system.grant_id: 1.0})
    assert Pause.objects.get(grant_id=system.grant_id).until == until
    nothing_moves(vendor, event)
    faults(vendor)
    no_waiting(event)
    dispatch.look_at_unsure(event.pk)
    assert deliveries(event) == {Delivery.UNSURE: 1}, "a look is a request too"
    Pause.objects.all().delete()
    dispatch.look_at_unsure(event.pk)
    dispatch.send_wave(event.pk)
    assert live(vendor, [system]) == [1]


def test_a_busy_vendor_is_left_alone_by_everybody(vendor: Vendor, summer: Program) -> None:
    systems, event = sent(vendor, summer, 12)
    assert len(systems) >= 10
    faults(vendor, {"kind": "too_many", "retry_after": "7200", "match": POSTS})
    dispatch.send_wave(event.pk)
    until = Pause.objects.get(grant_id=0).until
    # Whatever one answer asks for, everybody waits a minute at most at a time.
    assert timedelta(seconds=50) < until - timezone.now() <= timedelta(seconds=60)
    nothing_moves(vendor, event)


def test_a_comfort_bound_tightened_after_the_plan_holds(vendor: Vendor, summer: Program) -> None:
    systems = vendor.enroll(summer, vendor.homes()[:2])
    event = cast.scheduled(summer, response="offset", offset_f=Decimal(4))
    vendor.at(SEND_AT)
    Program.objects.filter(pk=summer.pk).update(max_offset_f="3")
    assert dispatch.send_wave(event.pk) == 0
    assert posts(vendor) == {}
    assert deliveries(event) == {Delivery.SKIPPED: len(systems)}
    reasons = Dispatch.objects.filter(event=event).values_list("reason", "holds_slot")
    assert set(reasons) == {(Reason.LIMITS, False)}
    entry = ActivityEntry.objects.get(verb="recheck-limits")
    assert entry.detail["why"] == "The offset must be between 1 and 3 °F."
    assert dispatch.send_wave(event.pk) == 0
    assert ActivityEntry.objects.filter(verb="recheck-limits").count() == 1


def test_a_cap_tightened_after_two_plans_spares_the_later_one(
    vendor: Vendor, summer: Program
) -> None:
    Program.objects.filter(pk=summer.pk).update(max_per_week=3, min_rest_minutes=60)
    systems = vendor.enroll(summer, vendor.homes()[:2])
    later_day: dict[str, Any] = {
        "starts_at": cast.MORNING + timedelta(days=1, hours=6),
        "ends_at": cast.MORNING + timedelta(days=1, hours=8),
    }
    summer.refresh_from_db()
    second = cast.scheduled(summer, **later_day)
    first = cast.scheduled(summer, now=cast.MORNING + timedelta(minutes=1))
    Program.objects.filter(pk=summer.pk).update(max_per_week=1)
    vendor.at(SEND_AT)
    assert dispatch.send_wave(first.pk) == 0
    assert deliveries(first) == {Delivery.SKIPPED: len(systems)}
    reasons = Dispatch.objects.filter(event=first).values_list("reason", flat=True)
    assert set(reasons) == {Reason.WEEK_CAP}
    vendor.at(SEND_AT + timedelta(days=1))
    assert dispatch.send_wave(second.pk) == len(systems), "scheduled first, it keeps its place"


def test_a_wave_that_is_running_obeys_changed_limits(
    vendor: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claimed and queued rows are asked for once more, right before their bytes leave."""
    systems = vendor.enroll(summer, vendor.homes()[:2])
    event = cast.scheduled(summer)
    vendor.at(SEND_AT)
    claim = operations.claim

    def claim_then_tighten(**values: object) -> operations.Claim:
        claimed = claim(**values)  # type: ignore[arg-type]
        Program.objects.filter(pk=summer.pk).update(hours_to="16:00")
        return claimed

    monkeypatch.setattr(operations, "claim", claim_then_tighten)
    monkeypatch.setattr("dr_events.dispatch.watch.LOOK_EVERY_S", 0.0)
    refresh = Watch.claimed

    def look_again(self: Watch, ids: list[int], *, asked_at: float) -> None:
        refresh(self, ids, asked_at=asked_at)
        self.refresh()

    monkeypatch.setattr(Watch, "claimed", look_again)
    dispatch.send_wave(event.pk)
    assert posts(vendor) == {}
    monkeypatch.undo()
    dispatch.send_wave(event.pk)
    assert deliveries(event) == {Delivery.SKIPPED: len(systems)}
