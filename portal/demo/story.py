"""The main job, seen from outside: homes enrol, an event goes out, its results come back."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from portal.demo import clock, environment
from portal.demo.forms import Browser, PageError
from portal.demo.house import FIRST_MORNING, House
from portal.demo.people import Joined, households, join_all
from portal.demo.report import DELIVERY, PARTICIPATION, SENT, UNDECIDED, PortalRow, Report, report

STARTS_AT = FIRST_MORNING.replace(hour=15)
ENDS_AT = STARTS_AT + timedelta(hours=2)
# Sending begins an hour ahead (the program's lead); a little earlier, to be seen waiting.
SEND_AT = STARTS_AT - timedelta(hours=1, seconds=20)
# From ten minutes before the start to ten after the end the portal looks at the homes.
WATCHED = timedelta(minutes=11)
# Simulated seconds per real second: to be watched, two hours pass in a minute and a half; with
# nobody watching they pass faster, and the sweeps of every five seconds still look several times.
TO_WATCH, UNWATCHED = 90.0, 240.0
SENDING_LIMIT_S = 300.0
CLOSING_LIMIT_S = 180.0
LAST_WORDS = frozenset({"COMPLETED", "OPTED_OUT_BEFORE", "OPTED_OUT_DURING", "UNREACHABLE"})

Say = Callable[[str], None]


@dataclass(frozen=True)
class Story:
    """What was seen, and how long it took in real seconds."""

    joined: list[Joined]
    report: Report
    enrolling_s: float
    sending_s: float
    event_id: int

    @property
    def troubles(self) -> list[str]:
        return [f"{j.household.email}: {j.trouble}" for j in self.joined if j.trouble]

    @property
    def good(self) -> bool:
        return self.report.good and not self.troubles


def play(house: House, homes: int, say: Say, *, rate: float = TO_WATCH) -> Story:
    """Everything once. Raises PageError when a page refuses, TimeoutError when nothing moves."""
    began = time.monotonic()
    joined = enrol(house, homes, say)
    enrolled = time.monotonic()
    operator = Browser()
    try:
        event = schedule(house, operator)
        say(f"Event {event} is scheduled for {STARTS_AT:%A, %B %-d, %-I %p} to {ENDS_AT:%-I %p}.")
        left = house.cloud.move_out()
        if left:
            say(f"{left} take back their permission at Carrier; the portal is not told.")
        sending_s = send(house, operator, event, say)
        run(house, operator, event, say, rate)
        rows = results(house, operator, event)
    finally:
        operator.close()
    verdict = report(rows, house.cloud.rows(STARTS_AT.timestamp()))
    verdict.disagreements.extend(_who_is_in(house, homes, rows))
    return Story(joined, verdict, enrolled - began, sending_s, event)


def enrol(house: House, homes: int, say: Say) -> list[Joined]:
    everybody = list(households(house.cloud.homes(homes), house.kept.homeowner_password))
    done: list[Joined] = []

    def each(one: Joined) -> None:
        done.append(one)
        if len(done) % max(1, homes // 10) == 0 or len(done) == homes:
            systems = sum(j.systems for j in done)
            without = sum(not j.systems and not j.trouble for j in done)
            say(
                f"{len(done)} of {homes} homes: {systems} systems enrolled, {without} may not join."
            )

    joined = join_all(
        house.at.web,
        environment.PROGRAM,
        everybody,
        house.mailbox,
        each=each,
        meanwhile=house.parts.check,
    )
    if not any(one.systems for one in joined):
        raise PageError(f"Nobody could enrol. {joined[0].household.email}: {joined[0].trouble}")
    return joined


def sign_in(house: House, browser: Browser, email: str, password: str) -> None:
    page = browser.get(f"{house.at.web}/accounts/login/")
    page = browser.submit(page, page.form("login", "password"), login=email, password=password)
    if "/accounts/login" in page.url:
        raise PageError(f"{email} could not sign in: {page.text[:300]}")


def schedule(house: House, browser: Browser) -> int:
    """The operator plans the event in the designer; returns its number."""
    sign_in(house, browser, environment.OPERATOR, house.kept.console_password)
    page = browser.get(f"{house.at.web}/console/events/new/?program={environment.PROGRAM}")
    page = browser.submit(
        page,
        page.form("program", "name", "date", "start", "end"),
        program=environment.PROGRAM,
        name="Hot Tuesday",
        date=f"{STARTS_AT:%Y-%m-%d}",
        start=f"{STARTS_AT:%H:%M}",
        end=f"{ENDS_AT:%H:%M}",
        response="offset",
        offset_f="3",
        act="submit",
    )
    found = re.search(r"/console/events/(\d+)/", page.url)
    if not found:
        raise PageError(f"The event was not scheduled: {page.text[:600]}")
    return int(found[1])


def send(house: House, browser: Browser, event: int, say: Say) -> float:
    """On to the send time; returns the real seconds until every delivery was decided."""
    clock.jump_to(house.clock_file, SEND_AT)
    began = time.monotonic()

    def decided() -> bool:
        rows = results(house, browser, event)
        return not any(row.delivery in UNDECIDED for row in rows)

    _wait(house, decided, "every delivery to be decided", SENDING_LIMIT_S)
    took = time.monotonic() - began
    say(
        f"The event went out; every delivery was decided {took:.0f} s after {SEND_AT:%-I:%M:%S %p}."
    )
    return took


def run(house: House, browser: Browser, event: int, say: Say, rate: float) -> None:
    """The event itself, in fast time, and the last look at the homes after it."""
    clock.jump_to(house.clock_file, STARTS_AT - WATCHED)
    clock.set_rate(house.clock_file, rate)
    try:
        for moment, words in (
            (STARTS_AT, "The event begins."),
            (STARTS_AT + (ENDS_AT - STARTS_AT) / 2, "Half of it is over."),
            (ENDS_AT, "The event is over."),
            (ENDS_AT + WATCHED, "Last look at the homes."),
        ):
            _wait(house, partial(_is_past, house, moment), words, 3600.0)
            say(f"{clock.now(house.clock_file).astimezone(STARTS_AT.tzinfo):%-I:%M %p}  {words}")
    finally:
        clock.set_rate(house.clock_file, 1.0)

    def closed() -> bool:
        sent = [row for row in results(house, browser, event) if row.delivery in SENT]
        return all(row.participation in LAST_WORDS for row in sent)

    _wait(house, closed, "the results", CLOSING_LIMIT_S)


def _is_past(house: House, moment: datetime) -> bool:
    clock.keep(house.clock_file)
    return clock.now(house.clock_file) >= moment


def _wait(house: House, fact: Callable[[], bool], what: str, limit_s: float) -> None:
    """Like the supervisor's, at a pace that leaves the processors to the ones who work."""
    deadline = time.monotonic() + limit_s
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"Waited {limit_s:.0f} s for {what}; the logs are in {house.parts.logs}."
            )
        house.parts.check()
        time.sleep(0.5)


