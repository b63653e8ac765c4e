"""Connections that break, close or are not to be trusted: nothing is sent twice over them."""

from __future__ import annotations

import threading
import time

import pycurl
import pytest

from carrier.fanout import Outcome
from tests.unit.carrier.outgoing import LONG, always, one, post
from tests.unit.carrier.servers import reply


def test_a_certificate_is_trusted_only_with_its_bundle(serve, fan, certificate):
    context, bundle = certificate
    server = serve(lambda _, conn: conn.send(reply(200)), context)
    channel = fan().channel(always)
    channel.send([post(server.url)])
    answer = one(channel)
    assert answer.outcome is Outcome.NOT_SENT
    assert "certificate is not trusted" in answer.error
    trusting = fan(in_flight=1, ca_bundle=bundle).channel(always)
    trusting.send([post(server.url, key) for key in range(5)])
    answers = trusting.collect(at_most=5, wait_s=LONG)
    assert [a.outcome for a in answers] == [Outcome.ANSWERED] * 5
    assert {r.connection for r in server.requests} == {1}


CUTS = {
    "hang": lambda _, conn: conn.hang(),
    "drip": lambda _, conn: (
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"),
        conn.drip(b"x"),
    ),
    "header drip": lambda _, conn: (conn.send(b"HTTP/1.1 200 OK\r\nX: "), conn.drip(b"x")),
    "reset": lambda _, conn: conn.reset(),
    "closed": lambda _, conn: conn.close(),
    "cut inside": lambda _, conn: (
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
        conn.close(),
    ),
    "garbage": lambda _, conn: (conn.send(b"\x16\x03 what\r\n\r\n"), conn.close()),
    "announced too large": lambda _, conn: conn.send(reply(200, b"x" * 5000)),
    "endless": lambda _, conn: (
        conn.send(b"HTTP/1.1 200 OK\r\n\r\n"),
        conn.drip(b"x" * 1000, every_s=0.001),
    ),
}


@pytest.mark.parametrize("cut", sorted(CUTS))
def test_once_bytes_left_anything_less_than_an_answer_is_unknown(serve, fan, cut):
    server = serve(CUTS[cut])
    limit = 0.3 if cut in ("hang", "drip", "header drip") else 10.0
    channel = fan(total_timeout_s=limit, max_body_bytes=4096).channel(always)
    started = time.monotonic()
    channel.send([post(server.url)])
    answer = one(channel)
    assert answer.outcome is Outcome.UNKNOWN
    assert answer.error.endswith("the request may have taken effect")
    assert len(answer.body) <= 4096 + 16_384
    assert time.monotonic() - started < 8
    assert len(server.requests) == 1


def _dies_on_second(request, conn):
    """Answers a connection's first request; takes its second one and hangs up without a word."""
    if request.nth_on_connection == 0:
        conn.send(reply(200))
    else:
        conn.close()


def test_a_post_is_not_repeated_when_a_kept_connection_dies_under_it(serve, fan):
    server = serve(_dies_on_second)
    channel = fan(in_flight=1).channel(always)
    channel.send([post(server.url, 1)])
    assert one(channel).outcome is Outcome.ANSWERED
    channel.send([post(server.url, 2)])
    answer = one(channel)
    assert answer.outcome is Outcome.UNKNOWN
    assert answer.error.endswith("may have taken effect")
    assert [r.path for r in server.requests if "S2" in r.path] == ["/systems/S2/utility_events"]


def test_libcurl_left_alone_would_have_sent_it_twice(serve):
    """Why curl_lane.py has a pre-request callback. If this fails, libcurl has changed its mind."""
    server = serve(_dies_on_second)
    easy = pycurl.Curl()
    easy.setopt(pycurl.WRITEFUNCTION, lambda data: None)
    for key in (1, 2):
        easy.setopt(pycurl.URL, f"{server.url}/{key}")
        easy.setopt(pycurl.POSTFIELDS, b"{}")
        easy.perform()
    easy.close()
    assert [r.path for r in server.requests] == ["/1", "/2", "/2"]


def test_a_get_may_be_repeated_on_a_dead_connection(serve, fan):
    server = serve(_dies_on_second)
    channel = fan(in_flight=1).channel(always)
    for key in (1, 2):
        channel.send([post(server.url, key, method="GET", body=None)])
        assert one(channel).outcome is Outcome.ANSWERED
    assert len(server.requests) == 3


def test_a_connection_closed_while_idle_is_noticed_and_not_used(serve, fan):
    server = serve(lambda _, conn: (conn.send(reply(200)), conn.close()))
    channel = fan(in_flight=1).channel(always)
    for key in range(20):
        channel.send([post(server.url, key)])
        assert one(channel).outcome in (Outcome.ANSWERED, Outcome.UNKNOWN)
    paths = [r.path for r in server.requests]
    assert len(paths) == len(set(paths))  # never two POSTs for one send


def test_the_fanout_sleeps_while_idle_connections_are_closed(serve, fan):
    server = serve(lambda _, conn: (conn.send(reply(200)), conn.close()))
    one_fan = fan(in_flight=2)
    channel = one_fan.channel(always)
    channel.send([post(server.url, key) for key in range(2)])
    channel.collect(at_most=2, wait_s=LONG)
    before = time.process_time()
    assert channel.collect(at_most=1, wait_s=LONG) == []
    threading.Event().wait(0.3)
    assert time.process_time() - before < 0.2
