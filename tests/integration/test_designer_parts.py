"""The designer: a share of the homes, templates, and what it says it cannot do."""

import re
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dr_events import operations
from dr_events.dispatch import submit
from dr_events.models import Dispatch, Event, Template
from dr_events.queries import candidates
from dr_events.states import Delivery, Reason
from enrollments.models import Enrollment, Group, Program
from enrollments.states import EnrollmentState
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.integration.test_console_pages import desk, morning, olga, typed

__all__ = ["desk", "morning", "olga"]  # fixtures

pytestmark = pytest.mark.django_db
OLGA = Actor("user:olga", User(role=Role.OPERATOR))


def drawn(program: Program, **fields: Any) -> Event:
    event = operations.draft(
        program=program, wish=cast.wish(**fields), actor=OLGA, now=cast.MORNING
    )
    return submit(event_id=event.pk, actor=OLGA, now=cast.MORNING)


def of(event: Event, **which: Any) -> set[int]:
    found = Dispatch.objects.filter(event=event, **which)
    return set(found.values_list("system_id", flat=True))


def test_a_share_is_drawn_by_lot_and_the_others_are_left_out_with_that_reason() -> None:
    program = cast.program()
    systems = cast.neighborhood(program, 60)
    Enrollment.objects.filter(system=systems[0]).update(state=EnrollmentState.PAUSED)
    event = operations.draft(
        program=program, wish=cast.wish(share_percent=40), actor=OLGA, now=cast.MORNING
    )
    shown, again = candidates.preview(event), candidates.preview(event)
    assert shown == again, "the lot falls the same however often it is drawn"
    submit(event_id=event.pk, actor=OLGA, now=cast.MORNING)
    left = of(event, reason=Reason.NOT_IN_SHARE, delivery=Delivery.SKIPPED, holds_slot=False)
    assert dict(shown.left_out) == {Reason.NOT_IN_SHARE: len(left), Reason.PAUSED: 1}
    assert 12 <= len(left) <= 57, "about 35; further off than six deviations is no lot"
    assert len(of(event, delivery=Delivery.PLANNED, holds_slot=True)) == shown.targeted
    assert shown.targeted + len(left) + 1 == 60


def test_the_share_comes_before_the_control_group_and_is_another_lot() -> None:
    """Of the homes in the share some are held out; those outside of it are in no group."""
    program = cast.program()
    cast.neighborhood(program, 80)
    event = drawn(program, share_percent=50, control_percent=50)
    outside = len(of(event, reason=Reason.NOT_IN_SHARE))
    control = len(of(event, delivery=Delivery.WITHHELD))
    targeted = len(of(event, delivery=Delivery.PLANNED))
    assert outside + control + targeted == 80
    assert 13 <= outside <= 67
    assert control >= 3
    assert targeted >= 3, "one lot for both would leave nobody"


@pytest.mark.parametrize("share", ["0", "101", "half"])
def test_a_share_that_is_none_is_refused_at_its_field(desk: Client, share: str) -> None:
    program = cast.program()
    cast.neighborhood(program, 1)
    answer = desk.post(reverse("event_new"), typed(program, share_percent=share))
    assert list(answer.context["form"].errors) == ["share_percent"]
    assert not Event.objects.exists()


def test_the_preview_says_what_the_share_is_and_whose_time_it_is(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 30)
    sent = typed(program, share_percent="25", control_percent="10")
    text = " ".join(desk.post(reverse("event_preview"), sent).content.decode().split())
    assert '<span class="figure-value">about ' in text
    assert "about 25 % of the homes that could get it are in" in text
    assert "about 10 % of those in the share" in text
    assert "Not in the share drawn by lot" in text
    assert "Homes' own time zones are not known to us" in text
    assert "the program's, Chicago time." in text
    assert "2 h; the program allows 4 h" in text
    desk.post(reverse("event_new"), sent)
    assert Event.objects.get().share_percent == 25
    page = desk.get(reverse("event", args=[Event.objects.get().pk])).content.decode()
    assert "25 %, drawn by lot" in page
    copy = desk.get(reverse("event_new"), {"copy": Event.objects.get().pk})
    assert copy.context["form"].initial["share_percent"] == 25


# --- templates ----------------------------------------------------------------------------------
DESIGN = {
    "name": "Hot weekday",
    "response": "offset",
    "offset_f": "3",
    "randomize_minutes": "15",
    "note": "Thank you",
    "postal_codes": "62701, 62702",
    "share_percent": "50",
    "control_percent": "10",
}


