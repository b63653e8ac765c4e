"""What a program asks before a home may join: kept with its text, time and version."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from base import clock
from base.refusal import Refused
from enrollments import operations, queries
from enrollments.models import Answer, Enrollment, LinkAttempt, Program, Question, System
from people.models import ActivityEntry, User
from people.operations import Actor
from tests import cast
from tests.cast import MORNING

pytestmark = pytest.mark.django_db
HANNA = Actor("user:hanna", address="203.0.113.7")
JOIN, ANSWER = "/join/summer-peak/", "/join/summer-peak/answer/"


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def hanna(summer: Program) -> User:
    user = cast.homeowner()
    cast.agreement(user, summer)
    return user


@pytest.fixture
def browser(hanna: User) -> Client:
    client = Client()
    client.force_login(hanna)
    return client


def ask(program: Program, key: str = "medical-need", **fields: Any) -> Question:
    defaults: dict[str, Any] = {
        "text": "Does anybody at home need cooling or heating for their health?",
        "fitting": False,
        "remedy": "Please do not join: call us, and we find something that suits you.",
    }
    return Question.objects.create(program=program, key=key, **defaults | fields)


def other(program: Program, **fields: Any) -> Question:
    return ask(
        program,
        "other-program",
        text="Is this home in another program that moves its thermostat?",
        remedy="Leave the other one first; then answer again.",
        **fields,
    )


def say(user: User, said: dict[Question, bool]) -> bool:
    return operations.answer(
        user=user,
        program=next(iter(said)).program,
        said={question.pk: yes for question, yes in said.items()},
        actor=HANNA,
        now=MORNING,
    )


def step(user: User, program: Program) -> str:
    return queries.journey(user, program).step


def text(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def test_without_questions_nothing_is_asked(summer: Program, hanna: User) -> None:
    assert step(hanna, summer) == "connect"


def test_every_question_is_asked_between_terms_and_carrier(
    summer: Program, hanna: User, browser: Client
) -> None:
    second, first = ask(summer, position=2), other(summer, position=1)
    ask(cast.program("Winter Peak"))
    before_signing_up = text(Client().get("/programs/summer-peak/"))
    assert [
        f"<li>We will ask: {one.text}</li>" in before_signing_up for one in (first, second)
    ] == [
        True,
        True,
    ]
    page = text(browser.get(JOIN))
    assert page.index(first.text) < page.index(second.text)
    assert page.count("<fieldset") == 2
    assert "checked" not in page
    assert '<li class="is-now" aria-current="step">Terms' in page
    answers = {f"question-{first.pk}": "no", f"question-{second.pk}": "no"}
    assert browser.post(ANSWER, answers)["Location"] == JOIN
    assert step(hanna, summer) == "connect"
    kept = Answer.objects.order_by("question_id").values_list(
        "user", "question", "said", "at", "address"
    )
    assert set(kept) == {
        (hanna.pk, question.pk, False, MORNING, "127.0.0.1") for question in (first, second)
    }


def test_what_does_not_fit_is_said_at_once_and_can_be_answered_again(
    summer: Program, hanna: User, browser: Client
) -> None:
    question = ask(summer)
    page = text(browser.post(ANSWER, {f"question-{question.pk}": "yes"}, follow=True))
    assert f"with this answer:</strong> {question.text} Yes. {question.remedy}" in page
    assert page.count('value="yes" required checked') == 1
    assert step(hanna, summer) == "questions"
    browser.post(ANSWER, {f"question-{question.pk}": "no"})
    assert step(hanna, summer) == "connect"
    assert list(Answer.objects.order_by("id").values_list("said", flat=True)) == [True, False]
    browser.post(ANSWER, {f"question-{question.pk}": "yes"})
    browser.post(ANSWER, {f"question-{question.pk}": "yes"})
    assert list(Answer.objects.order_by("id").values_list("said", flat=True)) == [True, False, True]
    assert step(hanna, summer) == "questions", "what was said last counts; twice is once"


def test_a_home_that_does_not_fit_cannot_give_its_permission(
    summer: Program, hanna: User, browser: Client
) -> None:
    question = ask(summer)
    for said in (None, True):
        if said is not None:
            say(hanna, {question: said})
        answer = browser.post(f"{JOIN}connect/", follow=True)
        assert answer.redirect_chain == [(JOIN, 302)]
        assert "Please answer the program's questions first." in text(answer)
        assert not LinkAttempt.objects.exists()
    say(hanna, {question: False})
    assert "authorize" in browser.post(f"{JOIN}connect/")["Location"]


@pytest.mark.parametrize("yes", [True, False])
def test_a_question_for_the_record_takes_either_answer(
    summer: Program, hanna: User, yes: bool
) -> None:
    assert say(hanna, {ask(summer, fitting=None): yes}) is True
    assert step(hanna, summer) == "connect"


@pytest.mark.parametrize("data", [{}, {"first": "no"}, {"first": "no", "second": "perhaps"}])
def test_an_open_answer_is_shown_and_nothing_is_kept(
    summer: Program, browser: Client, data: dict[str, str]
) -> None:
    ids = {"first": ask(summer).pk, "second": other(summer).pk}
    answer = browser.post(ANSWER, {f"question-{ids[key]}": said for key, said in data.items()})
    assert answer.status_code == 422
    assert text(answer).count("Answer yes or no.") == (1 if data else 2)
    assert text(answer).count(" checked") == (1 if data else 0), "what was answered is not lost"
    assert not Answer.objects.exists()


def test_a_new_version_is_asked_again_and_the_old_answer_kept(summer: Program, hanna: User) -> None:
    first = ask(summer)
    say(hanna, {first: False})
    second = ask(summer, version=2, text="Is anybody at home ill?")
    assert step(hanna, summer) == "questions"
    with pytest.raises(Refused, match="have changed since you opened this page"):
        say(hanna, {first: False})
    assert Answer.objects.count() == 1
    say(hanna, {second: False})
    assert step(hanna, summer) == "connect"
    ask(summer, version=3, is_asked=False)
    assert queries.questions_of(summer) == []


def test_nobody_enrols_past_a_question(summer: Program, hanna: User) -> None:
    system = cast.system(cast.grant(hanna))
    question = ask(summer)

    def enroll() -> list[Enrollment]:
        return operations.enroll(
            user=hanna, program=summer, system_ids=[system.pk], actor=HANNA, now=MORNING
        )

    for answered in (None, True):
        if answered is not None:
            say(hanna, {question: answered})
        with pytest.raises(Refused, match="answer the program's questions first"):
            enroll()
        assert not Enrollment.objects.exists()
    say(hanna, {question: False})
    assert [made.system_id for made in enroll()] == [system.pk]


def test_the_answers_of_another_person_are_not_mine(summer: Program, hanna: User) -> None:
    question = ask(summer)
    otto = cast.homeowner("otto@home.example")
    cast.agreement(otto, summer)
    say(hanna, {question: False})
    assert (step(hanna, summer), step(otto, summer)) == ("connect", "questions")


def test_a_new_question_does_not_keep_an_enrolled_home_from_connecting_again(
    summer: Program,
) -> None:
    system: System = cast.enrolled(summer, email="hanna@home.example")
    user = system.grant.user
    operations.permission_lost(grant_id=system.grant_id, why="refused", now=MORNING)
    ask(summer)
    assert step(user, summer) == "done"
    browser = Client()
    browser.force_login(user)
    assert "authorize" in browser.post(f"{JOIN}connect/")["Location"]
    assert LinkAttempt.objects.count() == 1


def test_the_activity_log_tells_which_texts_and_no_answer(summer: Program, hanna: User) -> None:
    say(hanna, {ask(summer): True, other(summer, version=3): False})
    entry = ActivityEntry.objects.get(verb="answer")
    assert entry.detail == {"questions": ["medical-need:1", "other-program:3"]}
    assert (entry.address, entry.at - MORNING) == ("203.0.113.7", timedelta())