def results(house: House, browser: Browser, event: int) -> list[PortalRow]:
    """The operator's download, a row for each system of the event, in words for people."""
    page = browser.get(f"{house.at.web}/console/events/{event}/results.csv")
    rows = csv.DictReader(page.html.removeprefix("\ufeff").splitlines())
    wanted = ("serial", "delivery", "participation", "reason", "trouble")
    if missing := set(wanted) - set(rows.fieldnames or ()):
        raise PageError(f"{page.url} has no column {', '.join(sorted(missing))}.")
    return [
        PortalRow(
            row["serial"],
            DELIVERY.get(row["delivery"], row["delivery"]),
            PARTICIPATION.get(row["participation"], row["participation"]),
            row["reason"] or "",
            row["trouble"] or "",
        )
        for row in rows
    ]


def _who_is_in(house: House, homes: int, rows: list[PortalRow]) -> list[str]:
    """Everybody the sandbox holds for eligible must be in the results, and nobody else."""
    eligible = {
        system["serial"]
        for home in house.cloud.homes(homes)
        if home["eligible"]
        for system in home["systems"]
    }
    listed = {row.serial for row in rows}
    return [
        *(f"{serial}: eligible, but not among the results" for serial in sorted(eligible - listed)),
        *(f"{serial}: among the results, but not eligible" for serial in sorted(listed - eligible)),
    ]