def keep(desk: Client, program: Program, **fields: Any) -> Any:
    return desk.post(reverse("template_keep"), typed(program, **DESIGN) | fields)


def verbs() -> list[str]:
    return list(ActivityEntry.objects.order_by("id").values_list("verb", flat=True))


def test_a_design_is_kept_without_its_day_and_started_from(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 1)
    answer = keep(desk, program, date="")
    kept = Template.objects.get()
    assert answer["Location"] == f"{reverse('event_new')}?template={kept.pk}"
    assert (kept.name, kept.program) == ("Hot weekday", program)
    assert "date" not in kept.values
    assert not Event.objects.exists()
    page = desk.get(answer["Location"])
    text = page.content.decode()
    assert "No event was planned." in text
    assert "moves setpoints by 3 °F" in text
    assert "3:00 PM to 5:00 PM" in text
    form = page.context["form"]
    shown = {name: str(form[name].value()) for name in DESIGN}
    assert shown == DESIGN
    assert (form["date"].value(), form["start"].value()) == (date(2026, 7, 14), "15:00")
    sent = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in sent.items() if value not in (None, False)}
    desk.post(reverse("event_new"), sent | {"act": "draft"})
    event = Event.objects.get()
    assert (event.name, event.share_percent, float(event.offset_f or 0)) == ("Hot weekday", 50, 3)
    assert event.postal_codes == ["62701", "62702"]


def test_kept_twice_it_is_one_and_another_design_needs_another_name(desk: Client) -> None:
    program = cast.program()
    first, second = keep(desk, program), keep(desk, program, date="2026-08-04")
    assert first["Location"] == second["Location"]
    refused = keep(desk, program, offset_f="2")
    text = refused.content.decode()
    assert "Summer Peak has another template of this name." in text
    assert 'value="2"' in text, "what was typed is still there"
    assert Template.objects.get().values["offset_f"] == "3"
    assert verbs() == ["keep-template"]


def test_what_is_no_design_is_not_kept(desk: Client) -> None:
    program = cast.program()
    answer = keep(desk, program, start="", response="offset", offset_f="warm")
    assert set(answer.context["form"].errors) == {"start", "offset_f"}
    assert not Template.objects.exists()


def test_a_template_is_deleted_once(desk: Client) -> None:
    program = cast.program()
    keep(desk, program)
    address = reverse("template_drop", args=[Template.objects.get().pk])
    for _ in range(2):
        assert desk.post(address).status_code == 302
    assert not Template.objects.exists()
    assert verbs() == ["keep-template", "drop-template"]
    assert "Start from a template" not in desk.get(reverse("event_new")).content.decode()


def test_a_viewer_keeps_and_deletes_nothing(client: Client, morning: Any) -> None:
    program = cast.program()
    kept = operations.keep_template(
        program=program, name="Mine", values={}, actor=OLGA, now=cast.MORNING
    )
    client.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    assert keep(client, program).status_code == 403
    assert client.post(reverse("template_drop", args=[kept.pk])).status_code == 403
    assert Template.objects.count() == 1


@pytest.mark.parametrize("how", ["template", "copy"])
def test_a_group_that_is_gone_is_said_and_not_silently_everybody(desk: Client, how: str) -> None:
    program = cast.program()
    (system,) = cast.neighborhood(program, 1)
    staff = Group.objects.create(program=program, name="Staff", postal_codes=["62701"])
    if how == "template":
        keep(desk, program, groups=[staff.pk], postal_codes="")
        which = Template.objects.get().pk
    else:
        which = drawn(program, groups=(staff.pk,)).pk
        assert of(Event.objects.get()) == {system.pk}
    address = f"{reverse('event_new')}?{how}={which}"
    assert "No event can be for" not in desk.get(address).content.decode()
    Group.objects.update(retired_at=cast.MORNING)
    text = desk.get(address).content.decode()
    assert "No event can be for Staff any more." in text
    assert "this event is for every home of the program" in text


def test_the_designer_says_what_cannot_be_asked_for(desk: Client) -> None:
    cast.program()
    text = re.sub(r"<[^>]+>", "", desk.get(reverse("event_new")).content.decode())
    assert "Pre-cooling: not possible this way." in text
    assert "Spread ends: Carrier's events have no random end." in text
