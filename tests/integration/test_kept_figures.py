"""Figures that are kept: of closed events for good, of waiting and large ones for a moment."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from base import clock
from dr_events import operations, tasks
from dr_events.models import Attempt, Dispatch, Event
from dr_events.queries import charts, pages, tallies
from dr_events.states import Delivery, EventState
from tests import cast
from tests.integration.test_console_pages_figures import desk, event, keep, morning

__all__ = ["desk", "event", "morning"]  # fixtures

pytestmark = pytest.mark.django_db


def kept_rows() -> list[tuple[int, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.event_id, t.is_final FROM dr_events_tally t"
            " JOIN dr_events_event e ON e.id = t.event_id ORDER BY t.event_id"
        )
        return [(event_id, is_final) for event_id, is_final in cursor.fetchall()]


def test_what_was_kept_is_what_was_counted(event: Event) -> None:
    counted = tallies.count([event.pk])[event.pk]
    assert keep()
    assert kept_rows() == [(event.pk, True)]
    assert tallies.tally(event.pk) == counted
    assert counted.targeted == 3
    assert counted.failures == (("Rejected by Carrier", "=cmd|' /C calc'!A0", 1),)
    assert not keep(), "a closed event is counted once"


def test_a_closed_event_is_not_counted_again(event: Event) -> None:
    keep()
    Dispatch.objects.filter(event=event).update(delivery=Delivery.GONE)  # cannot happen; would show
    assert tallies.tally(event.pk).confirmed == 2
    assert tallies.count([event.pk])[event.pk].confirmed == 0


def test_timing_of_a_closed_event_is_kept_from_every_home(event: Event) -> None:
    before = charts.timing(event, tallies.tally(event.pk))
    keep()
    Attempt.objects.all().delete()
    after = charts.timing(event, tallies.tally(event.pk))
    assert before == after
    assert after is not None
    assert (after.homes, after.requests, after.request_p50_ms) == (2, 3, 120)


def test_an_undecided_row_keeps_a_closed_event_open(event: Event) -> None:
    Dispatch.objects.filter(event=event, delivery=Delivery.REJECTED).update(delivery="UNSURE")
    assert not keep()
    assert kept_rows() == []


def test_a_cancelled_event_is_final_after_its_last_look(event: Event) -> None:
    cancelled = Event.objects.filter(id=event.pk)
    cancelled.update(state=EventState.CANCELLED, read_back_due_at=cast.MORNING)
    assert not keep()
    cancelled.update(read_back_due_at=None)
    assert keep()
    assert kept_rows() == [(event.pk, True)]


def test_a_cancelled_event_that_stays_undecided_keeps_no_other_waiting(event: Event) -> None:
    later = cast.scheduled(
        event.program,
        starts_at=cast.MORNING + timedelta(days=1, hours=6),
        ends_at=cast.MORNING + timedelta(days=1, hours=8),
    )
    Event.objects.filter(id=later.pk).update(state=EventState.CANCELLED, read_back_due_at=None)
    Dispatch.objects.filter(event=later).update(delivery=Delivery.UNSURE)
    assert keep()
    assert not keep()
    assert kept_rows() == [(event.pk, True)]


def waiting() -> Event:
    program = cast.program()
    cast.neighborhood(program, 2)
    return cast.scheduled(program)


def test_a_list_may_show_a_waiting_event_as_it_was_a_moment_ago(desk: Client) -> None:
    event = waiting()
    assert event.send_at is not None
    assert event.send_at > cast.MORNING
    assert keep()
    assert not keep(), "these figures are still good"
    Dispatch.objects.filter(event=event).update(delivery=Delivery.SKIPPED, reason="PAUSED")
    (page,), *_ = pages.current_events(now=cast.MORNING)
    assert page.tally.targeted == 2
    shown = pages.event_page(event.pk, now=cast.MORNING)
    assert shown is not None
    assert shown.tally.targeted == 0, "its own page counts"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE dr_events_tally SET counted_at = counted_at - interval '61 s'")
    (page,), *_ = pages.current_events(now=cast.MORNING)
    assert page.tally.targeted == 0, "too old to be shown"
    assert keep()


def test_once_sending_begins_every_figure_is_counted() -> None:
    event = waiting()
    assert event.send_at is not None
    keep()
    Dispatch.objects.filter(event=event).update(delivery=Delivery.ACCEPTED)
    (page,), *_ = pages.current_events(now=event.send_at)
    assert page.tally.accepted == 2
    assert not operations.keep_tally(now=event.send_at)
    assert not tallies.are_due(now=event.send_at)


def counted_ago(seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE dr_events_tally SET counted_at = clock_timestamp() - make_interval(secs => %s)",
            [seconds],
        )


def test_lists_show_a_large_event_under_way_as_it_was_seconds_ago(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "MANY", 1)
    event = waiting()
    sent = event.send_at
    assert sent is not None
    assert tallies.are_due(now=sent), "nobody has counted it yet"
    monkeypatch.setattr(clock, "database_now", lambda: sent)
    tasks.count.run()
    assert kept_rows() == [(event.pk, False)]
    Dispatch.objects.filter(event=event).update(delivery=Delivery.ACCEPTED)
    (page,), *_ = pages.current_events(now=sent)
    assert (page.tally.targeted, page.tally.accepted) == (2, 0)
    assert page.tally.counted_at is not None, "and the page can say so"
    for exact, accepted in ((False, 0), (True, 2)):
        shown = pages.event_page(event.pk, now=sent, exact=exact)
        assert shown is not None
        assert shown.tally.accepted == accepted, "its board counts, its results need not"
    assert not tallies.are_due(now=sent)

    counted_ago(4)
    assert tallies.are_due(now=sent), "the sweep counts before a page has to"
    assert not operations.keep_tally(now=sent)
    assert operations.keep_tally(now=sent, under_way_for=tallies.AGAIN_AFTER)
    (page,), *_ = pages.current_events(now=sent)
    assert page.tally.accepted == 2

    Dispatch.objects.filter(event=event).update(delivery=Delivery.CONFIRMED)
    counted_ago(11)
    (page,), *_ = pages.current_events(now=sent)
    assert (page.tally.accepted, page.tally.confirmed) == (2, 2), "too old: no worker counts"
    assert page.tally.counted_at is None
    assert operations.keep_tally(now=sent), "the page that asks counts for the others"


def test_the_page_says_that_figures_of_a_large_event_may_be_old(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = waiting()
    assert event.send_at is not None
    monkeypatch.setattr(clock, "now", lambda: event.send_at)
    said = "Counted within the last ten seconds"
    for address in (reverse("console"), reverse("event_results", args=[event.pk])):
        assert said not in desk.get(address).content.decode()
    monkeypatch.setattr(tallies, "MANY", 1)
    assert "as counted within the last ten seconds" in desk.get(reverse("console")).content.decode()
    for address in (reverse("console"), reverse("event_results", args=[event.pk])):
        assert said in desk.get(address).content.decode()
    assert said not in desk.get(reverse("event", args=[event.pk])).content.decode()


def test_pages_keep_what_they_counted_and_stay_within_their_queries(
    desk: Client, event: Event, django_assert_max_num_queries: Any
) -> None:
    later = cast.scheduled(
        event.program,
        starts_at=cast.MORNING + timedelta(days=1, hours=6),
        ends_at=cast.MORNING + timedelta(days=1, hours=8),
    )
    for address in (
        reverse("console_events"),
        reverse("console"),
        reverse("console_now"),
        reverse("event_results", args=[event.pk]),
        reverse("event_indoors", args=[event.pk]),
        reverse("season", args=[event.program.slug]),
    ):
        with django_assert_max_num_queries(12, info=address):
            assert desk.get(address).status_code == 200
    assert kept_rows() == [(event.pk, True), (later.pk, False)]
