"""Walk 2, second half: rows are sent once, unsure rows are looked up, homes are read back.

Real database, real HTTP, the pretend cloud in its own process. What is asserted of the far side
comes from the cloud's own ledger.
"""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dr_events import dispatch, operations, queries
from dr_events.models import Attempt, Dispatch, Event
from dr_events.read_back import read_back
from dr_events.states import Delivery, EventState, OptOutVia, Participation
from enrollments import operations as homes
from enrollments import vendor_session
from enrollments.models import Enrollment, Program
from people.models import User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.integration.conftest import Vendor
from tests.integration.sending import SEND_AT, claim, deliveries, no_waiting, posts

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("user:olga")


@pytest.fixture
def summer() -> Program:
    return cast.program()


def test_every_home_gets_the_event_once_and_is_read_back(vendor: Vendor, summer: Program) -> None:
    systems = vendor.enroll(summer, vendor.homes())
    event = cast.scheduled(summer)
    assert dispatch.send_wave(event.pk) == 0, "not before its time"
    vendor.at(SEND_AT)
    assert dispatch.send_wave(event.pk) == len(systems)
    assert posts(vendor) == {system.serial: 1 for system in systems}
    assert deliveries(event) == {Delivery.ACCEPTED: len(systems)}
    assert Attempt.objects.filter(http_status=200, method="POST").count() == len(systems)

    read_back(event.pk)
    assert deliveries(event) == {Delivery.CONFIRMED: len(systems)}
    participations = Dispatch.objects.filter(event=event).values_list("participation", flat=True)
    assert set(participations) == {Participation.SCHEDULED}

    for moment in (event.starts_at + timedelta(minutes=30), event.ends_at + timedelta(minutes=11)):
        vendor.at(moment)
        Event.objects.filter(pk=event.pk).update(read_back_due_at=moment)
        assert read_back(event.pk) == len(systems)
    event.refresh_from_db()
    assert event.state == EventState.COMPLETED
    rows = Dispatch.objects.filter(event=event).values_list("participation", flat=True)
    assert set(rows) == {Participation.COMPLETED}


def test_sending_twice_posts_once(vendor: Vendor, summer: Program) -> None:
    systems = vendor.enroll(summer, vendor.homes()[:4])
    event = cast.scheduled(summer)
    vendor.at(SEND_AT)
    dispatch.send_wave(event.pk)
    assert dispatch.send_wave(event.pk) == 0
    assert posts(vendor) == {system.serial: 1 for system in systems}


def test_a_500_after_the_effect_is_looked_up_and_never_posted_again(
    vendor: Vendor, summer: Program
) -> None:
    systems = vendor.enroll(summer, vendor.homes()[:4])
    event = cast.scheduled(summer)
    vendor.at(SEND_AT)
    vendor.admin(
        "PUT",
        "faults",
        rules=[{"kind": "error_after", "match": {"operation": "POST utility_events"}}],
    )
    dispatch.send_wave(event.pk)
    assert deliveries(event) == {Delivery.UNSURE: len(systems)}
    vendor.admin("PUT", "faults", rules=[])
    assert dispatch.look_at_unsure(event.pk) == 0, "the waiting time is not over"
    no_waiting(event)
    dispatch.look_at_unsure(event.pk)
    assert deliveries(event) == {Delivery.CONFIRMED: len(systems)}
    dispatch.send_wave(event.pk)
    assert posts(vendor) == {system.serial: 1 for system in systems}


def test_a_500_before_the_effect_is_sent_again_after_two_empty_looks(
    vendor: Vendor, summer: Program
) -> None:
    systems = vendor.enroll(summer, vendor.homes()[:4])
    event = cast.scheduled(summer)
    vendor.at(SEND_AT)
    vendor.admin(
        "PUT",
        "faults",
        rules=[{"kind": "error_before", "match": {"operation": "POST utility_events"}}],
    )
    dispatch.send_wave(event.pk)
    vendor.admin("PUT", "faults", rules=[])
    for expected in (Delivery.UNSURE, Delivery.PLANNED):
        no_waiting(event)
        dispatch.look_at_unsure(event.pk)
        assert deliveries(event) == {expected: len(systems)}
    dispatch.send_wave(event.pk)
    assert deliveries(event) == {Delivery.ACCEPTED: len(systems)}
    truth = [vendor.truth(system.serial) for system in systems]
    assert [[event["live"] for event in row["events"]] for row in truth] == [[True]] * len(systems)


def test_cancelled_before_its_time_nothing_leaves(vendor: Vendor, summer: Program) -> None:
    vendor.enroll(summer, vendor.homes()[:4])
    event = cast.scheduled(summer)
    operations.cancel(event_id=event.pk, actor=OLGA, now=cast.MORNING)
    vendor.at(SEND_AT)
    assert dispatch.send_wave(event.pk) == 0
    assert posts(vendor) == {}
    assert set(deliveries(event)) == {Delivery.CANCELLED}


