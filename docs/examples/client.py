"""A client of the partner API, to read and to copy. Python 3.11 and nothing else.

PORTAL=https://portal.utility.example CLIENT_ID=… CLIENT_SECRET=… python client.py summer-peak
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

SCOPES = "offpeak.read offpeak.events"
TRIES = 5


class Problem(Exception):
    """The API said no (RFC 9457). ``type`` is stable: decide by it, show ``detail`` to people."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        super().__init__(document.get("detail", f"HTTP {status}"))
        self.status = status
        self.type = str(document.get("type", ""))
        self.errors: list[dict[str, str]] = list(document.get("errors", []))


class Offpeak:
    """Calls of one client. Safe to send again: every POST carries a key of its own."""

    def __init__(self, portal: str, client_id: str, secret: str) -> None:
        self._portal = portal.rstrip("/")
        pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        self._basic = f"Basic {pair}"
        self._token, self._good_until = "", 0.0

    def programs(self) -> list[dict[str, Any]]:
        return list(self._pages("programs/"))

    def systems(self, program: str) -> Iterator[dict[str, Any]]:
        return self._pages(f"systems/?{urlencode({'program': program, 'limit': 500})}")

    def preview(self, plan: Mapping[str, Any]) -> dict[str, Any]:
        return self._post("events/preview/", plan)

    def plan(self, plan: Mapping[str, Any], *, key: str | None = None) -> dict[str, Any]:
        """Plan an event. Keep ``key`` with your own record: after a crash of yours the same key
        finds the event that was planned instead of planning another one."""
        return self._post("events/", plan, key=key)

    def event(self, event_id: str) -> dict[str, Any]:
        return self._get(f"events/{event_id}/")

    def cancel(self, event_id: str) -> dict[str, Any]:
        return self._post(f"events/{event_id}/cancel/", {})

    def opt_out(self, event_id: str, serial: str) -> dict[str, Any]:
        return self._post(f"events/{event_id}/opt-outs/", {"system": serial})

    def deliveries(self, event_id: str) -> Iterator[dict[str, Any]]:
        return self._pages(f"events/{event_id}/deliveries/?limit=500")

    def results(self, event_id: str) -> dict[str, Any]:
        return self._get(f"events/{event_id}/results/")

    def _pages(self, address: str) -> Iterator[dict[str, Any]]:
        onward: str | None = f"{self._portal}/api/v1/{address}"
        while onward:
            page = self._call("GET", onward)
            yield from page["items"]
            onward = page["next"]

    def _get(self, address: str) -> dict[str, Any]:
        return self._call("GET", f"{self._portal}/api/v1/{address}")

    def _post(
        self, address: str, body: Mapping[str, Any], *, key: str | None = None
    ) -> dict[str, Any]:
        headers = {
            "Content-Type": "application/json",
            # The same key on every try: the work is done once, the first answer comes again.
            "Idempotency-Key": key or str(uuid.uuid4()),
        }
        url = f"{self._portal}/api/v1/{address}"
        return self._call("POST", url, json.dumps(body).encode(), headers)

    def _call(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        for left in reversed(range(TRIES)):
            everything = {"Authorization": f"Bearer {self._bearer()}", **(headers or {})}
            try:
                return _send(Request(url, body, everything, method=method))
            except HTTPError as error:
                if error.code == 401 and left:
                    self._good_until = 0.0  # it was withdrawn: get another one
                elif error.code in (429, 503) and left:
                    time.sleep(float(error.headers.get("Retry-After", 5)))
                else:
                    raise Problem(error.code, _document(error)) from None
            except (URLError, TimeoutError):
                if not left:
                    raise
                time.sleep(2)
        raise AssertionError("unreachable")

    def _bearer(self) -> str:
        """A token is good for an hour; a new one is asked for a minute before its end."""
        if time.monotonic() > self._good_until - 60:
            form = urlencode({"grant_type": "client_credentials", "scope": SCOPES}).encode()
            at = f"{self._portal}/identity/o/api/token"
            asked = Request(at, form, {"Authorization": self._basic}, method="POST")
            answer = _send(asked)
            self._token = str(answer["access_token"])
            self._good_until = time.monotonic() + float(answer["expires_in"])
        return self._token


def _send(request: Request) -> dict[str, Any]:
    with urlopen(request, timeout=30) as answer:
        return dict(json.load(answer))


def _document(error: HTTPError) -> dict[str, Any]:
    try:
        return dict(json.load(error))
    except ValueError:
        return {}


def is_genuine(
    headers: Mapping[str, str], body: bytes, secrets: Mapping[str, str], *, now_s: float
) -> bool:
    """Whether a webhook's message comes from the portal: signed with one of your ``secrets`` (by
    key id) over exactly these bytes within the last five minutes."""
    timestamp = headers.get("Offpeak-Timestamp", "")
    if not timestamp.isdecimal() or abs(now_s - int(timestamp)) > 300:
        return False
    for part in headers.get("Offpeak-Signature", "").split(","):
        key_id, _, given = part.strip().partition("=")
        signed = timestamp.encode() + b"." + body
        wanted = hmac.new(secrets.get(key_id, "").encode(), signed, hashlib.sha256).hexdigest()
        if key_id in secrets and hmac.compare_digest(given, wanted):
            return True
    return False


def main() -> None:
    """A first event: tomorrow from 3 to 5 in the afternoon, UTC; then what became of each home."""
    portal = Offpeak(os.environ["PORTAL"], os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    starts_at = noon + timedelta(days=1, hours=3)
    plan = {
        "program": sys.argv[1],
        "name": "First event",
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=2)).isoformat(),
    }
    print("Would get it:", portal.preview(plan)["targeted"])
    event = portal.plan(plan)
    print(event["id"], event["state"])
    for home in portal.deliveries(event["id"]):
        print(home["system"], home["delivery"], home["participation"])


if __name__ == "__main__":
    main()
