"""The list of systems: found by anything an operator has, filtered, downloaded, many acted for."""

import csv
import io
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from base import clock
from dr_events.queries import systems as query
from dr_events.queries import wanted as wanted_rules
from enrollments import operations as homes
from enrollments.models import CarrierGrant, Enrollment, Location, Membership, Program, System
from enrollments.states import EnrollmentState, GrantState
from people.models import ActivityEntry
from people.operations import Actor
from people.states import Role
from tests import cast

pytestmark = pytest.mark.django_db
OLGA = Actor("user:olga")
TODAY = cast.MORNING.date()


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.MORNING


@pytest.fixture
def summer() -> Program:
    """Anna's, Bert's and Cleo's homes; Cleo lives elsewhere. Dora is connected, in no program."""
    made = cast.program()
    for number, (name, city, postal) in enumerate(
        [("Anna", "Springfield", "62701"), ("Bert", "Springfield", "62701"),
         ("Cleo", "Peoria", "61602")]
    ):  # fmt: skip
        system = cast.enrolled(
            made, f"240{number}W000001", f"{name.lower()}@home.example", name=f"{name} Upstairs"
        )
        Location.objects.filter(pk=system.location_id).update(city=city, postal=postal)
    dora = cast.grant(cast.homeowner("dora@home.example"))
    cast.system(dora, "2409W000001", name="Dora Loft", is_online=False)
    return made


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(cast.operator())
    return client


