"""What will be taken away says so, to those who use it: RFC 9745 and RFC 8594."""

from datetime import UTC, datetime

import pytest
from django.test import Client as Browser

from base import clock
from partners.api import events, homes
from partners.api.deprecation import Deprecated
from partners.api.openapi import document
from tests import cast
from tests.partner_calls import Caller, wanted

pytestmark = pytest.mark.django_db
OLD = Deprecated(
    since=datetime(2027, 1, 1, tzinfo=UTC), sunset=datetime(2027, 7, 1, 12, 30, tzinfo=UTC)
)
SOONER = Deprecated(since=OLD.since, sunset=datetime(2027, 6, 30, tzinfo=UTC), more="/why")
HEADERS = ("Deprecation", "Sunset", "Link")


def said(answer):
    return tuple(answer.get(name) for name in HEADERS)


TOLD = (
    "@1798761600",
    "Thu, 01 Jul 2027 12:30:00 GMT",
    '</api/v1/reference/>; rel="deprecation"; type="text/html"',
)


@pytest.fixture
def leap(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    cast.program()
    return Caller("summer-peak")


def test_a_resource_says_so_on_every_answer_and_others_do_not(leap, monkeypatch):
    monkeypatch.setattr(homes.Systems, "deprecated", OLD)
    assert said(leap.get("systems/")) == TOLD
    assert said(leap.get("systems/?nonsense=1")) == TOLD
    assert said(Browser().get("/api/v1/systems/")) == TOLD
    assert said(leap.get("programs/")) == (None, None, None)


def test_a_parameter_or_a_field_says_so_where_it_is_used(leap, monkeypatch):
    monkeypatch.setattr(homes.Systems, "deprecated_names", {"updated_since": OLD})
    assert said(leap.get("systems/?updated_since=2026-07-14T14:00:00Z")) == TOLD
    assert said(leap.get("systems/")) == (None, None, None)
    monkeypatch.setattr(events.Preview, "deprecated_names", {"note": OLD})
    assert said(leap.post("events/preview/", wanted(note="x"))) == TOLD
    for body in (wanted(), "{", "[1]", "[[]]"):
        assert said(leap.post("events/preview/", body)) == (None, None, None)


def test_of_several_the_one_that_goes_first_is_told(leap, monkeypatch):
    monkeypatch.setattr(homes.Systems, "deprecated", OLD)
    monkeypatch.setattr(homes.Systems, "deprecated_names", {"limit": SOONER})
    assert said(leap.get("systems/?limit=5"))[1] == "Wed, 30 Jun 2027 00:00:00 GMT"
    assert said(leap.get("systems/")) == TOLD


def test_the_document_says_so(monkeypatch):
    monkeypatch.setattr(homes.Systems, "deprecated", OLD)
    found = document.__wrapped__()["paths"]
    assert found["/api/v1/systems/"]["get"]["deprecated"] is True
    assert "deprecated" not in found["/api/v1/programs/"]["get"]


def test_nothing_is_deprecated_now():
    assert not [
        operation["operationId"]
        for methods in document()["paths"].values()
        for operation in methods.values()
        if operation.get("deprecated")
    ]
