"""Somebody looks at pages all the time: how do they answer while things break?"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field

import requests

from portal.demo.environment import OPERATOR
from tests.faults.stack import Stack

PAGES = ("/healthz", "/accounts/login/", "/console/", "/")
EVERY_S = 0.2
PATIENCE_S = 10.0
RECOVERY_S = 8.0  # of a database that lost a backend, on a busy machine


@dataclass(frozen=True, slots=True)
class Seen:
    """A page that was asked for; ``status`` 0: no answer in PATIENCE_S."""

    at: float
    page: str
    status: int
    seconds: float


@dataclass
class Readers:
    """One thread, one operator's session; pages in turn, one every EVERY_S."""

    stack: Stack
    seen: list[Seen] = field(default_factory=list)
    broker_faults: list[tuple[float, float]] = field(default_factory=list)
    database_faults: list[tuple[float, float]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        session = requests.Session()
        session.trust_env = False
        self._sign_in(session)
        self._thread = threading.Thread(target=self._look, args=(session,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread:
            self._thread.join(PATIENCE_S + 1)

    def _sign_in(self, session: requests.Session) -> None:
        page = f"{self.stack.at.web}/accounts/login/"
        session.get(page, timeout=PATIENCE_S)
        fields = {
            "login": OPERATOR,
            "password": self.stack.kept.console_password,
            "csrfmiddlewaretoken": session.cookies["csrftoken"],
        }
        answer = session.post(page, data=fields, timeout=PATIENCE_S, headers={"Referer": page})
        if not answer.url.endswith("/console/"):
            said = re.findall(r"<li[^>]*>([^<]+)</li>|<h1[^>]*>([^<]+)</h1>", answer.text)
            raise RuntimeError(f"signing in ended at {answer.url}: {answer.status_code} {said}")

    def _look(self, session: requests.Session) -> None:
        number, stranger = 0, requests.Session()
        stranger.trust_env = False
        while not self._over.wait(EVERY_S):
            page = PAGES[number % len(PAGES)]
            number += 1
            # The sign-in page sends people on who are signed in already; it is seen by a stranger.
            who = stranger if page == "/accounts/login/" else session
            self._ask(who, page)

    def _ask(self, who: requests.Session, page: str) -> None:
        began, at = time.monotonic(), time.time()
        try:
            status = who.get(f"{self.stack.at.web}{page}", timeout=PATIENCE_S).status_code
        except requests.RequestException:
            status = 0
        self.seen.append(Seen(at, page, status, time.monotonic() - began))

    def while_only_the_broker_was_down(self) -> list[Seen]:
        """Pages asked for while the broker was stopped, hung or full, and the database was not."""
        return [
            one
            for one in self.seen
            if _within(one.at, self.broker_faults, 0.0)
            and not _within(one.at, self.database_faults, RECOVERY_S)
        ]


def _within(at: float, spans: list[tuple[float, float]], margin: float) -> bool:
    return any(begins - margin <= at <= ends + margin for begins, ends in spans)


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of them lies; 0.0 of nothing."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
