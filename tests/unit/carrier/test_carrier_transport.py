"""Every limit, against servers that break it."""

from __future__ import annotations

import gzip
import time

import pytest

from carrier.client import CarrierClient
from carrier.errors import (
    ClientBug,
    FixRequest,
    Gone,
    NoAccess,
    OutcomeUnknown,
    Reauthorize,
    TryLater,
)
from carrier.wire import Message
from tests.unit.carrier.conftest import TOKEN
from tests.unit.carrier.servers import reply, unused_port

SERIAL = "2319W004821"
MESSAGE = Message(b'{"utility_events":{}}', "application/json", "assumed-1")
EMPTY = b'{"utility_events": {"events": null}}'


@pytest.fixture
def client(settings):
    clients = []

    def make(url, **changes):
        clients.append(CarrierClient(settings(url, **changes), TOKEN))
        return clients[-1]

    yield make
    for one in clients:
        one.close()


@pytest.mark.parametrize(
    ("status", "on_read", "on_write"),
    [
        (400, FixRequest, FixRequest),
        (401, Reauthorize, Reauthorize),
        (403, NoAccess, NoAccess),
        (404, Gone, Gone),
        (405, ClientBug, ClientBug),
        (408, TryLater, TryLater),
        (425, TryLater, TryLater),
        (429, TryLater, TryLater),
        (500, TryLater, OutcomeUnknown),
        (502, TryLater, OutcomeUnknown),
        (503, TryLater, TryLater),
    ],
)
def test_statuses_become_errors(serve, client, status, on_read, on_write):
    server = serve(
        lambda _, conn: conn.send(
            reply(status, b"<html>", "text/html", Allow="GET", Retry_After="9")
        )
    )
    carrier = client(server.url)
    with pytest.raises(on_read) as read:
        carrier.status(SERIAL)
    with pytest.raises(on_write) as write:
        carrier.post_utility_event(SERIAL, MESSAGE)
    assert (read.value.status, write.value.status) == (status, status)
    assert read.value.allow == ("GET" if status == 405 else None)
    assert write.value.retry_after_s == (9.0 if on_write is TryLater else None)
    assert len(server.requests) == 2  # nothing was repeated


def test_a_redirect_is_not_followed(serve, client):
    elsewhere = serve(lambda _, conn: conn.send(reply(200, EMPTY)))
    server = serve(lambda _, conn: conn.send(reply(302, Location=elsewhere.url)))
    carrier = client(server.url)
    with pytest.raises(ClientBug) as read:
        carrier.utility_events(SERIAL)
    with pytest.raises(ClientBug):
        carrier.post_utility_event(SERIAL, MESSAGE)
    assert read.value.status == 302
    assert (len(server.requests), len(elsewhere.requests)) == (2, 0)


SLOW = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 2",
    "endless headers": b"HTTP/1.1 200 OK\r\nX-Pad: ",
    "endless body": b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n",
    "endless chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
}


@pytest.mark.parametrize("begin", sorted(SLOW))
def test_a_drip_ends_at_the_total_deadline(serve, client, begin):
    def drip(_, conn):
        conn.send(SLOW[begin])
        conn.drip(b"x") if begin != "nothing" else conn.hang()

    server = serve(drip)
    carrier = client(server.url, total_timeout_s=0.3)
    started = time.monotonic()
    with pytest.raises(TryLater, match="total time limit"):
        carrier.utility_events(SERIAL)
    with pytest.raises(OutcomeUnknown, match="total time limit"):
        carrier.post_utility_event(SERIAL, MESSAGE)
    assert 0.6 <= time.monotonic() - started < 5


def _endless(_, conn):
    conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    conn.drip(b" " * 65_536, every_s=0.0001)


BOMB = gzip.compress(bytes(10_000_000))
assert len(BOMB) < 65_536


def _bomb(_, conn):
    conn.send(reply(200, BOMB, Content_Encoding="gzip"))


@pytest.mark.parametrize("handler", [_endless, _bomb])
def test_a_body_beyond_the_cap_is_not_read(serve, client, handler):
    server = serve(handler)
    carrier = client(server.url)
    with pytest.raises(TryLater, match="larger than the limit"):
        carrier.utility_events(SERIAL)
    with pytest.raises(OutcomeUnknown, match="larger than the limit"):
        carrier.post_utility_event(SERIAL, MESSAGE)


