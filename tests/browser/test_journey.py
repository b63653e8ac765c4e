"""Walk 1 where it is not smooth: impatient thumbs, the back button, Carrier away for a while."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Locator, expect

from portal.demo import environment
from portal.demo.people import Joined
from tests.browser.conftest import Arrive
from tests.browser.test_homeowner import JOIN, agree, allow, sign_up, to_consent
from tests.browser.visitor import Visitor
from tests.stack import Stack

Faults = Callable[..., None]


@pytest.fixture
def faults(stack: Stack) -> Iterator[Faults]:
    """What the pretend cloud does wrong from now on; nothing afterwards."""
    cloud = stack.house.cloud

    def put(*rules: dict[str, Any]) -> None:
        address = f"{cloud.address}/_sandbox/faults"
        cloud.session.put(address, json={"rules": rules}, timeout=10).raise_for_status()

    yield put
    put()


def twice(button: Locator) -> None:
    """Two presses in one breath, before the first one has an answer."""
    button.evaluate("button => { button.click(); button.click() }")


def test_every_button_pressed_twice(stack: Stack, phone: Arrive) -> None:
    who, home = phone(), stack.spare(1)
    who.go(f"/programs/{environment.PROGRAM}/")
    who.press(who.link("Join"))
    who.page.get_by_label("Email").fill(home.email)
    who.page.get_by_label("Password", exact=True).fill(home.password)
    twice(who.button("Create account"))
    who.page.get_by_label("Code").fill(stack.house.mailbox.code_for(home.email))
    who.look("confirm")
    twice(who.page.locator("main form button[type=submit]").first)
    who.reads("Read and agree")
    who.press(who.page.get_by_label("I have read these terms"))
    twice(who.button("Agree and continue"))
    who.reads("A few questions")
    who.press(who.page.get_by_label("No", exact=True))
    twice(who.button("Continue"))
    who.reads("Connect your Carrier account")
    twice(who.button("Connect to Carrier"))
    who.reads("Sign in")
    who.page.get_by_label("User name").fill(home.carrier_username)
    who.page.get_by_label("Password").fill(home.carrier_password)
    who.press(who.button("Sign in"))
    who.reads("Allow access?")
    allow(who)
    twice(who.button("Enroll"))
    who.reads("You are in")
    stack.late.append(Joined(home, systems=1))
    who.press(who.link("Go to my home page"))
    expect(who.page.get_by_role("article")).to_have_count(1)


def carriers_answer(who: Visitor) -> str:
    """Press Allow, and catch the address Carrier sends the browser to."""
    form = who.page.locator("form").first
    fields: dict[str, str] = form.evaluate(
        "form => Object.fromEntries(new FormData(form).entries())"
    )
    action = str(form.get_attribute("action"))
    answer = who.page.context.request.post(
        urljoin(who.page.url, action), form={**fields, "action": "allow"}, max_redirects=0
    )
    assert answer.status == 303
    return answer.headers["location"]


def test_a_code_too_old_then_carrier_away_then_all_is_well(
    stack: Stack, phone: Arrive, faults: Faults
) -> None:
    """Each time: what happened, that nothing was kept, and one button to go on."""
    who, home = phone(), stack.spare(9)
    sign_up(who, stack, home)
    agree(who)
    to_consent(who, home)
    address = urlsplit(carriers_answer(who))
    state = address.query.partition("state=")[2].partition("&")[0]
    with who.refused(409):
        # Carrier answers a code that has expired and one it does not know with the same words.
        who.go(f"{address.path}?code=a-code-of-yesterday&state={state}")
        who.reads("That took too long")
        who.sees("we kept nothing from Carrier")
        who.look("code-too-old", "light", "dark")
    who.press(who.link("Back to Summer Peak"))
    who.reads("Connect your Carrier account")

    down = {"kind": "error_before", "match": {"operation": "POST oauth/token"}, "status": 503}
    faults(down)
    with who.refused(502):
        to_consent(who, home)
        who.press(who.button("Allow"))
        who.reads("Carrier is not ready just now")
        who.sees("we kept nothing from Carrier")
        who.look("carrier-down", "light", "dark")
    who.press(who.link("Back to Summer Peak"))
    who.reads("Connect your Carrier account")
    faults()
    to_consent(who, home)
    allow(who)
    with who.refused(403), who.refused(400):  # Carrier's page, or our answer, opened again
        who.page.go_back()
        if who.button("Allow").count():  # a page the browser kept: pressed once more
            who.press(who.button("Allow"))
            expect(who.page.locator("body")).to_contain_text("start again")
        who.go(JOIN)
    who.reads("Choose your systems")  # nothing is lost by going back
    who.press(who.button("Enroll"))
    who.reads("You are in")
    stack.late.append(Joined(home, systems=1))
