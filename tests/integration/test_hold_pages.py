"""The console tells what holds sending back, why, and lets the right people release it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from dr_events import operations
from dr_events.models import Control, Dispatch, Pause
from dr_events.states import Delivery, Recall
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast

pytestmark = pytest.mark.django_db
OLGA = Actor("user:olga")


@pytest.fixture
def desk(client: Client) -> Client:
    Control.objects.update_or_create(id=1)
    client.force_login(cast.operator("olga@utility.example"))
    return client


def today(desk: Client) -> str:
    return desk.get(reverse("console")).content.decode()


def release(desk: Client, what: str) -> str:
    seen = {"what": what, "seen": cast.MORNING.isoformat()}
    return desk.post(reverse("console_release"), seen, follow=True).content.decode()


def test_nothing_is_said_while_nothing_holds(desk: Client) -> None:
    assert "nothing is being sent" not in today(desk)
    assert "Nothing has to be released." in release(desk, "RESTORED")
    assert "The circuit is closed already." in release(desk, "BROKEN")
    assert desk.post(reverse("console_release"), {"what": "PAUSED"}).status_code == 400
    assert not ActivityEntry.objects.exists()


def test_an_open_circuit_tells_why_and_is_closed_by_hand(desk: Client) -> None:
    why = "Carrier rejected 12 of 400 requests as wrong (400)."
    Control.objects.update(broken_at=cast.MORNING, broken_why=why)
    page = today(desk)
    assert "The circuit to Carrier is open: nothing is being sent" in page
    assert why in page
    assert "Released. Sending goes on where it was due." in release(desk, "BROKEN")
    assert "nothing is being sent" not in today(desk)
    assert ActivityEntry.objects.get().verb == "close-circuit"


def test_a_restored_database_is_explained_and_released(desk: Client) -> None:
    Control.objects.update(restored_at=cast.MORNING, restored_why="The database is older.")
    page = today(desk)
    assert "The database is an older one: nothing is being sent" in page
    assert "Compare events, cancels and opt-outs" in page
    release(desk, "RESTORED")
    assert Control.objects.get().restored_at is None
    assert ActivityEntry.objects.get().verb == "release-restored"


def test_a_pause_shows_and_cannot_be_cut_short(desk: Client) -> None:
    Pause.objects.create(grant_id=0, until=timezone.now() + timedelta(seconds=30))
    page = today(desk)
    assert "Carrier asked us to wait: nothing is being sent" in page
    assert reverse("console_release") not in page


def test_who_may_only_look_sees_the_reason_and_no_button(client: Client) -> None:
    Control.objects.update_or_create(
        id=1, defaults={"broken_at": cast.MORNING, "broken_why": "Wrong address."}
    )
    viewer = User.objects.create_user("vera@utility.example", "a long password", role=Role.VIEWER)
    client.force_login(viewer)
    page = today(client)
    assert "Wrong address." in page
    assert reverse("console_release") not in page
    assert client.post(reverse("console_release"), {"what": "BROKEN"}).status_code == 403
    assert Control.objects.get().broken_at is not None


@pytest.mark.parametrize(
    ("can", "words"),
    [
        ("none", "Cannot be recalled:</strong> it will run there"),
        ("modification", "Taken back means: the home"),
    ],
)
def test_a_cancelled_event_says_what_can_be_taken_back(
    desk: Client, settings: Settings, can: str, words: str
) -> None:
    settings.CARRIER_CANCEL = can
    program = cast.program()
    cast.neighborhood(program, 4)
    event = cast.scheduled(program)
    rows = list(Dispatch.objects.filter(event=event).order_by("id"))
    for row, recall in zip(rows, [Recall.RECALLED, Recall.CANNOT, Recall.ASKED], strict=False):
        Dispatch.objects.filter(pk=row.pk).update(delivery=Delivery.CONFIRMED, recall=recall)
    operations.cancel(event_id=event.pk, actor=OLGA, now=cast.MORNING)
    board = desk.get(reverse("event_board", args=[event.pk])).content.decode()
    assert "Carrier had accepted the event for 3 homes before it was cancelled." in board
    assert words in board
    figures = ["Taken back</dt>", "Being asked for</dt>", "Cannot be recalled</dt>"]
    shown = [f'{name}<dd class="figure-value">1</dd>' in board for name in figures]
    assert shown == [can == "modification"] * 3
