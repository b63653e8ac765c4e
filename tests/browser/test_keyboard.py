"""What people do here, without a pointer: Tab, Space, Enter, and where the keys are afterwards."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from django.utils import timezone
from playwright.sync_api import FilePayload, expect

from dr_events.models import Control, Dispatch, Event
from dr_events.states import Delivery, EventState
from enrollments import operations as homes
from enrollments.models import Application, Customer, CustomerImport, Enrollment
from people.models import User
from people.states import Role
from tests import cast
from tests.browser.keys import Keys
from tests.browser.test_every_page import become, guest, quiet, town, vendor
from tests.browser.test_operator_acts import code
from tests.browser.town import SECRET
from tests.browser.town_events import BusyTown
from tests.browser.visitor import Visitor
from tests.cast import MORNING

__all__ = ["guest", "quiet", "town", "vendor"]  # fixtures
ROW = "4100-7322-77,Nora New,nora@home.example,3 Elm St,Springfield,62701,F12\n"
LIST = "account,name,email,street,city,postal_code,feeder\n" + ROW


@pytest.fixture
def keys(guest: Visitor) -> Keys:
    return Keys(guest)


# One town for several walks: building it takes as long as one of them.
def test_a_homeowner_without_a_pointer(town: BusyTown, guest: Visitor, keys: Keys) -> None:
    a_homeowner_says_no_yes_pauses_and_leaves(town, guest, keys)
    a_homeowner_has_everything_deleted(town, guest, keys)


def test_the_utility_without_a_pointer(town: BusyTown, guest: Visitor, keys: Keys) -> None:
    a_board_that_draws_itself_anew_leaves_the_keys_where_they_are(town, guest, keys)
    the_queue_is_decided(town, guest, keys)
    a_list_is_imported(town, guest, keys)
    become(guest, "")
    an_operator_signs_in_plans_cancels_and_stops_everything(town, guest, keys)


def mine(town: BusyTown) -> Dispatch:
    return Dispatch.objects.get(pk=town.at["dispatch"])


def a_homeowner_says_no_yes_pauses_and_leaves(town: BusyTown, guest: Visitor, keys: Keys) -> None:
    become(guest, town.keys["home-a"])
    guest.go("/home/")
    keys.enter("link", re.compile("Say no to this event"))
    guest.reads("Say no to Hot afternoon?")
    keys.enter("button", "Say no")
    guest.sees("You said no to Hot afternoon")
    assert mine(town).delivery == Delivery.SKIPPED
    keys.enter("link", re.compile("Take part after all"))
    guest.reads("Take part in Hot afternoon after all?")
    keys.enter("button", "Take part")
    expect(guest.page.get_by_role("link", name=re.compile("Say no to this event"))).to_be_visible()
    assert mine(town).delivery == Delivery.PLANNED

    keys.enter("link", "Pause")
    guest.reads(re.compile("^Pause "))
    with guest.refused(422):
        keys.fill("textbox", re.compile("Until|Last day"), "07012026")
        keys.enter("button", "Pause")
        expect(guest.page.locator("[aria-invalid=true]").first).to_be_focused()
    assert "input" in keys.stop()
    keys.fill("textbox", re.compile("Until|Last day"), "07202026")
    keys.enter("button", "Pause")
    guest.reads("My home")
    assert Enrollment.objects.get(pk=town.at["enrollment"]).paused_until is not None

    keys.enter("link", "Leave the program")
    guest.reads(re.compile("^Leave Summer Peak"))
    keys.enter("button", "Leave the program")
    guest.reads("My home")
    assert Enrollment.objects.get(pk=town.at["enrollment"]).state == "WITHDRAWN"


def a_homeowner_has_everything_deleted(town: BusyTown, guest: Visitor, keys: Keys) -> None:
    become(guest, town.keys["paused"])
    guest.go("/home/")
    keys.enter("link", re.compile("My data"))
    guest.reads("My data")
    keys.enter("link", re.compile("Delete my data"))
    guest.reads("Delete my data?")
    with guest.refused(422):
        keys.fill("textbox", "Write DELETE to confirm", "delete")
        keys.enter("button", "Delete my data for good")
        guest.sees("Write DELETE in capital letters")
        expect(guest.page.get_by_label("Write DELETE to confirm")).to_be_focused()
    keys.stop()
    assert User.objects.filter(email="paused@home.example").exists()
    keys.fill("textbox", "Write DELETE to confirm", "DELETE")
    keys.enter("button", "Delete my data for good")
    guest.reads("Your data is deleted")
    guest.look("data-deleted", "light", "dark")
    assert not User.objects.filter(email="paused@home.example").exists()


def an_operator_signs_in_plans_cancels_and_stops_everything(
    town: BusyTown, guest: Visitor, keys: Keys
) -> None:
    olga = cast.operator("olga@utility.example", Role.OPERATOR)
    EmailAddress.objects.create(user=olga, email=olga.email, primary=True, verified=True)
    TOTP.activate(olga, SECRET)
    guest.go("/accounts/login/")
    keys.fill("textbox", "Email", olga.email)
    keys.fill("textbox", "Password", "not the one at all")
    guest.page.keyboard.press("Enter")
    expect(guest.page.get_by_role("alert")).to_be_focused()
    keys.stop()
    guest.look("sign-in-refused", "light", "dark")
    keys.fill("textbox", "Email", olga.email)
    keys.fill("textbox", "Password", cast.PASSWORD)
    guest.page.keyboard.press("Enter")
    expect(guest.page).to_have_url(re.compile("/accounts/2fa/authenticate/"))
    keys.fill("textbox", re.compile("code", re.I), code(SECRET))
    guest.page.keyboard.press("Enter")
    guest.reads("Today")

    keys.enter("link", "Plan an event")
    guest.reads("Plan an event")
    keys.to("combobox", "Program")
    guest.page.keyboard.type("Summer")
    keys.enter("button", "Schedule it")
    expect(guest.page.get_by_label("Name", exact=True)).to_be_focused()  # it has none yet
    keys.fill("textbox", "Name", "By the keys")
    keys.to("textbox", "Date")
    guest.page.keyboard.type("07172026")
    keys.to("textbox", re.compile("^Start$"))
    guest.page.keyboard.type("0300PM")
    keys.to("textbox", re.compile("^End$"))
    guest.page.keyboard.type("0400PM")
    keys.enter("button", "Schedule it")
    guest.reads("By the keys")
    made = Event.objects.get(name="By the keys")
    assert made.state == EventState.SCHEDULED
    assert Dispatch.objects.filter(event=made, delivery=Delivery.PLANNED).exists()

    keys.enter("summary", re.compile("^Cancel the event$"))
    keys.fill("textbox", re.compile("to confirm"), "By the keys")
    keys.enter("button", "Cancel the event")
    guest.sees("Homes that were spared")
    made.refresh_from_db()
    assert made.state == EventState.CANCELLED

    keys.enter("link", "Emergency stop")
    guest.reads("Today")
    keys.fill("textbox", "Why", "Tree on the feeder")
    keys.fill("textbox", "Type STOP to confirm", "STOP")
    assert not Control.objects.get().stopped
    keys.enter("button", "Stop everything")
    guest.sees("Emergency stop: nothing is being sent")
    assert Control.objects.get().stopped


def the_queue_is_decided(town: BusyTown, guest: Visitor, keys: Keys) -> None:
    near, far = (Application.objects.get(user=town.everybody[n]) for n in ("waits", "waits-too"))
    become(guest, town.keys["service"])
    guest.go("/console/applications/")
    keys.tick("checkbox", "waits-too@home.example")
    with guest.refused(422):
        keys.enter("button", "Reject")
        expect(guest.page.get_by_label("What the homeowner reads")).to_be_focused()
    keys.stop()
    assert Application.objects.get(pk=far.pk).state == "NEEDS_ACTION"
    guest.page.keyboard.type("We have no account with this number; please call us.")
    keys.enter("button", "Reject")
    guest.sees("1 rejected.")
    assert Application.objects.get(pk=far.pk).state == "REJECTED"
    keys.tick("checkbox", "waits@home.example")
    keys.tick("radio", re.compile("4100732281"))
    keys.enter("button", "Approve")
    guest.sees("1 approved.")
    assert Application.objects.get(pk=near.pk).customer_id is not None


def a_list_is_imported(town: BusyTown, guest: Visitor, keys: Keys) -> None:
    become(guest, town.keys["approver"])
    guest.go("/console/customers/")
    keys.to("button", re.compile("Choose a CSV file"))
    # From here on the window is the device's own, not ours.
    file: FilePayload = {"name": "new.csv", "mimeType": "text/csv", "buffer": LIST.encode()}
    guest.page.get_by_label("Choose a CSV file").set_input_files(files=[file])
    keys.enter("button", "Check the list")
    guest.reads("new.csv")
    work()
    guest.sees("Every line is right.")
    keys.enter("button", "Import")
    guest.sees("Being written")
    work()
    guest.sees("The list is imported.")
    assert Customer.objects.filter(account="4100732277").exists()


def work() -> None:
    made = CustomerImport.objects.latest("id")
    homes.work_on_import(import_id=made.pk, now=MORNING, real_now=timezone.now())


def a_board_that_draws_itself_anew_leaves_the_keys_where_they_are(
    town: BusyTown, guest: Visitor, keys: Keys
) -> None:
    become(guest, town.keys["operator"])
    guest.go(f"/console/events/{town.at['running']}/")
    for role, name in (
        ("link", re.compile("^24")),
        ("button", "Send the failed ones again"),
    ):
        keys.to(role, name)
        before = keys.stop()
        for _ in range(2):
            with guest.page.expect_response("**/board/"):
                pass
        expect(guest.page.locator(".htmx-swapping, .htmx-settling")).to_have_count(0)
        assert keys.stop() == before
