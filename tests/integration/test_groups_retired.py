"""A group that is offered for no new event gets no new systems, whatever page somebody has open."""

import pytest
from django.test import Client
from django.urls import reverse

from base.refusal import Refused
from dr_events import dispatch, operations
from dr_events.models import Dispatch, Event
from dr_events.states import EventState
from enrollments import operations as homes
from enrollments.models import Group, Membership, Program, System
from people.models import ActivityEntry
from people.states import Role
from tests import cast
from tests.integration.test_group_pages import desk, text
from tests.integration.test_groups import DAY, OLGA, TODAY, group, morning, put_in, serials, summer
from tests.partner_calls import Caller, wanted

__all__ = ["desk", "morning", "summer"]  # fixtures

pytestmark = pytest.mark.django_db


def test_a_retired_group_gets_nobody(summer: Program) -> None:
    """Whoever holds the group as it was before has a page that is old."""
    staff = group(summer, "Staff")
    put_in(staff, serials()[0])
    homes.retire_group(group_id=staff.pk, actor=OLGA, now=cast.MORNING)
    before = ActivityEntry.objects.count()
    with pytest.raises(Refused, match=r"^Staff is retired\. Nobody was added\.$"):
        put_in(staff, *serials()[:2], since=TODAY + DAY)
    assert list(Membership.objects.values_list("system__serial", "since")) == [
        (serials()[0], TODAY)
    ]
    assert ActivityEntry.objects.count() == before
    staff.refresh_from_db()
    assert staff.version == 2


def test_a_page_from_before_it_was_retired_puts_nobody_in(desk: Client, summer: Program) -> None:
    staff = group(summer, "Staff")
    homes.retire_group(group_id=staff.pk, actor=OLGA, now=cast.MORNING)
    page = text(desk.get(reverse("group", args=[staff.pk])))
    assert "No system can be added any more: the group is retired." in page
    assert 'name="serials"' not in page
    typed = {"serials": serials()[0], "since": "2026-07-14"}
    page = text(desk.post(reverse("group_add", args=[staff.pk]), typed))
    assert "Staff is retired. Nobody was added." in page
    assert f"{serials()[0]}</textarea>" in page
    ticked = {"system": System.objects.values_list("id", flat=True)[0], "act": "group"}
    page = text(desk.post(reverse("systems_many"), ticked | {"into": staff.pk}, follow=True))
    assert "Staff is retired. Nobody was added." in page
    assert not Membership.objects.exists()


def test_its_name_and_rule_stay(desk: Client, summer: Program) -> None:
    north = group(summer, "North", postal_codes=["62701"])
    address = reverse("group_change", args=[north.pk])
    typed = {"seen": north.version, "name": "South", "postal_codes": "62702"}
    homes.retire_group(group_id=north.pk, actor=OLGA, now=cast.MORNING)
    before = ActivityEntry.objects.count()
    page = text(desk.post(address, typed))
    assert "North is retired; its name and rule stay. Nothing was saved." in page
    assert "The group is retired since" in page
    assert address not in page, "no form that leads nowhere"
    kept = Group.objects.values_list("name", "postal_codes", "version").get()
    assert kept == ("North", ["62701"], 1)
    assert ActivityEntry.objects.count() == before


def nothing_planned(state: EventState) -> None:
    assert Event.objects.get().state == state
    assert Dispatch.objects.count() == 0


RETIRED = "No new event can be for a group that is retired: Staff."


def test_a_draft_for_it_is_not_handed_on(desk: Client, summer: Program) -> None:
    staff = group(summer, "Staff")
    put_in(staff, *serials())
    wish = cast.wish(groups=(staff.pk,))
    draft = operations.draft(program=summer, wish=wish, actor=OLGA, now=cast.MORNING)
    homes.retire_group(group_id=staff.pk, actor=OLGA, now=cast.MORNING)
    address = reverse("event_submit", args=[draft.pk])
    page = text(desk.post(address, {"seen": draft.version}, follow=True))
    assert RETIRED in page
    nothing_planned(EventState.DRAFT)


def test_what_waits_for_a_second_person_is_not_approved(desk: Client, summer: Program) -> None:
    """It can be sent back, and then be for other homes."""
    Program.objects.update(needs_approval=True)
    staff = group(summer, "Staff")
    put_in(staff, *serials())
    draft = operations.draft(
        program=Program.objects.get(),
        wish=cast.wish(groups=(staff.pk,)),
        actor=OLGA,
        now=cast.MORNING,
    )
    dispatch.submit(event_id=draft.pk, actor=OLGA, now=cast.MORNING)
    waits = Event.objects.get()
    homes.retire_group(group_id=staff.pk, actor=OLGA, now=cast.MORNING)
    desk.force_login(cast.operator("april@utility.example", Role.APPROVER))
    address = reverse("event_approve", args=[waits.pk])
    assert RETIRED in text(desk.post(address, {"seen": waits.version}, follow=True))
    nothing_planned(EventState.SUBMITTED)


def test_a_partner_hears_the_same(summer: Program) -> None:
    staff = group(summer, "Staff")
    put_in(staff, *serials())
    leap = Caller("summer-peak")
    made = leap.post("events/", wanted(groups=["Staff"], draft=True))
    assert made.status_code == 201, made.content
    homes.retire_group(group_id=staff.pk, actor=OLGA, now=cast.MORNING)
    at = f"events/{made.json()['id']}/submit/"
    no = leap.post(at, HTTP_IF_MATCH=made["ETag"])
    assert (no.status_code, no.json()["type"]) == (422, "/problems/invalid-event")
    (error,) = no.json()["errors"]
    assert (error["field"], error["code"], error["detail"]) == ("groups", "retired-group", RETIRED)
    nothing_planned(EventState.DRAFT)
