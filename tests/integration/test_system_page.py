"""The page of one system: what Carrier is asked, what it answers, what an operator may change."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from enrollments.asking.documents import DOCUMENTS
from enrollments.models import CarrierGrant, Program, System
from enrollments.states import GrantState
from enrollments.tokens import vault
from people.models import ActivityEntry, User
from people.states import Role
from tests import cast
from tests.contract.conftest import SCOPES
from tests.integration.conftest import Vendor
from tests.integration.sending import faults

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def cara() -> User:
    return cast.operator("cara@utility.example", Role.CUSTOMER_SERVICE)


@pytest.fixture
def desk(cara: User) -> Client:
    client = Client()
    client.force_login(cara)
    return client


def joined(vendor: Vendor, program: Program, number: int = 0, **traits: Any) -> System:
    """A home that gave every permission there is."""
    homes = [
        home
        for home in vendor.homes()
        if all(home["systems"][0][name] == value for name, value in traits.items())
    ]
    home = homes[number]
    system = vendor.enroll(program, [home])[0]
    given = vendor.admin("POST", "grants", users=[home["username"]], scopes=SCOPES.split())
    (token,) = given["grants"]
    grant = CarrierGrant.objects.get(pk=system.grant_id)
    sealed = vault().seal(token["access_token"], bound_to=grant.bound_to("access"))
    refresh = vault().seal(token["refresh_token"], bound_to=grant.bound_to("refresh"))
    CarrierGrant.objects.filter(pk=grant.pk).update(
        access_sealed=sealed, refresh_sealed=refresh, scopes=SCOPES.split()
    )
    return System.objects.select_related("grant__user", "location").get(pk=system.pk)


def asked(vendor: Vendor, serial: str = "") -> list[str]:
    """Requests about systems and people that reached the cloud, tokens aside."""
    return [
        entry["operation"]
        for entry in vendor.entries()
        if "oauth" not in entry["operation"] and (not serial or entry.get("serial") == serial)
    ]


def ask(desk: Client, system: System, key: str) -> str:
    path = f"/console/systems/{system.pk}/ask/{key}/"
    answer = desk.post(path, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()


def plain(text: str) -> str:
    return " ".join(re.sub("<[^>]*>", "", text).split())


def entries(verb: str) -> list[dict[str, Any]]:
    return list(
        ActivityEntry.objects.filter(verb=verb).order_by("id").values_list("detail", flat=True)
    )


# --- reading ----------------------------------------------------------------------------------
@pytest.mark.parametrize("flavour", ["mqtt", "legacy"])
def test_every_read_operation_is_reachable(
    vendor: Vendor, summer: Program, desk: Client, flavour: str
) -> None:
    system = joined(vendor, summer, flavour=flavour)
    before = len(asked(vendor))
    for document in DOCUMENTS:
        text = ask(desk, system, document.key)
        assert "nothing came" not in text, text
        assert f"<h3>{document.title}</h3>" in text or "not available" in text, text
    reads = asked(vendor)[before:]
    assert len(reads) == len(DOCUMENTS) == 19
    assert sorted(set(reads)) == sorted(reads), "nineteen operations, each once"
    assert [detail["document"] for detail in entries("ask-carrier")] == [d.key for d in DOCUMENTS]


def test_an_answer_is_in_words_with_its_age(vendor: Vendor, summer: Program, desk: Client) -> None:
    system = joined(vendor, summer)
    text = ask(desk, system, "config")
    assert "Demand response at the wall control" in text
    assert "Moves the setpoint" in text, "not the vendor's code"
    assert '<dt>Enabled</dt><dd class="numbers">Yes</dd>' in text
    assert "Reported 0 minutes ago, Tue Jul 14, 9:00 AM CDT" in plain(text)
    vendor.at(cast.MORNING + timedelta(hours=1))
    text = ask(desk, system, "odu-status")
    assert "fetched Tue Jul 14, 10:00 AM CDT" in plain(text)
    assert "Ask for a fresh one" in text


def test_a_home_in_celsius_is_shown_in_celsius(
    vendor: Vendor, summer: Program, desk: Client
) -> None:
    system = joined(vendor, summer, unit="C")
    text = ask(desk, system, "status")
    assert "°C" in text
    assert "°F" not in text.split("As Carrier wrote it")[0]


def test_what_is_not_there_is_not_available(vendor: Vendor, summer: Program, desk: Client) -> None:
    system = joined(vendor, summer)
    faults(vendor, {"kind": "error_before", "status": 404, "match": {"operation": "GET history"}})
    text = ask(desk, system, "history")
    assert "History: not available" in text
    assert "nothing came" not in text


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"kind": "error_before", "status": 403}, "does not cover this"),
        ({"kind": "error_before", "status": 503}, "busy or cannot be reached"),
        ({"kind": "unauthorized"}, "did not accept our permission"),
        ({"kind": "garbage"}, "busy or cannot be reached"),
        ({"kind": "reset_before"}, "busy or cannot be reached"),
        ({"kind": "redirect", "status": 302, "location": "/x"}, "a way we do not understand"),
        ({"kind": "error_before", "status": 400}, "a way we do not understand"),
    ],
)
def test_trouble_is_a_sentence(
    vendor: Vendor, summer: Program, desk: Client, rule: dict[str, Any], said: str
) -> None:
    system = joined(vendor, summer)
    faults(vendor, rule | {"match": {"operation": "GET status"}})
    text = ask(desk, system, "status")
    assert "Status: nothing came" in text
    assert said in text
    assert "As Carrier wrote it" not in text


def test_a_token_that_was_refused_is_renewed_for_the_next_try(
    vendor: Vendor, summer: Program, desk: Client
) -> None:
    system = joined(vendor, summer)
    faults(vendor, {"kind": "unauthorized", "match": {"operation": "GET status"}, "count": 1})
    assert "did not accept our permission" in ask(desk, system, "status")
    assert "<h3>Status</h3>" in ask(desk, system, "status")


def test_what_the_permission_does_not_cover_is_not_asked(
    vendor: Vendor, summer: Program, desk: Client
) -> None:
    system = vendor.enroll(summer, vendor.homes()[:1])[0]
    CarrierGrant.objects.update(scopes=["Read-User", "Read-System"])
    before = asked(vendor)
    for key in ("history", "odu-status", "events"):
        assert "does not cover this (Read-" in ask(desk, system, key)
    CarrierGrant.objects.update(state=GrantState.NEEDS_RELINK)
    assert "must connect to Carrier again first" in ask(desk, system, "status")
    assert asked(vendor) == before
    assert entries("ask-carrier") == []
    text = desk.get(f"/console/systems/{system.pk}/").content.decode()
    assert "/ask/" not in text


def test_asking_for_a_fresh_reading(vendor: Vendor, summer: Program, desk: Client) -> None:
    system = joined(vendor, summer)
    path = f"/console/systems/{system.pk}/ask/odu-status/fresh/"
    before = len(asked(vendor))
    answer = desk.post(path, headers={"HX-Request": "true"})
    assert "Carrier was asked for a fresh reading" in answer.content.decode()
    assert asked(vendor)[before:] == ["DELETE odu_status"]
    answer = desk.post(path.replace("odu-status", "status"), headers={"HX-Request": "true"})
    assert "knows no way" in answer.content.decode()
    assert len(asked(vendor)) == before + 1
    assert [detail["document"] for detail in entries("ask-carrier")] == ["fresh odu-status"]


def test_without_scripts_the_answer_stands_on_the_page(
    vendor: Vendor, summer: Program, desk: Client
) -> None:
    system = joined(vendor, summer)
    text = desk.post(f"/console/systems/{system.pk}/ask/dealer/").content.decode()
    assert "<h3>Dealer</h3>" in text
    assert "<!doctype html>" in text


def test_a_document_nobody_knows_is_no_page(vendor: Vendor, summer: Program, desk: Client) -> None:
    system = joined(vendor, summer)
    assert desk.post(f"/console/systems/{system.pk}/ask/secrets/").status_code == 404
    assert desk.post("/console/systems/999999/ask/status/").status_code == 404
    assert desk.get(f"/console/systems/{system.pk}/ask/status/").status_code == 405


def test_what_carrier_wrote_is_shown_without_secrets(
    vendor: Vendor, summer: Program, desk: Client
) -> None:
    system = joined(vendor, summer)
    text = ask(desk, system, "profile")
    assert "As Carrier wrote it, without secrets" in text
    assert "pin" not in text.lower().replace("piping", "")
