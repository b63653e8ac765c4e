"""The pretend cloud as a real process, and the few things tests do with it over HTTP."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from portal.embedded import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
REDIRECT = "http://127.0.0.1:9/callback"
CLIENT, SECRET, ADMIN_KEY = "offpeak-test", "client-secret-for-tests", "admin-key-for-tests"
SCOPES = "Read-User Read-System Write-System Read-Equip Read-UtilityEvents Write-UtilityEvents"
NOON = 1752598800.0  # 15 July 2025 12:00 in Chicago, 17:00 UTC
EVENT_START = "2025-07-15T20:00:00Z"  # 15:00 in Chicago
EVENT_AT = 1752609600.0


class Cloud:
    """One running sandbox; its clock stands still until a test moves it."""

    def __init__(self, folder: Path, *flags: str, sim: float = NOON) -> None:
        self.clock_file = folder / "clock.json"
        self.ledger_file = folder / "ledger.jsonl"
        self.write_clock(sim)
        environment = {
            "PATH": os.environ["PATH"],
            "SANDBOX_CLIENT_SECRET": SECRET,
            "SANDBOX_ADMIN_KEY": ADMIN_KEY,
        }
        command = [
            sys.executable, "-m", "carrier_sandbox", "--port", "0", "--client-id", CLIENT,
            "--redirect-uri", REDIRECT, "--clock-file", str(self.clock_file),
            "--ledger-file", str(self.ledger_file), "--port-file", str(folder / "port"), *flags,
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.ready_line = self.process.stdout.readline()
        assert "ready on http://127.0.0.1:" in self.ready_line
        self.port = int((folder / "port").read_text())
        self.base = f"http://127.0.0.1:{self.port}"

    def stop(self) -> int:
        """Stop it as a service manager would; the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    # --- clock and admin door ------------------------------------------------------------------

    def write_clock(self, sim: float) -> None:
        part = self.clock_file.with_suffix(".part")
        part.write_text(json.dumps({"real": 0.0, "sim": sim, "rate": 0.0}))
        part.replace(self.clock_file)

    def move_to(self, sim: float) -> None:
        """Set business time; the answer of the clock endpoint proves that it was taken over."""
        self.write_clock(sim)
        assert self.admin("GET", "clock")["sim"] == sim

    def admin(self, method: str, name: str, **values: Any) -> Any:
        answer = requests.request(
            method,
            f"{self.base}/_sandbox/{name}",
            headers={"X-Sandbox-Key": ADMIN_KEY},
            params=values if method == "GET" else None,
            json=values if method != "GET" else None,
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def homes(self) -> list[dict[str, Any]]:
        return self.admin("GET", "homes")["homes"]

    def a_home(self, persona: str = "cooperates", **traits: Any) -> dict[str, Any]:
        """The first home of a persona whose first system has these traits."""
        for home in self.homes():
            first = home["systems"][0]
            if home["persona"] == persona and all(first[k] == v for k, v in traits.items()):
                return home
        raise AssertionError(f"no {persona} home with {traits}")

    def token(self, user: str, scopes: str = SCOPES) -> str:
        made = self.admin("POST", "grants", users=[user], scopes=scopes.split())
        return made["grants"][0]["access_token"]

    def entries(self, operation: str = "") -> list[dict[str, Any]]:
        found = self.admin("GET", "ledger", limit=100000)["entries"]
        return [entry for entry in found if not operation or entry["operation"] == operation]

    def truth(self, serial: str) -> dict[str, Any]:
        return self.admin("GET", "truth", serial=serial)

    # --- the API ---------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        path: str,
        token: str | None,
        accept: str = "application/json",
        **more: Any,
    ) -> requests.Response:
        headers = {"Accept": accept, **more.pop("headers", {})}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        more.setdefault("timeout", 10)
        return requests.request(
            method, f"{self.base}{path}", headers=headers, allow_redirects=False, **more
        )

    def post_event(
        self, serial: str, token: str, event_id: str = "dr-1", **members: Any
    ) -> requests.Response:
        path = f"/systems/{serial}/utility_events"
        more = {name: members.pop(name) for name in ("timeout",) if name in members}
        return self.call("POST", path, token, json=event_body(event_id, **members), **more)

    # --- OAuth -----------------------------------------------------------------------------------

    def authorize(self, session: requests.Session, **changes: str | None) -> requests.Response:
        """The first page of an authorisation request."""
        query: dict[str, str | None] = {
            "response_type": "code", "client_id": CLIENT, "redirect_uri": REDIRECT,
            "scope": SCOPES, "state": "st-1", "code_challenge": challenge("v" * 50),
            "code_challenge_method": "S256", **changes,
        }  # fmt: skip
        kept = {key: value for key, value in query.items() if value is not None}
        return session.get(
            f"{self.base}/oauth/authorize", params=kept, allow_redirects=False, timeout=10
        )

    def press(
        self, session: requests.Session, page: requests.Response, **fields: str
    ) -> requests.Response:
        """Fill in the form of a page and send it."""
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        values = {name: html.unescape(value) for name, value in hidden.items()} | fields
        return session.post(
            f"{self.base}/oauth/authorize", data=values, allow_redirects=False, timeout=10
        )

    def consent_page(
        self, session: requests.Session, home: dict[str, Any], **changes: str | None
    ) -> requests.Response:
        """Sign in and stand before the consent page."""
        page = self.authorize(session, **changes)
        signed = self.press(
            session, page, username=home["username"], password=home["password"], action="sign_in"
        )
        assert signed.status_code == 303, signed.text
        return session.get(self.base + signed.headers["Location"], timeout=10)

    def code(self, home: dict[str, Any], **changes: str | None) -> str:
        """Walk all the way; the code."""
        with requests.Session() as session:
            back = self.press(session, self.consent_page(session, home, **changes), action="allow")
        assert back.status_code == 303
        assert back.headers["Location"].startswith(REDIRECT + "?")
        query = parse_qs(urlsplit(back.headers["Location"]).query)
        assert query["state"] == ["st-1"]
        return query["code"][0]

    def token_call(self, **fields: str) -> requests.Response:
        """POST /oauth/token with HTTP Basic unless the fields carry the secret."""
        basic = None if "client_secret" in fields else (CLIENT, SECRET)
        return requests.post(f"{self.base}/oauth/token", data=fields, auth=basic, timeout=10)

    def redeem(self, code: str, **changes: str) -> requests.Response:
        fields = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT,
            "code_verifier": "v" * 50, **changes,
        }  # fmt: skip
        return self.token_call(**fields)


