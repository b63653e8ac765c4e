from __future__ import annotations

import multiprocessing
import os
import threading
import time
from typing import Any

import pycurl
import pytest

from carrier import curl_lane, fanout
from carrier.fanout import Answer, Fanout, Outcome, Outgoing, shared
from tests.unit.carrier.conftest import TOKEN
from tests.unit.carrier.servers import reply, unused_port

LONG = 20.0  # seconds nobody waits unless something is broken


@pytest.fixture
def fan():
    made = []

    def make(**settings) -> Fanout:
        made.append(Fanout(**({"in_flight": 8, "total_timeout_s": 5.0} | settings)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def post(server_url: str, key: int = 0, **changes) -> Outgoing:
    values: dict[str, Any] = {
        "key": key,
        "method": "POST",
        "url": f"{server_url}/systems/S{key}/utility_events",
        "headers": [f"Authorization: Bearer {TOKEN}", "Content-Type: application/json"],
        "body": b'{"n":1}',
    }
    return Outgoing(**(values | changes))


def always(_: Outgoing) -> None:
    return None


def one(channel) -> Answer:
    (answer,) = channel.collect(at_most=1, wait_s=LONG)
    return answer


def test_every_send_is_one_request_over_few_connections(serve, fan):
    server = serve(lambda r, conn: conn.send(reply(200, r.path)))
    channel = fan(in_flight=4).channel(always)
    channel.send([post(server.url, key) for key in range(300)])
    assert channel.pending == 300
    answers = channel.collect(at_most=300, wait_s=LONG)
    assert channel.pending == 0
    assert {a.key: (a.outcome, a.status, a.body, a.content_type) for a in answers} == {
        key: (
            Outcome.ANSWERED,
            200,
            f"/systems/S{key}/utility_events".encode(),
            "application/json",
        )
        for key in range(300)
    }
    assert len(server.requests) == 300
    assert server.connections <= 4
    assert server.most_in_flight <= 4
    assert channel.collect(at_most=10, wait_s=LONG) == []  # nothing pending: returns at once


def test_what_is_on_the_wire(serve, fan):
    server = serve(lambda _, conn: conn.send(reply(200, "{}")))
    channel = fan(in_flight=1).channel(always)
    get = post(server.url, 2, method="GET", body=None)
    channel.send([post(server.url, 1), get, post(server.url, 3, body=b""), post(server.url, 4)])
    assert [a.key for a in channel.collect(at_most=4, wait_s=LONG)] == [1, 2, 3, 4]
    assert [(r.method, r.path, r.body) for r in server.requests] == [
        ("POST", "/systems/S1/utility_events", b'{"n":1}'),
        ("GET", "/systems/S2/utility_events", b""),
        ("POST", "/systems/S3/utility_events", b""),
        ("POST", "/systems/S4/utility_events", b'{"n":1}'),
    ]
    assert server.requests[0].headers == {
        "host": server.url.removeprefix("http://"),
        "user-agent": "offpeak-carrier",
        "accept": "*/*",
        "authorization": f"Bearer {TOKEN}",
        "content-type": "application/json",
        "content-length": "7",
    }
    assert "content-length" not in server.requests[1].headers


def test_the_cap_on_requests_in_flight_is_kept_and_used(serve, fan):
    full = threading.Event()

    def wait_for_five(_, conn):
        if server.in_flight == 5:
            full.set()
        full.wait(LONG)
        conn.send(reply(200))

    server = serve(wait_for_five)
    channel = fan(in_flight=5).channel(always)
    channel.send([post(server.url, key) for key in range(50)])
    assert len(channel.collect(at_most=50, wait_s=LONG)) == 50
    assert server.most_in_flight == 5


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 405, 406, 429, 500, 503])
def test_every_complete_answer_is_an_answer(serve, fan, status):
    elsewhere = serve(lambda _, conn: conn.send(reply(200)))
    server = serve(
        lambda _, conn: conn.send(
            reply(
                status,
                b"",
                "text/plain",
                Allow="GET, HEAD",
                Retry_After="7",
                Location=elsewhere.url,
            )
        )
    )
    channel = fan().channel(always)
    channel.send([post(server.url)])
    answer = one(channel)
    assert (answer.outcome, answer.status, answer.error) == (Outcome.ANSWERED, status, "")
    assert answer.allow == ("GET, HEAD" if status >= 400 else None)
    assert answer.retry_after == ("7" if status >= 400 else None)
    assert answer.content_type == "text/plain"
    assert 0 <= answer.elapsed_s < LONG
    assert (len(server.requests), len(elsewhere.requests)) == (1, 0)


def test_a_last_look_that_says_no_sends_nothing(serve, fan):
    server = serve(lambda _, conn: conn.send(reply(200)))
    threads = set()

    def even_only(outgoing: Outgoing) -> str | None:
        threads.add(threading.current_thread().name)
        if outgoing.key == 3:
            raise KeyError("no such row")
        return "odd" if outgoing.key % 2 else None

    channel = fan().channel(even_only)
    channel.send([post(server.url, key) for key in range(6)])
    answers = {a.key: a for a in channel.collect(at_most=6, wait_s=LONG)}
    assert {k: a.outcome for k, a in answers.items()} == {
        k: Outcome.REFUSED if k % 2 else Outcome.ANSWERED for k in range(6)
    }
    assert (answers[1].error, answers[1].status) == ("odd", None)
    assert answers[3].error == "the last look failed (KeyError)"
    assert len(server.requests) == 3
    assert threads == {"carrier-fanout"}


