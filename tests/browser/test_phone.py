"""What scripts add to the console's pages on a phone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from base import clock
from dr_events.models import Event
from tests import cast
from tests.browser.visitor import PHONE, Visitor
from tests.integration.test_console_pages import finished

# Each chart: how far it is moved, and where the event begins in what is seen of it.
CHARTS = """() => [...document.querySelectorAll(".table-scroll:has(.event-time)")].map((one) => {
  const box = one.getBoundingClientRect(), event = one.querySelector(".event-time");
  const left = event.getBoundingClientRect().left - box.left;
  return [Math.round(one.scrollLeft), Math.round(12 * left / box.width)];
})"""
MOVE = "left => { document.querySelector('.is-placed').scrollLeft = left }"
MOVED = "([left]) => document.querySelector('.is-placed').scrollLeft === left"
# The answer of a look comes while a finger moves the first chart.
MOVE_MEANWHILE = """() => document.addEventListener("htmx:beforeOnLoad", () => {
  const chart = document.querySelector(".is-placed");
  chart.scrollLeft = 90;
  chart.dispatchEvent(new Event("scroll"));
}, { once: true })"""

# Every part of the lists of a page: its tag and its role.
ROLES = """() => [...new Set([...document.querySelectorAll(".cards, .cards *")]
  .filter((one) => /^(TABLE|THEAD|TBODY|TFOOT|TR|TH|TD)$/.test(one.tagName))
  .map((one) => [one.tagName, one.scope, one.getAttribute("role")].filter(Boolean).join(" ")))]"""


@pytest.fixture
def event(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Event:
    program = cast.program()
    cast.neighborhood(program, 3)
    one = finished(program)
    monkeypatch.setattr(clock, "now", lambda: one.ends_at + timedelta(minutes=3))
    return one


@pytest.fixture
def olga(chromium: Browser, event: Event, live_server: LiveServer) -> Iterator[Visitor]:
    visitor = Visitor.arrive(chromium, live_server.url, "phone", PHONE)
    client, context = Client(), visitor.page.context
    client.force_login(cast.operator())
    key: Any = client.cookies[settings.SESSION_COOKIE_NAME].value
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": key, "url": live_server.url}])
    yield visitor
    visitor.leave()


def charts(who: Visitor) -> list[list[int]]:
    found: list[list[int]] = who.page.evaluate(CHARTS)
    return found


def look_again(who: Visitor) -> None:
    """The half minute until the board asks for its drawings anew."""
    expect(who.page.locator(".htmx-added")).to_have_count(0)  # it waits from then on
    with who.page.expect_response("**/indoors/"):
        who.page.clock.fast_forward(31_000)


def test_a_chart_opens_at_the_event(olga: Visitor, event: Event) -> None:
    olga.go(f"/console/events/{event.pk}/results/")
    expect(olga.page.locator(".is-placed")).to_have_count(3)
    assert {sixth for _, sixth in charts(olga)} == {2}, "a sixth of what is seen is before it"
    assert all(moved > 50 for moved, _ in charts(olga))
    olga.page.set_viewport_size({"width": 1440, "height": 900})
    olga.go(f"/console/events/{event.pk}/results/")
    expect(olga.page.locator(".is-placed")).to_have_count(3)
    assert [moved for moved, _ in charts(olga)] == [0, 0, 0], "all of it is seen"


def test_a_chart_stays_where_the_reader_moved_it(olga: Visitor, event: Event) -> None:
    page = olga.page
    page.clock.install()
    olga.go(f"/console/events/{event.pk}/")
    expect(page.locator(".is-placed")).to_have_count(3)
    opened = charts(olga)
    assert {sixth for _, sixth in opened} == {2}
    page.evaluate(MOVE, 30)
    page.wait_for_function(MOVED, arg=[30])

    page.evaluate("document.querySelector('.is-placed').id = 'before'")
    look_again(olga)
    expect(page.locator("#before")).to_have_count(0)  # it was drawn anew
    assert [moved for moved, _ in charts(olga)] == [30, *(moved for moved, _ in opened[1:])]

    page.evaluate("document.querySelector('.is-placed').id = 'in-hand'")
    page.evaluate(MOVE_MEANWHILE)
    look_again(olga)
    page.wait_for_function(MOVED, arg=[90])
    expect(page.locator("#in-hand")).to_have_count(1)  # not taken out of the hand
    look_again(olga)
    expect(page.locator("#in-hand")).to_have_count(0)
    assert charts(olga)[0][0] == 90


def test_a_row_that_becomes_a_card_is_read_out_as_a_row(olga: Visitor, event: Event) -> None:
    page = olga.page
    olga.go("/console/systems/")
    expect(page.locator(".is-named")).to_have_count(1)
    row = page.get_by_role("table").get_by_role("row").nth(1)
    cells = row.get_by_role("rowheader").or_(row.get_by_role("cell"))
    heads = page.get_by_role("columnheader")
    assert cells.count() == heads.count() > 5, "also what a card does not show has its column"
    assert row.locator(".is-none").count() > 0
    olga.look("systems")
    olga.go(f"/console/programs/{event.program.slug}/season/")
    expect(page.locator(".is-named").first).to_be_visible()
    assert page.evaluate(ROLES) == [
        "TABLE table", "THEAD rowgroup", "TR row", "TH col columnheader",
        "TBODY rowgroup", "TH row rowheader", "TD cell", "TFOOT rowgroup",
    ]  # fmt: skip
    olga.look("season")
