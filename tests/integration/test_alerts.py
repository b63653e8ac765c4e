"""Today says when a part of the machinery does not work, and says nothing while it does."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from celery import current_app
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from base import clock
from dr_events import tasks
from dr_events.models import Control, Dispatch, Rung
from dr_events.operations import ringing, signs
from dr_events.queries.alerts import Alerts, alerts
from portal import embedded
from tests import cast

pytestmark = pytest.mark.django_db
QUIET = Alerts(0.0, None, ())
NOW = cast.MORNING


def found(minutes: float = 0, off_s: float = 0.0) -> Alerts:
    host = clock.real_now() + timedelta(seconds=off_s)
    return alerts(now=NOW + timedelta(minutes=minutes), host_now=host)


@pytest.mark.parametrize(("off_s", "words"), [(3.5, "fast"), (-7200, "7,200 s slow")])
def test_a_clock_that_is_off_is_said_with_its_direction(off_s: float, words: str) -> None:
    said = found(off_s=off_s)
    assert said.clock_off_s == pytest.approx(off_s, abs=1)
    assert words in said.clock_words


def test_a_clock_that_is_nearly_right_is_no_alert() -> None:
    assert found(off_s=1.0) == QUIET
    assert not QUIET


def test_a_ring_that_stays_unheard_is_said_however_often_it_was_rung_again() -> None:
    assert ringing.worth_ringing(["send 1"]) == {"send 1"}
    assert found() == QUIET
    long_ago = clock.real_now() - timedelta(seconds=40)
    Rung.objects.update(since=long_ago, at=long_ago)
    assert ringing.worth_ringing(["send 1"]) == {"send 1"}
    assert found().unheard_since == long_ago
    ringing.heard("send 1")
    assert found() == QUIET


def test_an_event_nobody_began_is_late_a_minute_after_it_was_due() -> None:
    """Sending was due an hour before the start, five hours from the cast's morning."""
    program = cast.program()
    cast.neighborhood(program, 2)
    event = cast.scheduled(program)
    due = (event.send_at - NOW).total_seconds() / 60 if event.send_at else 0
    assert found(due + 0.9) == QUIET
    assert found(due + 1) == Alerts(0.0, None, ("Hot afternoon",))
    first = Dispatch.objects.filter(event=event).values_list("id", flat=True)[:1]
    Dispatch.objects.filter(id__in=list(first)).update(claim=1)
    assert found(due + 1) == QUIET
    Dispatch.objects.filter(event=event).update(claim=0)
    assert found((event.ends_at - NOW).total_seconds() / 60) == QUIET


def test_today_shows_it_and_its_fragment_too(client: Client) -> None:
    client.force_login(cast.operator())
    assert b"Something does not work" not in client.get(reverse("console")).content
    ringing.worth_ringing(["send 1"])
    Rung.objects.update(since=timezone.now() - timedelta(minutes=5))
    for name in ("console", "console_now"):
        page = client.get(reverse(name)).content
        assert b"Something does not work" in page
        assert b"Work has waited unheard since" in page


@pytest.fixture
def row() -> None:
    Control.objects.update_or_create(id=1, defaults={"swept_at": None, "broker_lost_at": None})


@pytest.mark.usefixtures("row")
def test_nobody_who_sweeps_is_said_half_a_minute_later() -> None:
    assert found() == QUIET, "before the first look nothing is known"
    signs.swept()
    first = Control.objects.get().swept_at
    signs.swept()
    assert Control.objects.get().swept_at == first, "written every few seconds, not every time"
    assert found() == QUIET
    long_ago = clock.real_now() - timedelta(seconds=31)
    Control.objects.update(swept_at=long_ago)
    assert found() == Alerts(0.0, None, (), unswept_since=long_ago)
    tasks.ring_due()
    assert found() == QUIET


@pytest.fixture
def to_broker(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Point Celery's publishing elsewhere, until the test ends."""

    def use(url: str) -> None:
        for place, name in ((current_app, "_pool"), (current_app.amqp, "_producer_pool")):
            monkeypatch.setattr(place, name, None)
        monkeypatch.setattr(current_app.conf, "broker_url", url)

    return use


@pytest.mark.usefixtures("row")
def test_a_broker_that_does_not_answer_is_said_until_it_does(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    to_broker: Callable[[str], None],
) -> None:
    """A real one, stopped and started again. What was due is done all the same."""
    done: list[str] = []
    monkeypatch.setattr(tasks, "due", lambda: [tasks.Ring(tasks.mail, {})])
    monkeypatch.setattr(tasks, "_work", lambda ring: done.append(ring.task.name))
    server = embedded.start_valkey(tmp_path)
    try:
        to_broker(server.url)
        tasks.ring_due()
        assert (found(), done) == (QUIET, [])
    finally:
        server.stop()
    Rung.objects.all().delete()
    tasks.ring_due()
    lost = found().broker_lost_at
    assert lost is not None
    assert done == ["dr_events.tasks.mail"]
    tasks.ring_due()
    assert found() == Alerts(0.0, None, (), broker_lost_at=lost), "since when, not the last time"
    client.force_login(cast.operator())
    page = client.get(reverse("console")).content.decode()
    assert "The broker has not answered since" in page
    assert "Events are still sent" in page
    monkeypatch.setattr(tasks, "due", list)
    server = embedded.start_valkey(tmp_path)
    try:
        to_broker(server.url)
        tasks.ring_due()
        assert found() == QUIET, "it was knocked at, though there is nothing to ring for"
    finally:
        server.stop()
