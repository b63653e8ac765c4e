"""A homeowner takes their data along, and has it deleted: what goes, what stays, who is told."""

import html
import json
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.core import mail
from django.db import connection
from django.test import Client

from base import clock
from base.refusal import Refused
from dr_events import mailing
from dr_events.models import Dispatch, OptOut, Reading
from enrollments import operations, vendor_session
from enrollments.models import (
    Application,
    CarrierGrant,
    Consent,
    Customer,
    Enrollment,
    Location,
    MailLink,
    Notice,
    Program,
    System,
)
from enrollments.states import LinkPurpose, NoticeKind
from enrollments.vendor_session import giving_back
from people.models import ActivityEntry, User
from people.operations import Actor, sealing
from people.queries import audit
from tests import cast
from tests.cast import MORNING, PASSWORD
from tests.integration.conftest import Vendor

pytestmark = pytest.mark.django_db(transaction=True)
EMAIL, ADDRESS, STREET = "hanna@home.example", "203.0.113.7", "17 Elm Street"
SERIAL = "2319W004821"


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


@pytest.fixture
def given_back(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    monkeypatch.setattr(giving_back, "give_back", asked.append)
    return asked


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def hanna(summer: Program) -> User:
    """A homeowner with everything there can be about one, and a neighbor."""
    system = cast.enrolled(summer, SERIAL, EMAIL)
    cast.enrolled(summer, "2319W009999", "otto@home.example")
    user = system.grant.user
    User.objects.filter(pk=user.pk).update(first_name="Hanna", last_name="Holm")
    EmailAddress.objects.create(user=user, email=EMAIL, verified=True, primary=True)
    type(system.location).objects.filter(pk=system.location_id).update(street=STREET)
    Consent.objects.filter(user=user).update(address=ADDRESS)
    cast.scheduled(summer)
    row = Dispatch.objects.get(system=system)
    actor = Actor.person(user, ADDRESS)
    OptOut.objects.create(dispatch=row, at=MORNING, via="HOME_PAGE", actor=actor.name, in_time=True)
    Reading.objects.create(dispatch=row, at=MORNING, is_online=True, indoor_f=74.5)
    operations.stop_event_mail(user=user, actor=actor, now=MORNING)
    operations.tell(user=user, kind=NoticeKind.ENROLLED, subject="enrollment:1", now=MORNING)
    Notice.objects.update(state="SENT", sent_at=MORNING, sent_to=EMAIL)
    operations.tell(user=user, kind=NoticeKind.WITHDRAWN, subject="enrollment:1", now=MORNING)
    operations.make_link(
        user=user,
        purpose=LinkPurpose.SAY_NO,
        subject="event:1",
        expires_at=MORNING + timedelta(days=1),
    )
    return User.objects.get(pk=user.pk)


def signed_in(user: User) -> Client:
    browser = Client(REMOTE_ADDR=ADDRESS)
    credentials = {"login": user.email, "password": PASSWORD}
    assert browser.post("/accounts/login/", credentials).status_code == 302
    again = browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert again.status_code == 302
    return browser


def text(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def held_anywhere(word: str) -> set[str]:
    """Tables with a row that shows this word; the rest of the database is looked through whole."""
    found = set()
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            cursor.execute(
                f'SELECT count(*) FROM "{table}" t WHERE t::text ILIKE %s', [f"%{word}%"]
            )
            if cursor.fetchone()[0]:
                found.add(table)
    return found


# --- taking it along --------------------------------------------------------------------------
def test_the_file_holds_everything_of_mine(hanna: User) -> None:
    browser = Client()
    browser.force_login(hanna)
    answer = browser.post("/home/data/download/")
    assert answer["Content-Disposition"] == 'attachment; filename="my-data-2026-07-14.json"'
    assert answer["Cache-Control"] == "no-store"
    data = json.loads(answer.content)
    assert data["account"]["email"] == EMAIL
    assert data["account"]["last_name"] == "Holm"
    assert [(one["act"], one["terms_version"], one["terms_text"]) for one in data["consents"]] == [
        ("GIVEN", 1, "You may leave at any time.")
    ] * 2
    assert data["consents"][0]["address"] == ADDRESS
    assert data["locations"][0]["street"] == STREET
    assert [one["serial"] for one in data["systems"]] == [SERIAL]
    assert [one["program_name"] for one in data["enrollments"]] == ["Summer Peak"]
    (event,) = data["events"]
    assert (event["event_name"], event["system_serial"]) == ("Hot afternoon", SERIAL)
    assert [one["via"] for one in event["said_no"]] == ["HOME_PAGE"]
    assert [one["indoor_f"] for one in event["readings"]] == [74.5]
    assert data["mail"]["wants_mail_about_events"] is False
    assert [one["sent_to"] for one in data["mail"]["notices"]] == [EMAIL, ""]
    assert [one["verb"] for one in data["activity"]] == ["stop-mail"]
    assert ActivityEntry.objects.filter(verb="export-data", actor=f"user:{hanna.pk}").count() == 1


def test_the_file_holds_no_secret_and_nobody_else(hanna: User) -> None:
    browser = Client()
    browser.force_login(hanna)
    held = browser.post("/home/data/download/").content.decode()
    assert "otto" not in held
    assert "2319W009999" not in held
    grant = CarrierGrant.objects.get(user=hanna)
    sealed = bytes(grant.access_sealed or b"").hex()
    assert sealed
    for secret in (hanna.password, sealed, MailLink.objects.get().token_hash):
        assert secret not in held
    for word in ("token", "sealed", "password", "secret"):
        assert word not in held.lower()


# --- deleting ---------------------------------------------------------------------------------
def test_nothing_names_the_person_or_the_home_any_more(hanna: User, given_back: list[str]) -> None:
    mail.outbox.clear()
    browser = signed_in(hanna)
    kept = Consent.objects.filter(user=hanna).count()
    page = text(browser.get("/home/data/delete/"))
    assert "What stays, without your name" in page
    done = browser.post("/home/data/delete/", {"confirm": "DELETE"})
    assert "Your data is deleted" in text(done)

    assert given_back == ["refresh-token"]
    assert (
        CarrierGrant.objects.get(user=hanna).state,
        Enrollment.objects.get(user=hanna).state,
    ) == (
        "REVOKED",
        "WITHDRAWN",
    )
    assert held_anywhere(EMAIL) == {"enrollments_notice"}, "until the receipt is out"
    assert mailing.send_due(for_s=5) == 1
    (receipt,) = mail.outbox
    assert (receipt.to, receipt.subject) == ([EMAIL], "Your data is deleted")
    for word in ("hanna", "Holm", STREET):
        assert held_anywhere(word) == set(), word
    # The log is sealed; what it holds is told on the page.
    assert held_anywhere(ADDRESS) == {"people_activityentry"}
    assert held_anywhere(SERIAL) == set()
    place = Location.objects.get(grant__user=hanna)
    assert (place.name, place.city, place.postal) == ("", "", "")

    gone = User.objects.get(pk=hanna.pk)
    assert (gone.email, gone.is_active) == (f"gone-{hanna.pk}@removed.invalid", False)
    assert not gone.has_usable_password()
    assert not MailLink.objects.exists()
    acts = Consent.objects.filter(user=hanna).order_by("id").values_list("act", "address")
    assert list(acts) == [("GIVEN", None)] * kept + [("WITHDRAWN", None)] * 2
    assert (Reading.objects.count(), OptOut.objects.count()) == (1, 1), "results stay"
    assert System.objects.filter(serial="2319W009999").exists(), "neighbors are left alone"
    assert browser.get("/home/").status_code == 302
    again = Client().post("/accounts/login/", {"login": EMAIL, "password": PASSWORD})
    assert again.status_code == 200, "nobody signs in with it"


def test_the_log_is_whole_afterwards(hanna: User, given_back: list[str]) -> None:
    sealing.seal_all()
    before = audit.head()
    assert before is not None
    vendor_session.erase(user=hanna, actor=Actor.person(hanna, ADDRESS), now=MORNING)
    sealing.seal_all()
    verdict = audit.verify([before])
    assert (verdict.trouble, verdict.unsealed) == ("", 0)
    verbs = ActivityEntry.objects.filter(subject=f"user:{hanna.pk}").values_list("verb", flat=True)
    assert "erase-account" in verbs


def test_a_receipt_that_cannot_be_delivered_leaves_no_address(
    hanna: User, given_back: list[str]
) -> None:
    vendor_session.erase(user=hanna, actor=Actor.person(hanna), now=MORNING)
    (notice,) = Notice.objects.filter(kind=NoticeKind.ERASED)
    assert notice.sent_to == EMAIL
    operations.drop(notice=notice, why="The mail server refused it (550).")
    assert held_anywhere(EMAIL) == set()


@pytest.mark.parametrize("word", ["", "delete", "yes"])
def test_without_the_word_nothing_is_deleted(hanna: User, given_back: list[str], word: str) -> None:
    browser = signed_in(hanna)
    answer = browser.post("/home/data/delete/", {"confirm": word})
    assert answer.status_code == 422
    assert "Write DELETE in capital letters" in text(answer)
    assert (User.objects.get(pk=hanna.pk).email, given_back) == (EMAIL, [])
    assert Enrollment.objects.get(user=hanna).state == "ACTIVE"


def test_who_did_not_just_prove_who_they_are_is_asked(hanna: User, given_back: list[str]) -> None:
    browser = Client()
    assert (
        browser.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD}).status_code == 302
    )
    for ask in (browser.get, browser.post):
        answer = ask("/home/data/delete/", {"confirm": "DELETE"})
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert (User.objects.get(pk=hanna.pk).email, given_back) == (EMAIL, [])