def names(**wanted: Any) -> list[str]:
    found, _ = query.find(query.Wanted(**wanted), now=cast.MORNING)
    return [card.name.split()[0] for card in found]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["Anna", "Bert", "Cleo", "Dora"]),
        ({"text": "2402w"}, ["Cleo"]),
        ({"text": "BERT@home"}, ["Bert"]),
        ({"text": "springfield"}, ["Anna", "Bert", "Dora"]),
        ({"text": "6270"}, ["Anna", "Bert", "Dora"]),
        ({"text": "springfield anna"}, ["Anna"]),
        ({"text": "upstairs 616"}, ["Cleo"]),
        ({"text": "%"}, []),
        ({"state": "NONE"}, ["Dora"]),
        ({"state": "OFFLINE"}, ["Dora"]),
        ({"state": "ACTIVE", "text": "peoria"}, ["Cleo"]),
        ({"program": "summer-peak"}, ["Anna", "Bert", "Cleo"]),
        ({"program": "nowhere"}, []),
        ({"program": "nowhere", "state": "ACTIVE"}, []),
    ],
)
@pytest.mark.parametrize("few", [5000, 1, 0], ids=["looked up", "some", "asked of each"])
def test_found_by_what_an_operator_has(
    summer: Program,
    wanted: dict[str, str],
    found: list[str],
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many a word is about, which decides how it is looked for."""
    monkeypatch.setattr(wanted_rules, "_FEW", few)
    assert names(**wanted) == found


def test_by_state_of_enrolment_and_permission_and_by_group(summer: Program) -> None:
    anna = Enrollment.objects.get(system__name__startswith="Anna")
    homes.pause(enrollment_id=anna.pk, actor=OLGA, now=cast.MORNING)
    CarrierGrant.objects.filter(user__email="bert@home.example").update(
        state=GrantState.NEEDS_RELINK
    )
    group = homes.make_group(
        program=summer, name="Peoria", rule={"postal_codes": ["61602"]}, actor=OLGA,
        now=cast.MORNING,
    )  # fmt: skip
    assert names(state="PAUSED") == ["Anna"]
    assert names(state="RELINK") == ["Bert"]
    assert names(group=group.pk) == ["Cleo"]
    assert names(group=group.pk, text="anna") == []


def test_pages_go_on_where_the_last_one_ended(summer: Program) -> None:
    first, further = query.find(query.Wanted(), now=cast.MORNING, limit=3)
    rest, end = query.find(query.Wanted(), now=cast.MORNING, limit=3, after=further)
    assert [card.name for card in (*first, *rest)] == sorted(
        System.objects.values_list("name", flat=True)
    )
    assert (len(first), len(rest), end) == (3, 1, 0)


# --- download -----------------------------------------------------------------------------------
def test_the_download_is_what_is_filtered_defused_and_on_record(
    desk: Client, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "AT_ONCE", 1)
    System.objects.filter(name__startswith="Bert").update(name="=HYPERLINK(1)")
    answer = desk.get(reverse("systems_csv"), {"q": "springfield", "state": "ACTIVE"})
    lines = list(csv.reader(io.StringIO(b"".join(answer).decode())))
    assert lines[0] == list(query.HEADER)
    assert [line[:2] for line in lines[1:]] == [
        ["2401W000001", "'=HYPERLINK(1)"],
        ["2400W000001", "Anna Upstairs"],
    ]
    assert lines[2][3:9] == [
        "anna@home.example", "Springfield", "Summer Peak", "ACTIVE", "ACTIVE", "yes",
    ]  # fmt: skip
    entry = ActivityEntry.objects.get(verb="export-systems")
    assert entry.detail == {"filter": "q=springfield&state=ACTIVE"}


# --- many at once -------------------------------------------------------------------------------
def act(desk: Client, *whom: str, **values: str) -> str:
    ids = [System.objects.get(name__startswith=name).pk for name in whom]
    answer = desk.post(
        f"{reverse('systems_many')}?state=ACTIVE", {"system": ids, **values}, follow=True
    )
    assert answer.redirect_chain == [(f"{reverse('console_systems')}?state=ACTIVE", 302)]
    text: str = answer.content.decode()
    return text


def states() -> dict[str, str]:
    rows = Enrollment.objects.values_list("system__name", "state")
    return {name.split()[0]: state for name, state in rows}


ALL_ACTIVE = dict.fromkeys(("Anna", "Bert", "Cleo"), EnrollmentState.ACTIVE)


def test_several_are_paused_and_resumed_each_on_record(desk: Client, summer: Program) -> None:
    page = act(desk, "Anna", "Cleo", "Dora", act="pause", why="Storm repair")
    assert "Systems paused: 2." in page
    assert "Not changed: 1. They are in no program." in page
    assert states() == ALL_ACTIVE | dict.fromkeys(("Anna", "Cleo"), EnrollmentState.PAUSED)
    entries = ActivityEntry.objects.filter(verb="pause")
    assert [entry.detail["why"] for entry in entries] == ["Storm repair"] * 2
    again = act(desk, "Anna", act="pause", why="Storm repair")
    assert "Not changed: 1. It was so already." in again
    assert "Systems taking part again: 2." in act(desk, "Anna", "Cleo", act="resume", why="Done")
    assert states() == ALL_ACTIVE


def test_several_leave_and_their_tokens_are_destroyed(
    desk: Client, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asks Carrier here: the time for that is over before the first one."""
    monkeypatch.setattr("dr_events.views.many.ASK_CARRIER_FOR_S", 0.0)
    page = act(desk, "Anna", "Bert", act="withdraw", why="Moved away")
    assert "Systems out of their program: 2." in page
    assert states() == ALL_ACTIVE | dict.fromkeys(("Anna", "Bert"), EnrollmentState.WITHDRAWN)
    gone = CarrierGrant.objects.filter(user__email__in=["anna@home.example", "bert@home.example"])
    assert [(grant.state, grant.access_sealed) for grant in gone] == [
        (GrantState.REVOKED, None)
    ] * 2
    assert CarrierGrant.objects.get(user__email="cleo@home.example").access_sealed is not None


def test_several_go_into_a_group(desk: Client, summer: Program) -> None:
    staff = homes.make_group(program=summer, name="Staff", rule={}, actor=OLGA, now=cast.MORNING)
    page = act(desk, "Anna", "Bert", act="group", into=str(staff.pk))
    assert "Systems in Staff by hand: 2 more or renewed." in page
    assert list(Membership.objects.values_list("since", flat=True)) == [TODAY, TODAY]
    refused = act(desk, "Cleo", "Dora", act="group", into=str(staff.pk))
    assert "Not enrolled in Summer Peak: 2409W000001. Nobody was added." in refused
    assert Membership.objects.count() == 2


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"act": "pause"}, "say why"),
        ({"act": "group", "into": "0"}, "choose a group"),
        ({"act": "group", "into": "1x"}, "choose a group"),
    ],
)
def test_what_is_missing_is_said_and_nothing_moves(
    desk: Client, summer: Program, values: dict[str, str], sentence: str
) -> None:
    before = ActivityEntry.objects.count()
    assert f"Nothing was done: {sentence}" in act(desk, "Anna", **values)
    assert "tick at least one system" in act(desk, **values | {"why": "x"})
    assert (states(), ActivityEntry.objects.count()) == (ALL_ACTIVE, before)


def test_customer_service_acts_for_homes_but_makes_no_groups(
    client: Client, summer: Program
) -> None:
    staff = homes.make_group(program=summer, name="Staff", rule={}, actor=OLGA, now=cast.MORNING)
    client.force_login(cast.operator("cs@utility.example", Role.CUSTOMER_SERVICE))
    assert "choose a group" in act(client, "Anna", act="group", into=str(staff.pk))
    assert "Systems paused: 1." in act(client, "Anna", act="pause", why="Asked by phone")
    client.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    assert client.post(reverse("systems_many"), {"act": "resume", "why": "x"}).status_code == 403
    assert states()["Anna"] == EnrollmentState.PAUSED
    assert not Membership.objects.exists()