def challenge(verifier: str) -> str:
    """PKCE S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def event_body(event_id: str, **members: Any) -> dict[str, Any]:
    """The ASSUMED body of contract page 4.6."""
    event = {
        "$": {"id": event_id}, "modificationNumber": 0, "eventType": "demand", "signalLevel": 2,
        "start": EVENT_START, "duration": "PT2H", "response": "offset", "offset": 4,
        "testEvent": False, "message": "Peak event", **members,
    }  # fmt: skip
    kept = {key: value for key, value in event.items() if value is not None}
    return {"utility_events": {"events": {"event": [kept]}}}


@pytest.fixture
def start_cloud(tmp_path: Path) -> Iterator[Callable[..., Cloud]]:
    """Start as many as a test needs; all are stopped."""
    started: list[Cloud] = []

    def start(*flags: str, **more: Any) -> Cloud:
        folder = tmp_path / secrets.token_hex(4)
        folder.mkdir()
        started.append(Cloud(folder, *flags, **more))
        return started[-1]

    yield start
    for cloud in started:
        cloud.stop()


@pytest.fixture(scope="session")
def _shared_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("shared-cloud"), "--homes", "120")
    yield cloud
    cloud.stop()


@pytest.fixture
def cloud(_shared_cloud: Cloud) -> Cloud:
    """One shared cloud, at noon and without faults; each test takes a home of its own."""
    _shared_cloud.move_to(NOON)
    _shared_cloud.admin("PUT", "faults")
    return _shared_cloud