def test_while_a_renewal_holds_the_home_nothing_changes(
    hanna: User, given_back: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(**_: Any) -> None:
        raise Refused("We are talking to Carrier about this home just now.", code="busy")

    monkeypatch.setattr("enrollments.operations.erasing.forget_tokens", busy)
    CarrierGrant.objects.create(user=hanna, carrier_username="second", linked_at=MORNING)
    with pytest.raises(Refused):
        vendor_session.erase(user=hanna, actor=Actor.person(hanna), now=MORNING)
    assert Enrollment.objects.get(user=hanna).state == "ACTIVE"
    assert (User.objects.get(pk=hanna.pk).email, given_back) == (EMAIL, [])


def test_people_of_the_utility_are_refused() -> None:
    olga = cast.operator()
    browser = Client()
    browser.force_login(olga)
    for path in ("/home/data/", "/home/data/delete/"):
        answer = browser.get(path)
        assert answer.status_code == 403
        assert "You are signed in for the utility" in text(answer)
    with pytest.raises(Refused, match="This account belongs to the utility"):
        vendor_session.erase(user=olga, actor=Actor.person(olga), now=MORNING)
    assert User.objects.get(pk=olga.pk).is_active
    assert not Notice.objects.exists()


def test_carrier_forgets_it_too(vendor: Vendor, summer: Program) -> None:
    home = next(home for home in vendor.homes() if len(home["systems"]) == 1)
    (system,) = vendor.enroll(summer, [home])
    assert vendor.admin("GET", "counts")["consents"]["standing"] == 1
    owner = system.grant.user
    vendor_session.erase(user=owner, actor=Actor.person(owner), now=MORNING)
    assert vendor.admin("GET", "counts")["consents"]["standing"] == 0
    assert held_anywhere(home["username"]) == {"enrollments_notice"}


def test_the_account_at_the_utility_is_named_and_then_let_go(
    hanna: User, summer: Program, given_back: list[str]
) -> None:
    """The utility's own list of customers stays its own; that this person was one of them goes."""
    customer = Customer.objects.create(
        account="4711", name="H. Holm", street="17 Elm", city="X", postal_code="62701",
        changed_at=MORNING,
    )  # fmt: skip
    Application.objects.create(
        user=hanna, program=summer, customer=customer, typed_account="4712", typed_postal="62702",
        applied_at=MORNING, changed_at=MORNING,
    )  # fmt: skip
    browser = Client()
    browser.force_login(hanna)
    (told,) = json.loads(browser.post("/home/data/download/").content)["applications"]
    assert (told["customer_account"], told["typed_account"]) == ("4711", "4712")
    vendor_session.erase(user=hanna, actor=Actor.person(hanna), now=MORNING)
    kept = Application.objects.get()
    assert (kept.state, kept.customer, kept.typed_account, kept.typed_postal) == (
        "WITHDRAWN",
        None,
        "",
        "",
    )
    assert Customer.objects.get() == customer
