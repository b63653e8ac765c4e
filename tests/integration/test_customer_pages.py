"""The pages of the customers: a list is uploaded, watched, imported or not; one is found."""

import html
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from base import clock
from enrollments import operations
from enrollments.models import Customer, CustomerImport, Program
from enrollments.operations import customers
from enrollments.states import ImportState
from people.models import ActivityEntry, User
from people.states import Role
from tests import cast
from tests.cast import MORNING
from tests.integration.test_console_pages_programs import typed

pytestmark = pytest.mark.django_db
PAGE, UPLOAD = "/console/customers/", "/console/customers/upload/"
HEAD = "account,name,email,street,city,postal_code,feeder\n"
HANNA = "4100732281,Hanna Home,hanna@home.example,1 Elm St,Springfield,62701,F12\n"


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


def desk(role: Role = Role.APPROVER) -> Client:
    client = Client()
    client.force_login(cast.operator(f"{role.lower()}@utility.example", role))
    return client


def text(response: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def upload(client: Client, body: str | bytes, name: str = "list.csv") -> Any:
    data = body if isinstance(body, bytes) else body.encode()
    return client.post(UPLOAD, {"file": SimpleUploadedFile(name, data, "text/csv")})


def work() -> None:
    made = CustomerImport.objects.latest("id")
    operations.work_on_import(import_id=made.pk, now=MORNING, real_now=timezone.now())


def test_a_list_from_upload_to_import(db: None) -> None:
    client = desk()
    assert "No list yet." in text(client.get(PAGE))
    at = upload(client, HEAD + HANNA)["Location"]
    page = client.get(at)
    assert "Being checked" in text(page)
    assert f'hx-get="{at}?seen=UPLOADED-0"' in page.content.decode()
    work()
    page = client.get(at)
    assert "1 new 0 changed 0 as they are Every line is right. Nothing is written yet." in text(
        page
    )
    assert "hx-get" not in re.findall(r'<section id="import".*?>', page.content.decode())[0]
    assert not Customer.objects.exists()
    assert client.post(f"{at}write/")["Location"] == at
    assert "Being written, all of it or nothing." in text(client.get(at))
    work()
    assert "The list is imported. The file itself is not kept." in text(client.get(at))
    found = text(client.get(f"{PAGE}?q=hanna"))
    assert "1 account of the utility's own list." in found
    assert "4100732281 Hanna Home hanna@home.example 1 Elm St Springfield 62701 F12" in found
    assert "list.csv Tue Jul 14, 9:00 AM CDT Imported 1 0 0" in found


def test_a_page_that_polls_is_answered_when_there_is_news(db: None) -> None:
    client = desk()
    at = upload(client, HEAD + HANNA)["Location"]

    def poll(seen: str) -> Any:
        return client.get(f"{at}?seen={seen}", headers={"HX-Request": "true"})

    assert poll("UPLOADED-0").status_code == 204
    CustomerImport.objects.update(lines_read=5000, bytes_read=50, size=100)
    page = poll("UPLOADED-0").content.decode()
    assert page.lstrip().startswith('<section id="import"')
    assert "5,000 lines looked at" in page
    assert 'value="50"' in page
    assert "seen=UPLOADED-5000" in page


def test_what_is_wrong_is_listed_and_downloaded_without_a_cell_that_does_something(
    db: None,
) -> None:
    client = desk()
    at = upload(client, HEAD + HANNA + HANNA.replace("62701", ""), "=cmd.csv")["Location"]
    work()
    page = text(client.get(at))
    assert "1 line of 2 must be mended first. Nothing was written." in page
    assert "3 postal_code This must not be empty." in page
    CustomerImport.objects.update(faults=[{"line": 3, "column": "=SUM(A1)", "sentence": "@x"}])
    table = client.get(f"{at}faults.csv")
    body = b"".join(table.streaming_content).decode()  # type: ignore[attr-defined]
    assert body == "line,column,what_is_wrong\r\n3,'=SUM(A1),'@x\r\n"
    assert table["Content-Disposition"] == 'attachment; filename="customer-faults.csv"'


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "Choose a file."),
        ({"file": SimpleUploadedFile("a.csv", b"")}, "The file is empty."),
        ({"file": SimpleUploadedFile("a.csv", b"x" * 11)}, "The file is larger than 50 MB."),
    ],
)
def test_what_cannot_be_kept_is_said_next_to_its_field(
    data: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customers, "MAX_BYTES", 10)
    answer = desk().post(UPLOAD, data)
    assert answer.status_code == 422
    assert sentence in text(answer)
    assert answer.content.decode().count("field-error") == 1
    assert (CustomerImport.objects.count(), ActivityEntry.objects.count()) == (0, 0)


def test_thrown_away_is_gone_and_a_late_press_is_told_so(db: None) -> None:
    client = desk()
    at = upload(client, HEAD + HANNA)["Location"]
    work()
    client.post(f"{at}drop/")
    assert "The file was thrown away." in text(client.get(at))
    assert "not waiting to be imported" in text(client.post(f"{at}write/", follow=True))
    assert CustomerImport.objects.get().body is None
    assert not Customer.objects.exists()
    assert client.post("/console/customers/imports/0/write/").status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CUSTOMER_SERVICE, Role.OPERATOR])
def test_others_may_not_bring_in_a_list(role: Role) -> None:
    at = upload(desk(), HEAD + HANNA)["Location"]
    work()
    client = desk(role)
    assert upload(client, HEAD + HANNA).status_code == 403
    for act in ("write", "drop"):
        assert client.post(f"{at}{act}/").status_code == 403
    assert CustomerImport.objects.get().state == ImportState.CHECKED
    page = text(client.get(at))
    assert "An approver decides whether it is imported." in page
    assert "Import a list" not in text(client.get(PAGE))


def test_customers_are_found_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    client = desk(Role.CUSTOMER_SERVICE)
    for number in range(51):
        cast.customer(f"41007322{number:02d}", name=f"Customer {number}")
    first = client.get(f"{PAGE}?q=4100-7322").content.decode()
    assert len(re.findall(r'<th scope="row" class="mono">', first)) == 50
    (onward,) = re.findall(r'rel="next" href="([^"]+)"', first)
    last = text(client.get(PAGE + html.unescape(onward)))
    assert "4100732250 Customer 50" in last
    assert "Customer 49" not in last
    assert "No customer matches." in text(client.get(f"{PAGE}?q=nobody%00"))


def test_a_program_asks_for_the_account_where_an_approver_says_so(db: None) -> None:
    program = cast.program()
    client = desk()
    client.post(f"/console/programs/{program.slug}/edit/", typed(program, needs_account="on"))
    assert Program.objects.get().needs_account
    assert ActivityEntry.objects.get().detail == {"changes": {"needs_account": [False, True]}}
    page = text(client.get(f"/console/programs/{program.slug}/"))
    assert "Homes whose utility account is found in the list of customers." in page
    assert User.objects.count() == 1
