"""A fan-out with limits set from outside: how many may leave, how many may be in flight."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from carrier import permits as module
from carrier.fanout import Fanout, Outcome, Permits
from tests.unit.carrier.outgoing import LONG, always, one, post
from tests.unit.carrier.servers import reply

FOR_EVER = 1e12


@pytest.fixture
def fan() -> Iterator[Callable[[Permits], Fanout]]:
    made = []

    def make(permits: Permits, in_flight: int = 8) -> Fanout:
        made.append(Fanout(in_flight=in_flight, total_timeout_s=5.0, permits=permits))
        return made[-1]

    yield make
    for fanout in made:
        fanout.close()


def allow(fanout: Fanout, permits: Permits, *, rights: int = 0, lanes: int = 0) -> None:
    permits.allow(rights=rights, lanes=lanes, until=FOR_EVER)
    fanout.wake()


@pytest.fixture
def slow_seconds(monkeypatch) -> None:
    """A right that was used does not come back within a test."""
    monkeypatch.setattr(module, "SECOND_S", 1000.0)
    monkeypatch.setattr(module, "GAP", 0.0)


def test_nothing_leaves_before_it_may(serve, fan):
    server = serve(lambda _, conn: conn.send(reply(200)))
    permits = Permits(paced=True, laned=True)
    fanout = fan(permits)
    channel = fanout.channel(always)
    channel.send([post(server.url, key) for key in range(3)])
    assert permits.asked.is_set()
    assert channel.collect(at_most=3, wait_s=0.3) == []
    assert (channel.queued, fanout.queued(), server.connections) == (3, 3, 0)
    allow(fanout, permits, rights=3, lanes=1)
    assert {a.outcome for a in channel.collect(at_most=3, wait_s=LONG)} == {Outcome.ANSWERED}
    assert (channel.queued, fanout.queued(), len(server.requests)) == (0, 0, 3)


def test_no_more_leave_than_there_are_rights(serve, fan, slow_seconds):
    server = serve(lambda _, conn: conn.send(reply(200)))
    permits = Permits(paced=True, laned=False)
    fanout = fan(permits)
    channel = fanout.channel(always)
    channel.send([post(server.url, key) for key in range(9)])
    allow(fanout, permits, rights=5)
    assert len(channel.collect(at_most=5, wait_s=LONG)) == 5
    assert channel.collect(at_most=4, wait_s=0.3) == []
    assert (len(server.requests), channel.queued) == (5, 4)
    # Rights above the old ceiling can be used, the five used ones cannot.
    allow(fanout, permits, rights=7)
    assert len(channel.collect(at_most=2, wait_s=LONG)) == 2
    assert sorted(channel.withdraw()) == [7, 8]
    assert (len(server.requests), permits.in_use()) == (7, (7, 0))


def test_a_right_comes_back_a_second_after_its_request_left(serve, fan):
    arrived = []

    def note(_, conn):
        arrived.append(time.monotonic())
        conn.send(reply(200))

    permits = Permits(paced=True, laned=False)
    fanout = fan(permits)
    channel = fanout.channel(always)
    allow(fanout, permits, rights=2)
    channel.send([post(serve(note).url, key) for key in range(6)])
    assert len(channel.collect(at_most=6, wait_s=LONG)) == 6
    assert all(later - sooner >= 1.0 for sooner, later in zip(arrived, arrived[2:], strict=False))


def test_what_never_left_costs_no_right(serve, fan, slow_seconds):
    server = serve(lambda _, conn: conn.send(reply(200)))
    permits = Permits(paced=True, laned=True)
    fanout = fan(permits)
    choosy = fanout.channel(lambda out: "no" if out.key < 3 else None)
    allow(fanout, permits, rights=1, lanes=1)
    urls = [server.url, server.url, "http://exämple", "http://127.0.0.1:1", server.url]
    choosy.send([post(url, key) for key, url in enumerate(urls, 1)])
    answers = {a.key: a.outcome for a in choosy.collect(at_most=5, wait_s=LONG)}
    refused = dict.fromkeys((1, 2, 3), Outcome.REFUSED)
    assert answers == refused | {4: Outcome.NOT_SENT, 5: Outcome.ANSWERED}
    assert [r.path for r in server.requests] == ["/systems/S5/utility_events"]
    assert permits.in_use() == (1, 0)


def test_no_more_in_flight_than_there_are_lanes(serve, fan):
    go, third = threading.Event(), threading.Event()

    def hold(_, conn):
        if server.in_flight == 3:
            third.set()
        go.wait(LONG)
        conn.send(reply(200))

    server = serve(hold)
    permits = Permits(paced=False, laned=True)
    fanout = fan(permits)
    channel = fanout.channel(always)
    channel.send([post(server.url, key) for key in range(12)])
    allow(fanout, permits, lanes=3)
    assert third.wait(LONG)
    assert channel.collect(at_most=1, wait_s=0.2) == []
    assert permits.in_use() == (0, 3)
    # A lower ceiling ends nothing that is under way, and starts nothing until there is room.
    allow(fanout, permits, lanes=1)
    assert permits.in_use() == (0, 3)
    go.set()
    assert len(channel.collect(at_most=12, wait_s=LONG)) == 12
    assert (server.most_in_flight, permits.in_use()) == (3, (0, 0))


def test_what_may_be_sent_may_not_for_ever(serve, fan):
    server = serve(lambda _, conn: conn.send(reply(200)))
    permits = Permits(paced=False, laned=True)
    fanout = fan(permits)
    channel = fanout.channel(always)
    permits.allow(rights=0, lanes=8, until=time.monotonic() - 0.001)
    channel.send([post(server.url)])
    assert channel.collect(at_most=1, wait_s=0.3) == []
    allow(fanout, permits, lanes=8)
    assert one(channel).outcome is Outcome.ANSWERED
    permits.freeze()
    channel.send([post(server.url, 2)])
    assert channel.collect(at_most=1, wait_s=0.3) == []
    assert (channel.withdraw(), len(server.requests)) == ([2], 1)


def test_rights_that_are_taken_away_are_told_from_when_on_others_may_use_them(slow_seconds):
    permits = Permits(paced=True, laned=False)
    permits.allow(rights=10, lanes=0, until=FOR_EVER)
    began = time.monotonic()
    assert [permits.take(time.monotonic()) for _ in range(4)] == [True] * 4
    permits.departed()
    permits.departed()
    permits.allow(rights=6, lanes=0, until=FOR_EVER)
    # Six were ready, two cooled, two are under way: every second one of the eight went.
    assert permits.in_use() == (6, 4)
    assert permits.dropped(3) < began + 1
    assert permits.dropped(1) > began + 999
    assert permits.dropped(1) == 0.0
    permits.allow(rights=1, lanes=0, until=FOR_EVER)
    assert permits.in_use() == (2, 4)  # those under way go when they come back
    assert permits.dropped() > began + 999
    permits.ended(departed=False)
    permits.departed()
    assert permits.in_use() == (1, 3)
    assert permits.dropped() < began + 10  # it never left; the other one stays, and cools
    assert not permits.take(time.monotonic())


def test_a_get_that_libcurl_repeats_needs_a_right_of_its_own(serve, fan, slow_seconds):
    def dies_on_second(request, conn):
        if request.nth_on_connection == 0:
            conn.send(reply(200))
        else:
            conn.close()

    server = serve(dies_on_second)
    permits = Permits(paced=True, laned=False)
    fanout = fan(permits, in_flight=1)
    channel = fanout.channel(always)
    get = {"method": "GET", "body": None}
    allow(fanout, permits, rights=4)
    channel.send([post(server.url, 1, **get), post(server.url, 2, **get)])
    # Three rights are used: the second GET left twice.
    assert [a.outcome for a in channel.collect(at_most=2, wait_s=LONG)] == [Outcome.ANSWERED] * 2
    assert len(server.requests) == 3
    channel.send([post(server.url, 3, **get)])
    answer = one(channel)
    assert answer.outcome is Outcome.UNKNOWN
    assert "the connection died and the request is not repeated" in answer.error
    assert len(server.requests) == 4
    assert not permits.take(time.monotonic())


def test_a_fanout_that_closes_returns_what_it_took(serve, fan, slow_seconds):
    server = serve(lambda _, conn: conn.hang())
    permits = Permits(paced=True, laned=True)
    fanout = fan(permits)
    channel = fanout.channel(always)
    allow(fanout, permits, rights=4, lanes=2)
    channel.send([post(server.url, key) for key in range(4)])
    deadline = time.monotonic() + LONG
    while len(server.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert permits.in_use() == (4, 2)
    fanout.close()
    answers = sorted(a.outcome.name for a in channel.collect(at_most=4, wait_s=LONG))
    assert answers == ["NOT_SENT", "NOT_SENT", "UNKNOWN", "UNKNOWN"]
    assert (permits.in_use(), len(server.requests)) == ((4, 0), 2)