def test_gzip_is_read_and_the_connection_is_kept(serve, client):
    server = serve(
        lambda _, conn: conn.send(reply(200, gzip.compress(EMPTY), Content_Encoding="gzip"))
    )
    carrier = client(server.url)
    assert [carrier.utility_events(SERIAL) for _ in range(3)] == [(), (), ()]
    assert (len(server.requests), server.connections) == (3, 1)


CUTS = {
    "reset before": lambda _, conn: conn.reset(),
    "closed before": lambda _, conn: conn.close(),
    "reset inside": lambda _, conn: (
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
        conn.reset(),
    ),
    "closed inside": lambda _, conn: (
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
        conn.close(),
    ),
    "garbage": lambda _, conn: (conn.send(b"\x15\x03\x01 hello\r\n\r\n"), conn.close()),
    "broken chunk": lambda _, conn: (
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        conn.close(),
    ),
    "broken gzip": lambda _, conn: conn.send(reply(200, b"nope", Content_Encoding="gzip")),
}


@pytest.mark.parametrize("cut", sorted(CUTS))
def test_an_answer_that_breaks_off_leaves_a_write_unknown(serve, client, cut):
    server = serve(CUTS[cut])
    carrier = client(server.url)
    with pytest.raises(TryLater):
        carrier.utility_events(SERIAL)
    with pytest.raises(OutcomeUnknown, match="may have taken effect"):
        carrier.post_utility_event(SERIAL, MESSAGE)
    assert [r.method for r in server.requests] == ["GET", "POST"]


def test_where_nothing_could_leave_even_a_write_may_be_tried_later(client, settings):
    refused = client(f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(TryLater, match="nothing was sent"):
        refused.post_utility_event(SERIAL, MESSAGE)
    nowhere = client("https://no-such-host.invalid")
    with pytest.raises(TryLater, match="nothing was sent"):
        nowhere.post_utility_event(SERIAL, MESSAGE)


def test_a_failed_tls_handshake_sends_nothing(serve, client):
    # A server that speaks no TLS never completes a request line of ours, so it records none.
    server = serve(lambda _, conn: conn.send(reply(200, EMPTY)))
    carrier = client(server.url.replace("http://", "https://"))
    with pytest.raises(TryLater, match="nothing was sent") as caught:
        carrier.post_utility_event(SERIAL, MESSAGE)
    assert caught.value.status is None


def test_a_certificate_is_trusted_only_with_its_bundle(serve, client, certificate):
    context, bundle = certificate
    server = serve(lambda _, conn: conn.send(reply(200, EMPTY)), context)
    with pytest.raises(TryLater, match="nothing was sent"):
        client(server.url).post_utility_event(SERIAL, MESSAGE)
    wrong_name = server.url.replace("127.0.0.1", "localhost")
    with pytest.raises(TryLater, match="nothing was sent"):
        client(wrong_name, ca_bundle=bundle).post_utility_event(SERIAL, MESSAGE)
    trusting = client(server.url, ca_bundle=bundle)
    assert [trusting.utility_events(SERIAL) for _ in range(2)] == [(), ()]
    assert len(server.requests) == 2
    assert {r.connection for r in server.requests} == {2}


def test_the_deadline_holds_under_tls_too(serve, client, certificate):
    context, bundle = certificate
    server = serve(lambda _, conn: conn.drip(b"x"), context)
    with pytest.raises(OutcomeUnknown, match="total time limit"):
        client(server.url, ca_bundle=bundle, total_timeout_s=0.4).post_utility_event(
            SERIAL, MESSAGE
        )


def test_the_environment_adds_neither_proxy_nor_password(serve, client, monkeypatch, tmp_path):
    server = serve(lambda _, conn: conn.send(reply(200, EMPTY, Set_Cookie="a=b")))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password guess\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    carrier = client(server.url)
    carrier.utility_events(SERIAL)
    carrier.utility_events(SERIAL)
    for request in server.requests:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert "cookie" not in request.headers


@pytest.mark.parametrize("handler", [CUTS["garbage"], CUTS["reset before"]])
def test_no_error_tells_the_token(serve, client, handler):
    carrier = client(serve(handler).url)
    with pytest.raises(TryLater) as caught:
        carrier.utility_events(SERIAL)
    shown = repr(caught.value) + str(caught.value) + caught.value.detail + repr(carrier)
    assert TOKEN not in shown
    assert caught.value.__suppress_context__
