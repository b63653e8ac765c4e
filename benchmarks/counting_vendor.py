"""A vendor that only counts: when each request reached this machine, and when it was answered.

    python -m benchmarks.counting_vendor

Arrivals carry the kernel's own time stamps where there are some (Linux), so a busy machine cannot
make two requests look closer together than they were. Whatever is asked, the answer is 200 after a
latency. A client that is gone still has its request answered in its time: at a real vendor too it
would be in progress. The control port takes one JSON object a line:
{"do": "latency", "ms": 50} · {"do": "reset"} · {"do": "report"}.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import struct
import time
from bisect import bisect_left
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python's socket module has no name for it
_BODY = b'{"utility_events":{}}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)


def worst_second(arrived: Sequence[float], *, lasts_s: float = 1.0) -> int:
    """The most requests that arrived in any one second, wherever it begins."""
    times = sorted(arrived)
    return max((bisect_left(times, t + lasts_s) - n for n, t in enumerate(times)), default=0)


def in_flight_peak(arrived: Sequence[float], answered: Sequence[float]) -> int:
    """The most requests that had arrived and were not answered yet."""
    steps = sorted([(t, 1) for t in arrived] + [(t, -1) for t in answered])
    now = peak = 0
    for _, step in steps:
        now += step
        peak = max(peak, now)
    return peak


class CountingVendor:
    """One thread, one selector; every request is remembered as [path, arrived, answered]."""

    def __init__(self) -> None:
        self.latency_s = 0.0
        self.seen: list[list[Any]] = []
        self._late: list[tuple[float, int, socket.socket, list[Any]]] = []
        self._number = 0
        self._rest: dict[socket.socket, bytes] = {}
        self._selector = selectors.DefaultSelector()
        self.front, self.back = (socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in "fb")
        for server, accept in ((self.front, self._meet), (self.back, self._meet_control)):
            server.setblocking(False)
            self._selector.register(server, selectors.EVENT_READ, accept)

    def run(self) -> None:
        while True:
            wait_s = max(self._late[0][0] - time.time(), 0.0) if self._late else None
            for key, _ in self._selector.select(wait_s):
                key.data(key.fileobj)
            while self._late and self._late[0][0] <= time.time():
                _, _, sock, record = heappop(self._late)
                self._reply(sock, record)

    def _meet(self, server: socket.socket) -> None:
        sock, _ = server.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # not Linux: our own clock has to do
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._rest[sock] = b""
        self._selector.register(sock, selectors.EVENT_READ, self._read)

    def _read(self, sock: socket.socket) -> None:
        try:
            data, extra, _, _ = sock.recvmsg(65536, 64)
        except OSError:
            data, extra = b"", []
        if not data:
            self._selector.unregister(sock)
            del self._rest[sock]
            sock.close()
            return
        arrived = time.time()
        for level, kind, stamp in extra:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("qq", stamp[:16])
                arrived = seconds + nanoseconds / 1e9
        data = self._rest[sock] + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head = data[:end]
            length = [line for line in head.split(b"\r\n") if line[:15] == b"Content-Length:"]
            stop = end + 4 + (int(length[0][15:]) if length else 0)
            if len(data) < stop:
                break
            data = data[stop:]
            self._take(sock, head.split(b" ", 2)[1].decode(), arrived)
        self._rest[sock] = data

    def _take(self, sock: socket.socket, path: str, arrived: float) -> None:
        record = [path, arrived, None]
        self.seen.append(record)
        self._number += 1  # so that two of one moment never compare sockets
        heappush(self._late, (arrived + self.latency_s, self._number, sock, record))

    def _reply(self, sock: socket.socket, record: list[Any]) -> None:
        record[2] = time.time()
        with contextlib.suppress(OSError):  # the client is gone
            sock.send(_ANSWER)

    def _meet_control(self, server: socket.socket) -> None:
        sock, _ = server.accept()
        self._selector.register(sock, selectors.EVENT_READ, self._obey)

    def _obey(self, sock: socket.socket) -> None:
        line = sock.recv(65536)
        if not line:
            self._selector.unregister(sock)
            sock.close()
            return
        order = json.loads(line)
        if order["do"] == "latency":
            self.latency_s = order["ms"] / 1000
        elif order["do"] == "reset":
            self.seen.clear()
        sock.sendall(json.dumps({"seen": self.seen}).encode() + b"\n")


if __name__ == "__main__":
    vendor = CountingVendor()
    ports = {"port": vendor.front.getsockname()[1], "control": vendor.back.getsockname()[1]}
    print(json.dumps(ports | {"ca": None}), flush=True)
    vendor.run()
