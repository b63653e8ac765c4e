"""What somebody sees who may only look: figures, events, systems; not whose they are. And what
leaves the house as a file is on record."""

from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse

from dr_events.models import Event
from enrollments.models import CarrierGrant, Consent, Location, System
from enrollments.states import GrantState
from people.models import ActivityEntry, User
from people.states import Role
from tests import cast
from tests.integration.test_console_pages import addresses, desk, event, morning, olga

__all__ = ["desk", "event", "morning", "olga"]  # fixtures

pytestmark = pytest.mark.django_db


def files(event: Event) -> list[str]:
    return [
        reverse("systems_csv"),
        reverse("applications_csv"),
        reverse("credits_csv", args=[event.program.slug]),
        reverse("audit_csv"),
    ]


def test_a_viewer_sees_no_homeowner_anywhere(client: Client, event: Event) -> None:
    first, second, *_ = System.objects.order_by("id")
    CarrierGrant.objects.filter(id=first.grant_id).update(state=GrantState.NEEDS_RELINK)
    System.objects.filter(id=second.pk).update(is_online=False)
    Location.objects.update(street="12 Elm Street")
    Consent.objects.update(address="198.51.100.7")
    client.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    pages = [
        *addresses(event),
        reverse("season", args=[event.program.slug]),
        reverse("console_applications"),
        reverse("console_customers"),
        reverse("groups", args=[event.program.slug]),
    ]
    for address in pages:
        if "/new/" not in address:
            answer = client.get(address)
            assert answer.status_code == 200, address
            text = answer.content.decode()
            for hidden in ("@home.example", "Elm Street", "198.51.100.7"):
                assert hidden not in text, address
            for closed in (*files(event), reverse("audit"), reverse("console_notices")):
                assert f'href="{closed}' not in text, address
    for address in (*files(event), reverse("audit"), reverse("console_notices")):
        assert client.get(address).status_code == 403, address
    assert not ActivityEntry.objects.filter(verb__startswith="export").exists()


def test_a_viewer_cannot_ask_whose_system_it_is(client: Client, event: Event) -> None:
    address = reverse("console_systems") + "?q=2400w000000@home.example"
    client.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    assert "No system matches" in client.get(address).content.decode()
    client.force_login(cast.operator("carl@utility.example", Role.CUSTOMER_SERVICE))
    assert "2400W000000" in client.get(address).content.decode()


def test_every_file_that_leaves_is_on_record(
    desk: Client, event: Event, olga: User, morning: datetime
) -> None:
    for address in (*files(event), reverse("event_results_csv", args=[event.pk])):
        answer = desk.get(address)
        assert answer.status_code == 200, address
        assert answer["Content-Type"].startswith("text/csv"), address
    taken = ActivityEntry.objects.filter(verb__startswith="export").order_by("id")
    assert [(entry.actor, entry.at, entry.verb, entry.subject) for entry in taken] == [
        (f"user:{olga.pk}", morning, verb, subject)
        for verb, subject in (
            ("export-systems", "systems"),
            ("export-applications", "applications"),
            ("export-credits", f"program:{event.program_id}"),
            ("export-activity", "activity"),
            ("export-results", f"event:{event.pk}"),
        )
    ]
