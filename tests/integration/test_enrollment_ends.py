"""Walk 1 in the database, afterwards: rest, leave, come back. What is in the ledger stays there."""

from datetime import timedelta
from typing import Any

import pytest

from enrollments import operations, queries
from enrollments.models import CarrierGrant, Consent, Enrollment, Program, System
from enrollments.states import ConsentAct, EnrollmentState, GrantState
from people.models import User
from tests import cast
from tests.integration.test_enrollment import (
    HANNA,
    NOW,
    enroll,
    hanna,
    ledger,
    refused_enroll,
    summer,
    upstairs,
    verbs,
)

__all__ = ["hanna", "summer", "upstairs"]  # fixtures

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=1)


def state_of(enrollment: Enrollment) -> tuple[str, Any]:
    enrollment.refresh_from_db()
    return enrollment.state, enrollment.changed_at


def test_pause_and_resume_move_once(summer: Program, hanna: User, upstairs: System) -> None:
    (enrollment,) = enroll(hanna, summer, upstairs)
    before = ledger()
    which: dict[str, Any] = {"enrollment_id": enrollment.pk, "actor": HANNA, "now": LATER}
    assert operations.resume(**which) == 0
    assert state_of(enrollment) == (EnrollmentState.ACTIVE, NOW)
    assert operations.pause(**which) == 1
    assert state_of(enrollment) == (EnrollmentState.PAUSED, LATER)
    assert operations.pause(**which) == 0
    assert operations.resume(**which | {"now": NOW}) == 1
    assert state_of(enrollment) == (EnrollmentState.ACTIVE, NOW)
    assert operations.resume(**which) == 0
    assert verbs() == ["enroll", "move-application", "pause", "resume"]
    assert ledger() == before, "a rest is not a withdrawal"


@pytest.mark.parametrize("state", [EnrollmentState.ACTIVE, EnrollmentState.PAUSED])
def test_with_the_last_system_the_agreement_ends_too(
    summer: Program, hanna: User, upstairs: System, state: EnrollmentState
) -> None:
    downstairs = cast.system(upstairs.grant, "2319W000002")
    first, last = enroll(hanna, summer, upstairs, downstairs)
    Enrollment.objects.update(state=state)
    before = ledger()

    left = operations.withdraw(enrollment_id=first.pk, actor=HANNA, now=LATER)
    assert left == operations.Left(None), "the other system needs the permission"
    assert state_of(first) == (EnrollmentState.WITHDRAWN, LATER)
    assert state_of(last) == (state, NOW)
    assert ledger() == [*before, ("WITHDRAWN", "2319W000001", 1)]
    assert queries.agreed(hanna, summer) is not None

    left = operations.withdraw(enrollment_id=last.pk, actor=HANNA, now=LATER)
    assert left is not None
    assert left.forgotten is not None
    assert left.forgotten.grant_id == upstairs.grant_id
    assert ledger() == [
        *before,
        ("WITHDRAWN", "2319W000001", 1),
        ("WITHDRAWN", "2319W000002", 1),
        ("WITHDRAWN", None, 1),
    ]
    assert queries.agreed(hanna, summer) is None
    moved = "move-application"  # to enrolled, and to withdrawn with the last system
    assert verbs() == ["enroll", moved, "withdraw", moved, "withdraw", "disconnect"]
    given_back = Consent.objects.filter(act=ConsentAct.WITHDRAWN)
    assert set(given_back.values_list("user", "at", "address")) == {
        (hanna.pk, LATER, "203.0.113.7")
    }


def test_leaving_is_final_and_counts_once(summer: Program, hanna: User, upstairs: System) -> None:
    (enrollment,) = enroll(hanna, summer, upstairs)
    which: dict[str, Any] = {"enrollment_id": enrollment.pk, "actor": HANNA, "now": LATER}
    assert operations.withdraw(**which) is not None
    before = (ledger(), verbs())
    assert operations.withdraw(**which) is None
    assert operations.pause(**which) == 0
    assert operations.resume(**which) == 0
    assert (ledger(), verbs()) == before
    assert state_of(enrollment) == (EnrollmentState.WITHDRAWN, LATER)


def test_the_text_that_was_agreed_to_is_the_one_that_is_withdrawn(
    summer: Program, hanna: User, upstairs: System
) -> None:
    (enrollment,) = enroll(hanna, summer, upstairs)
    cast.terms(summer, version=2)
    operations.withdraw(enrollment_id=enrollment.pk, actor=HANNA, now=LATER)
    assert ledger()[-2:] == [("WITHDRAWN", "2319W000001", 1), ("WITHDRAWN", None, 1)]


def test_joining_again_means_reading_again_and_makes_a_new_enrolment(
    summer: Program, hanna: User, upstairs: System
) -> None:
    (enrollment,) = enroll(hanna, summer, upstairs)
    operations.withdraw(enrollment_id=enrollment.pk, actor=HANNA, now=LATER)
    assert "agree to the program terms" in refused_enroll(hanna, summer, upstairs)
    operations.agree(user=hanna, program=summer, version=1, actor=HANNA, now=LATER)
    assert "not connected to your account" in refused_enroll(hanna, summer, upstairs)
    CarrierGrant.objects.update(state=GrantState.ACTIVE)  # connected again
    (again,) = enroll(hanna, summer, upstairs)
    assert again.pk != enrollment.pk
    assert state_of(enrollment)[0] == EnrollmentState.WITHDRAWN
