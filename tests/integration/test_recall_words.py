"""What pages and mails say of an event that is already at Carrier, in both settings of
CARRIER_CANCEL: only what is true there."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from base import clock
from dr_events import mailing, tasks
from dr_events.models import Dispatch, Event
from dr_events.queries import home as queries
from dr_events.states import Delivery, Recall
from enrollments import operations as homes
from enrollments.models import System
from enrollments.vendor_session import giving_back
from people.operations import Actor
from tests import cast
from tests.cast import MORNING
from tests.integration.test_home_pages import (
    become,
    browser,
    event,
    hanna,
    morning,
    system,
    text,
)

__all__ = ["browser", "event", "hanna", "morning", "system"]  # fixtures
pytestmark = pytest.mark.django_db

HANNA = Actor("user:hanna")
NO_WAY = "One event is already at Carrier, and Carrier gives us no way to take it back."


@pytest.fixture(autouse=True)
def nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving_back, "give_back", lambda token: None)
    monkeypatch.setattr(clock, "database_now", lambda: MORNING)


def confirmed(event: Event) -> Dispatch:
    return become(event, delivery=Delivery.CONFIRMED)


SAY_NO_FIRST = "already at Carrier, and a pause does not take it back. Say no to it on"
ASKS = "already at Carrier, and with that we ask Carrier to take it back, but cannot look for long"


@pytest.mark.parametrize(
    ("page", "asked"), [("pause", SAY_NO_FIRST), ("withdraw", ASKS), ("delete", ASKS)]
)
@pytest.mark.parametrize("can", ["none", "modification"])
def test_before_a_step_what_it_takes_back(
    browser: Client, system: System, event: Event, settings: Settings, can: str, page: str,
    asked: str,
) -> None:  # fmt: skip
    settings.CARRIER_CANCEL = can
    confirmed(event)
    if page == "delete":
        browser.post("/accounts/reauthenticate/", {"password": cast.PASSWORD})
        address = "/home/data/delete/"
    else:
        address = f"/home/systems/{system.enrollments.get().pk}/{page}/"
    shown = text(browser.get(address))
    assert (NO_WAY in shown) is (can == "none")
    assert (asked in shown) is (can == "modification")
    assert "press <strong>Override</strong> on the wall control." in shown
    Dispatch.objects.update(recall=Recall.RECALLED)
    assert "already at Carrier" not in text(browser.get(address)), "Carrier took it back"


@pytest.mark.parametrize(
    ("can", "words"),
    [
        ("none", ", but Carrier already has it. To stop it, press Override on your wall control."),
        (
            "modification",
            " and ask Carrier to take it back; this page tells when it has. To be sure, press "
            "Override on your wall control.",
        ),
    ],
)
def test_after_a_late_no(
    browser: Client, event: Event, settings: Settings, can: str, words: str
) -> None:
    settings.CARRIER_CANCEL = can
    row = confirmed(event)
    done = text(browser.post(f"/home/events/{row.pk}/opt-out/", follow=True))
    assert f"We noted your no to Hot afternoon{words}" in done


def test_what_carrier_took_back_is_not_at_carrier(event: Event, system: System) -> None:
    confirmed(event)
    mine = system.enrollments.get().pk
    for recall, still in ((Recall.NONE, True), (Recall.ASKED, True), (Recall.RECALLED, False)):
        Dispatch.objects.update(recall=recall)
        found = queries.my_enrollment(system.grant.user, mine, now=MORNING)
        assert found is not None
        assert found.at_carrier is still
        assert queries.at_carrier(system.grant.user, now=MORNING) is still


def parts(message: Any) -> list[str]:
    return [" ".join(part.split()) for part in (message.body, message.alternatives[0][0])]


@pytest.mark.parametrize("can", ["none", "modification"])
def test_mails(system: System, event: Event, settings: Settings, can: str, mailoutbox: Any) -> None:
    """The announcement, the receipt of leaving and the receipt of deleting."""
    settings.CARRIER_CANCEL = can
    confirmed(event)
    tasks.mail()
    homes.withdraw(enrollment_id=system.enrollments.get().pk, actor=HANNA, now=MORNING)
    mailing.send_due(for_s=5)
    homes.erase(user=system.grant.user, actor=HANNA, now=MORNING)
    mailing.send_due(for_s=5)
    announced, left, erased = mailoutbox
    no_way = "gives us no way to take it back"
    for part in parts(announced):
        assert (no_way in part) is (can == "none")
        assert ("Say no, and we ask Carrier to take it back." in part) is (can == "modification")
    for part in parts(left):
        assert (no_way in part) is (can == "none")
        assert ("we asked Carrier to take it back" in part) is (can == "modification")
    for part in parts(erased):
        assert ("deleting your data does not take it back" in part) is (can == "none")
        assert ("we asked Carrier to take it back" in part) is (can == "modification")
        assert "no way" not in part
