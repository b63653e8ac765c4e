"""Pages that only a walk leads to, as a person sees them: wide in light and dark, on a tablet, on a
phone. All others are opened by test_every_page.py.

The pictures are in tests/artifacts/screens for people to look at. With OFFPEAK_WRITE_IMAGES=1
those in docs/images are made anew.
"""

import os
import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from portal.demo import clock, story
from portal.demo.people import Joined
from tests.browser.conftest import Arrive
from tests.browser.test_homeowner import JOIN, say_no_to_the_question, sign_up, to_consent
from tests.browser.test_operator import DESIGNER, schedule, send, sign_in, until
from tests.browser.visitor import DESKTOP, PHONE, Scheme, Visitor
from tests.stack import Stack

IMAGES = Path(__file__).parents[2] / "docs" / "images"
TABLET = (1024, 768)
VIEWS: tuple[tuple[tuple[int, int], Scheme], ...] = (
    (DESKTOP, "light"),
    (DESKTOP, "dark"),
    (TABLET, "light"),
    (PHONE, "light"),
)


def shoot(who: Visitor, name: str) -> None:
    for (width, height), scheme in VIEWS:
        who.page.set_viewport_size({"width": width, "height": height})
        who.look(name, scheme, axe=width != TABLET[0])  # the tablet adds no markup of its own
    who.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})


def printed(who: Visitor, name: str) -> None:
    """As it comes out on paper of 8.5 inches with half an inch of margin."""
    who.page.set_viewport_size({"width": 720, "height": 900})
    who.page.emulate_media(media="print", color_scheme="light")
    who.measure(name)
    cut = "nodes => nodes.filter(n => n.scrollWidth > n.clientWidth + 1).map(n => n.ariaLabel)"
    assert who.page.eval_on_selector_all(".table-scroll, .terms", cut) == [], "cut off on paper"
    who.picture(name)
    who.page.emulate_media(media="screen")
    who.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})


def tour(who: Visitor, pages: Iterable[tuple[str, str]]) -> None:
    for name, path in pages:
        who.go(path)
        shoot(who, name)


def write_image(who: Visitor, name: str, size: tuple[int, int]) -> None:
    """The top of the page as it is, for the documentation."""
    if os.environ.get("OFFPEAK_WRITE_IMAGES") != "1":
        return
    IMAGES.mkdir(exist_ok=True)
    who.page.set_viewport_size({"width": size[0], "height": size[1]})
    who.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    path = IMAGES / f"{name}.png"
    who.page.screenshot(path=path)
    assert path.stat().st_size < 300_000, f"{path} is too big for a README"


def test_the_ruler_and_axe_find_what_is_planted(desktop: Arrive) -> None:
    """Tests that never fail prove nothing."""
    who = desktop()
    who.page.set_content("<html lang='en'><title>x</title><main><h1>x</h1><img src='/x'></main>")
    with pytest.raises(AssertionError, match="image-alt"):
        who.ask_axe("here")
    who.page.set_content("<div style='width: 3000px'>wide</div>")
    with pytest.raises(AssertionError, match="scrolls sideways"):
        who.measure("here")
    who.page.evaluate("console.error('planted')")
    assert [trouble.split(": ")[-1] for trouble in who.troubles] == ["planted"]
    who.troubles.clear()


def test_pages_of_joining(stack: Stack, desktop: Arrive) -> None:
    """Carrier is down while the home is being read, so that this step can be looked at, too."""
    who, home, cloud = desktop(), stack.spare(6), stack.house.cloud
    sign_up(who, stack, home)
    shoot(who, "join-1-terms")
    who.press(who.page.get_by_label("I have read these terms"))
    who.press(who.button("Agree and continue"))
    who.reads("A few questions")
    shoot(who, "join-1-questions")
    say_no_to_the_question(who)
    shoot(who, "join-2-connect")
    who.press(who.button("Connect to Carrier"))
    who.reads("Sign in")
    shoot(who, "carrier-1-sign-in")
    who.page.go_back()
    who.reads("Connect your Carrier account")
    to_consent(who, home)
    shoot(who, "carrier-2-allow")
    down = {"kind": "error_before", "match": {"user": home.carrier_username}, "status": 503}
    faults = f"{cloud.address}/_sandbox/faults"
    cloud.session.put(faults, json={"rules": [down]}, timeout=10).raise_for_status()
    try:
        who.press(who.button("Allow"))
        who.reads("Reading your systems")
        who.sees("Your permission is safe and nothing is lost")
        shoot(who, "join-3-carrier-down")
        who.go("/home/")
        shoot(who, "home-joining")
    finally:
        cloud.session.put(faults, json={"rules": []}, timeout=10).raise_for_status()
    who.go(JOIN)
    who.press(who.button("Check again"))
    who.reads("Choose your systems")
    shoot(who, "join-4-choose")
    who.press(who.button("Enroll"))
    who.reads("You are in")
    stack.late.append(Joined(home, systems=1))
    shoot(who, "join-5-done")
    tour(
        who,
        (
            ("account-email", "/accounts/email/"),
            ("account-password", "/accounts/password/change/"),
            ("account-two-step", "/accounts/2fa/"),
            ("account-sign-out", "/accounts/logout/"),
        ),
    )
    with who.refused(403):
        who.go("/console/")
        shoot(who, "not-for-you")


