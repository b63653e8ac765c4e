"""What an operator does in the console besides planning: a code at the door, four eyes, mending."""

import re

from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from playwright.sync_api import expect

from portal.demo import environment
from tests.browser.conftest import Arrive
from tests.browser.test_operator import (
    DESIGNER,
    everywhere,
    fill_in,
    schedule,
    sign_in,
    until,
)
from tests.browser.visitor import Visitor
from tests.stack import Stack

PROGRAM = f"/console/programs/{environment.PROGRAM}/"


def code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


def give_code(who: Visitor, secret: str) -> None:
    """Of the app. A code holds for half a minute: at its very end it is refused, and a person types
    the next one."""
    for _ in range(2):
        who.page.locator("input[name=code]").fill(code(secret))
        with who.page.expect_navigation():
            who.page.keyboard.press("Enter")
        if not who.page.get_by_text("Incorrect code.").count():
            return


def confirm(who: Visitor, password: str) -> None:
    """The password once more, where it is asked for."""
    if "/reauthenticate/" in who.page.url:
        who.page.get_by_label("Password").fill(password)
        who.page.keyboard.press("Enter")
        expect(who.page).not_to_have_url(re.compile("/reauthenticate/"))


def set_up_app(who: Visitor, password: str) -> str:
    """Two-step sign-in from now on; the secret of the app."""
    who.go("/accounts/2fa/")
    who.press(who.link("Set up an app"))
    expect(who.page).to_have_url(re.compile("/reauthenticate/|/activate/"))
    confirm(who, password)
    secret = who.page.locator("#authenticator_secret").input_value()
    give_code(who, secret)
    expect(who.page.get_by_role("heading", level=1)).not_to_have_text(re.compile("Activate"))
    return secret


def take_off_app(who: Visitor, password: str) -> None:
    who.go("/accounts/2fa/totp/deactivate/")
    confirm(who, password)
    who.press(who.page.locator("main form button[type=submit]").first)
    who.sees("No app is set up.")


def test_a_second_factor_from_setting_it_up_to_signing_out(stack: Stack, desktop: Arrive) -> None:
    who, password = desktop(), stack.house.kept.console_password
    sign_in(who, stack, environment.APPROVER)
    secret = set_up_app(who, password)
    try:
        who.sign_out()
        who.sign_in(environment.APPROVER, password)
        expect(who.page).to_have_url(re.compile("/accounts/2fa/authenticate/"))
        who.look("two-step-asked", "light", "dark")
        who.page.locator("input[name=code]").fill("000000")
        who.page.keyboard.press("Enter")
        who.sees("Incorrect code.")
        who.go("/console/")
        expect(who.page).to_have_url(re.compile("/2fa/authenticate/"))  # not half in
        give_code(who, secret)
        who.reads("Today")
    finally:
        take_off_app(who, password)
    who.sign_out()
    who.go("/console/")
    expect(who.page).to_have_url(re.compile("/accounts/login/"))


def ask_for_two(who: Visitor, wanted: bool) -> None:
    """The program asks for a second person, or no longer."""
    who.go(PROGRAM)
    who.press(who.link("Change it"))
    who.page.get_by_label("A second person releases each event").set_checked(wanted)
    who.press(who.button("Save the change"))
    expect(who.page).not_to_have_url(re.compile("/edit/$"))


def test_a_second_person_approves_and_the_event_is_called_off(
    stack: Stack, desktop: Arrive
) -> None:
    olga, amir, day = desktop(), desktop(), stack.fresh_day()
    stack.at(day, 12)
    sign_in(olga, stack)
    sign_in(amir, stack, environment.APPROVER)
    ask_for_two(amir, True)
    try:
        olga.go(DESIGNER)
        fill_in(olga, day, "Needs four eyes")
        olga.press(olga.button("Submit for approval"))
        olga.sees("You planned this event, so somebody else must approve it.")
        expect(olga.button("Approve and schedule")).to_have_count(0)
        olga.look("waits-for-approval", "light", "dark")
        address = olga.page.url
        amir.go(address)
        amir.press(amir.page.get_by_text("Send it back", exact=True))
        amir.page.get_by_label("What should change").fill("Half an hour later, please")
        amir.look("approval", "light", "dark")
        amir.press(amir.button("Send back"))
        olga.go(address)
        olga.sees("Half an hour later, please")
        olga.press(olga.button("Submit for approval"))
        olga.sees("somebody else must approve it")
        amir.go(address)
        amir.press(amir.button("Approve and schedule"))
        until(amir, "delivery", "Planned", stack.enrolled)
    finally:
        ask_for_two(amir, False)
    olga.go(address)
    olga.press(olga.page.locator("summary", has_text="Cancel the event"))
    olga.page.get_by_label("to confirm").fill("Needs four eyes")
    olga.press(olga.button("Cancel the event"))
    olga.sees(f"Homes that were spared: {stack.enrolled}.")
    assert stack.posts(stack.at(day, 15)) == {}


def test_a_design_is_kept_started_from_and_deleted(stack: Stack, desktop: Arrive) -> None:
    who, day = desktop(), stack.fresh_day()
    stack.at(day, 12)
    sign_in(who, stack)
    who.go(DESIGNER)
    fill_in(who, day, "Every hot weekday")
    who.page.get_by_label("Share of homes (%)").fill("50")
    expect(who.page.locator("#preview")).to_contain_text("Not in the share drawn by lot")
    who.press(who.page.get_by_text("Pre-cooling and spreading the ends"))
    who.sees("Pre-cooling: not possible this way.")
    who.press(who.button("Save as a template"))
    who.sees("Kept as the template Every hot weekday. No event was planned.")
    who.sees("Homes' own time zones are not known to us")
    everywhere(who, "designer-template")
    who.go(DESIGNER)
    who.press(who.page.get_by_text("Start from a template"))
    who.press(who.link("Every hot weekday"))
    expect(who.page.get_by_label("Name")).to_have_value("Every hot weekday")
    expect(who.page.get_by_label("Share of homes (%)")).to_have_value("50")
    who.press(who.button("Delete Every hot weekday"))
    who.sees("The template Every hot weekday is deleted.")
    expect(who.page.get_by_text("Start from a template")).to_have_count(0)


def test_whoever_stands_on_a_link_by_keyboard_stands_there_after_the_page_asked_for_itself(
    stack: Stack, desktop: Arrive
) -> None:
    who, day = desktop(), stack.fresh_day()
    stack.at(day, 12)
    sign_in(who, stack)
    schedule(who, day, "Held on to")
    who.go("/console/")
    link = who.page.locator("#today-now").get_by_role("link", name="Held on to", exact=True)
    link.focus()
    with who.page.expect_response("**/console/now/"):
        pass
    expect(who.page.locator(".htmx-request, .htmx-swapping")).to_have_count(0)
    expect(link).to_be_focused()
    who.page.keyboard.press("Enter")
    who.reads("Held on to")
