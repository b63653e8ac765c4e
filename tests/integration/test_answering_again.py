"""Something has changed at home: the questions are answered again, before joining or after."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from base import clock
from base.refusal import Refused
from enrollments import operations, queries
from enrollments.models import Answer, Application, Enrollment, Program, Question, System
from enrollments.states import ApplicationState, EnrollmentState
from people.models import ActivityEntry, User
from people.operations import Actor
from tests import cast
from tests.cast import MORNING
from tests.integration.test_home_pages import text
from tests.integration.test_questions import ask, say, step

pytestmark = pytest.mark.django_db
HANNA = Actor("user:hanna")
ADDRESS = "/join/summer-peak/answers/"
RESTS = "so it stays paused"


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def question(summer: Program) -> Question:
    return ask(summer)


@pytest.fixture
def hanna(summer: Program) -> User:
    user = cast.homeowner()
    cast.agreement(user, summer)
    return user


@pytest.fixture
def system(summer: Program, question: Question) -> System:
    """Enrolled, with the answer that fits."""
    made = cast.enrolled(summer, email="enrolled@home.example")
    say(made.grant.user, {question: False})
    return made


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def said(question: Question, answer: str) -> dict[str, str]:
    return {f"question-{question.pk}": answer}


def kept() -> list[bool]:
    return list(Answer.objects.order_by("id").values_list("said", flat=True))


def state() -> tuple[Any, ...]:
    return Enrollment.objects.values_list("state", "paused_from", "paused_until").get()


# --- on the way in --------------------------------------------------------------------------------
def test_an_applicant_finds_the_answers_again(
    summer: Program, hanna: User, question: Question
) -> None:
    browser = browser_of(hanna)
    say(hanna, {question: False})
    assert f'href="{ADDRESS}">Answer the questions again' in text(browser.get("/join/summer-peak/"))
    page = text(browser.get(ADDRESS))
    assert page.count('value="no" required checked') == 1
    assert browser.post(ADDRESS, said(question, "yes"))["Location"] == "/join/summer-peak/"
    assert (kept(), step(hanna, summer)) == ([False, True], "questions")
    assert Application.objects.get().state == ApplicationState.NEEDS_ACTION


def test_an_open_answer_is_shown_and_nothing_is_kept(hanna: User, question: Question) -> None:
    answer = browser_of(hanna).post(ADDRESS, {})
    assert answer.status_code == 422
    assert "Answer yes or no." in text(answer)
    assert kept() == []


def test_questions_that_changed_meanwhile_are_asked_anew(hanna: User, question: Question) -> None:
    page = said(question, "no")
    ask(question.program, version=2, text="Is anybody at home ill?")
    assert browser_of(hanna).post(ADDRESS, page).status_code == 422
    assert kept() == []


def test_who_did_not_agree_or_is_asked_nothing_goes_on_where_they_stopped(
    summer: Program, hanna: User
) -> None:
    assert browser_of(hanna).get(ADDRESS)["Location"] == "/join/summer-peak/"
    question = ask(summer)
    otto = cast.homeowner("otto@home.example")
    for act in (browser_of(otto).get, browser_of(otto).post):
        assert act(ADDRESS, said(question, "no"))["Location"] == "/join/summer-peak/"
    with pytest.raises(Refused, match="agree to the program terms first"):
        say(otto, {question: False})
    assert kept() == []
    assert browser_of(otto).get("/join/nowhere/answers/").status_code == 404


def test_a_rejected_application_is_not_begun_again_by_an_answer(
    summer: Program, hanna: User, question: Question
) -> None:
    Application.objects.create(
        user=hanna, program=summer, state="REJECTED", reason="x",
        applied_at=MORNING, changed_at=MORNING,
    )  # fmt: skip
    with pytest.raises(Refused, match="turned down"):
        say(hanna, {question: False})
    assert Application.objects.count() == 1


def test_the_same_answers_again_are_not_written_twice(hanna: User, question: Question) -> None:
    assert [say(hanna, {question: False}) for _ in range(2)] == [True, True]
    assert kept() == [False]
    assert ActivityEntry.objects.filter(verb="answer").count() == 1


# --- after joining --------------------------------------------------------------------------------
def test_a_medical_need_pauses_an_enrolled_home_at_once(
    summer: Program, system: System, question: Question
) -> None:
    cast.scheduled(summer)
    browser = browser_of(system.grant.user)
    assert f'href="{ADDRESS}"' in text(browser.get("/home/"))
    assert "your systems in it are paused at once" in text(browser.get(ADDRESS))
    done = text(browser.post(ADDRESS, said(question, "yes"), follow=True))
    assert "One of them does not fit Summer Peak, so your systems in it are paused" in done
    assert f"paused because of this answer:</strong> {question.text} Yes." in done
    assert kept() == [False, True]
    assert state() == (EnrollmentState.PAUSED, MORNING, None)
    assert not Application.objects.exists(), "who has joined applies for nothing"
    home = text(browser.get("/home/"))
    assert "Paused because of an answer of yours." in home
    assert "/resume/" not in home
    assert "/pause/" not in home
    assert "This system is paused then, so nothing is sent to it." in home


def test_nobody_resumes_it_before_the_answers_fit(system: System, question: Question) -> None:
    user, number = system.grant.user, system.enrollments.get().pk
    say(user, {question: True})
    browser = browser_of(user)
    refused = text(browser.post(f"/home/systems/{number}/resume/", follow=True))
    assert RESTS in refused
    answer = browser.post(f"/home/systems/{number}/pause/", {"until": "2026-07-20"})
    assert (answer.status_code, RESTS in text(answer)) == (422, True)
    olga = Actor.person(cast.operator())
    with pytest.raises(Refused, match=RESTS):
        operations.resume(enrollment_id=number, actor=olga, now=MORNING, why="They called.")
    with pytest.raises(Refused, match=RESTS):
        operations.pause(
            enrollment_id=number, actor=HANNA, now=MORNING, since=MORNING + timedelta(days=2)
        )
    assert state() == (EnrollmentState.PAUSED, MORNING, None)
    done = text(browser.post(ADDRESS, said(question, "no"), follow=True))
    assert "Your answers are kept." in done
    assert "/resume/" in done
    assert state() == (EnrollmentState.PAUSED, MORNING, None), "people resume, not answers"
    browser.post(f"/home/systems/{number}/resume/")
    assert state() == (EnrollmentState.ACTIVE, None, None)


def test_a_vacation_that_would_end_by_itself_does_not(system: System, question: Question) -> None:
    number = system.enrollments.get().pk
    until = MORNING + timedelta(days=3)
    operations.pause(enrollment_id=number, actor=HANNA, now=MORNING, until=until)
    say(system.grant.user, {question: True})
    assert state() == (EnrollmentState.PAUSED, MORNING, None)


def test_a_question_that_is_new_to_an_enrolled_home_holds_nothing_up(
    summer: Program, system: System
) -> None:
    ask(summer, "other-program", text="Another program?", remedy="Leave it.")
    number = system.enrollments.get().pk
    assert queries.misfits(system.grant.user, summer) == []
    operations.pause(enrollment_id=number, actor=HANNA, now=MORNING)
    assert operations.resume(enrollment_id=number, actor=HANNA, now=MORNING) == 1


def test_the_log_says_that_and_not_what(system: System, question: Question) -> None:
    say(system.grant.user, {question: True})
    entry = ActivityEntry.objects.get(verb="pause")
    assert entry.detail["why"] == "An answer does not fit."
