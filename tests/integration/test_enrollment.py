"""Walk 1 in the database: agree and choose. A refusal names its reason; nothing moved."""

from typing import Any

import pytest

from base.refusal import Refused
from enrollments import operations
from enrollments.models import CarrierGrant, Consent, Enrollment, Program, System
from enrollments.rules import ASKED_SCOPES, REMEDIES
from enrollments.states import ConsentAct, EnrollmentState, Ineligible
from people.models import ActivityEntry, User
from people.operations import Actor
from tests import cast

pytestmark = pytest.mark.django_db
NOW = cast.MORNING
HANNA = Actor("user:hanna", address="203.0.113.7")


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def hanna() -> User:
    return cast.homeowner()


def ledger() -> list[tuple[str, str | None, int]]:
    """The consent ledger: act, serial (None: the agreement itself), version of the text."""
    return list(
        Consent.objects.order_by("id").values_list("act", "system__serial", "terms__version")
    )


def verbs() -> list[str]:
    return list(ActivityEntry.objects.order_by("id").values_list("verb", flat=True))


# --- agree -------------------------------------------------------------------------------------
def test_agreeing_keeps_the_text_version_the_time_and_the_address(
    summer: Program, hanna: User
) -> None:
    operations.agree(user=hanna, program=summer, version=1, actor=HANNA, now=NOW)
    consent = Consent.objects.get()
    assert (consent.user, consent.terms.version, consent.act) == (hanna, 1, ConsentAct.GIVEN)
    assert (consent.at, consent.address, consent.system) == (NOW, "203.0.113.7", None)
    assert consent.scopes == list(ASKED_SCOPES)
    entry = ActivityEntry.objects.get()
    assert (entry.actor, entry.verb, entry.subject, entry.at) == (
        "user:hanna",
        "agree",
        f"program:{summer.pk}",
        NOW,
    )
    assert (entry.detail, entry.address) == ({"terms_version": 1}, "203.0.113.7")


def test_a_closed_program_takes_nobody(hanna: User) -> None:
    closed = cast.program(is_open=False)
    with pytest.raises(Refused) as refused:
        operations.agree(user=hanna, program=closed, version=1, actor=HANNA, now=NOW)
    assert str(refused.value) == "This program takes no new homes at the moment."
    assert (ledger(), verbs()) == ([], [])


def test_without_published_terms_nobody_can_agree(summer: Program, hanna: User) -> None:
    summer.terms.all().delete()
    with pytest.raises(Refused, match="no published terms yet"):
        operations.agree(user=hanna, program=summer, version=1, actor=HANNA, now=NOW)
    assert (ledger(), verbs()) == ([], [])


@pytest.mark.parametrize("version", [1, 3])
def test_only_the_text_that_is_in_force_can_be_agreed_to(
    summer: Program, hanna: User, version: int
) -> None:
    cast.terms(summer, version=2)
    with pytest.raises(Refused) as refused:
        operations.agree(user=hanna, program=summer, version=version, actor=HANNA, now=NOW)
    assert str(refused.value) == (
        "The terms have changed since you opened this page. Please read them again."
    )
    assert (ledger(), verbs()) == ([], [])
    operations.agree(user=hanna, program=summer, version=2, actor=HANNA, now=NOW)
    assert ledger() == [("GIVEN", None, 2)]


# --- enroll ------------------------------------------------------------------------------------
def enroll(user: User, program: Program, *systems: System, ids: Any = None) -> list[Enrollment]:
    return operations.enroll(
        user=user,
        program=program,
        system_ids=[system.pk for system in systems] if ids is None else ids,
        actor=HANNA,
        now=NOW,
    )


def refused_enroll(user: User, program: Program, *systems: System, ids: Any = None) -> str:
    """The sentence; and that nothing moved."""
    before = (ledger(), verbs(), list(Enrollment.objects.order_by("id").values()))
    with pytest.raises(Refused) as refused:
        enroll(user, program, *systems, ids=ids)
    assert (ledger(), verbs(), list(Enrollment.objects.order_by("id").values())) == before
    return str(refused.value)


@pytest.fixture
def upstairs(summer: Program, hanna: User) -> System:
    """A ready system of somebody who agreed."""
    cast.agreement(hanna, summer)
    return cast.system(cast.grant(hanna), "2319W000001", name="Upstairs")


