"""A home that has joined is asked by mail to look at something, and the utility sees it waiting."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from base import clock
from base.refusal import Refused
from dr_events.mailing import compose
from dr_events.queries import notices as mails
from enrollments import operations
from enrollments.models import Enrollment, Notice, Program, Question, Replacement, System
from people.models import User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.cast import MORNING
from tests.integration.queue import signed_in, text

pytestmark = pytest.mark.django_db
LATER = MORNING + timedelta(days=1)
OLD, NEW = "2319W000001", "2319W000002"
HANNA = Actor("user:hanna")


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: LATER)


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def system(summer: Program) -> System:
    return cast.enrolled(summer, OLD, "hanna@home.example")


@pytest.fixture
def service() -> Client:
    return signed_in(cast.operator("cora@utility.example", Role.CUSTOMER_SERVICE))


@pytest.fixture
def viewer() -> Client:
    return signed_in(cast.operator("vera@utility.example", Role.VIEWER))


def mail(kind: str) -> Any:
    notice = Notice.objects.select_related("user").get(kind=kind)
    return compose(notice, mails.letter(notice, now=LATER), now=LATER)


# --- a new wall control -----------------------------------------------------------------------
def is_replaced(system: System) -> Enrollment:
    ready: dict[str, Any] = {"is_online": True, "has_outdoor_unit": True, "dr_enabled": True}
    operations.save_home(
        grant=system.grant,
        locations=[{"carrier_id": "40231", "name": "Home"}],
        systems=[{"serial": NEW, "location": "40231", **ready}],
        now=LATER,
        real_now=LATER,
    )
    return Replacement.objects.get().enrollment


def test_the_homeowner_is_asked_by_mail_on_the_page_that_answers_it(system: System) -> None:
    mine = is_replaced(system)
    sent = mail("REPLACED")
    assert sent.to == ["hanna@home.example"]
    assert sent.subject == "Summer Peak: was your wall control replaced?"
    words = sent.body
    assert f"Carrier no longer lists Downstairs (serial number {OLD}) at Home" in words
    assert f"a new one with serial number {NEW}" in words
    assert f"http://testserver/home/#replaced-{mine.pk}" in words
    page = signed_in(system.grant.user).get("/home/").content.decode()
    assert f'id="replaced-{mine.pk}"' in page


@pytest.mark.parametrize("how", ["confirmed", "denied", "left"])
def test_what_was_answered_is_not_asked_any_more(system: System, how: str) -> None:
    mine = is_replaced(system)
    act: Any = {
        "confirmed": operations.confirm_replacement,
        "denied": operations.deny_replacement,
        "left": operations.withdraw,
    }[how]
    act(enrollment_id=mine.pk, actor=HANNA, now=LATER)
    with pytest.raises(Refused, match="needed no answer, before this was sent"):
        mail("REPLACED")


def test_today_lists_who_was_asked_and_the_page_answers_for_them(
    system: System, service: Client, viewer: Client
) -> None:
    assert "Wall control replaced?" not in text(service.get("/console/"))
    is_replaced(system)
    words = text(service.get("/console/"))
    assert "Wall control replaced? 1" in words
    assert "Downstairs hanna@home.example seen Wed Jul 15" in words
    page = service.get("/console/").content.decode()
    assert f'<a href="/console/systems/{system.pk}/">Downstairs</a>' in page
    assert "It is a replacement" in text(service.get(f"/console/systems/{system.pk}/"))
    seen = text(viewer.get("/console/"))
    assert "Wall control replaced? 1" in seen
    assert "hanna@home.example" not in seen
    answer = {"answer": "yes", "why": "She said so."}
    service.post(f"/console/systems/{system.pk}/replaced/", answer)
    assert "Wall control replaced?" not in text(service.get("/console/"))


# --- an answer that does not fit any more -----------------------------------------------------
@pytest.fixture
def question(summer: Program) -> Question:
    return Question.objects.create(
        program=summer, key="need", text="Is anybody ill?", fitting=False, remedy="Call us."
    )


def say(user: User, question: Question, yes: bool) -> None:
    operations.answer(
        user=user, program=question.program, said={question.pk: yes},
        actor=Actor.person(user), now=LATER,
    )  # fmt: skip


def test_a_home_paused_by_its_answer_reads_why_and_not_which(
    system: System, question: Question
) -> None:
    hanna = system.grant.user
    say(hanna, question, False)
    assert not Notice.objects.exists()
    say(hanna, question, True)
    assert Enrollment.objects.get().state == "PAUSED"
    sent = mail("MISFIT")
    assert sent.subject == "Summer Peak: your systems are paused"
    assert "these get no events: Downstairs." in sent.body
    assert "http://testserver/join/summer-peak/answers/" in sent.body
    assert "ill" not in sent.body.split(), "mail is read by others"
    say(hanna, question, False)
    with pytest.raises(Refused, match="had answered again before this was sent"):
        mail("MISFIT")


def test_who_answers_so_twice_is_told_once(system: System, question: Question) -> None:
    other = Question.objects.create(
        program=question.program, key="rent", text="Do you rent?", fitting=False, remedy="Ask."
    )
    for yes in (False, True):
        operations.answer(
            user=system.grant.user, program=question.program,
            said={question.pk: True, other.pk: yes}, actor=HANNA, now=LATER,
        )  # fmt: skip
    assert Notice.objects.get().kind == "MISFIT"


def test_the_utility_sees_which_homes_rest_for_that_reason(
    summer: Program, system: System, question: Question, service: Client, viewer: Client
) -> None:
    by_choice = cast.enrolled(summer, "2319W000009", "otto@home.example", name="Attic")
    operations.pause(
        enrollment_id=Enrollment.objects.get(system=by_choice).pk, actor=HANNA, now=LATER
    )
    say(by_choice.grant.user, question, False)
    say(system.grant.user, question, True)
    address, listed = f"/console/systems/{system.pk}/", "/console/systems/?state=MISFIT"
    assert "Paused by an answer of the home." in text(service.get(address))
    assert OLD in text(service.get(listed))
    assert "2319W000009" not in text(service.get(listed))
    assert "Paused by an answer" not in text(viewer.get(address))
    assert "Paused by an answer" not in text(viewer.get("/console/systems/"))
    assert OLD not in text(viewer.get(listed))
    say(system.grant.user, question, False)
    assert OLD not in text(service.get(listed)), "it can be resumed now"
    assert "Paused by an answer of the home." not in text(service.get(address))
