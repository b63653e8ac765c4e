"""What the fan-out sends, once and as it is, and what it says of each request."""

from __future__ import annotations

import multiprocessing
import os
import threading

import pytest

from carrier import curl_lane, fanout
from carrier.fanout import Fanout, Outcome, Outgoing, shared
from tests.unit.carrier.conftest import TOKEN
from tests.unit.carrier.outgoing import LONG, always, one, post
from tests.unit.carrier.servers import reply, unused_port


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


def test_what_cannot_be_put_on_a_wire_is_refused(fan):
    channel = fan().channel(always)
    channel.send([post("http://exämple", 1), post("file:///etc/passwd?", 2)])
    answers = {a.key: a.outcome for a in channel.collect(at_most=2, wait_s=LONG)}
    assert answers == {1: Outcome.REFUSED, 2: Outcome.NOT_SENT}
    with pytest.raises(ValueError, match="GET and POST only"):
        channel.send([post("http://127.0.0.1", method="DELETE")])
    assert channel.pending == 0


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
