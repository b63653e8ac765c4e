"""Clients that send the same requests to the same stub and do nothing else: the yardstick.

No database, no queue, no tokens to open, nothing saved. The pycurl loop drives libcurl the fastest
way there is (its socket interface with epoll, handles used again); a slower loop would flatter us.
Started by benchmarks.dispatch; waits for one JSON line on stdin for each go.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import select
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Request = tuple[str, list[str]]


def requests_of(homes: Path, url: str, share: tuple[int, int]) -> list[Request]:
    """(address, header lines) of every home of this process's share."""
    mine, shares = share
    found = []
    for line in homes.read_text().splitlines()[mine::shares]:
        serial, token = line.split()
        lines = [
            f"Authorization: Bearer {token}",
            "Content-Type: application/json",
            "Accept: application/json",
        ]
        found.append((f"{url}/systems/{serial}/utility_events", lines))
    return found


class CurlClient:
    """libcurl's multi interface on epoll."""

    def __init__(self, in_flight: int, ca: str | None) -> None:
        import pycurl

        self._curl = pycurl
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, in_flight)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._poller = select.epoll()
        self._watched: set[int] = set()
        self._events = {
            pycurl.POLL_IN: select.EPOLLIN,
            pycurl.POLL_OUT: select.EPOLLOUT,
            pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
            pycurl.POLL_NONE: 0,
        }
        self._handles = [self._handle(ca) for _ in range(in_flight)]

    def _handle(self, ca: str | None) -> Any:
        pycurl = self._curl
        easy = pycurl.Curl()
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.PROXY, ""),
            (pycurl.TIMEOUT_MS, 30_000),
            (pycurl.WRITEFUNCTION, lambda _: None),
        ):
            easy.setopt(option, value)
        if ca:
            easy.setopt(pycurl.CAINFO, ca)
        return easy

    def _watch(self, what: int, fd: int, *_: object) -> None:
        if what == self._curl.POLL_REMOVE:
            return
        try:
            self._poller.modify(fd, self._events[what])
        except FileNotFoundError:
            self._poller.register(fd, self._events[what])

    def go(self, requests: list[Request], body: bytes) -> int:
        """Send all; how many were not answered 200."""
        pycurl, multi = self._curl, self._multi
        waiting = iter(requests)
        idle, failed = list(self._handles), 0
        for easy in idle:
            if body:
                easy.setopt(pycurl.POSTFIELDS, body)
            else:
                easy.setopt(pycurl.HTTPGET, 1)
        busy = 0
        while True:
            busy += self._fill(idle, waiting)
            if not busy:
                return failed
            timeout = multi.timeout()
            if timeout == 0:
                multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            for fd, bits in self._poller.poll(-1 if timeout < 0 else timeout / 1000):
                action = pycurl.CSELECT_IN if bits & ~select.EPOLLOUT else 0
                if bits & select.EPOLLOUT:
                    action |= pycurl.CSELECT_OUT
                multi.socket_action(fd, action)
            left = 1
            while left:
                left, done, broken = multi.info_read(1000)
                for easy in done:
                    failed += easy.getinfo(pycurl.RESPONSE_CODE) != 200
                finished = done + [easy for easy, *_ in broken]
                failed += len(broken)
                for easy in finished:
                    multi.remove_handle(easy)
                idle += finished
                busy -= len(finished)

    def _fill(self, idle: list[Any], waiting: Iterator[Request]) -> int:
        """Put waiting requests on idle handles; how many."""
        pycurl, started = self._curl, 0
        while idle and (request := next(waiting, None)):
            easy = idle.pop()
            easy.setopt(pycurl.URL, request[0])
            easy.setopt(pycurl.HTTPHEADER, request[1])
            self._multi.add_handle(easy)
            started += 1
        return started


class AiohttpClient:
    """One aiohttp session on uvloop, as many coroutines as requests may be in flight."""

    def __init__(self, in_flight: int, ca: str | None) -> None:
        import uvloop

        self._in_flight, self._ca = in_flight, ca
        self._loop = uvloop.new_event_loop()
        self._session: Any = None

    def go(self, requests: list[Request], body: bytes) -> int:
        return self._loop.run_until_complete(self._go(requests, body))

    async def _go(self, requests: list[Request], body: bytes) -> int:
        if self._session is None:
            self._session = self._new_session()
        split = [(url, dict(line.split(": ", 1) for line in lines)) for url, lines in requests]
        waiting = iter(split)
        failed = 0

        async def lane() -> None:
            nonlocal failed
            for url, headers in waiting:
                method = "POST" if body else "GET"
                sent = self._session.request(method, url, headers=headers, data=body or None)
                async with sent as answer:
                    await answer.read()
                    failed += answer.status != 200

        await asyncio.gather(*(lane() for _ in range(self._in_flight)))
        return failed

    def _new_session(self) -> Any:
        import ssl

        import aiohttp

        context = ssl.create_default_context(cafile=self._ca) if self._ca else True
        connector = aiohttp.TCPConnector(limit=self._in_flight, ssl=context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=["pycurl", "aiohttp"])
    parser.add_argument("homes", type=Path)
    parser.add_argument("url")
    parser.add_argument("in_flight", type=int)
    parser.add_argument("--share", type=int, nargs=2, default=(0, 1))
    parser.add_argument("--ca")
    options = parser.parse_args()
    make: Callable[[int, str | None], Any] = {"pycurl": CurlClient, "aiohttp": AiohttpClient}[
        options.library
    ]
    client = make(options.in_flight, options.ca)
    mine, shares = options.share
    requests = requests_of(options.homes, options.url, (mine, shares))
    for line in sys.stdin:
        order = json.loads(line)
        some = requests[: -(-order["systems"] // shares)] if "systems" in order else requests
        failed = client.go(some, order["body"].encode())
        print(json.dumps({"failed": failed}), flush=True)


if __name__ == "__main__":
    main()
