"""Systems found by what the utility's own list, Carrier's description and the clock say of them."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dr_events.queries import systems as query
from enrollments.models import Application, Program, System
from enrollments.states import ApplicationState
from people.states import Role
from tests import cast
from tests.integration.test_systems_list import desk, morning, names, summer

__all__ = ["desk", "morning", "summer"]  # fixtures

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def known(summer: Program) -> Program:
    """Anna and Bert were matched with accounts, Bert's application ended; what Carrier says of
    each."""
    for name, account, called, state in (
        ("anna", "4100732281", "Anna Lindqvist", ApplicationState.ACTIVE),
        ("bert", "4100999000", "Bertram Oakes", ApplicationState.WITHDRAWN),
    ):
        system = System.objects.get(grant__user__email=f"{name}@home.example")
        Application.objects.create(
            user=system.grant.user, program=summer, state=state,
            customer=cast.customer(account, name=called),
            applied_at=cast.MORNING, changed_at=cast.MORNING,
        )  # fmt: skip
    for name, outdoor, firmware, heard in (
        ("Anna", "varcaphp", "4.31", cast.MORNING - 2 * DAY),
        ("Bert", "varcaphp", "4.05", cast.MORNING - 8 * DAY),
        ("Cleo", "ac1stg", "4.31", cast.MORNING),
    ):
        System.objects.filter(name__startswith=name).update(
            outdoor_type=outdoor, firmware=firmware, reported_at=heard
        )
    return summer


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"text": "lindqvist"}, ["Anna"]),
        ({"text": "4100-732281"}, ["Anna"]),
        ({"text": "41007"}, ["Anna"]),
        ({"text": "4100999000"}, []),  # the application has ended: it is nobody's account now
        ({"text": "lindqvist", "by_owner": False}, []),
        ({"text": "4100732281", "by_owner": False}, []),
        ({"outdoor": "varcaphp"}, ["Anna", "Bert"]),
        ({"firmware": "4.31"}, ["Anna", "Cleo"]),
        ({"firmware": "4.31", "outdoor": "varcaphp"}, ["Anna"]),
        ({"firmware": "4.3"}, []),
        ({"unseen": 1}, ["Anna", "Bert", "Dora"]),  # Dora's never reported
        ({"unseen": 3}, ["Bert", "Dora"]),
        ({"unseen": 3, "state": "ACTIVE"}, ["Bert"]),
    ],
)
def test_found_by_what_is_known_of_it(
    known: Program, wanted: dict[str, Any], found: list[str]
) -> None:
    assert names(**wanted) == found


def test_the_page_offers_what_there_is_and_keeps_what_was_asked(
    desk: Client, known: Program, django_assert_max_num_queries: Any
) -> None:
    asked = {"outdoor": "varcaphp", "firmware": "4.05", "unseen": "7", "q": "62701"}
    with django_assert_max_num_queries(12):
        text = desk.get(reverse("console_systems"), asked).content.decode()
    assert "Bert Upstairs" in text
    assert "Anna Upstairs" not in text
    assert "<option selected>varcaphp</option>" in text
    assert "<option>ac1stg</option>" in text
    assert "<option selected>4.05</option>" in text
    assert '<option value="7" selected>7 days or more</option>' in text


def test_the_download_follows_every_filter_and_says_more(desk: Client, known: Program) -> None:
    System.objects.filter(name__startswith="Anna").update(firmware="=1+1")
    asked = {"outdoor": "varcaphp", "unseen": "1"}
    answer = desk.get(reverse("systems_csv"), asked)
    lines = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    assert [(line["system"], line["firmware"]) for line in lines] == [
        ("Anna Upstairs", "'=1+1"),
        ("Bert Upstairs", "4.05"),
    ]
    assert [line["postal_code"] for line in lines] == ["62701", "62701"]
    assert {line["outdoor_unit"] for line in lines} == {"varcaphp"}


@pytest.mark.parametrize("unseen", ["-1", "x", "99999999999999999999", "\0"])
def test_days_that_make_no_sense_break_nothing(desk: Client, known: Program, unseen: str) -> None:
    assert desk.get(reverse("console_systems"), {"unseen": unseen}).status_code == 200


def test_a_viewer_finds_nobody_by_account_or_name(client: Client, known: Program) -> None:
    client.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    for text in ("lindqvist", "4100732281"):
        page = client.get(reverse("console_systems"), {"q": text}).content.decode()
        assert "No system matches." in page
        assert "2400W000001" not in page


def test_what_was_asked_survives_being_written_down(known: Program) -> None:
    wanted = query.Wanted("a & b", "ACTIVE", "summer-peak", 0, "varcaphp", "4.31", 7)
    assert query.asked(wanted.query) == wanted
    assert wanted.words == [
        ("Found by", "a & b"),
        ("State", "Enrolled"),
        ("Program", "Summer Peak"),
        ("Outdoor unit", "varcaphp"),
        ("Firmware", "4.31"),
        ("Not heard of for", "7 days"),
    ]
    assert query.Wanted().words == []
