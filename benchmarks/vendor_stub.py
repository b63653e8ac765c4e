"""The far side of the benchmarks: as little of a vendor as can be told from one.

It checks the bearer of each serial, counts POSTs per serial, remembers the last body for GETs and
answers after a latency. Everything else is left out so that it stays several times faster than
what it measures: requests are cut out of the bytes by hand, answers are constants.

    python -m benchmarks.vendor_stub HOMES [--tls FOLDER]

HOMES holds a line "serial token" for each system. The first line printed is JSON with the ports
and, with --tls, the certificate to trust. The control port takes one JSON object a line:
{"do": "latency", "low_ms": 50, "high_ms": 200} · {"do": "reset"} · {"do": "report"}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import ssl
import time
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.certificate import make_certificate

_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


def _answer(status: bytes, body: bytes) -> bytes:
    return _HEAD % (status, len(body), body)


_TAKEN = _answer(b"200 OK", b'{"utility_events":{}}')
_NO_TOKEN = _answer(b"401 Unauthorized", b'{"error":{"message":"Not authorized"}}')
_NO_HOME = _answer(b"404 Not Found", b'{"error":{"message":"Not found"}}')
_NO_EVENTS = b'{"utility_events":{"events":{}}}'
_STATUS = _answer(b"200 OK", b'{"status":{"isDisconnected":"off","oat":"97","zones":{"zone":[]}}}')


class Home:
    """One system: its token, the POSTs it got since the last reset, its last event."""

    __slots__ = ("body", "posts", "token")

    def __init__(self, token: bytes) -> None:
        self.token = token
        self.posts = 0
        self.body = _NO_EVENTS


class Vendor:
    """All homes, the counters, and the answers that wait for their time."""

    def __init__(self, homes: dict[bytes, Home], loop: asyncio.AbstractEventLoop) -> None:
        self.homes = homes
        self._loop = loop
        self._span_s = (0.0, 0.0)
        self._late: list[tuple[float, int, asyncio.Transport, bytes]] = []
        self._number = 0
        self._alarm = False
        self.reset()

    def reset(self) -> None:
        self.posts = self.gets = self.refused = self.doubled = self.unique = 0
        self.connections = self.peak_waiting = 0
        self.first_at = self.last_at = 0.0
        for home in self.homes.values():
            home.posts = 0

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        if order["do"] == "latency":
            self._span_s = (order["low_ms"] / 1000, order["high_ms"] / 1000)
        elif order["do"] == "reset":
            self.reset()
        names = "posts gets refused doubled unique connections peak_waiting first_at last_at"
        return {name: getattr(self, name) for name in names.split()}

    def post(self, home: Home, body: bytes) -> bytes:
        now = time.time()  # compared with other processes' moments, so not the monotonic clock
        if not self.posts:
            self.first_at = now
        self.last_at = now
        self.posts += 1
        if home.posts:
            self.doubled += 1
        else:
            self.unique += 1
        home.posts += 1
        home.body = body
        return _TAKEN

    def reply(self, transport: asyncio.Transport, answer: bytes) -> None:
        """Now, or after the latency."""
        low, high = self._span_s
        if not high:
            transport.write(answer)
            return
        due = self._loop.time() + (low if low == high else random.uniform(low, high))
        self._number += 1  # so that two answers of one moment never compare transports
        heappush(self._late, (due, self._number, transport, answer))
        self.peak_waiting = max(self.peak_waiting, len(self._late))
        if not self._alarm:
            self._wake_at(due)

    def _wake_at(self, due: float) -> None:
        self._alarm = True
        # Timers of the loop tick in whole milliseconds: one for all answers is enough.
        self._loop.call_later(max(due - self._loop.time(), 0.001), self._deliver)

    def _deliver(self) -> None:
        now, late = self._loop.time(), self._late
        while late and late[0][0] <= now:
            _, _, transport, answer = heappop(late)
            transport.write(answer)
        self._alarm = False
        if late:
            self._wake_at(late[0][0])


class Wire(asyncio.Protocol):
    """One connection. HTTP/1.1 with Content-Length only, which is all our clients send."""

    __slots__ = ("_rest", "_transport", "_vendor")

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._rest = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._vendor.connections += 1

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head, start = data[:end], end + 4
            stop = start + int(_field(head, b"Content-Length: ") or 0)
            if len(data) < stop:
                break
            answer = self._answer(head, data[start:stop])
            self._vendor.reply(self._transport, answer)
            data = data[stop:]
            if not data:
                break
        self._rest = data

    def _answer(self, head: bytes, body: bytes) -> bytes:
        method, path, _ = head.split(b" ", 2)
        _, _, serial, leaf = path.split(b"/", 3)
        vendor = self._vendor
        home = vendor.homes.get(serial)
        if home is None:
            vendor.refused += 1
            return _NO_HOME
        if _field(head, b"Authorization: Bearer ") != home.token:
            vendor.refused += 1
            return _NO_TOKEN
        if method == b"POST":
            return vendor.post(home, body)
        vendor.gets += 1
        return _STATUS if leaf == b"status" else _answer(b"200 OK", home.body)


def _field(head: bytes, name: bytes) -> bytes:
    """The value behind a header's name, spelt as libcurl, aiohttp and requests spell it."""
    at = head.find(name)
    if at < 0:
        return b""
    at += len(name)
    end = head.find(b"\r", at)
    return head[at:] if end < 0 else head[at:end]


async def _serve(homes: dict[bytes, Home], tls: Path | None) -> None:
    loop = asyncio.get_running_loop()
    vendor = Vendor(homes, loop)
    context = None
    if tls:
        certificate, key = make_certificate(tls)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    front = await loop.create_server(
        lambda: Wire(vendor), "127.0.0.1", 0, ssl=context, backlog=4096
    )

    async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(vendor.obey(json.loads(line))).encode() + b"\n")
        writer.close()

    back = await asyncio.start_server(control, "127.0.0.1", 0)
    ports = {
        "port": front.sockets[0].getsockname()[1],
        "control": back.sockets[0].getsockname()[1],
        "ca": str(certificate) if tls else None,
    }
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("homes", type=Path)
    parser.add_argument("--tls", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    homes = {}
    for line in options.homes.read_bytes().splitlines():
        serial, token = line.split()
        homes[serial] = Home(token)
    uvloop.run(_serve(homes, options.tls))


if __name__ == "__main__":
    main()
