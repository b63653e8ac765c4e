"""The whole product as processes: web, worker, beat and the pretend cloud, as the demo runs them.

One stack serves every walk and every browser test of a run. Each test takes a day of its own, so
that one test's event uses up no other test's limits; the clock only moves forward.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from portal.demo import clock, environment, story
from portal.demo.cloud import CloudRow
from portal.demo.forms import Browser, Page
from portal.demo.house import House, open_house
from portal.demo.people import Household, Joined, households, join_all
from portal.demo.processes import Supervisor
from portal.demo.report import SENT, UNDECIDED
from portal.embedded import spare_port

HOMES = 20
SPARE = 10  # homes nobody enrols beforehand: for tests that walk in themselves
EVENTS_A_WEEK = 3  # what the program promises its homes
CHICAGO = ZoneInfo("America/Chicago")
WAIT_S = 60.0


@dataclass(frozen=True)
class Stack:
    house: House
    joined: list[Joined]
    late: list[Joined] = field(default_factory=list)  # spare homes that a test has enrolled
    days: list[date] = field(default_factory=list)  # handed out by fresh_day

    @property
    def web(self) -> str:
        return self.house.at.web

    def spare(self, number: int) -> Household:
        """A home that has not joined yet; each test names its own."""
        home = self.house.cloud.homes(HOMES + SPARE)[HOMES + number]
        return next(iter(households([home], self.house.kept.homeowner_password)))

    @property
    def enrolled(self) -> int:
        """Systems that every event is meant for."""
        return sum(one.systems for one in (*self.joined, *self.late))

    def fresh_day(self) -> date:
        """The next weekday that no test has had: its noon is still ahead, its week has room."""
        now = clock.now(self.house.clock_file).astimezone(CHICAGO)
        day = now.date() if now.hour < 12 else now.date() + timedelta(days=1)
        while not self._is_free(day):
            day += timedelta(days=1)
        self.days.append(day)
        return day

    def _is_free(self, day: date) -> bool:
        week = [taken for taken in self.days if taken.isocalendar()[:2] == day.isocalendar()[:2]]
        later = not self.days or day > self.days[-1]
        return later and day.weekday() < 5 and len(week) < EVENTS_A_WEEK

    def at(self, day: date, hour: int, minute: int = 0) -> datetime:
        """Move the clock of every process to this local time."""
        moment = datetime.combine(day, time(hour, minute), CHICAGO)
        clock.jump_to(self.house.clock_file, moment)
        return moment

    def operator(self) -> Browser:
        return self.signed_in(environment.OPERATOR, self.house.kept.console_password)

    def homeowner(self, one: Joined) -> Browser:
        return self.signed_in(one.household.email, one.household.password)

    def signed_in(self, email: str, password: str) -> Browser:
        browser = Browser()
        story.sign_in(self.house, browser, email, password)
        return browser

    def plan(self, browser: Browser, day: date, name: str, **fields: str) -> Page:
        """Fill in the designer for 3 to 5 pm of the day and submit; the page it ends on."""
        page = browser.get(f"{self.web}/console/events/new/?program={environment.PROGRAM}")
        values = {
            "program": environment.PROGRAM,
            "name": name,
            "date": day.isoformat(),
            "start": "15:00",
            "end": "17:00",
            "response": "offset",
            "offset_f": "3",
            "act": "submit",
        }
        form = page.form("program", "name", "date", "start", "end")
        return browser.submit(page, form, **values | fields)

    def wait(self, fact: Callable[[], bool], what: str) -> None:
        """Until a fact is so; the pages are asked, nobody sleeps for luck."""
        self.house.parts.wait_until(fact, what, WAIT_S)

    def rows_since(self, before: dict[str, CloudRow], start: datetime) -> dict[str, CloudRow]:
        """The cloud's account of the event that begins then: requests counted from `before` on."""
        rows = self.house.cloud.rows(start.timestamp())
        for serial, old in before.items():
            now = rows[serial]
            rows[serial] = replace(
                now,
                posts=now.posts - old.posts,
                statuses=now.statuses[len(old.statuses) :],
                effects=now.effects - old.effects,
            )
        return rows

    def posts(self, start: datetime) -> dict[str, int]:
        """What reached the cloud for the event that begins then, by serial."""
        rows = self.house.cloud.rows(start.timestamp())
        return {serial: row.holds for serial, row in rows.items() if row.holds}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything up, HOMES homes joined through the real pages."""
    root: Path = tmp_path_factory.mktemp("stack")
    (root / ".offpeak").mkdir(mode=0o711)
    with Supervisor(root / ".offpeak" / "logs") as parts:
        # Not the demo's own ports: it may be up on this machine, or about to be.
        ports = environment.Ports(spare_port(), spare_port(), ())
        house = open_house(
            parts, root, ports, homes=HOMES + SPARE, keep=False, say=lambda words: None
        )
        everybody = list(households(house.cloud.homes(HOMES), house.kept.homeowner_password))
        joined = join_all(
            house.at.web,
            environment.PROGRAM,
            everybody,
            house.mailbox,
            each=lambda one: None,
            meanwhile=house.parts.check,
        )
        yield Stack(house, joined)


def until_decided(stack: Stack, browser: Browser, event: int) -> None:
    def decided() -> bool:
        rows = story.results(stack.house, browser, event)
        return not any(row.delivery in UNDECIDED for row in rows)

    stack.wait(decided, "every delivery to be decided")


def through_the_event(stack: Stack, browser: Browser, event: int, ends: datetime) -> None:
    """Fast time to eleven minutes after the end, then until every home's part is known."""
    clock.set_rate(stack.house.clock_file, story.UNWATCHED)
    try:
        passed = partial(_passed, stack, ends + timedelta(minutes=11))
        stack.wait(passed, "the end of the event")
    finally:
        clock.set_rate(stack.house.clock_file, 1.0)

    def known() -> bool:
        rows = story.results(stack.house, browser, event)
        return all(r.participation in story.LAST_WORDS for r in rows if r.delivery in SENT)

    stack.wait(known, "the results")


def _passed(stack: Stack, moment: datetime) -> bool:
    return clock.now(stack.house.clock_file) >= moment