def test_the_last_look_is_repeated_when_the_connection_took_long(serve, fan, monkeypatch):
    monkeypatch.setattr(curl_lane, "LOOK_AGAIN_S", -1.0)
    server = serve(lambda _, conn: conn.send(reply(200)))
    looks = []

    def stopped_meanwhile(outgoing: Outgoing) -> str | None:
        looks.append(outgoing.key)
        return "stopped" if len(looks) == 2 else None

    channel = fan().channel(stopped_meanwhile)
    channel.send([post(server.url, 5)])
    answer = one(channel)
    assert (answer.outcome, answer.error) == (Outcome.REFUSED, "stopped")
    assert looks == [5, 5]
    channel.send([post(server.url, 6)])  # and the fan-out goes on
    assert one(channel).outcome is Outcome.ANSWERED
    assert [r.path for r in server.requests] == ["/systems/S6/utility_events"]


def test_where_nothing_could_leave_the_answer_says_so(serve, fan):
    no_tls = serve(lambda _, conn: conn.send(reply(200)))
    channel = fan(connect_timeout_s=2.0).channel(always)
    urls = [
        f"http://127.0.0.1:{unused_port()}",
        "http://no-such-host.invalid",
        no_tls.url.replace("http://", "https://"),
    ]
    channel.send([post(url, key) for key, url in enumerate(urls)])
    answers = {a.key: a for a in channel.collect(at_most=3, wait_s=LONG)}
    assert [answers[k].outcome for k in range(3)] == [Outcome.NOT_SENT] * 3
    assert answers[0].error == "curl 7: no connection; nothing was sent"
    assert answers[1].error.endswith("the host name does not resolve; nothing was sent")
    assert no_tls.requests == []


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


def test_what_cannot_be_put_on_a_wire_is_refused(fan):
    channel = fan().channel(always)
    channel.send([post("http://exämple", 1), post("file:///etc/passwd?", 2)])
    answers = {a.key: a.outcome for a in channel.collect(at_most=2, wait_s=LONG)}
    assert answers == {1: Outcome.REFUSED, 2: Outcome.NOT_SENT}
    with pytest.raises(ValueError, match="GET and POST only"):
        channel.send([post("http://127.0.0.1", method="DELETE")])
    assert channel.pending == 0


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


def test_close_answers_everything_honestly(serve, fan):
    arrived = threading.Event()

    def hang(_, conn):
        arrived.set()
        conn.hang()

    server = serve(hang)
    one_fan = fan(in_flight=1)
    channel = one_fan.channel(always)
    channel.send([post(server.url, key) for key in range(3)])
    assert arrived.wait(LONG)
    one_fan.close()
    answers = {a.key: a.outcome for a in channel.collect(at_most=3, wait_s=LONG)}
    assert answers == {0: Outcome.UNKNOWN, 1: Outcome.NOT_SENT, 2: Outcome.NOT_SENT}
    with pytest.raises(RuntimeError, match="closed"):
        channel.send([post(server.url)])
    assert channel.pending == 0


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


def test_no_answer_tells_the_token(serve, fan):
    server = serve(lambda _, conn: conn.reset())
    channel = fan().channel(always)
    channel.send([post(server.url)])
    assert TOKEN not in repr(one(channel))


def _in_child(url: str, parents: Fanout, results) -> None:
    try:
        parents.channel(always).send([post(url, 1)])
        results.put("the parent's fan-out took it")
    except RuntimeError as error:
        results.put(str(error))
    channel = shared(in_flight=2).channel(always)
    channel.send([post(url, 2)])
    results.put((os.getpid(), one(channel).outcome.name))


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_gets_a_fanout_of_its_own(serve):
    server = serve(lambda _, conn: conn.send(reply(200)))
    mine = shared(in_flight=2)
    try:
        assert shared(in_flight=2) is mine
        with pytest.raises(ValueError, match="other settings"):
            shared(in_flight=3)
        channel = mine.channel(always)
        channel.send([post(server.url, 0)])
        assert one(channel).outcome is Outcome.ANSWERED
        context = multiprocessing.get_context("fork")
        results = context.Queue()
        child = context.Process(target=_in_child, args=(server.url, mine, results))
        child.start()
        assert results.get(timeout=LONG) == "this fan-out belongs to the parent process"
        assert results.get(timeout=LONG) == (child.pid, "ANSWERED")
        child.join(LONG)
        assert child.exitcode == 0
        channel.send([post(server.url, 3)])
        assert one(channel).outcome is Outcome.ANSWERED
        # The parent's kept connection survived the child.
        assert [r.connection for r in server.requests] == [0, 1, 0]
    finally:
        mine.close()
        fanout._shared = None
