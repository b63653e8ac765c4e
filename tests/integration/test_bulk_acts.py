"""One act for all that match a filter: what was confirmed is what is done, a piece at a time."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from base import clock
from dr_events import many
from dr_events.tasks import act_for_many, due
from enrollments import operations as homes
from enrollments.models import BulkAct, CarrierGrant, Enrollment, Membership, Program, System
from enrollments.queries import bulk
from enrollments.states import BulkState, EnrollmentState
from people.models import ActivityEntry, User
from people.states import Role
from tests import cast
from tests.integration.test_systems_list import ALL_ACTIVE, OLGA, desk, morning, states, summer

__all__ = ["desk", "morning", "summer"]  # fixtures

pytestmark = pytest.mark.django_db
PAUSE = {"all": "yes", "act": "pause", "why": "Storm repair"}


def prepare(desk: Client, asked: str = "", **values: str) -> BulkAct:
    answer = desk.post(f"{reverse('systems_many')}?{asked}", {"all": "yes", **values})
    made: BulkAct = BulkAct.objects.latest("id")
    assert answer.headers["Location"] == reverse("bulk_act", args=[made.pk])
    return made


def start(desk: Client, made: BulkAct) -> str:
    answer = desk.post(reverse("bulk_start", args=[made.pk]), follow=True)
    text: str = answer.content.decode()
    return text


def work(made: BulkAct, for_s: float = 60.0, now: datetime = cast.MORNING) -> BulkAct:
    """A worker's turn, then the act as it is."""
    many.work(made.pk, for_s=for_s, now=now, real_now=timezone.now())
    made.refresh_from_db()
    return made


def page(desk: Client, made: BulkAct) -> str:
    text = desk.get(reverse("bulk_act", args=[made.pk])).content.decode()
    return " ".join(text.split())


def test_it_says_how_many_and_what_and_does_nothing_yet(desk: Client, summer: Program) -> None:
    made = prepare(desk, "q=springfield", act="pause", why="Storm repair")
    text = page(desk, made)
    assert "<strong>3 systems match</strong>; 2 of them are in a program" in text
    assert "Storm repair" in text
    assert "<dt>Found by</dt><dd>springfield</dd>" in text
    assert "Pause: 2 systems</button>" in text
    assert "Anna Upstairs" in text
    assert "Cleo Upstairs" not in text
    assert many.work(made.pk, for_s=60, now=cast.MORNING, real_now=timezone.now()) == 0
    assert states() == ALL_ACTIVE
    assert not ActivityEntry.objects.exists()


def test_confirmed_it_is_done_for_those_and_each_is_on_record(
    desk: Client, summer: Program
) -> None:
    made = prepare(desk, "q=springfield", act="pause", why="Storm repair")
    assert "0 of 3 systems" in start(desk, made)
    made = work(made)
    assert (made.state, made.done, made.unchanged) == (BulkState.DONE, 2, {many.NO_PROGRAM: 1})
    assert states() == ALL_ACTIVE | dict.fromkeys(("Anna", "Bert"), EnrollmentState.PAUSED)
    assert ActivityEntry.objects.filter(verb="pause", actor=made.asked_by).count() == 2
    entry = ActivityEntry.objects.get(verb="act-for-many")
    assert entry.detail == {
        "act": "PAUSE", "filter": "q=springfield", "systems": 3, "why": "Storm repair",
        "group": None,
    }  # fmt: skip
    ended = ActivityEntry.objects.get(verb="act-for-many-ended")
    assert (ended.detail["done"], ended.detail["unchanged"]) == (2, 1)
    assert "Not changed: They are in no program." in page(desk, made)
    start(desk, made)  # a second press of the button
    assert ActivityEntry.objects.filter(verb="act-for-many").count() == 1


def test_whoever_matches_only_later_is_not_in_it_and_who_no_longer_does_is_left_alone(
    desk: Client, summer: Program
) -> None:
    made = prepare(desk, "state=ACTIVE&q=springfield", act="pause", why="Storm repair")
    start(desk, made)
    cast.enrolled(summer, "2405W000001", "emil@home.example", name="Emil Upstairs")
    anna = Enrollment.objects.get(system__name__startswith="Anna")
    homes.pause(enrollment_id=anna.pk, actor=OLGA, now=cast.MORNING)
    made = work(made)
    assert (made.done, made.unchanged) == (1, {many.CHANGED: 1})
    assert states()["Emil"] == EnrollmentState.ACTIVE
    assert states()["Bert"] == EnrollmentState.PAUSED


def test_pieces_go_on_where_the_last_one_ended(
    desk: Client, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "AT_ONCE", 2)
    made = prepare(desk, "program=summer-peak", act="pause", why="Storm repair")
    start(desk, made)
    seen = []
    for _ in range(3):
        made = work(made, for_s=0.0)
        seen.append((made.state, made.looked_at, made.done, made.lease_until))
    assert seen == [
        (BulkState.RUNNING, 1, 1, None),
        (BulkState.RUNNING, 2, 2, None),
        (BulkState.DONE, 3, 3, None),
    ]
    assert ActivityEntry.objects.filter(verb="pause").count() == 3


