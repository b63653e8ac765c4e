"""Walk 1 and walk 3 of docs/walks.md with a thumb on a phone."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import expect

from portal.demo import environment
from portal.demo.people import Household, Joined
from tests.browser.conftest import Arrive
from tests.browser.visitor import Visitor
from tests.stack import HOMES, Stack

JOIN = f"/join/{environment.PROGRAM}/"


def sign_up(
    who: Visitor, stack: Stack, home: Household, program: str = environment.PROGRAM
) -> None:
    """From the program's page to the terms."""
    who.go(f"/programs/{program}/")
    who.press(who.link("Join"))
    who.reads("Create your account")
    who.page.get_by_label("Email").fill(home.email)
    who.page.get_by_label("Password", exact=True).fill(home.password)
    who.press(who.button("Create account"))
    who.page.get_by_label("Code").fill(stack.house.mailbox.code_for(home.email))
    who.page.keyboard.press("Enter")
    who.reads("Read and agree")


def agree(who: Visitor, then: str = "") -> None:
    """The terms, and what Summer Peak asks; another program goes on with ``then``."""
    who.press(who.page.get_by_label("I have read these terms"))
    who.press(who.button("Agree and continue"))
    if then:
        who.reads(then)
    else:
        say_no_to_the_question(who)


def say_no_to_the_question(who: Visitor) -> None:
    who.reads("A few questions")
    who.press(who.page.get_by_label("No", exact=True))
    who.press(who.button("Continue"))
    who.reads("Connect your Carrier account")


def to_consent(who: Visitor, home: Household) -> None:
    """From the page that explains to Carrier's question."""
    who.press(who.button("Connect to Carrier"))
    who.reads("Sign in")
    who.page.get_by_label("User name").fill(home.carrier_username)
    who.page.get_by_label("Password").fill(home.carrier_password)
    who.press(who.button("Sign in"))
    who.reads("Allow access?")


def allow(who: Visitor) -> None:
    who.press(who.button("Allow"))
    who.reads("Choose your systems")


def test_a_homeowner_joins_on_the_phone(stack: Stack, phone: Arrive) -> None:
    who, home = phone(), stack.spare(2)
    who.go(f"/programs/{environment.PROGRAM}/")
    who.look("1-program")
    sign_up(who, stack, home)
    who.look("2-terms")
    who.press(who.button("Agree and continue"))  # the browser itself asks for the tick
    assert who.page.evaluate("document.querySelector('#id_agree').validity.valueMissing")
    who.press(who.page.get_by_label("I have read these terms"))
    who.press(who.button("Agree and continue"))
    who.reads("A few questions")
    who.look("3-questions")
    who.press(who.button("Continue"))  # the browser itself asks for an answer
    assert who.page.evaluate("document.querySelector('[type=radio]').validity.valueMissing")
    who.press(who.page.get_by_label("Yes", exact=True))
    who.press(who.button("Continue"))
    who.sees("You cannot join with this answer")
    who.sees("Leave the other one, then answer again.")
    who.look("3-does-not-fit")
    say_no_to_the_question(who)
    who.look("3-connect")
    to_consent(who, home)
    who.look("4-carrier")
    allow(who)
    who.look("5-choose")
    expect(who.page.get_by_role("checkbox")).to_be_checked()  # the only one there is
    enroll = who.button("Enroll")
    # Two presses in one breath, as an impatient thumb does.
    enroll.evaluate("button => { button.click(); button.click() }")
    who.reads("You are in")
    stack.late.append(Joined(home, systems=1))
    who.look("6-done")
    who.page.go_back()
    if who.page.get_by_role("heading", level=1).inner_text() == "Choose your systems":
        who.press(who.button("Enroll"))  # a page the browser kept: pressed once more
    who.reads("You are in")
    who.press(who.link("Go to my home page"))
    who.reads("My home")
    expect(who.page.get_by_role("article")).to_have_count(1)
    who.look("7-home")


def test_saying_no_at_carrier_keeps_nothing_and_can_be_mended(stack: Stack, phone: Arrive) -> None:
    who, home = phone(), stack.spare(7)
    sign_up(who, stack, home)
    agree(who)
    to_consent(who, home)
    who.press(who.button("Deny"))
    who.reads("You said no at Carrier")
    who.sees("we kept nothing from Carrier")
    used = who.page.url
    who.look("denied")
    with who.refused(400):  # the address of an answer works once
        who.go(used)
        who.reads("We cannot use this answer from Carrier")
        who.look("used-address")
        who.go("/connect/callback/?code=made-up&state=made-up")
        who.reads("We cannot use this answer from Carrier")
    who.press(who.link("See the programs"))
    who.reads("Use a little less when it matters most")
    who.go(JOIN)
    who.reads("Connect your Carrier account")
    to_consent(who, home)
    allow(who)
    who.press(who.button("Enroll"))
    who.reads("You are in")
    stack.late.append(Joined(home, systems=1))


def test_a_good_answer_from_carrier_works_in_one_session_once(stack: Stack, phone: Arrive) -> None:
    """Whoever opens somebody else's callback, or opens it again, gets nothing."""
    who, home, thief = phone(), stack.spare(8), phone()
    sign_up(who, stack, home)
    agree(who)
    answers: list[str] = []
    who.page.on(
        "request", lambda asked: answers.append(asked.url) if "/callback/" in asked.url else None
    )
    to_consent(who, home)
    allow(who)
    (answer,) = answers
    assert urlsplit(answer).query
    with who.refused(400):
        who.go(answer)
        who.reads("We cannot use this answer from Carrier")
    with thief.refused(400):
        thief.go(answer)
        thief.reads("We cannot use this answer from Carrier")
        thief.look("somebody-else")
    who.go(JOIN)
    who.reads("Choose your systems")  # what was connected before stays connected


