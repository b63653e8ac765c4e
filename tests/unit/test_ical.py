"""Calendar files by the letter of RFC 5545."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.ical import Entry, calendar

START = datetime(2026, 7, 14, 15, tzinfo=ZoneInfo("America/Chicago"))


def entry(**fields: object) -> Entry:
    values: dict[str, object] = {
        "uid": "event-7@offpeak.example",
        "summary": "Energy event (saving)",
        "url": "https://offpeak.example/home/",
        "starts_at": START,
        "ends_at": START + timedelta(hours=2),
        "changed_at": START - timedelta(days=1),
        "sequence": 0,
        "is_cancelled": False,
    }
    return Entry(**values | fields)  # type: ignore[arg-type]


def test_a_file_with_one_event() -> None:
    assert calendar("Prairie Light; energy, events", [entry()]).decode().split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Offpeak//Energy events//EN",
        "METHOD:PUBLISH",
        "X-WR-CALNAME:Prairie Light\\; energy\\, events",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        "BEGIN:VEVENT",
        "UID:event-7@offpeak.example",
        "DTSTAMP:20260713T200000Z",
        "DTSTART:20260714T200000Z",
        "DTEND:20260714T220000Z",
        "SUMMARY:Energy event (saving)",
        "SEQUENCE:0",
        "STATUS:CONFIRMED",
        "TRANSP:TRANSPARENT",
        "URL:https://offpeak.example/home/",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


def test_one_that_is_off_says_so() -> None:
    lines = calendar("x", [entry(is_cancelled=True, sequence=1)]).decode().split("\r\n")
    assert "STATUS:CANCELLED" in lines
    assert "SEQUENCE:1" in lines


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=300))
def test_whatever_a_name_holds_lines_are_short_and_nothing_is_lost(name: str) -> None:
    body = calendar(name, [])
    lines = body.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    assert b"\n" not in body.replace(b"\r\n", b"")
    for line in lines:
        line.decode()  # no character is cut in two
    unfolded = body.replace(b"\r\n ", b"").decode().split("\r\n")
    (kept,) = [line for line in unfolded if line.startswith("X-WR-CALNAME:")]
    shown = kept.removeprefix("X-WR-CALNAME:").replace("\\n", "\n")
    for letter in ";,\\":
        shown = shown.replace("\\" + letter, letter)
    assert "".join(shown.splitlines()) == "".join(name.splitlines()) or "\\" in name


@pytest.mark.parametrize("name", ["two\nlines", "two\r\nlines"])
def test_a_line_end_in_a_name_begins_no_line(name: str) -> None:
    assert b"X-WR-CALNAME:two\\nlines\r\n" in calendar(name, [])
