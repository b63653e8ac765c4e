"""Walk 2, first half: a draft becomes a frozen list of homes, or a clear no and nothing moved."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from base.refusal import Refused
from dr_events import operations, queries
from dr_events.dispatch import submit
from dr_events.models import Dispatch, Event
from dr_events.states import Delivery, EventState, Reason
from enrollments.models import Enrollment
from enrollments.states import EnrollmentState
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast

pytestmark = pytest.mark.django_db
OLGA = Actor("user:olga", User(role=Role.APPROVER))
PETE = Actor("user:pete", User(role=Role.APPROVER))
HOUR = timedelta(hours=1)


def codes(refusal: operations.Invalid) -> list[tuple[str, str]]:
    return [(problem.field, problem.code) for problem in refusal.problems]


def test_scheduling_freezes_the_message_and_one_row_per_home() -> None:
    summer = cast.program()
    cast.neighborhood(summer, 3)
    event = cast.scheduled(summer)
    assert event.state == EventState.SCHEDULED
    assert event.send_at == cast.MORNING + 5 * HOUR
    rows = Dispatch.objects.filter(event=event)
    assert [(row.delivery, row.reason, row.holds_slot) for row in rows] == [
        (Delivery.PLANNED, "", True)
    ] * 3
    assert event.wire_version == "assumed-1"
    assert event.message is not None
    assert event.wire_id.encode() in bytes(event.message)
    assert list(ActivityEntry.objects.values_list("verb", flat=True)) == ["draft", "schedule"]


def test_a_second_event_at_the_same_time_leaves_the_home_out() -> None:
    summer = cast.program(max_per_day=5, min_rest_minutes=0)
    cast.neighborhood(summer, 2)
    cast.scheduled(summer)
    overlapping = operations.draft(
        program=summer,
        wish=cast.wish(starts_at=cast.MORNING + 7 * HOUR, ends_at=cast.MORNING + 9 * HOUR),
        actor=OLGA,
        now=cast.MORNING,
    )
    preview = queries.candidates.preview(overlapping)
    assert (preview.targeted, preview.left_out) == (0, ((Reason.OVERLAP, 2),))
    with pytest.raises(Refused, match="Nobody would get this event"):
        submit(event_id=overlapping.pk, actor=OLGA, now=cast.MORNING)
    overlapping.refresh_from_db()
    assert overlapping.state == EventState.DRAFT
    assert Dispatch.objects.filter(event=overlapping).count() == 0


@pytest.mark.parametrize(
    ("limit", "days_later", "reason"),
    [
        ({"max_per_day": 1, "min_rest_minutes": 0}, 0, Reason.DAY_CAP),
        ({"max_per_week": 1, "min_rest_minutes": 0}, 2, Reason.WEEK_CAP),
        ({"max_per_season": 1, "min_rest_minutes": 0}, 7, Reason.SEASON_CAP),
        ({"min_rest_minutes": 27 * 60}, 1, Reason.REST),
    ],
)
def test_caps_and_rest_leave_homes_out(
    limit: dict[str, Any], days_later: int, reason: Reason
) -> None:
    summer = cast.program(**limit)
    cast.neighborhood(summer, 1)
    cast.scheduled(summer, ends_at=cast.MORNING + 7 * HOUR)
    start = cast.MORNING + timedelta(days=days_later, hours=9)
    later = operations.unsaved(summer, cast.wish(starts_at=start, ends_at=start + HOUR))
    assert queries.candidates.preview(later).left_out == ((reason, 1),)


def test_a_paused_home_and_a_lost_permission_are_left_out_with_their_reason() -> None:
    summer = cast.program()
    paused, lost, _ = cast.neighborhood(summer, 3)
    Enrollment.objects.filter(system=paused).update(state=EnrollmentState.PAUSED)
    type(lost.grant).objects.filter(pk=lost.grant_id).update(state="NEEDS_RELINK")
    event = cast.scheduled(summer)
    found = dict(Dispatch.objects.filter(event=event).values_list("system_id", "reason"))
    assert found[paused.pk] == Reason.PAUSED
    assert found[lost.pk] == Reason.NO_PERMISSION
    assert sorted(found.values()) == ["", "NO_PERMISSION", "PAUSED"]


def test_the_control_group_is_held_out_and_the_same_in_preview_and_plan() -> None:
    summer = cast.program()
    cast.neighborhood(summer, 60)
    event = operations.draft(
        program=summer, wish=cast.wish(control_percent=30), actor=OLGA, now=cast.MORNING
    )
    shown = queries.candidates.preview(event)
    submit(event_id=event.pk, actor=OLGA, now=cast.MORNING)
    rows = Dispatch.objects.filter(event=event)
    withheld = rows.filter(delivery=Delivery.WITHHELD, holds_slot=False).count()
    assert shown.left_out == ((Reason.CONTROL_GROUP, withheld),)
    assert 5 <= withheld <= 35
    assert rows.filter(delivery=Delivery.PLANNED).count() == 60 - withheld


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"starts_at": cast.MORNING - HOUR}, ("starts_at", "past")),
        (
            {"starts_at": cast.MORNING + timedelta(minutes=30)},
            ("starts_at", "notice"),
        ),
        ({"ends_at": cast.MORNING + 5 * HOUR}, ("ends_at", "no-length")),
        ({"ends_at": cast.MORNING + timedelta(hours=6, minutes=20)}, ("ends_at", "too-short")),
        ({"response": "offset", "offset_f": None}, ("offset_f", "offset")),
        ({"response": "offset", "offset_f": 5}, ("offset_f", "offset")),
        ({"response": "absolute", "cool_f": 83, "heat_f": 65}, ("cool_f", "cool")),
        ({"response": "absolute", "cool_f": 80, "heat_f": 55}, ("heat_f", "heat")),
        ({"response": "absolute", "cool_f": 66, "heat_f": 65}, ("cool_f", "deadband")),
        (
            {
                "starts_at": datetime(2026, 11, 3, 20, tzinfo=UTC),
                "ends_at": datetime(2026, 11, 3, 22, tzinfo=UTC),
            },
            ("starts_at", "season"),
        ),
        (
            {
                "starts_at": datetime(2026, 7, 18, 20, tzinfo=UTC),
                "ends_at": datetime(2026, 7, 18, 22, tzinfo=UTC),
            },
            ("starts_at", "weekday"),
        ),
        (
            {
                "starts_at": datetime(2026, 7, 15, 2, tzinfo=UTC),
                "ends_at": datetime(2026, 7, 15, 3, tzinfo=UTC),
            },
            ("starts_at", "hours"),
        ),
        (
            {
                "starts_at": datetime(2026, 7, 16, 20, tzinfo=UTC),
                "ends_at": datetime(2026, 7, 16, 22, tzinfo=UTC),
            },
            ("starts_at", "holiday"),
        ),
    ],
)
def test_limits_are_refused_with_their_field_and_nothing_is_saved(
    fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    summer = cast.program(holidays=[date(2026, 7, 16)])
    cast.neighborhood(summer, 1)
    with pytest.raises(operations.Invalid) as refused:
        operations.draft(program=summer, wish=cast.wish(**fields), actor=OLGA, now=cast.MORNING)
    assert expected in codes(refused.value)
    assert Event.objects.count() == 0
    assert ActivityEntry.objects.count() == 0


def test_a_program_without_terms_plans_nothing() -> None:
    summer = cast.program()
    summer.terms.all().delete()
    with pytest.raises(operations.Invalid, match="no published terms"):
        operations.draft(program=summer, wish=cast.wish(), actor=OLGA, now=cast.MORNING)
    assert Event.objects.count() == 0


def test_where_the_program_asks_a_second_person_releases_the_event() -> None:
    summer = cast.program(needs_approval=True)
    cast.neighborhood(summer, 1)
    event = operations.draft(program=summer, wish=cast.wish(), actor=OLGA, now=cast.MORNING)
    submit(event_id=event.pk, actor=OLGA, now=cast.MORNING)
    assert Dispatch.objects.count() == 0
    with pytest.raises(Refused, match="Somebody else must approve"):
        operations.approve(event_id=event.pk, seen=2, actor=OLGA, now=cast.MORNING)
    assert Dispatch.objects.count() == 0
    approved = operations.approve(event_id=event.pk, seen=2, actor=PETE, now=cast.MORNING)
    assert (approved.state, approved.approved_by) == (EventState.SCHEDULED, "user:pete")
    assert Dispatch.objects.filter(delivery=Delivery.PLANNED).count() == 1


def test_sent_back_with_a_reason_it_is_a_draft_again() -> None:
    summer = cast.program(needs_approval=True)
    cast.neighborhood(summer, 1)
    event = operations.draft(program=summer, wish=cast.wish(), actor=OLGA, now=cast.MORNING)
    submit(event_id=event.pk, actor=OLGA, now=cast.MORNING)
    operations.send_back(event_id=event.pk, seen=2, reason="Too hot", actor=PETE, now=cast.MORNING)
    event.refresh_from_db()
    assert (event.state, event.sent_back_reason) == (EventState.DRAFT, "Too hot")


def test_cancel_spares_what_is_not_sent_and_says_how_many() -> None:
    summer = cast.program()
    first, *_ = cast.neighborhood(summer, 3)
    event = cast.scheduled(summer)
    Dispatch.objects.filter(event=event, system=first).update(delivery=Delivery.CONFIRMED)
    assert operations.cancel(event_id=event.pk, actor=OLGA, now=cast.MORNING) == 2
    rows = Dispatch.objects.filter(event=event)
    assert sorted(rows.values_list("delivery", "holds_slot")) == [
        ("CANCELLED", False),
        ("CANCELLED", False),
        ("CONFIRMED", True),
    ]
    with pytest.raises(Refused, match="cancelled already"):
        operations.cancel(event_id=event.pk, actor=OLGA, now=cast.MORNING)


def test_submitting_twice_schedules_once() -> None:
    summer = cast.program()
    cast.neighborhood(summer, 2)
    event = cast.scheduled(summer)
    with pytest.raises(Refused):
        submit(event_id=event.pk, actor=OLGA, now=cast.MORNING)
    assert Dispatch.objects.filter(event=event).count() == 2


@pytest.mark.parametrize("needs_approval", [True, False])
def test_a_slow_submit_puts_no_old_message_into_what_somebody_else_handed_on(
    monkeypatch: pytest.MonkeyPatch, needs_approval: bool
) -> None:
    """Olga's press has made the message; before it is kept, Pete changes the draft and submits."""
    summer = cast.program(needs_approval=needs_approval)
    cast.neighborhood(summer, 1)
    made = operations.draft(
        program=summer, wish=cast.wish(note="three degrees"), actor=OLGA, now=cast.MORNING
    )
    keep = operations.freeze_message

    def pete_is_faster(**message: Any) -> None:
        monkeypatch.setattr(operations, "freeze_message", keep)
        wish = cast.wish(note="one degree")
        operations.revise(
            event_id=made.pk, seen=1, program=summer, wish=wish, actor=PETE, now=cast.MORNING
        )
        submit(event_id=made.pk, actor=PETE, now=cast.MORNING)
        keep(**message)

    monkeypatch.setattr(operations, "freeze_message", pete_is_faster)
    with pytest.raises(Refused, match="already; nothing was changed"):
        submit(event_id=made.pk, actor=OLGA, now=cast.MORNING)
    made.refresh_from_db()
    assert made.state == (EventState.SUBMITTED if needs_approval else EventState.SCHEDULED)
    message = bytes(made.message or b"")
    assert (b"one degree" in message, b"three degrees" in message) == (True, False)


def test_a_message_of_an_earlier_draft_is_not_kept() -> None:
    summer = cast.program()
    cast.neighborhood(summer, 1)
    made = operations.draft(program=summer, wish=cast.wish(), actor=OLGA, now=cast.MORNING)
    wish = cast.wish(note="one degree")
    operations.revise(
        event_id=made.pk, seen=1, program=summer, wish=wish, actor=PETE, now=cast.MORNING
    )
    with pytest.raises(Refused, match="nothing was handed on") as refused:
        operations.freeze_message(
            event_id=made.pk, seen=1, message=b"old", content_type="text/plain", version="old"
        )
    made.refresh_from_db()
    assert (refused.value.code, made.message, made.version) == ("stale", None, 2)