def test_another_device_continues_where_the_first_stopped(stack: Stack, phone: Arrive) -> None:
    first, second, home = phone(), phone(), stack.spare(4)
    sign_up(first, stack, home)
    second.sign_in(home.email, home.password)
    second.go(JOIN)
    second.reads("Read and agree")
    agree(first)
    second.press(second.page.get_by_label("I have read these terms"))
    second.press(second.button("Agree and continue"))  # agreed, answered on the first one by now
    second.reads("Connect your Carrier account")
    to_consent(second, home)
    allow(second)
    first.go(JOIN)
    first.reads("Choose your systems")
    boxes = first.page.get_by_role("checkbox")
    expect(boxes).to_have_count(2)
    with first.refused(422):
        first.press(first.button("Enroll"))  # none chosen
        first.sees(re.compile("Choose at least one", re.I))
        first.look("none-chosen")
    first.press(boxes.first)
    first.press(first.button("Enroll"))
    first.reads("You are in")
    stack.late.append(Joined(home, systems=1))
    second.press(second.page.get_by_role("checkbox").first)
    second.press(second.button("Enroll"))  # the same one again
    second.reads("You are in")
    second.look("one-of-two")
    expect(second.page.get_by_role("checkbox")).to_be_checked()  # the only one left
    second.press(second.button("Enroll"))
    expect(second.page.get_by_role("checkbox")).to_have_count(0)
    stack.late.append(Joined(home, systems=1))


def test_who_may_not_join_reads_why_mends_it_and_is_in(stack: Stack, phone: Arrive) -> None:
    who, home = phone(), stack.spare(3)
    sign_up(who, stack, home)
    agree(who)
    to_consent(who, home)
    allow(who)
    who.sees("Nothing can take part yet")
    who.sees("Demand response is off at the wall control")
    who.look("not-eligible")
    cloud = stack.house.cloud
    (system,) = next(
        one["systems"] for one in cloud.homes(100) if one["username"] == home.carrier_username
    )
    switch = {"do": "dr_on", "system": system["serial"]}
    cloud.session.post(f"{cloud.address}/_sandbox/act", json=switch, timeout=10).raise_for_status()
    who.press(who.button("Check again"))
    who.press(who.button("Enroll"))
    who.reads("You are in")
    stack.late.append(Joined(home, systems=1))


def test_everybody_left_out_reads_the_reason_on_the_phone(stack: Stack, phone: Arrive) -> None:
    homes = {home["username"]: home for home in stack.house.cloud.homes(HOMES)}
    left_out = [one.household for one in stack.joined if not one.systems]
    assert len(left_out) > 1
    for household in left_out:
        who = phone()
        who.sign_in(household.email, household.password)
        who.go(JOIN)
        who.reads("Choose your systems")
        expect(who.page.locator(".choice-off p")).not_to_be_empty()
        who.look(f"left-out-{homes[household.carrier_username]['ineligible_reason']}")


def test_joining_works_without_a_pointer(stack: Stack, desktop: Arrive) -> None:
    """Tab, Space and Enter only, from the program's page to the systems."""
    who, home = desktop(), stack.spare(5)
    who.go(f"/programs/{environment.PROGRAM}/")
    tab_to(who, "link", "Join")
    who.page.keyboard.press("Enter")
    who.reads("Create your account")
    tab_to(who, "textbox", "Email")
    who.page.keyboard.type(home.email)
    tab_to(who, "textbox", "Password")
    who.page.keyboard.type(home.password)
    who.page.keyboard.press("Enter")
    tab_to(who, "textbox", "Code")
    who.page.keyboard.type(stack.house.mailbox.code_for(home.email))
    who.page.keyboard.press("Enter")
    who.reads("Read and agree")
    tab_to(who, "checkbox", "I have read")
    who.page.keyboard.press("Space")
    tab_to(who, "button", "Agree and continue")
    who.look("focus-ring", "light", "dark")
    who.page.keyboard.press("Enter")
    who.reads("A few questions")
    tab_to(who, "radio", "Yes")
    who.page.keyboard.press("ArrowDown")  # to the next of the two
    tab_to(who, "button", "Continue")
    who.page.keyboard.press("Enter")
    who.reads("Connect your Carrier account")
    tab_to(who, "button", "Connect to Carrier")
    who.page.keyboard.press("Enter")
    who.reads("Sign in")
    tab_to(who, "textbox", "User name")
    who.page.keyboard.type(home.carrier_username)
    tab_to(who, "textbox", "Password")
    who.page.keyboard.type(home.carrier_password)
    who.page.keyboard.press("Enter")
    who.reads("Allow access?")
    tab_to(who, "button", "Allow")
    who.page.keyboard.press("Enter")
    who.reads("Choose your systems")
    tab_to(who, "checkbox", "")
    tab_to(who, "button", "Enroll")
    who.page.keyboard.press("Enter")
    who.reads("You are in")
    stack.late.append(Joined(home, systems=1))


def tab_to(who: Visitor, role: str, name: str) -> None:
    """Press Tab until this is where the keys go; a trap or a hidden control never gets there."""
    wanted = who.page.get_by_role(role, name=name).first  # type: ignore[arg-type]
    expect(wanted).to_be_visible()
    for _ in range(40):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        who.page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches the {role} {name!r} on {who.page.url}")
