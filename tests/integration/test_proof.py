"""Proof of consent: whole, word for word, with what it rested on; who took it is on record."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from base import clock
from dr_events.queries.my_data import everything
from enrollments import operations
from enrollments.models import Answer, Consent, Program, Question, System, Terms
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.cast import MORNING
from tests.integration.queue import signed_in, text

pytestmark = pytest.mark.django_db
FROM = "203.0.113.7"
HOUR = timedelta(hours=1)
LATER = MORNING + 5 * HOUR


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: LATER)


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def question(summer: Program) -> Question:
    return Question.objects.create(
        program=summer, key="renter", text="Do you rent?", fitting=False, remedy="Ask."
    )


@pytest.fixture
def hanna(summer: Program, question: Question) -> User:
    """Agreed, answered twice, joined with two systems, left with one."""
    user = cast.homeowner()
    actor = Actor.person(user, FROM)
    operations.agree(user=user, program=summer, version=1, actor=actor, now=MORNING)
    for hours, yes in ((1, True), (2, False)):
        operations.answer(
            user=user, program=summer, said={question.pk: yes}, actor=actor,
            now=MORNING + hours * HOUR,
        )  # fmt: skip
    grant = cast.grant(user)
    systems = [cast.system(grant), cast.system(grant, "2319W004822", name="Attic")]
    made = operations.enroll(
        user=user, program=summer, system_ids=[one.pk for one in systems], actor=actor,
        now=MORNING + 3 * HOUR,
    )  # fmt: skip
    operations.withdraw(enrollment_id=made[1].pk, actor=actor, now=MORNING + 4 * HOUR)
    return user


@pytest.fixture
def service() -> Client:
    return signed_in(cast.operator("cora@utility.example", Role.CUSTOMER_SERVICE))


def at(hours: int) -> str:
    return f"2026-07-14T{14 + hours:02}:00:00Z"


def address(ending: str = "proof/", serial: str = "2319W004821") -> str:
    return f"/console/systems/{System.objects.get(serial=serial).pk}/{ending}"


def test_each_consent_names_the_answers_it_rested_on(hanna: User, question: Question) -> None:
    second = Answer.objects.latest("id")
    ledger = Consent.objects.order_by("id").values_list("act", "system__serial", "answers")
    assert list(ledger) == [
        ("GIVEN", None, []),
        ("GIVEN", "2319W004821", [second.pk]),
        ("GIVEN", "2319W004822", [second.pk]),
        ("WITHDRAWN", "2319W004822", []),
    ], "the answer that counted then, not the one before"


def test_the_file_holds_all_of_it(hanna: User, question: Question, service: Client) -> None:
    got = service.get(address("proof.json"))
    assert got["Content-Disposition"].startswith('attachment; filename="consent-system-')
    assert got["Cache-Control"] == "no-store"
    data = json.loads(got.content)
    assert (data["made_at"], data["made_by"], data["made_for"]) == (
        "2026-07-14T19:00:00Z", "Prairie Light", "cora@utility.example",
    )  # fmt: skip
    system = data["system"]
    assert (system["serial"], system["place"]) == ("2319W004821", "Springfield, 62701")
    (person,) = system["people"]
    assert (person["account"], person["email"]) == (f"user:{hanna.pk}", "hanna@home.example")
    first, second = Answer.objects.order_by("id")
    kept: list[tuple[Any, ...]] = [
        tuple(act[name] for name in ("act", "at", "address", "version", "serial", "answers"))
        for act in person["acts"]
    ]
    assert kept == [
        ("GIVEN", at(0), FROM, 1, "", []),
        ("GIVEN", at(3), FROM, 1, "2319W004821", [second.pk]),
        ("GIVEN", at(3), FROM, 1, "2319W004822", [second.pk]),
        ("WITHDRAWN", at(4), FROM, 1, "2319W004822", []),
    ]
    assert "Write-UtilityEvents" in person["acts"][1]["scopes"]
    said = [
        tuple(one[name] for name in ("id", "key", "version", "text", "said", "at", "address"))
        for one in person["answers"]
    ]
    assert said == [
        (first.pk, "renter", 1, "Do you rent?", True, at(1), FROM),
        (second.pk, "renter", 1, "Do you rent?", False, at(2), FROM),
    ]
    (terms,) = system["texts"]
    assert (terms["version"], terms["text"]) == (1, "You may leave at any time.")
    assert terms["sha256"] == hashlib.sha256(b"You may leave at any time.").hexdigest()


def test_the_page_says_the_same_to_people(hanna: User, summer: Program, service: Client) -> None:
    Terms.objects.create(program=summer, version=2, text="Newer.", published_at=LATER)
    page = text(service.get(address()))
    assert "Proof of consent Prairie Light · Downstairs, serial 2319W004821" in page
    second = Answer.objects.latest("id").pk
    assert f"Write-UtilityEvents , Read-Equip answer {second}" in page
    assert f"Withdrawn No. {Consent.objects.latest('id').pk} Attic 2319W004822" in page
    assert f"{at(2)} from {FROM}" in page
    assert "Do you rent? Summer Peak, renter version 1 No fits" in page
    assert "You may leave at any time." in page
    assert "Newer." not in page, "nobody agreed to that one"


@pytest.mark.parametrize(("ending", "form"), [("proof/", "page"), ("proof.json", "file")])
def test_who_took_whose_proof_is_on_record(
    hanna: User, service: Client, ending: str, form: str
) -> None:
    system = System.objects.get(serial="2319W004821")
    service.get(address(ending))
    entry = ActivityEntry.objects.get(verb="export-consent")
    cora = User.objects.get(email="cora@utility.example")
    assert (entry.actor, entry.subject) == (f"user:{cora.pk}", f"system:{system.pk}")
    assert entry.detail == {"form": form, "people": [f"user:{hanna.pk}"]}


@pytest.mark.parametrize("ending", ["proof/", "proof.json"])
def test_a_viewer_and_a_wrong_number_take_nothing(
    hanna: User, service: Client, ending: str
) -> None:
    viewer = signed_in(cast.operator("vera@utility.example", Role.VIEWER))
    assert viewer.get(address(ending)).status_code == 403
    assert address() not in viewer.get(address("")).content.decode()
    assert service.get(f"/console/systems/999999/{ending}").status_code == 404
    assert not ActivityEntry.objects.filter(verb="export-consent").exists()
    assert address() in service.get(address("")).content.decode()


def test_a_system_that_changed_hands_has_both_and_no_name_that_was_deleted(
    hanna: User, summer: Program, service: Client
) -> None:
    otto = cast.homeowner("otto@home.example")
    System.objects.filter(serial="2319W004821").update(grant=cast.grant(otto))
    operations.erase(user=hanna, actor=Actor.person(hanna), now=LATER)
    operations.agree(user=otto, program=summer, version=1, actor=Actor.person(otto), now=LATER)
    data = json.loads(service.get(address("proof.json")).content)
    former, owner = data["system"]["people"]
    assert (former["account"], former["email"]) == (f"user:{hanna.pk}", "")
    assert {act["address"] for act in former["acts"]} == {None}
    assert (owner["email"], [act["act"] for act in owner["acts"]]) == (
        "otto@home.example", ["GIVEN"],
    )  # fmt: skip
    assert "A person whose data was deleted" in text(service.get(address()))


def test_the_homeowners_own_file_names_them_too(hanna: User) -> None:
    data = everything(hanna, now=LATER)
    numbers = [one["id"] for one in data["answers"]]
    assert [one["answers"] for one in data["consents"]] == [[], numbers[1:], numbers[1:], []]


def test_a_confirmed_replacement_rests_on_the_same_answers(hanna: User) -> None:
    grant = System.objects.get(serial="2319W004821").grant
    ready: dict[str, Any] = {"is_online": True, "has_outdoor_unit": True, "dr_enabled": True}
    operations.save_home(
        grant=grant,
        locations=[{"carrier_id": "40231"}],
        systems=[{"serial": "2319W004829", "location": "40231", **ready}],
        now=LATER,
        real_now=LATER,
    )
    mine = hanna.enrollments.get(state="ACTIVE")
    assert operations.confirm_replacement(
        enrollment_id=mine.pk, actor=Actor.person(hanna), now=LATER
    )
    last = Answer.objects.latest("id").pk
    kept = Consent.objects.filter(act="GIVEN").latest("id")
    assert kept.system is not None
    assert (kept.system.serial, kept.answers) == ("2319W004829", [last])
