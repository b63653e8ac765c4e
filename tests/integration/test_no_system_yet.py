"""An application waits for the homeowner while no system that Carrier lists can take part."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from base import clock
from base.refusal import Refused
from dr_events.mailing import compose
from dr_events.queries import notices as mails
from enrollments import operations, queries
from enrollments.models import Application, CarrierGrant, Notice, Program, Question
from enrollments.rules import ASKED_SCOPES
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.cast import MORNING
from tests.integration.queue import QUEUE, signed_in, text

pytestmark = pytest.mark.django_db
HANNA = Actor("user:hanna", address="203.0.113.7")
LATER = MORNING + timedelta(hours=1)
JOIN = "/join/summer-peak/"
PLACE: dict[str, Any] = {"carrier_id": "40231", "name": "Home"}
HELD, FREE = ("NEEDS_ACTION", "HOMEOWNER", "SYSTEM"), ("APPLIED", "", "")


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: LATER)


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def hanna(summer: Program) -> User:
    """On her way, with a permission that was given and not read yet."""
    user = cast.homeowner()
    operations.agree(user=user, program=summer, version=1, actor=HANNA, now=MORNING)
    cast.grant(user, synced_at=None, reading_asked_at=timezone.now())
    return user


def reading(serial: str = "2319W000001", **fields: Any) -> dict[str, Any]:
    ready = {"name": "Downstairs", "is_online": True, "has_outdoor_unit": True, "dr_enabled": True}
    return ready | {"serial": serial, "location": "40231"} | fields


OFF = reading(dr_enabled=False)


def read(*systems: dict[str, Any], user: User | None = None) -> None:
    grants = CarrierGrant.objects.filter(user=user) if user else CarrierGrant.objects.all()
    operations.save_home(
        grant=grants.get(),
        locations=[PLACE],
        systems=systems,
        now=LATER,
        real_now=timezone.now(),
    )


def now_at(program: str = "summer-peak") -> tuple[str, str, str]:
    one = Application.objects.get(program__slug=program)
    return one.state, one.who, one.why


def mailed(user: User | None = None) -> str:
    notices = Notice.objects.filter(user=user) if user else Notice.objects.all()
    notice = notices.select_related("user").get()
    return str(compose(notice, mails.letter(notice, now=LATER), now=LATER).body)


def test_every_reading_says_whether_one_can_take_part(hanna: User) -> None:
    assert now_at() == FREE
    read(OFF, reading("2319W000002", has_outdoor_unit=False))
    assert now_at() == HELD
    entry = ActivityEntry.objects.get(verb="move-application")
    assert (entry.actor, entry.at) == ("system", LATER)
    assert entry.detail["after"] == {"state": HELD[0], "who": HELD[1], "why": HELD[2]}
    read(OFF, reading("2319W000002", has_outdoor_unit=False))
    assert ActivityEntry.objects.filter(verb="move-application").count() == 1, "nothing changed"
    read(reading(), reading("2319W000002", has_outdoor_unit=False))
    assert now_at() == FREE, "one of them is enough"
    read(OFF)
    read(reading())
    assert now_at() == FREE


def test_an_account_without_any_system_waits_too(hanna: User) -> None:
    read()
    assert now_at() == HELD
    assert "Carrier lists no system for the account you connected." in mailed()


def test_one_that_somebody_else_connected_is_told_with_who_to_ask(
    hanna: User, summer: Program
) -> None:
    """A new owner, while the one before is still connected: told that it is, and not by whom."""
    theirs = cast.enrolled(summer, "2319W000001", email="otto@home.example")
    for _ in range(2):
        read(reading(), user=hanna)
    assert CarrierGrant.objects.get(user=hanna).held_elsewhere == ["2319W000001"]
    browser = signed_in(hanna)
    page = text(browser.get(JOIN))
    assert "Somebody else has connected your system already Carrier lists 2319W000001 for" in page
    assert "If it is in your home, ask Prairie Light" in page
    assert "Carrier lists no systems" not in page
    assert "Connect another account" in page
    words = mailed(user=hanna)
    assert "Somebody else has connected a system that Carrier lists for you: 2319W000001." in words
    assert "lists no system" not in words
    assert "otto" not in page + words
    entry = ActivityEntry.objects.get(verb="held-elsewhere")
    assert (entry.actor, entry.at, entry.subject) == ("system", LATER, f"system:{theirs.pk}")
    assert entry.detail == {"serial": "2319W000001", "listed_for": f"user:{hanna.pk}"}
    service = signed_in(cast.operator("cora@utility.example", Role.CUSTOMER_SERVICE))
    row = text(service.get(QUEUE + "?who=HOMEOWNER"))
    assert "No system can take part yet. 2319W000001 Connected by somebody else" in row
    read(reading("2319W000002"), reading(), user=hanna)
    assert "Connected by somebody else Carrier lists 2319W000001" in text(browser.get(JOIN))
    operations.forget_tokens(grant_id=theirs.grant_id, actor=HANNA, now=LATER)
    read(reading("2319W000002"), reading(), user=hanna)
    assert CarrierGrant.objects.get(user=hanna).held_elsewhere == []
    assert "omebody else" not in text(browser.get(JOIN))
    assert ActivityEntry.objects.filter(verb="held-elsewhere").count() == 1


def test_it_is_mailed_once_with_what_helps(hanna: User) -> None:
    read(OFF)
    words = mailed()
    assert "Downstairs: Demand response is off at the wall control." in words
    assert "At the wall control open Menu, Settings, Utility events and switch it on" in words
    assert "http://testserver/join/summer-peak/" in words
    read(reading())
    with pytest.raises(Refused, match="had acted before this was sent"):
        mailed()
    read(OFF)
    kept = Notice.objects.get()
    assert (kept.kind, kept.subject, kept.user) == (
        "ACTION_NEEDED",
        f"application:{Application.objects.get().pk}:systems",
        hanna,
    )


def test_the_pages_say_who_must_act_and_why(hanna: User) -> None:
    read(OFF)
    browser = signed_in(hanna)
    assert "None of your systems can take part yet; see why" in text(browser.get("/home/"))
    page = text(browser.get(JOIN))
    assert "Nothing can take part yet It waits for you." in page
    assert "At the wall control open Menu, Settings, Utility events and switch it on" in page
    service = signed_in(cast.operator("cora@utility.example", Role.CUSTOMER_SERVICE))
    row = text(service.get(QUEUE + "?who=HOMEOWNER"))
    assert "hanna@home.example The homeowner must act" in row
    assert "No system can take part yet. Downstairs Demand response is off at the wall" in row
    assert "Summer Peak 0 1 0 1 0 0 0 0 0" in row


def test_it_is_found_again_behind_whatever_came_first(hanna: User, summer: Program) -> None:
    """An answer that did not fit is mended; the wall control is not."""
    question = Question.objects.create(program=summer, key="need", text="?", fitting=False)

    def say(yes: bool) -> None:
        operations.answer(
            user=hanna, program=summer, said={question.pk: yes}, actor=HANNA, now=LATER
        )

    say(True)
    read(OFF)
    assert now_at() == ("NEEDS_ACTION", "HOMEOWNER", "ANSWER")
    say(False)
    assert now_at() == HELD


def test_a_second_program_knows_it_from_the_start(hanna: User) -> None:
    read(OFF)
    winter = cast.program("Winter Peak")
    operations.agree(user=hanna, program=winter, version=1, actor=HANNA, now=LATER)
    assert now_at("winter-peak") == HELD


def test_a_matched_account_leads_to_the_next_thing_to_mend(hanna: User, summer: Program) -> None:
    read(OFF)
    Program.objects.update(needs_account=True)
    customer = cast.customer()

    def types(account: str) -> None:
        operations.match_account(
            user=hanna, program=summer, account=account, postal="62701", actor=HANNA, now=LATER
        )

    types("4100732282")
    assert now_at() == ("NEEDS_ACTION", "UTILITY", "ACCOUNT")
    one = Application.objects.get()
    operations.decide(
        act="approve",
        choices=[operations.Choice(one.pk, queries.applications.seen(one), customer.pk)],
        actor=Actor.person(cast.operator("cora@utility.example", Role.CUSTOMER_SERVICE)),
        now=LATER,
    )
    assert now_at() == HELD


def test_a_permission_given_anew_is_read_before_anybody_must_act(hanna: User) -> None:
    read(OFF)
    grant = CarrierGrant.objects.get()
    operations.permission_lost(grant_id=grant.pk, why="refused", now=LATER)
    assert now_at() == ("NEEDS_ACTION", "HOMEOWNER", "PERMISSION")
    operations.link(
        user=hanna,
        carrier_username=grant.carrier_username,
        tokens=operations.Tokens("a", "r", None, ASKED_SCOPES),
        actor=HANNA,
        now=LATER,
        real_now=timezone.now(),
    )
    assert now_at() == FREE
    read(OFF)
    assert now_at() == HELD
    operations.forget_tokens(grant_id=grant.pk, actor=HANNA, now=LATER)
    assert now_at() == FREE, "without a permission nothing is known"


def test_who_has_joined_is_not_held_up(hanna: User, summer: Program) -> None:
    read(reading())
    (card,) = queries.systems_of(hanna)
    operations.enroll(user=hanna, program=summer, system_ids=[card.id], actor=HANNA, now=LATER)
    read(OFF)
    assert now_at() == ("ACTIVE", "", "")
    assert not Notice.objects.filter(kind="ACTION_NEEDED").exists()
