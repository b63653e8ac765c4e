"""A program for customers only: the list comes in, a number matches, or somebody decides."""

from playwright.sync_api import FilePayload, expect

from portal.demo import environment
from portal.demo.people import Household
from tests.browser.conftest import Arrive
from tests.browser.test_homeowner import agree, sign_up
from tests.browser.test_operator import sign_in
from tests.browser.test_screens import shoot
from tests.browser.visitor import Visitor
from tests.cast import PASSWORD
from tests.stack import Stack

SLUG = "customers-only"
HEAD = "account,name,email,street,city,postal_code,feeder\n"
GOOD = (
    "4100-7322-81,Hanna Home,hanna@home.example,1 Elm St,Springfield,62701,F12\n"
    "4100-7322-99,Otto Owner,,2 Elm St,Springfield,62701-4455,F12\n"
)
QUEUE = "/console/applications/"


def newcomer(name: str) -> Household:
    """Somebody without an account at Carrier: these walks end before it."""
    return Household(f"{name}@customers.example", PASSWORD, "", "")


def make_program(who: Visitor) -> None:
    who.go("/console/programs/new/")
    who.page.get_by_label("Name", exact=True).fill("Customers Only")
    who.page.get_by_label("Homes join with their utility account").check()
    who.press(who.button("Make the program"))
    who.page.get_by_role("textbox").last.fill("You may leave at any time.")
    who.press(who.page.get_by_role("main").get_by_role("button").last)
    who.sees("Version 1 is published.")


def upload(who: Visitor, text: str, name: str) -> None:
    who.go("/console/customers/")
    file: FilePayload = {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
    who.page.get_by_label("Choose a CSV file").set_input_files(files=[file])
    who.press(who.button("Check the list"))
    who.reads(name)


def type_account(who: Visitor, number: str, button: str = "Continue") -> None:
    who.page.get_by_label("Account number").fill(number)
    who.page.get_by_label("Postal code of the home").fill("62701")
    who.press(who.button(button))


def test_accounts_match_or_somebody_decides(stack: Stack, phone: Arrive, desktop: Arrive) -> None:
    amir, hanna, otto, nora = desktop(), phone(), phone(), phone()
    sign_in(amir, stack, environment.APPROVER)
    make_program(amir)
    shoot_list(amir)

    sign_up(hanna, stack, newcomer("hanna"), SLUG)
    agree(hanna, "Your utility account")
    hanna.look("account", "light", "dark")
    with hanna.refused(422):
        type_account(hanna, "12")
        hanna.sees("An account number has 4 to 32 digits or letters.")
        hanna.look("account-wrong")
    type_account(hanna, "4100 7322 81")
    hanna.reads("Connect your Carrier account")

    sign_up(otto, stack, newcomer("otto"), SLUG)
    agree(otto, "Your utility account")
    type_account(otto, "4100 7322 98")
    otto.reads("We look at your account")
    otto.look("account-waits", "light", "dark")
    one = next(one for one in stack.joined if one.systems == 0)
    nora.sign_in(one.household.email, one.household.password)
    nora.go(f"/join/{SLUG}/")
    agree(nora, "Your utility account")
    type_account(nora, "777777")
    nora.reads("We look at your account")

    decide(amir, newcomer("otto").email, one.household.email)
    otto.page.reload()
    otto.reads("Connect your Carrier account")
    nora.page.reload()
    nora.reads("We could not accept your application")
    nora.sees("We have no account with this number; call us with a bill at hand.")
    nora.look("rejected", "light", "dark")
    nora.press(nora.button("Apply again"))
    nora.reads("Your utility account")


def shoot_list(amir: Visitor) -> None:
    """A list with faults, then the right one, checked and imported."""
    amir.go("/console/customers/")
    amir.look("customers-none")
    upload(amir, HEAD + GOOD.replace("62701-4455", "") + GOOD, "faulty.csv")
    amir.sees("2 lines of 4 must be mended first.")
    amir.look("import-faulty")
    upload(amir, HEAD + GOOD, "customers.csv")
    amir.sees("Every line is right.")
    amir.look("import-checked")
    amir.press(amir.button("Import"))
    amir.sees("The list is imported.")
    amir.go("/console/customers/?q=62701")
    expect(amir.page.get_by_role("row", name="4100732299 Otto Owner")).to_be_visible()
    shoot(amir, "customers")


def decide(amir: Visitor, near: str, far: str) -> None:
    amir.go(QUEUE)
    nav = amir.page.get_by_role("navigation", name="Main")
    expect(nav.get_by_role("link", name="Applications 2 to decide")).to_be_visible()
    shoot(amir, "applications")
    with amir.refused(422):
        amir.page.get_by_label(far).check()
        amir.press(amir.button("Reject"))
        amir.sees("Write what the homeowner is to know")
        amir.look("applications-refused")
    expect(amir.page.get_by_label(far)).to_be_checked()
    amir.page.get_by_label("What the homeowner reads").fill(
        "We have no account with this number; call us with a bill at hand."
    )
    amir.press(amir.button("Reject"))
    amir.sees("1 rejected.")
    amir.page.get_by_label(near).check()
    amir.press(amir.button("Approve"))
    amir.sees("1 approved. The homeowner goes on, and is told by mail.")
    amir.sees("Nothing waits for you.")
    amir.look("applications-done")
