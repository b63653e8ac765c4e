"""Walk 2 of docs/walks.md at a desk: plan, watch, stop, and read what came of it."""

import csv
import re
from datetime import date

from playwright.sync_api import expect

from portal.demo import environment
from tests.browser.conftest import Arrive
from tests.browser.visitor import DESKTOP, PHONE, Visitor
from tests.stack import Stack

DESIGNER = f"/console/events/new/?program={environment.PROGRAM}"


def sign_in(who: Visitor, stack: Stack, email: str = environment.OPERATOR) -> None:
    who.sign_in(email, stack.house.kept.console_password)
    who.reads("Today")


def fill_in(who: Visitor, day: date, name: str) -> None:
    """The designer for 3 to 4 pm and three degrees; nothing pressed yet."""
    page = who.page
    page.get_by_label("Name").fill(name)
    page.get_by_label("Date").fill(day.isoformat())
    page.get_by_label("Start", exact=True).fill("15:00")
    page.get_by_label("End", exact=True).fill("16:00")
    page.get_by_label("Move the setpoint by", exact=True).check()
    page.get_by_label("Move the setpoint by (°F)").fill("3")


def schedule(who: Visitor, day: date, name: str) -> None:
    who.go(DESIGNER)
    fill_in(who, day, name)
    who.press(who.button("Schedule it"))
    who.sees("Scheduled: the list of homes is fixed.")


def figure(who: Visitor, panel: str, word: str) -> int:
    """The number beside a word in a table of the board, now."""
    table = who.page.locator(f'section[aria-labelledby="{panel}"]')
    row = table.locator("tbody tr", has_text=re.compile(f"^{word}"))
    return int(row.locator(".num").first.inner_text()) if row.count() else 0


def until(who: Visitor, panel: str, word: str, least: int) -> None:
    """Watch the board as it stands: it must bring the number by itself."""
    rows = who.page.locator(f'section[aria-labelledby="{panel}"] tbody tr')
    row = rows.filter(has_text=re.compile(word))
    for _ in range(60):
        if figure(who, panel, word) >= least:
            expect(row).to_be_visible()
            return
        who.page.wait_for_timeout(500)
    raise AssertionError(f"The board never shows {least} × {word}: {rows.all_inner_texts()}")


def send(who: Visitor, stack: Stack, day: date, homes: int) -> None:
    """Its send time comes; a little later Carrier's own list confirms what it accepted."""
    stack.at(day, 14)
    until(who, "delivery", "Accepted by Carrier", homes)
    stack.at(day, 14, 10)
    until(who, "delivery", "Confirmed", homes)


def test_the_designer_says_what_is_wrong_where_it_is_wrong(stack: Stack, desktop: Arrive) -> None:
    who, day = desktop(), stack.fresh_day()
    stack.at(day, 12)
    sign_in(who, stack)
    who.go(DESIGNER)
    preview = who.page.locator("#preview")
    expect(preview).to_contain_text("enrolled systems would get it")
    fill_in(who, day, "Too early")
    who.page.get_by_label("Start", exact=True).fill("09:00")
    expect(who.page.locator("#error-start")).to_contain_text("is in the past")
    who.page.get_by_label("Start", exact=True).fill("22:00")
    who.page.get_by_label("End", exact=True).fill("23:00")
    expect(who.page.locator("#error-start")).to_contain_text("between 1:00 PM and 9:00 PM")
    who.page.get_by_label("Move the setpoint by (°F)").fill("9")
    expect(who.page.locator("#error-offset_f")).to_contain_text("between 1 and 4 °F")
    expect(preview).to_contain_text("Mend what is marked")
    who.look("designer-wrong", "light", "dark")
    who.press(who.button("Schedule it"))  # all the same: refused, and nothing typed is lost
    expect(who.page.get_by_role("alert")).to_be_visible()
    expect(who.page.get_by_label("Start", exact=True)).to_have_value("22:00")
    fill_in(who, day, "Mended")
    expect(who.page.locator("#error-start")).to_be_empty()
    expect(who.page.locator("#error-offset_f")).to_be_empty()
    expect(preview).to_contain_text(f"{stack.enrolled}of")
    who.press(who.button("Save as a draft"))
    who.sees("Saved as a draft")
    who.look("draft", "light", "dark")
    who.press(who.page.get_by_text("Discard the draft"))
    who.press(who.button("Discard it"))
    who.sees("Cancelled")


def test_an_event_is_called_off_before_it_is_sent(stack: Stack, desktop: Arrive) -> None:
    who, day = desktop(), stack.fresh_day()
    stack.at(day, 12)
    sign_in(who, stack)
    schedule(who, day, "Cooler than forecast")
    summary = who.page.locator("summary", has_text="Cancel the event")
    confirm = who.button("Cancel the event")
    expect(confirm).to_be_hidden()  # one press is not enough
    who.press(summary)
    who.sees("This cannot be undone")
    expect(confirm).to_be_visible()
    who.look("cancel-asked")
    who.page.get_by_label("to confirm").fill("Cooler")
    who.press(confirm)
    who.sees("Nothing was cancelled: type the name of the event, Cooler than forecast.")
    who.look("cancel-refused", "light", "dark")
    who.page.get_by_label("to confirm").fill("cooler than forecast")
    who.press(confirm)
    who.sees(f"Homes that were spared: {stack.enrolled}.")
    until(who, "delivery", "Cancelled before sending", stack.enrolled)
    who.look("cancelled", "light", "dark")
    moment = stack.at(day, 15)
    assert stack.posts(moment) == {}


