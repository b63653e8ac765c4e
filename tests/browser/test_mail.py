"""The mails themselves, as they left the running product, and the links in them on a phone."""

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

import requests
from playwright.sync_api import expect

from tests.browser.conftest import Arrive
from tests.browser.test_operator import sign_in
from tests.browser.visitor import Visitor
from tests.stack import Stack

RULE = b"\n" + b"-" * 79 + b"\n"  # after each mail in a file


def letters(stack: Stack, to: str, about: str) -> list[EmailMessage]:
    """Mails to this address with these words in the subject, oldest first."""
    found = []
    for path in sorted(stack.house.mailbox.folder.iterdir()):
        for text in path.read_bytes().split(RULE)[:-1]:
            message = message_from_bytes(text, policy=policy.default)
            assert isinstance(message, EmailMessage)
            if message["To"] == to and about in str(message["Subject"]):
                found.append(message)
    return found


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def read(who: Visitor, message: EmailMessage, name: str) -> None:
    """The HTML part as a mail program shows it."""
    who.go("about:blank")
    who.page.set_content(part(message, "html"))
    who.look(f"mail-{name}")


def waits_for(stack: Stack, to: str, about: str) -> Callable[[], bool]:
    return lambda: bool(letters(stack, to, about))


def test_a_home_is_told_says_no_from_its_mail_and_hears_the_end(
    stack: Stack, phone: Arrive, desktop: Arrive
) -> None:
    operator, who, day = desktop(), phone(), stack.fresh_day()
    start = stack.at(day, 12).replace(hour=15)
    one = next(one for one in stack.joined if one.systems == 1)
    to = one.household.email
    board = stack.plan(stack.operator(), day, "Told by mail").url
    about = f"event {start:%a %b %-d, %-I:%M %p}"
    stack.wait(waits_for(stack, to, about), "the announcement")
    (message,) = letters(stack, to, about)
    assert message["Subject"] == f"Summer Peak: {about} CDT"
    read(who, message, "announced")
    text = part(message, "plain")
    say_no, stop = (re.search(rf"http\S+/{kind}/\S+", text) for kind in "om")
    assert say_no
    assert stop
    assert message["List-Unsubscribe"] == f"<{stop[0]}>"

    # What a scanner does first: it looks, several times.
    for method in ("GET", "HEAD", "GET"):
        assert requests.request(method, say_no[0], timeout=10).status_code == 200
    who.go(say_no[0])
    who.reads("Say no to Told by mail?")
    who.look("say-no", "light", "dark")
    who.press(who.button("Say no"))
    who.reads("You said no to Told by mail")
    who.look("said-no")
    who.page.reload()
    who.reads("You said no to Told by mail")

    who.go(stop[0])
    who.reads("Stop mail about events?")
    who.look("stop-mail")
    who.press(who.button("Stop mail about events"))
    who.reads("You get no more mail about events")
    who.look("stopped-mail")
    who.go("/o/not-a-token/")
    who.reads("This link does not work")
    who.look("link-gone")

    who.sign_in(to, one.household.password)
    who.press(who.link("What we mailed you, and how to stop it"))
    who.reads("Mail")
    who.sees("You get none.")
    who.look("my-mail", "light", "dark")
    who.press(who.button("Send me mail about events"))
    who.sees("You get mail about events again.")

    sign_in(operator, stack)
    operator.go(board)
    operator.press(operator.page.locator("summary", has_text="Cancel the event"))
    operator.page.get_by_label("to confirm").fill("Told by mail")
    operator.press(operator.button("Cancel the event"))
    operator.sees("Homes that were spared")
    about = f"called off, {start:%a %b %-d, %-I:%M %p}"
    stack.wait(waits_for(stack, to, about), "the mail that it is called off")
    (message,) = letters(stack, to, about)
    read(who, message, "called-off")


def test_joining_is_confirmed_by_mail(stack: Stack, phone: Arrive) -> None:
    who = phone()
    one = next(one for one in stack.joined if one.systems == 2)
    stack.wait(waits_for(stack, one.household.email, "You are in"), "the confirmation")
    (message,) = letters(stack, one.household.email, "You are in")
    assert part(message, "plain").count("\n- ") == 2
    read(who, message, "enrolled")
    expect(who.page.get_by_role("listitem")).to_have_count(2)