def test_only_one_worker_has_it_and_a_dead_ones_piece_is_found_again(
    desk: Client, summer: Program
) -> None:
    made = prepare(desk, act="pause", why="Storm repair")
    start(desk, made)
    real = timezone.now()
    dead = homes.claim_bulk(bulk_id=made.pk, now=cast.MORNING, real_now=real)
    assert dead is not None
    assert bulk.bulk_acts_due(real_now=real) == []
    assert many.work(made.pk, for_s=60, now=cast.MORNING, real_now=real) == 0
    later = real + timedelta(seconds=181)
    assert bulk.bulk_acts_due(real_now=later) == [made.pk]
    assert many.work(made.pk, for_s=60, now=cast.MORNING, real_now=later) == 4
    # The first worker wakes up: nothing of what it says counts any more.
    assert not homes.save_bulk(dead, looked_at=1, done=9, unchanged={})
    homes.end_bulk(dead, now=cast.MORNING, trouble="late")
    made.refresh_from_db()
    assert (made.state, made.done, made.looked_at) == (BulkState.DONE, 3, 4)


def test_the_sweep_finds_it_and_never_works_on_it_itself(desk: Client, summer: Program) -> None:
    made = prepare(desk, act="pause", why="Storm repair")
    wanted = (act_for_many.name, {"bulk_id": made.pk})
    assert wanted not in [(ring.task.name, ring.kwargs) for ring in due()]
    start(desk, made)
    assert wanted in [(ring.task.name, ring.kwargs) for ring in due()]
    act_for_many.run(bulk_id=made.pk)
    assert states() == ALL_ACTIVE


def test_stopped_it_leaves_the_rest(
    desk: Client, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "AT_ONCE", 1)
    made = prepare(desk, "program=summer-peak", act="pause", why="Storm repair")
    start(desk, made)
    work(made, for_s=0.0)
    desk.post(reverse("bulk_stop", args=[made.pk]))
    made = work(made)
    assert (made.state, made.looked_at, made.done) == (BulkState.STOPPED, 1, 1)
    assert states() == ALL_ACTIVE | {"Anna": EnrollmentState.PAUSED}
    assert "For 2 systems nothing was done." in page(desk, made)
    assert ActivityEntry.objects.filter(verb="stop-act-for-many").count() == 1


def test_not_confirmed_it_is_dropped_with_its_list(desk: Client, summer: Program) -> None:
    made = prepare(desk, act="pause", why="Storm repair")
    desk.post(reverse("bulk_stop", args=[made.pk]))
    made.refresh_from_db()
    assert (made.state, made.systems) == (BulkState.DROPPED, [])
    assert "does not wait to be confirmed any more" in start(desk, made)
    assert many.work(made.pk, for_s=60, now=cast.MORNING, real_now=timezone.now()) == 0
    assert states() == ALL_ACTIVE


def test_what_was_looked_at_long_ago_is_not_done(
    desk: Client, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(desk, act="pause", why="Storm repair")
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING + timedelta(minutes=61))
    assert "does not wait to be confirmed any more" in start(desk, made)
    assert states() == ALL_ACTIVE


def test_whoever_lost_the_role_meanwhile_does_nothing_more(desk: Client, summer: Program) -> None:
    made = prepare(desk, act="pause", why="Storm repair")
    start(desk, made)
    User.objects.filter(email="olga@utility.example").update(role=Role.VIEWER)
    made = work(made)
    assert (made.state, made.done) == (BulkState.STOPPED, 0)
    assert made.trouble == "Whoever confirmed it may not do this any more."
    assert states() == ALL_ACTIVE


def test_all_leave_and_their_tokens_are_destroyed(
    desk: Client, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Carrier is asked for the first one; it was slow, so the others leave without asking."""
    asked: list[int] = []

    def slow(*, enrollment_id: int, **more: Any) -> Any:
        asked.append(enrollment_id)
        return homes.withdraw(enrollment_id=enrollment_id, **more)

    monkeypatch.setattr("dr_events.many.dispatch.leave", slow)
    monkeypatch.setattr(many, "CARRIER_IS_SLOW_S", 0.0)
    made = prepare(desk, "q=springfield", act="withdraw", why="The pilot is over")
    start(desk, made)
    made = work(made)
    assert (made.done, made.unchanged) == (2, {many.NO_PROGRAM: 1})
    assert len(asked) == 1
    assert states() == ALL_ACTIVE | dict.fromkeys(("Anna", "Bert"), EnrollmentState.WITHDRAWN)
    kept = CarrierGrant.objects.exclude(access_sealed=None).order_by("user__email")
    assert [one.user.email for one in kept] == ["cleo@home.example", "dora@home.example"]


def test_one_homes_trouble_is_counted_and_stops_nobody(
    desk: Client, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    bert, real = Enrollment.objects.get(system__name__startswith="Bert").pk, homes.pause

    def pause(*, enrollment_id: int, **more: Any) -> int:
        if enrollment_id == bert:
            raise RuntimeError("planted")
        return real(enrollment_id=enrollment_id, **more)

    monkeypatch.setattr("dr_events.many.enrolling.pause", pause)
    made = prepare(desk, "program=summer-peak", act="pause", why="Storm repair")
    start(desk, made)
    made = work(made)
    assert (made.state, made.done, made.unchanged) == (BulkState.DONE, 2, {many.OUR_FAULT: 1})
    assert states()["Bert"] == EnrollmentState.ACTIVE


def test_all_go_into_a_group(desk: Client, summer: Program) -> None:
    staff = homes.make_group(program=summer, name="Staff", rule={}, actor=OLGA, now=cast.MORNING)
    made = prepare(desk, act="group", into=str(staff.pk))
    assert "Put into a group: Staff (Summer Peak)" in page(desk, made)
    start(desk, made)
    made = work(made)
    assert (made.done, made.unchanged) == (3, {"Not enrolled in Summer Peak.": 1})
    members = Membership.objects.order_by("system_id").values_list("system_id", flat=True)
    entry = ActivityEntry.objects.get(verb="add-to-group")
    assert entry.detail["ids"] == list(members)
    assert System.objects.get(name="Dora Loft").pk not in members
