"""Switching demand response on for a home, and what every event did there."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from base.refusal import Refused
from dr_events import dispatch
from enrollments.asking import window
from enrollments.asking.documents import BY_KEY
from enrollments.models import CarrierGrant, Program, System
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.integration.conftest import Vendor
from tests.integration.sending import faults, sent
from tests.integration.test_system_page import ask, asked, cara, desk, entries, joined, summer

__all__ = ["cara", "desk", "summer"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)
SENTENCE = "Please switch on utility events at my downstairs wall control."
AGREED = {"sentence": SENTENCE, "told_by": "phone"}


# --- switching on -----------------------------------------------------------------------------
def switched_off(vendor: Vendor, program: Program, **traits: Any) -> System:
    system = joined(vendor, program, **traits)
    vendor.admin("POST", "act", system=system.serial, do="dr_off")
    System.objects.filter(pk=system.pk).update(dr_enabled=False)
    return system


def puts(vendor: Vendor) -> list[dict[str, Any]]:
    return vendor.entries("PUT config")


@pytest.mark.parametrize("flavour", ["mqtt", "legacy"])
def test_customer_service_switches_demand_response_on(
    vendor: Vendor, summer: Program, desk: Client, cara: User, flavour: str
) -> None:
    system = switched_off(vendor, summer, flavour=flavour)
    page = f"/console/systems/{system.pk}/"
    assert "Switch demand response on for the homeowner" in desk.get(page).content.decode()
    answer = desk.post(f"{page}switch-on/", AGREED, follow=True)
    assert "Carrier took it" in answer.content.decode()
    (put,) = puts(vendor)
    assert put["status"] == 200
    owner = system.grant.user_id
    (said,) = entries("agree-switch-on")
    assert said == {"homeowner": f"user:{owner}", "sentence": SENTENCE, "told_by": "On the phone"}
    (done,) = entries("switch-on")
    assert done == {"before": {"demand_response": "off"}, "after": {"demand_response": "on"}}
    assert set(
        ActivityEntry.objects.filter(verb__contains="switch").values_list("actor", "subject")
    ) == {(f"user:{cara.pk}", f"system:{system.pk}")}
    vendor.at(cast.MORNING + timedelta(minutes=3))
    assert '<dt>Enabled</dt><dd class="numbers">Yes</dd>' in ask(desk, system, "config")
    due = CarrierGrant.objects.filter(sync_due_at__lte=timezone.now(), pk=system.grant_id)
    assert due.exists(), "it is read anew"
    again = desk.post(f"{page}switch-on/", AGREED, follow=True)
    assert "It is on already" in again.content.decode()
    assert len(puts(vendor)) == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"sentence": "", "told_by": "phone"}, "Write down what the homeowner agreed to."),
        ({"sentence": "ok then", "told_by": "phone"}, "Write down what the homeowner agreed to."),
        ({"sentence": SENTENCE, "told_by": ""}, "Say how the homeowner agreed."),
        ({"sentence": SENTENCE, "told_by": "pigeon"}, "Say how the homeowner agreed."),
    ],
)
def test_without_the_homeowners_words_nothing_is_sent(
    vendor: Vendor, summer: Program, desk: Client, form: dict[str, str], said: str
) -> None:
    system = switched_off(vendor, summer)
    before, log = asked(vendor), ActivityEntry.objects.count()
    answer = desk.post(f"/console/systems/{system.pk}/switch-on/", form, follow=True)
    assert said in answer.content.decode()
    assert (asked(vendor), ActivityEntry.objects.count()) == (before, log)


def test_without_the_permission_nothing_is_sent(
    vendor: Vendor, summer: Program, desk: Client
) -> None:
    system = switched_off(vendor, summer)
    CarrierGrant.objects.update(scopes=["Read-System"])
    before, log = asked(vendor), ActivityEntry.objects.count()
    answer = desk.post(f"/console/systems/{system.pk}/switch-on/", AGREED, follow=True)
    assert "does not cover this (Write-System)" in answer.content.decode()
    assert (asked(vendor), ActivityEntry.objects.count()) == (before, log)


def test_a_lost_answer_is_on_record_as_such(vendor: Vendor, summer: Program, desk: Client) -> None:
    system = switched_off(vendor, summer)
    faults(vendor, {"kind": "reset_after", "match": {"operation": "PUT config"}})
    answer = desk.post(f"/console/systems/{system.pk}/switch-on/", AGREED, follow=True)
    assert "answer was lost: it may have done this or not" in answer.content.decode()
    assert len(entries("agree-switch-on")) == 1
    (why,) = entries("switch-on-failed")
    assert "may have done this or not" in why["why"]
    assert entries("switch-on") == []
    assert len(puts(vendor)) == 1, "never sent again on a hunch"


@pytest.mark.parametrize("role", [Role.VIEWER])
def test_a_viewer_asks_and_changes_nothing(vendor: Vendor, summer: Program, role: Role) -> None:
    system = switched_off(vendor, summer)
    vera = cast.operator("vera@utility.example", role)
    client = Client()
    client.force_login(vera)
    before, log = asked(vendor), ActivityEntry.objects.count()
    page = f"/console/systems/{system.pk}/"
    text = client.get(page).content.decode()
    assert "Ask Carrier now" not in text
    assert "switch-on/" not in text
    for act in ("ask/status/", "ask/odu-status/fresh/", "switch-on/"):
        assert client.post(page + act, AGREED).status_code == 403
    actor = Actor.person(vera)
    with pytest.raises(Refused, match="Your role"):
        window.ask(system=system, document=BY_KEY["status"], actor=actor, now=cast.MORNING)
    with pytest.raises(Refused, match="Your role"):
        window.switch_on(
            system=system, sentence=SENTENCE, told_by="phone", actor=actor, now=cast.MORNING
        )
    assert (asked(vendor), ActivityEntry.objects.count()) == (before, log)


# --- what every event did there ---------------------------------------------------------------
def test_each_request_is_told_in_words(vendor: Vendor, summer: Program, desk: Client) -> None:
    faults(
        vendor,
        {"kind": "error_before", "status": 400, "match": {"operation": "POST utility_events"}},
    )
    systems, event = sent(vendor, summer, 1)
    dispatch.send_wave(event.pk)
    text = desk.get(f"/console/systems/{systems[0].pk}/").content.decode()
    assert "Sent to Carrier: Carrier calls the request malformed" in text
    assert "(HTTP 400)" in text
    assert event.wire_id in text, "the body that was sent"
    assert "ANSWERED" not in text
