"""Ids that are posted, beside those in addresses (test_access_matrix.py): what is somebody else's,
or out of a role's reach, answers like what does not exist, and nothing moves."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from base import clock
from dr_events.models import Event
from enrollments import operations
from enrollments.models import (
    Answer,
    Application,
    Consent,
    Enrollment,
    Group,
    Membership,
    Notice,
    Program,
    Question,
    System,
)
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.cast import MORNING
from tests.integration.queue import REASON, signed_in, text
from tests.integration.test_console_pages import typed

pytestmark = pytest.mark.django_db
NOWHERE = 987654
MANY, QUEUE = "/console/systems/many/", "/console/applications/"


@dataclass
class Town:
    summer: Program
    winter: Program
    theirs: System  # enrolled in winter, by somebody else
    mine: System  # of the homeowner who posts, in no program yet
    group: Group  # of winter
    application: Application  # somebody else's, on its way


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Town:
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    summer, winter = cast.program(), cast.program("Winter Peak")
    theirs = cast.enrolled(winter, "2319W000001", "otto@home.example")
    hanna = cast.homeowner()
    operations.agree(user=hanna, program=summer, version=1, actor=Actor.person(hanna), now=MORNING)
    mine = cast.system(cast.grant(hanna), "2319W000002")
    Question.objects.create(program=winter, key="winter", text="Snow?", fitting=False)
    nora = cast.homeowner("nora@home.example")
    operations.agree(user=nora, program=winter, version=1, actor=Actor.person(nora), now=MORNING)
    return Town(
        summer, winter, theirs, mine,
        Group.objects.create(program=winter, name="North"),
        Application.objects.get(user=nora),
    )  # fmt: skip


def everything() -> list[Any]:
    """What an act could have moved."""
    return [
        list(Enrollment.objects.order_by("id").values_list("id", "state", "paused_from")),
        list(Application.objects.order_by("id").values_list("id", "state", "reason")),
        list(Membership.objects.values_list("group", "system")),
        [model.objects.count() for model in (Answer, Consent, Event, Notice, ActivityEntry)],
    ]


def enrolls(town: Town, number: object) -> tuple[str, dict[str, Any]]:
    return "/join/summer-peak/enroll/", {"system": [number]}


def enrolls_beside_own(town: Town, number: object) -> tuple[str, dict[str, Any]]:
    return "/join/summer-peak/enroll/", {"system": [town.mine.pk, number]}


def answers(town: Town, number: object) -> tuple[str, dict[str, Any]]:
    return "/join/summer-peak/answer/", {f"question-{number}": "no"}


def pauses(town: Town, number: object) -> tuple[str, dict[str, Any]]:
    return MANY, {"act": "pause", "system": [number], "why": "They called."}


def withdraws(town: Town, number: object) -> tuple[str, dict[str, Any]]:
    return MANY, {"act": "withdraw", "system": [number], "why": "They called."}


def groups_into(town: Town, number: object) -> tuple[str, dict[str, Any]]:
    return MANY, {"act": "group", "system": [town.theirs.pk], "into": number}


def rejects(town: Town, number: object) -> tuple[str, dict[str, Any]]:
    seen = town.application.changed_at.isoformat()
    return QUEUE, {
        "act": "reject", "application": [number], f"seen-{number}": seen, "reason": REASON,
    }  # fmt: skip


def plans_for(town: Town, number: object) -> tuple[str, dict[str, Any]]:
    return reverse("event_new"), {**typed(town.summer, act="submit"), "groups": [number]}


def adds_to_group(town: Town, number: object) -> tuple[str, dict[str, Any]]:
    group = Group.objects.get_or_create(program=town.summer, name="South")[0]
    return f"/console/groups/{group.pk}/add/", {"serials": number, "since": "2026-07-14"}


def system(town: Town) -> object:
    return town.theirs.pk


def serial(town: Town) -> object:
    return town.theirs.serial


def question(town: Town) -> object:
    return Question.objects.get(program=town.winter).pk


def group(town: Town) -> object:
    return town.group.pk


def application(town: Town) -> object:
    return town.application.pk


Act = Callable[[Town, object], tuple[str, dict[str, Any]]]
HOMEOWNER, VIEWER, SERVICE, OPERATOR = "", Role.VIEWER, Role.CUSTOMER_SERVICE, Role.OPERATOR


def browser_of(role: str) -> Client:
    if role == HOMEOWNER:
        return signed_in(User.objects.get(email="hanna@home.example"))
    return signed_in(cast.operator("somebody@utility.example", Role(role)))


def answer(browser: Client, address: str, form: dict[str, Any], *named: object) -> Any:
    """Status, where it leads, and the words of the page it ends on, whatever was named: a small id
    may stand on the page as a figure, too."""
    got = browser.post(address, form)
    status, to = got.status_code, got.headers.get("Location", "")
    page = browser.get(to) if to else got
    return status, to, re.sub(rf"\b({'|'.join(map(str, named))})\b", "NUMBER", text(page))


@pytest.mark.parametrize(
    ("who", "act", "foreign", "status"),
    [
        (HOMEOWNER, enrolls, system, 422),
        (HOMEOWNER, enrolls_beside_own, system, 422),
        (HOMEOWNER, answers, question, 302),
        (HOMEOWNER, pauses, system, 403),
        (HOMEOWNER, rejects, application, 403),
        (VIEWER, pauses, system, 403),
        (VIEWER, withdraws, system, 403),
        (VIEWER, groups_into, group, 403),
        (VIEWER, rejects, application, 403),
        (VIEWER, plans_for, group, 403),
        (VIEWER, adds_to_group, serial, 403),
        (SERVICE, groups_into, group, 302),
        (SERVICE, plans_for, group, 403),
        (SERVICE, adds_to_group, serial, 403),
        (OPERATOR, plans_for, group, 200),
        (OPERATOR, adds_to_group, serial, 200),
    ],
)
def test_what_is_out_of_reach_answers_like_what_is_not_there(
    town: Town, who: str, act: Act, foreign: Callable[[Town], object], status: int
) -> None:
    browser = browser_of(who)
    seen = []
    named = (foreign(town), NOWHERE)
    for number in named:
        address, form = act(town, number)
        before = everything()
        seen.append(answer(browser, address, form, *named))
        assert everything() == before
    assert seen[0] == seen[1]
    assert seen[0][0] == status


@pytest.mark.parametrize(
    ("who", "act", "own"),
    [
        (HOMEOWNER, enrolls, lambda town: town.mine.pk),
        (SERVICE, pauses, system),
        (SERVICE, rejects, application),
        (OPERATOR, groups_into, group),
    ],
)
def test_what_is_in_reach_is_done(
    town: Town, who: str, act: Act, own: Callable[[Town], object]
) -> None:
    """Otherwise the refusals above would prove nothing."""
    before = everything()
    browser_of(who).post(*act(town, own(town)))
    assert everything() != before
