"""How many POST utility_events a second one sandbox process takes. Not a test: run it by hand.

    export SANDBOX_CLIENT_SECRET=s SANDBOX_ADMIN_KEY=k
    python -m carrier_sandbox --port 8912 --homes 100000
    python tests/contract/measure_posts.py 8912 64 20000

Arguments: port, keep-alive connections, POSTs. One POST a system, with its homeowner's token.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import cast

import orjson
import requests
import uvloop

PORT, CONNECTIONS, TOTAL = (int(text) for text in sys.argv[1:4])
BASE = f"http://127.0.0.1:{PORT}"


def prepared() -> list[bytes]:
    """The bytes of every request, made beforehand so that the client costs little."""
    event = {
        "$": {"id": f"dr-{time.time_ns()}"}, "modificationNumber": 0, "eventType": "demand",
        "signalLevel": 2, "start": "2040-07-15T20:00:00Z", "duration": "PT2H",
        "startRandomization": "PT10M", "response": "customer", "message": "Peak event 3-5 pm",
    }  # fmt: skip
    body = orjson.dumps({"utility_events": {"events": {"event": [event]}}})
    homes = requests.get(f"{BASE}/_sandbox/health", timeout=10).json()["homes"]
    users = [f"home-{number:04d}" for number in range(1, min(homes, TOTAL) + 1)]
    key = {"X-Sandbox-Key": os.environ["SANDBOX_ADMIN_KEY"]}
    made = requests.post(f"{BASE}/_sandbox/grants", json={"users": users}, headers=key, timeout=60)
    head = (
        "POST /systems/{}/utility_events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n"
        "Authorization: Bearer {}\r\nAccept: application/json\r\n"
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    )
    return [
        head.format(serial, PORT, grant["access_token"], len(body)).encode() + body
        for grant in made.json()["grants"]
        for serial in grant["systems"]
    ][:TOTAL]


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    transport: asyncio.Transport
    answered: asyncio.Future[bytes]
    held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.held += data
        head, found, rest = self.held.partition(b"\r\n\r\n")
        if found and len(rest) >= int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            self.held = b""
            self.answered.set_result(head[9:12])


async def main() -> None:
    """Send all, print one line."""
    loop, waiting, times, bad = asyncio.get_running_loop(), iter(prepared()), [], 0

    async def work() -> None:
        nonlocal bad
        _, connection = await loop.create_connection(Connection, "127.0.0.1", PORT)
        for request in waiting:
            connection.answered = loop.create_future()
            sent = time.perf_counter()
            connection.transport.write(request)
            bad += await connection.answered != b"200"
            times.append(time.perf_counter() - sent)
        connection.transport.close()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    seconds = time.perf_counter() - began
    times.sort()
    p50, p99 = times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3
    print(f"{CONNECTIONS} connections, {len(times)} POSTs, {bad} not 200:")
    print(f"{len(times) / seconds:.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms")


if __name__ == "__main__":
    uvloop.run(main())
