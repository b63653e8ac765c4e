"""Several callers share a fan-out through channels of their own."""

from __future__ import annotations

import threading

import pytest

from tests.unit.carrier.outgoing import LONG, always, one, post
from tests.unit.carrier.servers import reply


def test_two_channels_take_turns(serve, fan):
    server = serve(lambda _, conn: conn.send(reply(200)))
    one_fan = fan(in_flight=1)
    gate = threading.Event()
    slow = one_fan.channel(lambda _: gate.wait(LONG) and None)
    quick = one_fan.channel(always)
    slow.send([post(server.url, key) for key in range(50)])
    quick.send([post(server.url, 1000)])
    gate.set()
    assert one(quick).key == 1000
    assert len(slow.collect(at_most=50, wait_s=LONG)) == 50
    place = [r.path for r in server.requests].index("/systems/S1000/utility_events")
    assert place < 5


def test_withdraw_takes_back_exactly_what_did_not_leave(serve, fan):
    release, arrived = threading.Event(), threading.Event()

    def hold(_, conn):
        arrived.set()
        release.wait(LONG)
        conn.send(reply(200))

    server = serve(hold)
    channel = fan(in_flight=1).channel(always)
    channel.send([post(server.url, key) for key in range(10)])
    assert arrived.wait(LONG)
    assert channel.withdraw() == list(range(1, 10))
    assert channel.pending == 1
    assert channel.withdraw() == []
    release.set()
    assert one(channel).key == 0
    assert len(server.requests) == 1
    channel.send([post(server.url, 11)])  # the channel is as good as new
    assert one(channel).key == 11


def test_collect_returns_what_is_there_after_its_wait(serve, fan):
    def answer_first(request, conn):
        conn.send(reply(200)) if "S0/" in request.path else conn.hang()

    server = serve(answer_first)
    channel = fan().channel(always)
    channel.send([post(server.url, 0), post(server.url, 1)])
    assert one(channel).key == 0
    assert channel.collect(at_most=2, wait_s=0.01) == []
    assert channel.pending == 1


def test_a_closed_channel_leaves_the_others_alone(serve, fan):
    server = serve(lambda _, conn: conn.send(reply(200)))
    one_fan = fan(in_flight=1)
    gone, stays = one_fan.channel(always), one_fan.channel(always)
    gone.send([post(server.url, key) for key in range(100)])
    gone.close()
    stays.send([post(server.url, 500)])
    assert one(stays).key == 500
    with pytest.raises(RuntimeError, match="closed"):
        gone.send([post(server.url)])
