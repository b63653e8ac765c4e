"""One day of the people at the utility, on the product as script/demo starts it: from the second
factor at the door to the log of it all, and out again."""

import csv
import re
from datetime import date, timedelta
from typing import Any

from playwright.sync_api import expect

from portal.demo import clock, environment, story
from tests.browser.conftest import Arrive
from tests.browser.test_journey import Faults, faults
from tests.browser.test_operator import DESIGNER, figure, fill_in, schedule, sign_in, until
from tests.browser.test_operator_acts import ask_for_two, give_code, set_up_app, take_off_app
from tests.browser.test_screens import printed
from tests.browser.visitor import Visitor
from tests.stack import Stack

__all__ = ["faults"]  # a fixture
NAME = "The whole day"
ONE_405: dict[str, Any] = {
    "kind": "error_before", "match": {"operation": "POST utility_events"}, "status": 405,
    "count": 1,
}  # fmt: skip


def test_a_day_at_the_console(stack: Stack, desktop: Arrive, phone: Arrive, faults: Faults) -> None:
    olga, amir, day = desktop(), desktop(), stack.fresh_day()
    start = stack.at(day, 12).replace(hour=15)
    sign_in(amir, stack, environment.APPROVER)
    with_two_factors(olga, stack)
    try:
        board = approved_by_a_second_person(stack, olga, amir, day)
        said_no_on_the_board(stack, olga, phone())
        another_is_called_off(olga, stack)
        olga.go(board)
        faults(ONE_405)
        stack.at(day, 14)
        mended_and_sent_again(stack, olga, day)
        late_no_is_noted(stack, olga, phone())
        through(stack, olga, day)
        assert olga.page.evaluate("window.notReloaded"), "the board needed a reload"
        assert set(stack.posts(start).values()) == {1}, "each home holds it once"
        assert len(stack.posts(start)) == stack.enrolled - 1
        results_as_a_file_and_on_paper(stack, olga)
        stopped_and_let_go(olga, amir)
        all_of_it_is_in_the_log(olga, board)
    finally:
        take_off_app(olga, stack.house.kept.console_password)
    olga.sign_out()
    olga.go(board)
    expect(olga.page).to_have_url(re.compile("/accounts/login"))


def with_two_factors(who: Visitor, stack: Stack) -> None:
    """In with a password and a code."""
    password = stack.house.kept.console_password
    sign_in(who, stack)
    secret = set_up_app(who, password)
    who.sign_out()
    who.sign_in(environment.OPERATOR, password)
    expect(who.page).to_have_url(re.compile("/accounts/2fa/authenticate/"))
    give_code(who, secret)
    who.reads("Today")


def approved_by_a_second_person(stack: Stack, olga: Visitor, amir: Visitor, day: date) -> str:
    """The address of the board, which shows the list without being loaded anew."""
    ask_for_two(amir, True)
    try:
        olga.go(DESIGNER)
        fill_in(olga, day, NAME)
        olga.press(olga.button("Submit for approval"))
        olga.sees("somebody else must approve it")
        board = olga.page.url
        amir.go(board)
        amir.press(amir.button("Approve and schedule"))
        until(amir, "delivery", "Planned", stack.enrolled)
    finally:
        ask_for_two(amir, False)
    olga.go(board)
    until(olga, "delivery", "Planned", stack.enrolled)
    return board


def said_no_on_the_board(stack: Stack, olga: Visitor, home: Visitor) -> None:
    one = next(one for one in stack.joined if one.systems == 1)
    home.sign_in(one.household.email, one.household.password)
    home.go("/home/")
    home.sees(NAME)
    home.press(home.page.get_by_role("link", name="Say no to this event").first)
    home.reads(f"Say no to {NAME}?")
    home.press(home.button("Say no"))
    home.sees(f"You said no to {NAME}")
    until(olga, "delivery", "Not sent", 1)
    expect(olga.page.locator('section[aria-labelledby="opt-outs"] tbody tr')).to_have_count(1)


