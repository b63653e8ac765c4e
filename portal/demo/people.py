"""Homeowners who enrol as people do: through the portal's pages, their mail, Carrier's pages.

Nothing here knows a database or an API. Whoever breaks a page breaks the demo, and that is wanted.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from portal.demo.forms import Browser, Page, PageError

AT_ONCE = 8  # as many as the web server has threads; more would only wait in line
MAIL_LIMIT_S = 60.0
READING_LIMIT_S = 120.0  # the worker reads all homes, one after the other
LOOK_AGAIN_S = 0.5
# Where the join page says a person stands.
QUESTIONS, READING = "A few questions", "Reading your systems"
CHOOSE, DONE = "Choose your systems", "You are in"
CODE = re.compile(r"^\s*([A-Z0-9]{3,}(?:-[A-Z0-9]{3,})*)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Household:
    """Who joins: an account of theirs at the portal, and the one they have at Carrier."""

    email: str
    password: str = field(repr=False)
    carrier_username: str
    carrier_password: str = field(repr=False)


@dataclass(frozen=True)
class Joined:
    household: Household
    systems: int  # enrolled; 0 when none is eligible
    trouble: str = ""  # why the walk could not be finished; empty when it could


# What Django's file backend writes after each mail.
END_OF_MAIL = f"\n{'-' * 79}\n"


class Mailbox:
    """The folder the demo's mails end in; finds the newest code for an address.

    Usually a file holds one mail. Its name is made of the second and an object's place in memory:
    two mails of one second can end in one file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._codes: dict[str, str] = {}  # address -> code
        self._read: dict[str, tuple[int, int]] = {}  # file -> its size, whole mails in it
        self._lock = threading.Lock()

    def code_for(self, email: str) -> str:
        deadline = time.monotonic() + MAIL_LIMIT_S
        while time.monotonic() < deadline:
            with self._lock:
                self._look()
                if code := self._codes.pop(email, None):
                    return code
            time.sleep(0.05)
        raise PageError(f"No mail with a code came for {email} in {MAIL_LIMIT_S:.0f} s.")

    def _look(self) -> None:
        for path in self.folder.iterdir():
            size, known = self._read.get(path.name, (0, 0))
            if (now := path.stat().st_size) == size:
                continue
            # What follows the last end is half written: looked at again.
            *mails, _ = path.read_text(encoding="utf-8", errors="replace").split(END_OF_MAIL)
            for mail in mails[known:]:
                self._open(mail)
            self._read[path.name] = (now, len(mails))

    def _open(self, mail: str) -> None:
        header, _, body = mail.partition("\n\n")
        to = re.search(r"^To: .*?([^\s<>]+@[^\s<>]+)", header, re.MULTILINE)
        if to and (code := CODE.search(body)):
            self._codes[to[1]] = code[1]


def join(web: str, program: str, who: Household, mailbox: Mailbox) -> Joined:
    """The whole walk 1 of docs/walks.md for one household."""
    browser = Browser()
    try:
        browser.get(f"{web}/programs/{program}/")
        _sign_up(browser, web, program, who, mailbox)
        page = browser.get(f"{web}/join/{program}/")
        page = browser.submit(page, page.form("agree", action="/agree/"), agree=_box(page, "agree"))
        page = _answer(browser, page)
        page = browser.submit(page, page.form(action="/connect/"))
        _allow_at_carrier(browser, page, who)
        return _choose(browser, f"{web}/join/{program}/", who)
    except (PageError, OSError) as trouble:  # requests' exceptions are OSErrors
        return Joined(who, 0, str(trouble) or type(trouble).__name__)
    finally:
        browser.close()


def _box(page: Page, name: str) -> str:
    return next((v for n, v in page.form(name).boxes if n == name), "on")


def _answer(browser: Browser, page: Page) -> Page:
    """No to everything the program asks, which is what lets these homes in."""
    if page.heading != QUESTIONS:
        return page
    form = page.form(action="/answer/")
    noes = {name: "no" for name, value in form.boxes if value == "no"}
    return browser.submit(page, form, **noes)


def _sign_up(browser: Browser, web: str, program: str, who: Household, mailbox: Mailbox) -> None:
    page = browser.get(f"{web}/accounts/signup/?next=/join/{program}/")
    form = page.form("email", "password1")
    page = browser.submit(page, form, email=who.email, password1=who.password)
    browser.submit(page, page.form("code"), code=mailbox.code_for(who.email))


def _allow_at_carrier(browser: Browser, page: Page, who: Household) -> Page:
    form = page.form("username", "password")
    values = {"username": who.carrier_username, "password": who.carrier_password}
    page = browser.submit(page, form, **values, action="sign_in")
    return browser.submit(page, page.form("action", action="/oauth/authorize"), action="allow")


def _choose(browser: Browser, url: str, who: Household) -> Joined:
    """Wait until the portal has read the home, then tick every system that may take part."""
    deadline = time.monotonic() + READING_LIMIT_S
    page = browser.get(url)
    while page.heading == READING:
        if time.monotonic() > deadline:
            raise PageError(f"{url} still says: {page.text[:300]}")
        time.sleep(LOOK_AGAIN_S)
        page = browser.get(url)
    if page.heading != CHOOSE:
        raise PageError(f"{url} shows {page.heading!r}, not the choice: {page.text[:300]}")
    offers = [form for form in page.forms if form.action.endswith("/enroll/")]
    every = [(n, v) for form in offers for n, v in (*form.boxes, *form.fields) if n == "system"]
    if not every:
        return Joined(who, 0)  # nothing eligible; the page says why
    done = browser.submit(page, offers[0], system=[value for _, value in every])
    if done.heading != DONE:
        raise PageError(f"Enrolling ended at {done.url}: {done.text[:300]}")
    return Joined(who, len(every))


def join_all(
    web: str,
    program: str,
    households: list[Household],
    mailbox: Mailbox,
    *,
    each: Callable[[Joined], None],
    meanwhile: Callable[[], None],
) -> list[Joined]:
    """Everybody, AT_ONCE at a time. `each` is told of every finished walk, in this thread;
    `meanwhile` is called a few times a second and may raise to end it all."""
    results: list[Joined] = []
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="home")
    try:
        pending = {pool.submit(join, web, program, who, mailbox) for who in households}
        while pending:
            done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            meanwhile()
            for future in done:
                results.append(future.result())
                each(results[-1])
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return results


def households(homes: list[dict[str, str]], password: str) -> Iterator[Household]:
    """Portal accounts for homes of the sandbox, which is asked for their Carrier passwords."""
    for home in homes:
        name = home["username"]
        yield Household(f"{name}@homes.example", password, name, home["password"])
