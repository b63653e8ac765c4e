"""Every page, in one process and one browser: axe in light and dark, the policy, the ruler.

OFFPEAK_PICTURES=folder keeps a picture of each at three widths, to be looked at;
OFFPEAK_PAGES=words opens only those whose name has them (a regular expression).
"""

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Browser, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from enrollments import queries, vendor_session
from tests.browser.every_page import EXCUSED, VISITS, Visit
from tests.browser.town_events import BusyTown
from tests.browser.visitor import COLORS, DESKTOP, PHONE, RULES, Scheme, Visitor
from tests.contract.conftest import REDIRECT
from tests.integration.access_routes import every_route
from tests.integration.access_table import read_table
from tests.integration.conftest import Vendor, vendor

__all__ = ["vendor"]  # a fixture
TABLET = (1024, 768)
LOOKS: tuple[tuple[tuple[int, int], Scheme, dict[str, Any] | None], ...] = (
    (DESKTOP, "light", RULES),
    (DESKTOP, "dark", COLORS),
    (TABLET, "light", None),
    (PHONE, "light", RULES),
)
PICTURES = os.environ.get("OFFPEAK_PICTURES", "")
ONLY = os.environ.get("OFFPEAK_PAGES", "")
PATIENCE_MS = 8_000


# --- the list is whole ----------------------------------------------------------------------------
def missing(routes: list[str], visited: set[str]) -> list[str]:
    """Routes that answer a GET with something to look at, and are in no visit and not excused."""
    table = read_table()
    shut = {"403", "405", "login", "401"}
    pages = [route for route in routes if not set(table.get(("GET", route), ("new",))) <= shut]
    unseen = [route for route in pages if route not in visited]
    return [route for route in unseen if not any(_is(route, one) for one in EXCUSED)]


def _is(route: str, excused: str) -> bool:
    """A whole route, or everything below an address that has no page at all."""
    below = ("admin/", "api/v1/", ".well-known/", "identity/", "calendar/")
    return route.startswith(excused) if excused in below else route == excused


def test_every_page_is_visited_or_excused() -> None:
    visited = {visit.route for visit in VISITS}
    assert missing(every_route(), visited) == [], "visit it, or say why not (every_page.py)"
    idle = [one for one in EXCUSED if not any(_is(route, one) for route in every_route())]
    assert idle == [], "excuses for pages that are gone"
    twice = [one for one in EXCUSED if one in visited]
    assert twice == [], "visited and excused"
    names = [visit.name for visit in VISITS]
    assert len(names) == len(set(names))


def test_a_page_nobody_listed_is_noticed() -> None:
    """Tests that never fail prove nothing."""
    assert missing(["console/events/"], set()) == ["console/events/"]
    assert missing(["console/stop/", "healthz", "admin/login/"], set()) == []
    assert missing(["console/brand-new/"], set()) == ["console/brand-new/"]


# --- and looked at --------------------------------------------------------------------------------
@pytest.fixture
def quiet() -> Iterator[None]:
    """Refusals are asked for here, and would fill the log."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def town(
    chromium: Browser, vendor: Vendor, settings: Settings, live_server: LiveServer, quiet: None
) -> BusyTown:
    settings.CARRIER = dict(settings.CARRIER) | {"redirect_uri": REDIRECT}
    vendor_session.config.cache_clear()
    return BusyTown(vendor)


@pytest.fixture
def guest(chromium: Browser, live_server: LiveServer) -> Iterator[Visitor]:
    """One device for all; whose it is, a cookie says."""
    visitor = Visitor.arrive(chromium, live_server.url, "every-page", DESKTOP)
    visitor.page.set_default_timeout(PATIENCE_MS)
    yield visitor
    visitor.page.context.close()


def test_every_page_in_every_state(town: BusyTown, guest: Visitor) -> None:
    visits = [one for one in VISITS if not ONLY or re.search(ONLY, one.name)]
    found = [words for visit in visits for words in look(town, guest, visit)]
    assert not found, "\n".join(found)


def test_pages_for_what_goes_wrong(guest: Visitor, quiet: None, monkeypatch: Any) -> None:
    """A request nobody can read, a form from nowhere, a fault of ours."""
    with guest.refused(400), guest.refused(404):  # a browser asks such a page for an icon
        guest.go("/accounts/login/?" + "a=1&" * 1500)
        guest.reads("We could not read that request")
        inspect(guest, "wrong-400")
    guest.go("/accounts/login/")
    guest.page.context.clear_cookies()
    guest.page.get_by_label("Email").fill("nobody@homes.example")
    guest.page.get_by_label("Password", exact=True).fill("not the one")
    with guest.refused(403):
        guest.press(guest.button("Sign in"))
        guest.reads("Please try that again")
        inspect(guest, "wrong-403")

    def broken() -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(queries, "open_programs", broken)
    with guest.refused(500):
        guest.go("/programs/")
        guest.reads("Something went wrong on our side")
        inspect(guest, "wrong-500")
    assert guest.troubles == []


def look(town: BusyTown, guest: Visitor, visit: Visit) -> Iterator[str]:
    """What is wrong with this page, in words."""
    guest.troubles.clear()
    path = town.fill(visit.path)
    become(guest, town.keys[visit.who] if visit.who else "")
    guest.may_refuse = {visit.status} - {200}
    try:
        answer = guest.page.goto(f"{guest.web}{path}")
        assert answer is not None
        status = answer.status
        assert status == visit.status, f"answers {status}"
        open_all(guest, visit)
        expect(guest.page.get_by_role("heading", level=1)).to_contain_text(
            re.compile(f"^{re.escape(visit.heading)}"), timeout=PATIENCE_MS
        )
        if visit.shows:
            expect(guest.page.locator("body")).to_contain_text(
                visit.shows, ignore_case=True, timeout=PATIENCE_MS
            )
        inspect(guest, visit.name)
        assert guest.troubles == []
    except Exception as wrong:  # every page is looked at, whatever is wrong with one
        said = " ".join(str(wrong).split())[:600]
        yield f"{visit.name} {path}: {said} (h1: {heading(guest)})"


def heading(guest: Visitor) -> str:
    found = guest.page.get_by_role("heading", level=1)
    return found.first.inner_text() if found.count() else "none"


def open_all(guest: Visitor, visit: Visit) -> None:
    main = guest.page.get_by_role("main")
    if visit.press == "*":  # everything Carrier can be asked, one after the other
        buttons = main.locator('form[hx-target="#carrier-answer"] button')
        assert buttons.count() > 10
        for number in range(buttons.count()):
            with guest.page.expect_response("**/ask/**"):
                buttons.nth(number).click()
    elif visit.press:
        main.get_by_role("button", name=visit.press, exact=True).click()


def inspect(guest: Visitor, name: str) -> None:
    page = guest.page
    for (width, height), scheme, rules in LOOKS:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if PICTURES:
            path = Path(PICTURES) / f"{name}-{width}-{scheme}.png"
            page.screenshot(path=path, full_page=True, caret="initial")
        guest.measure(name)
        if rules:
            guest.ask_axe(f"{name} at {width} in {scheme}", rules)
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    page.emulate_media(color_scheme="light", reduced_motion="reduce")


def become(guest: Visitor, key: str) -> None:
    context: Any = guest.page.context
    context.clear_cookies()
    if key:
        name = django_settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": key, "url": guest.web}])