def another_is_called_off(who: Visitor, stack: Stack) -> None:
    schedule(who, stack.fresh_day(), "Not needed after all")
    until(who, "delivery", "Planned", 1)
    who.press(who.page.locator("summary", has_text="Cancel the event"))
    who.page.get_by_label("to confirm").fill("Not needed after all")
    who.press(who.button("Cancel the event"))
    who.sees("Homes that were spared")
    until(who, "delivery", "Cancelled before sending", 1)


def mended_and_sent_again(stack: Stack, who: Visitor, day: date) -> None:
    """One 405 stops everything; a person closes the circuit and sends the failed one again."""
    homes, board = stack.enrolled - 1, who.page.url
    who.press(who.button("It is mended: close the circuit"))
    who.reads("Today")
    who.go(board)
    until(who, "delivery", "Accepted by Carrier|Confirmed", homes - 1)
    who.press(who.button("Send the failed ones again"))
    who.sees("Sent again, to homes: 1.")
    who.page.evaluate("window.notReloaded = true")
    stack.at(day, 14, 10)
    until(who, "delivery", "Confirmed", homes)
    expect(who.button("Send the failed ones again")).to_have_count(0)


def late_no_is_noted(stack: Stack, who: Visitor, late: Visitor) -> None:
    other = [one for one in stack.joined if one.systems == 1][1]
    late.sign_in(other.household.email, other.household.password)
    late.press(late.page.get_by_role("link", name=re.compile("^How to stop it")))
    late.reads(f"Say no to {NAME}?")
    late.press(late.button("Note my no"))
    late.sees("Carrier already has it")
    who.sees("1 home said no here after the request had left")


def through(stack: Stack, who: Visitor, day: date) -> None:
    """The event itself, in fast time, on a board that nobody touches."""
    over = stack.at(day, 14, 49) + timedelta(hours=1, minutes=22)
    clock.set_rate(stack.house.clock_file, story.UNWATCHED)
    try:
        until(who, "participation", "Taking part", 5)
        who.look("board-running", "light", "dark")
        stack.wait(lambda: clock.now(stack.house.clock_file) >= over, "the end of the event")
    finally:
        clock.set_rate(stack.house.clock_file, 1.0)
    expect(who.page.get_by_role("heading", name="Completed")).to_be_visible()
    until(who, "participation", "Took part", 5)


def results_as_a_file_and_on_paper(stack: Stack, who: Visitor) -> None:
    who.press(who.link("Results"))
    who.reads(re.compile(f"Results of {NAME}"))
    with who.page.expect_download() as download:
        who.press(who.link("Download CSV"))
    rows = list(csv.DictReader(download.value.path().read_text("utf-8-sig").splitlines()))
    assert len(rows) == stack.enrolled
    assert sum(row["participation"] == "Took part" for row in rows) == figure(
        who, "participation", "Took part"
    )
    expect(who.button("Print or save as PDF")).to_be_visible()
    who.page.emulate_media(media="print")
    expect(who.page.locator(".site-header")).to_be_hidden()
    expect(who.page.get_by_role("heading", level=1)).to_be_visible()
    printed(who, "results-printed")


def stopped_and_let_go(who: Visitor, second: Visitor) -> None:
    who.go("/console/?stop#stop")
    who.page.get_by_label("Why").fill("Tree on the feeder")
    who.page.get_by_label("Type STOP to confirm").fill("STOP")
    try:
        who.press(who.button("Stop everything"))
        who.sees("Emergency stop: nothing is being sent")
        expect(who.button("Release the stop")).to_have_count(0)
    finally:
        second.go("/console/")
        second.press(second.button("Release the stop"))
    second.sees("Released.")


def all_of_it_is_in_the_log(who: Visitor, board: str) -> None:
    """Newest first, as the log shows it."""
    number = board.rstrip("/").rpartition("/")[2]
    acts = who.page.locator("tbody th[scope=row]")
    who.go(f"/console/audit/?subject=event:{number}")
    told = ["reopen failed", "schedule", "submit", "draft"]
    said = [words for words in acts.all_inner_texts() if words in told]
    assert said == told
    who.go("/console/audit/")
    newest = acts.all_inner_texts()
    assert newest.index("release stop") < newest.index("emergency stop")
    assert "close circuit" in newest