def test_chosen_systems_join_with_one_consent_row_each(
    summer: Program, hanna: User, upstairs: System
) -> None:
    downstairs = cast.system(upstairs.grant, "2319W000002")
    not_chosen = cast.system(upstairs.grant, "2319W000003")
    made = enroll(hanna, summer, upstairs, downstairs)
    assert [(row.system, row.program, row.state, row.enrolled_at) for row in made] == [
        (upstairs, summer, EnrollmentState.ACTIVE, NOW),
        (downstairs, summer, EnrollmentState.ACTIVE, NOW),
    ]
    assert ledger() == [
        ("GIVEN", None, 1),
        ("GIVEN", "2319W000001", 1),
        ("GIVEN", "2319W000002", 1),
    ]
    assert not Enrollment.objects.filter(system=not_chosen).exists()
    entry = ActivityEntry.objects.get(verb="enroll")
    assert entry.detail == {"systems": ["2319W000001", "2319W000002"]}
    kept = Consent.objects.get(system=upstairs)
    assert (kept.at, kept.address, kept.scopes) == (NOW, "203.0.113.7", list(ASKED_SCOPES))


def test_nobody_joins_without_having_agreed(summer: Program, hanna: User) -> None:
    system = cast.system(cast.grant(hanna))
    assert refused_enroll(hanna, summer, system) == (
        "Please read and agree to the program terms first."
    )


def test_an_agreement_to_another_program_does_not_count(
    summer: Program, hanna: User, upstairs: System
) -> None:
    winter = cast.program("Winter Peak")
    assert "agree to the program terms" in refused_enroll(hanna, winter, upstairs)


def test_an_agreement_taken_back_does_not_count(
    summer: Program, hanna: User, upstairs: System
) -> None:
    Consent.objects.create(
        user=hanna, terms=summer.terms.get(), act=ConsentAct.WITHDRAWN, at=NOW, scopes=[]
    )
    assert "agree to the program terms" in refused_enroll(hanna, summer, upstairs)


def test_none_chosen_is_refused(summer: Program, hanna: User, upstairs: System) -> None:
    assert refused_enroll(hanna, summer, ids=[]) == "Choose at least one system."


def test_somebody_elses_system_and_one_that_is_none_sound_the_same(
    summer: Program, hanna: User, upstairs: System
) -> None:
    theirs = cast.system(cast.grant(cast.homeowner("otto@home.example")), "2319W000009")
    sentence = "One of these systems is not connected to your account."
    assert refused_enroll(hanna, summer, upstairs, theirs) == sentence
    assert refused_enroll(hanna, summer, ids=[upstairs.pk, 10**9]) == sentence


def test_a_system_of_a_destroyed_permission_is_nobodys(
    summer: Program, hanna: User, upstairs: System
) -> None:
    operations.forget_tokens(grant_id=upstairs.grant_id, actor=HANNA, now=NOW)
    assert refused_enroll(hanna, summer, upstairs) == (
        "One of these systems is not connected to your account."
    )


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"read_at": None}, Ineligible.NOT_READ),
        ({"has_outdoor_unit": False}, Ineligible.NO_OUTDOOR_UNIT),
        ({"dr_enabled": None}, Ineligible.DR_UNKNOWN),
        ({"dr_enabled": False}, Ineligible.DR_OFF),
        ({"is_online": False}, Ineligible.OFFLINE),
    ],
)
def test_one_that_cannot_take_part_keeps_all_of_them_out(
    summer: Program, hanna: User, upstairs: System, wrong: dict[str, Any], reason: Ineligible
) -> None:
    attic = cast.system(upstairs.grant, "2319W000002", **{"name": "Attic"} | wrong)
    assert refused_enroll(hanna, summer, upstairs, attic) == f"Attic: {REMEDIES[reason]}"
    enroll(hanna, summer, upstairs)


def test_a_permission_that_is_incomplete_keeps_a_system_out(
    summer: Program, hanna: User, upstairs: System
) -> None:
    CarrierGrant.objects.update(scopes=["Read-User", "Read-System"])
    assert refused_enroll(hanna, summer, upstairs) == (
        f"Upstairs: {REMEDIES[Ineligible.SCOPE_MISSING]}"
    )


@pytest.mark.parametrize("state", [EnrollmentState.ACTIVE, EnrollmentState.PAUSED])
def test_a_system_is_in_one_program_once(
    summer: Program, hanna: User, upstairs: System, state: EnrollmentState
) -> None:
    winter = cast.program("Winter Peak")
    cast.agreement(hanna, winter)
    enroll(hanna, summer, upstairs)
    Enrollment.objects.update(state=state)
    for program in (summer, winter):
        assert refused_enroll(hanna, program, upstairs) == (
            "One of these systems is enrolled already."
        )


def test_the_same_system_chosen_twice_joins_once(
    summer: Program, hanna: User, upstairs: System
) -> None:
    assert len(enroll(hanna, summer, ids=[upstairs.pk, upstairs.pk])) == 1
    assert Enrollment.objects.count() == 1
