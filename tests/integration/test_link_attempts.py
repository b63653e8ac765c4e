"""One press of Connect, one answer: it finds its attempt once, and nobody else's."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from base.refusal import Refused
from enrollments import operations
from enrollments.models import LinkAttempt, Program
from people.models import User
from tests import cast
from tests.integration.test_permission import NOW, hanna, summer

__all__ = ["hanna", "summer"]  # fixtures

pytestmark = pytest.mark.django_db
STATE, SESSION, VERIFIER = "state-canary", "session-canary", "v" * 64
LIFE = timedelta(minutes=10)


def begin(user: User, program: Program, *, at: datetime = NOW, state: str = STATE) -> None:
    operations.begin_link(
        user=user, program=program, state=state, session=SESSION, verifier=VERIFIER, real_now=at
    )


def take(user: User, **changes: Any) -> LinkAttempt | None:
    values: dict[str, Any] = {"user": user, "state": STATE, "session": SESSION, "real_now": NOW}
    return operations.take_link_attempt(**values | changes)


def test_the_answer_finds_its_attempt_once(summer: Program, hanna: User) -> None:
    begin(hanna, summer)
    taken = take(hanna)
    assert taken is not None
    assert (taken.program, taken.verifier) == (summer, VERIFIER)
    kept = LinkAttempt.objects.get()
    assert (kept.used_at, kept.verifier) == (NOW, "")
    assert take(hanna) is None
    assert take(hanna, real_now=NOW + timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    "wrong",
    [{"state": "another"}, {"state": ""}, {"session": "another"}, {"session": ""}],
)
def test_another_state_or_session_takes_nothing(
    summer: Program, hanna: User, wrong: dict[str, str]
) -> None:
    begin(hanna, summer)
    assert take(hanna, **wrong) is None
    assert LinkAttempt.objects.get().used_at is None
    assert take(hanna) is not None, "the right answer still counts"


def test_another_person_takes_nothing(summer: Program, hanna: User) -> None:
    begin(hanna, summer)
    assert take(cast.homeowner("otto@home.example")) is None
    assert LinkAttempt.objects.get().used_at is None


@pytest.mark.parametrize(
    ("age", "found"),
    [(LIFE, True), (LIFE + timedelta(microseconds=1), False), (timedelta(hours=3), False)],
)
def test_an_attempt_lives_ten_minutes(
    summer: Program, hanna: User, age: timedelta, found: bool
) -> None:
    begin(hanna, summer)
    assert (take(hanna, real_now=NOW + age) is not None) is found
    assert (LinkAttempt.objects.get().used_at is not None) is found


def test_old_attempts_are_swept_out_by_the_next(summer: Program, hanna: User) -> None:
    begin(hanna, summer)
    begin(hanna, summer, at=NOW + LIFE, state="second")
    assert LinkAttempt.objects.count() == 2
    begin(hanna, summer, at=NOW + LIFE + timedelta(seconds=1), state="third")
    assert LinkAttempt.objects.count() == 2
    assert take(hanna) is None


def test_only_hashes_of_state_and_session_are_kept(summer: Program, hanna: User) -> None:
    begin(hanna, summer)
    kept = " ".join(str(value) for value in LinkAttempt.objects.values_list().get())
    assert STATE not in kept
    assert SESSION not in kept


def test_nobody_connects_without_having_agreed(summer: Program) -> None:
    otto = cast.homeowner("otto@home.example")
    with pytest.raises(Refused, match="agree to the program terms first"):
        begin(otto, summer)
    assert LinkAttempt.objects.count() == 0