def test_pages_of_an_event(stack: Stack, desktop: Arrive) -> None:
    """One event from the empty designer to its results, at the utility and at one of its homes."""
    who, home, day = desktop(), desktop(), stack.fresh_day()
    start = stack.at(day, 12).replace(hour=15)
    one = next(one for one in stack.joined if one.systems == 2)
    home.sign_in(one.household.email, one.household.password)
    sign_in(who, stack)
    tour(who, [("designer", DESIGNER)])
    schedule(who, day, "Peak on the feeders")
    board = who.page.url
    tour(who, [("today-next", "/console/"), ("board-1-scheduled", board)])
    tour(
        home,
        [
            ("home-planned", "/home/"),
            ("home-mail", "/home/mail/"),
            ("home-calendar", "/home/calendar/"),
            ("home-data", "/home/data/"),
        ],
    )
    home.go("/home/")
    home.press(home.page.get_by_role("link", name="Pause").first)
    home.reads(re.compile("^Pause "))
    shoot(home, "home-pause")
    home.go("/home/")
    home.press(home.page.get_by_role("link", name="Say no to this event").first)
    home.reads("Say no to Peak on the feeders?")
    shoot(home, "say-no")
    home.go("/home/")
    home.press(home.page.get_by_role("link", name="Leave the program").first)
    home.reads(re.compile("^Leave Summer Peak"))
    shoot(home, "leave")

    send(who, stack, day, stack.enrolled)
    stack.at(day, 14, 49)
    clock.set_rate(stack.house.clock_file, story.UNWATCHED)
    try:
        until(who, "participation", "Opted out during", 1)
        clock.set_rate(stack.house.clock_file, story.TO_WATCH / 10)  # calm, to be looked at
        who.go(board)
        write_image(who, "console", DESKTOP)
        shoot(who, "board-2-running")
        tour(who, [("today-running", "/console/"), ("results-running", f"{board}results/")])
        home.go("/home/")
        write_image(home, "home-phone", PHONE)
        shoot(home, "home-running")
        clock.set_rate(stack.house.clock_file, story.UNWATCHED)
        over = start + timedelta(hours=1, minutes=11)
        stack.wait(lambda: clock.now(stack.house.clock_file) >= over, "the end of the event")
    finally:
        clock.set_rate(stack.house.clock_file, 1.0)
    who.go(board)
    expect(who.page.get_by_role("heading", name="Completed")).to_be_visible()
    shoot(who, "board-3-completed")
    tour(who, [("results", f"{board}results/"), ("today-calm", "/console/")])
    tour(home, [("home-after", "/home/")])


def test_acting_for_all_that_match_asks_first(stack: Stack, desktop: Arrive) -> None:
    who = desktop()
    sign_in(who, stack)
    who.go("/console/systems/?state=ACTIVE&q=springfield")
    who.page.get_by_text("Act on many at once").click()
    who.page.get_by_label("All that match the filter").check()
    who.page.get_by_label("Why").fill("Storm repair on the feeder")
    who.press(who.button("Pause"))
    who.sees("Nothing is done yet")
    shoot(who, "systems-act-for-all")
    who.press(who.button("Do nothing"))


def test_the_proof_of_consent_prints_whole(stack: Stack, desktop: Arrive) -> None:
    who = desktop()
    sign_in(who, stack)
    who.go("/console/systems/?state=ACTIVE")
    who.press(who.page.get_by_role("rowheader").get_by_role("link").first)
    who.press(who.page.get_by_role("link", name="Proof, to print"))
    who.reads("Proof of consent")
    shoot(who, "proof")
    printed(who, "proof-printed")