def test_the_emergency_stop_holds_until_a_second_person_lets_go(
    stack: Stack, desktop: Arrive
) -> None:
    who, second = desktop(), desktop()
    sign_in(who, stack)
    sign_in(second, stack, environment.APPROVER)
    who.press(who.page.get_by_text("Emergency stop", exact=True))
    who.page.get_by_label("Why").fill("Tree on the feeder")
    who.page.get_by_label("Type STOP to confirm").fill("sto")
    who.look("stop-asked", "light", "dark")
    who.press(who.button("Stop everything"))  # the browser itself holds it back
    expect(who.page.get_by_label("Type STOP to confirm")).to_be_visible()
    who.page.get_by_label("Type STOP to confirm").fill("stop")
    try:
        who.press(who.button("Stop everything"))
        who.sees("Emergency stop: nothing is being sent")
        who.sees("Somebody else must release it")
        expect(who.button("Release the stop")).to_have_count(0)
        who.look("stopped", "light", "dark")
    finally:
        second.go("/console/")
        second.sees("Tree on the feeder")
        second.press(second.button("Release the stop"))
    second.sees("Released.")
    expect(second.page.get_by_role("heading", name="nothing is being sent")).to_have_count(0)
    second.sign_out()
    who.go("/console/")
    expect(who.page.get_by_text("Emergency stop", exact=True)).to_be_visible()


def test_a_program_is_changed_and_shows_what_it_touches(stack: Stack, desktop: Arrive) -> None:
    who, day = desktop(), stack.fresh_day()
    stack.at(day, 12)
    sign_in(who, stack, environment.APPROVER)
    schedule(who, day, "Touched by a change")
    event = who.page.url
    who.go(f"/console/programs/{environment.PROGRAM}/")
    who.press(who.link("Change it"))
    who.reads(re.compile("^Change "))
    touched = who.page.locator("#touched")
    everywhere(who, "program-form")
    who.page.get_by_label("Not after").fill("15:30")
    expect(touched).to_contain_text("Touched by a change")
    expect(touched).to_contain_text("Homes that have not got it yet will not get it.")
    who.look("program-touched", "light", "dark")
    who.page.get_by_label("Not after").fill("21:00")
    expect(touched).to_contain_text("None: every planned event stays as it is.")
    who.page.get_by_label("Events a day").fill("9")
    who.press(who.button("Save the change"))
    expect(who.page.get_by_role("alert")).to_be_visible()
    who.look("program-wrong", "light", "dark")
    who.page.get_by_label("Events a day").fill("1")
    who.press(who.button("Save the change"))
    who.sees("Nothing was different, so nothing was changed.")
    who.press(who.link("Versions"))
    everywhere(who, "program-terms")
    who.go("/console/programs/new/?like=smart-savings")
    everywhere(who, "program-new")
    who.go(event)
    who.press(who.page.locator("summary", has_text="Cancel the event"))
    who.page.get_by_label("to confirm").fill("Touched by a change")
    who.press(who.button("Cancel the event"))
    who.sees("Homes that were spared")


def test_a_season_has_a_rule_and_credits(stack: Stack, desktop: Arrive) -> None:
    who = desktop()
    sign_in(who, stack, environment.APPROVER)
    who.go(f"/console/programs/{environment.PROGRAM}/season/")
    who.sees("What each home earned")
    if who.page.get_by_text("Change the rule").count():
        who.press(who.page.get_by_text("Change the rule"))
    who.page.get_by_label("Share to reach").fill("65")
    who.page.get_by_label("For the season").fill("20")
    who.page.get_by_label("For each event").fill("1.50")
    who.press(who.button("Save the rule"))
    who.sees("The rule is saved")
    who.sees("$20 for taking part in at least 65 % of the events of a season")
    everywhere(who, "season")
    with who.page.expect_download() as download:
        who.press(who.link("Download credits as CSV"))
    rows = list(csv.DictReader(download.value.path().read_text("utf-8-sig").splitlines()))
    assert len(rows) >= stack.enrolled
    who.page.emulate_media(media="print")
    expect(who.page.locator(".site-header")).to_be_hidden()
    who.picture("season-printed")
    who.page.emulate_media(media="screen")


def test_a_draft_is_changed_and_a_lost_connection_is_said(stack: Stack, desktop: Arrive) -> None:
    who, day = desktop(), stack.fresh_day()
    stack.at(day, 12)
    sign_in(who, stack)
    who.go(DESIGNER)
    fill_in(who, day, "First thought")
    who.press(who.button("Save as a draft"))
    who.press(who.link("Change"))
    who.reads("Change the draft")
    who.page.get_by_label("Name").fill("Second thought")
    who.press(who.button("Schedule it"))
    who.reads("Second thought")
    who.press(who.page.get_by_text("Let one home go"))
    who.page.get_by_label("Serial number of the system").fill("0000W000000")
    who.look("let-go", "light", "dark")
    who.press(who.button("Let it go"))
    expect(who.page.get_by_text("No system 0000W000000 is in this event.")).to_be_visible()
    lost = who.page.get_by_text("Connection lost, trying again.")
    expect(lost).to_be_hidden()
    who.page.route("**/board/", lambda route: route.abort())
    expect(lost).to_be_visible()
    who.troubles.clear()  # the browser notes each failed request; it was our doing
    who.picture("connection-lost")
    who.page.unroute("**/board/")
    expect(lost).to_be_hidden()
    who.troubles.clear()
    who.press(who.page.locator("summary", has_text="Cancel the event"))
    who.page.get_by_label("to confirm").fill("Second thought")
    who.press(who.button("Cancel the event"))
    who.sees("Homes that were spared")


def everywhere(who: Visitor, name: str) -> None:
    """Wide in both schemes, on a tablet, on a phone."""
    who.look(name, "light", "dark")
    for width, height in ((1024, 768), PHONE):
        who.page.set_viewport_size({"width": width, "height": height})
        who.look(name)
    who.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
