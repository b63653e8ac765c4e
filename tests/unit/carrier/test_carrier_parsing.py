"""Scalars are read tolerantly; what is hostile is unreadable; no secret is kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from carrier import parsing


@pytest.mark.parametrize(
    ("value", "number", "flag", "word"),
    [
        (True, None, True, "true"),
        ("On", None, True, "On"),
        ("FALSE", None, False, "FALSE"),
        (1, 1.0, True, "1"),
        ("0", 0.0, False, "0"),
        ("15.50", 15.5, None, "15.50"),
        ("NaN", None, None, None),
        (float("nan"), None, None, None),
        ("inf", None, None, "inf"),
        ("na", None, None, None),
        ("none", None, None, None),
        ("-----", None, None, None),
        ("N/A", None, None, None),
        (" ", None, None, None),
        (None, None, None, None),
        ([], None, None, None),
        ({"_": " 7 ", "$": {"unit": "x"}}, 7.0, None, "7"),
        ({}, None, None, None),
    ],
)
def test_scalars_are_read_tolerantly(value, number, flag, word):
    assert parsing.number(value) == number
    assert parsing.flag(value) is flag
    assert parsing.word(value) == word


def test_times_are_utc_or_nothing():
    at = datetime(2025, 7, 15, 20, tzinfo=UTC)
    for text in ("2025-07-15T20:00:00Z", "2025-07-15T20:00:00", "2025-07-15T15:00:00-05:00"):
        assert parsing.utc(text) == at
    for nothing in (None, "", "yesterday", "0001-01-01T00:00:00+14:00", 7):
        assert parsing.utc(nothing) is None


def test_redaction_looks_everywhere():
    tree = {"a": [{"PIN": "1", "accessToken": "2", "$": {"password": "3"}}], "spin": 4, "ok": [5]}
    assert parsing.redact(tree) == {"a": [{"$": {}}], "spin": 4, "ok": [5]}


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY b "c">]><status>&b;</status>',
        b"<a>" * 500 + b"</a>" * 500,
        b"<status>",
    ],
)
def test_hostile_xml_is_unreadable(body):
    with pytest.raises(parsing.Unreadable):
        parsing.parse(body, "application/xml")


def test_deep_or_huge_json_is_unreadable():
    for body in (b'{"a":' * 90 + b"1" + b"}" * 90, b'{"a":' + b"9" * 5000 + b"}", b"[" * 99999):
        with pytest.raises(parsing.Unreadable):
            parsing.parse(body, "application/json")