def test_the_emergency_stop_holds_everything_and_its_release_lets_it_go(
    vendor: Vendor, summer: Program
) -> None:
    systems = vendor.enroll(summer, vendor.homes()[:3])
    event = cast.scheduled(summer)
    vendor.at(SEND_AT)
    operations.emergency_stop(why="smoke", actor=OLGA, now=SEND_AT)
    assert dispatch.send_wave(event.pk) == 0
    assert posts(vendor) == {}
    assert deliveries(event) == {Delivery.PLANNED: len(systems)}
    operations.release_stop(actor=Actor("user:pete", User(role=Role.OPERATOR)), now=SEND_AT)
    assert dispatch.send_wave(event.pk) == len(systems)


def test_who_left_or_opted_out_after_the_plan_gets_nothing(vendor: Vendor, summer: Program) -> None:
    systems = vendor.enroll(summer, vendor.homes()[:4])
    event = cast.scheduled(summer)
    left = Enrollment.objects.get(system=systems[0])
    homes.withdraw(enrollment_id=left.pk, actor=OLGA, now=cast.MORNING)
    said_no = Dispatch.objects.get(event=event, system=systems[1])
    assert operations.opt_out(
        dispatch_id=said_no.pk, via=OptOutVia.HOME_PAGE, actor=OLGA, now=cast.MORNING
    )
    vendor.at(SEND_AT)
    dispatch.send_wave(event.pk)
    assert set(posts(vendor)) == {system.serial for system in systems[2:]}
    reasons = dict(Dispatch.objects.filter(event=event).values_list("system_id", "reason"))
    assert (reasons[systems[0].pk], reasons[systems[1].pk]) == ("WITHDRAWN", "OPTED_OUT")


def test_too_late_is_too_late(vendor: Vendor, summer: Program) -> None:
    systems = vendor.enroll(summer, vendor.homes()[:2])
    event = cast.scheduled(summer)
    vendor.at(event.ends_at - timedelta(minutes=29))
    assert dispatch.send_wave(event.pk) == 0
    assert posts(vendor) == {}
    assert deliveries(event) == {Delivery.EXPIRED: len(systems)}


def test_a_refused_token_is_renewed_once_and_the_home_still_gets_its_event(
    vendor: Vendor, summer: Program
) -> None:
    systems = vendor.enroll(summer, vendor.homes()[:2])
    event = cast.scheduled(summer)
    vendor.at(SEND_AT)
    vendor.admin(
        "PUT",
        "faults",
        rules=[
            {
                "kind": "unauthorized",
                "match": {"operation": "POST utility_events"},
                "count": len(systems),
            }
        ],
    )
    dispatch.send_wave(event.pk)
    assert deliveries(event) == {Delivery.PLANNED: len(systems)}
    assert dispatch.send_wave(event.pk) == 0, "not with the same token"
    grants = queries.work.grants_to_renew(
        now=SEND_AT, real_now=timezone.now(), margin=timedelta(minutes=5)
    )
    assert vendor_session.refresh_many(grants) == len(grants)
    dispatch.send_wave(event.pk)
    assert deliveries(event) == {Delivery.ACCEPTED: len(systems)}


def test_a_dead_sender_leaves_rows_that_are_looked_up_not_sent_again(
    vendor: Vendor, summer: Program
) -> None:
    systems = vendor.enroll(summer, vendor.homes()[:3])
    event = cast.scheduled(summer)
    vendor.at(SEND_AT)
    claimed = claim(event, SEND_AT)
    operations.release(claimed.number)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE dr_events_dispatch SET lease_until = clock_timestamp()")
    assert dispatch.send_wave(event.pk) == 0
    dispatch.look_at_unsure(event.pk)
    assert deliveries(event) == {Delivery.UNSURE: len(systems)}
    assert posts(vendor) == {}


def test_an_outcome_is_saved_only_by_the_claim_that_holds_the_row(
    vendor: Vendor, summer: Program
) -> None:
    vendor.enroll(summer, vendor.homes()[:1])
    event = cast.scheduled(summer)
    claimed = claim(event, SEND_AT)
    row = claimed.rows[0]
    outcome = operations.Outcome("ACCEPTED", "ANSWERED", 200, "", 0.0, 0, False)
    told = {outcome: [(row.id, 1.0)]}
    assert operations.save_outcomes(number=claimed.number - 1, outcomes=told) == 0
    assert deliveries(event)[Delivery.SENDING] == len(claimed.rows)
    assert operations.save_outcomes(number=claimed.number, outcomes=told) == 1
    operations.release(claimed.number)
