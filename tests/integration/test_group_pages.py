"""Groups on their pages: made, filled, used in the designer; a viewer only looks."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from dr_events.models import Dispatch, Event
from enrollments.models import Group, Membership, Program
from people.states import Role
from tests import cast
from tests.integration.test_groups import group, morning, serials, summer

__all__ = ["morning", "summer"]  # fixtures

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(cast.operator())
    return client


def text(response: object) -> str:
    found: str = response.content.decode()  # type: ignore[attr-defined]
    return found


def test_from_the_empty_page_to_an_event_for_the_group(desk: Client, summer: Program) -> None:
    address = reverse("groups", args=[summer.slug])
    assert b"No group yet." in desk.get(address).content
    made = desk.post(
        address, {"name": " North  side ", "postal_codes": "62702; 62709", "outdoor_types": ["ac"]}
    )
    north = Group.objects.get()
    assert made.headers["Location"] == reverse("group", args=[north.pk])
    assert (north.name, north.postal_codes, north.outdoor_types) == (
        "North side", ["62702", "62709"], ["ac"],
    )  # fmt: skip
    page = desk.get(reverse("group", args=[north.pk])).content.decode()
    assert "Rule: postal code 62702 or 62709, and outdoor unit ac." in page
    added = desk.post(
        reverse("group_add", args=[north.pk]),
        {"serials": f"{serials()[0].lower()},\n", "since": "2026-07-14", "until": ""},
        follow=True,
    )
    assert serials()[0] in added.content.decode()
    designer = desk.get(f"{reverse('event_new')}?program={summer.slug}&group={north.pk}")
    assert re.search(
        rf'<input[^>]*name="groups"[^>]*value="{north.pk}"[^>]*checked', text(designer)
    )
    wish = {
        "program": summer.slug, "name": "North only", "date": "2026-07-14", "start": "15:00",
        "end": "17:00", "response": "customer", "groups": [north.pk], "act": "submit",
    }  # fmt: skip
    preview = desk.post(reverse("event_preview"), wish).content.decode()
    assert "of 2 enrolled systems would get it" in preview
    assert (
        "0.3\N{NO-BREAK SPACE}kW to 0.7\N{NO-BREAK SPACE}kW</strong> less while it lasts" in preview
    )
    assert "<strong>an estimate</strong>" in preview
    desk.post(reverse("event_new"), wish)
    event = Event.objects.get()
    assert event.groups == [north.pk]
    planned = Dispatch.objects.filter(event=event).values_list("system__serial", flat=True)
    assert sorted(planned) == [serials()[0], serials()[3]]
    board = desk.get(reverse("event", args=[event.pk])).content.decode()
    assert "North side" in board


def test_what_is_wrong_stands_at_its_field_and_keeps_what_was_typed(
    desk: Client, summer: Program
) -> None:
    staff = group(summer, "Staff")
    page = desk.post(
        reverse("group_add", args=[staff.pk]), {"serials": "NOPE1 NOPE2", "since": "2026-07-14"}
    ).content.decode()
    assert "Not enrolled in Summer Peak: NOPE1, NOPE2." in page
    assert "NOPE1 NOPE2</textarea>" in page
    again = desk.post(reverse("groups", args=[summer.slug]), {"name": "Staff"}).content.decode()
    assert "This program has a group of that name." in again
    stale = desk.post(
        reverse("group_change", args=[staff.pk]), {"name": "Crew", "seen": "7"}
    ).content.decode()
    assert "Somebody changed this group meanwhile; nothing was saved." in stale
    staff.refresh_from_db()
    assert (staff.name, Group.objects.count(), Membership.objects.count()) == ("Staff", 1, 0)


def test_a_viewer_reads_and_changes_nothing(client: Client, summer: Program) -> None:
    staff = group(summer, "Staff")
    client.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    assert client.get(reverse("group", args=[staff.pk])).status_code == 200
    assert client.post(reverse("groups", args=[summer.slug]), {"name": "X"}).status_code == 403
    for name in ("group_change", "group_add", "group_retire"):
        assert client.post(reverse(name, args=[staff.pk]), {}).status_code == 403
    assert list(Group.objects.values_list("name", "version")) == [("Staff", 1)]
