from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carrier import wire
from carrier.demand_event import DemandEvent
from carrier.parsing import Unreadable

GOLDEN = Path(__file__).parent / "golden"
START = datetime(2025, 7, 15, 20, 0, 0, tzinfo=UTC)


def event(**changes) -> DemandEvent:
    values: dict[str, Any] = {
        "event_id": "dr-20250715-0007",
        "modification": 0,
        "kind": "demand",
        "level": 2,
        "start": START,
        "duration": timedelta(hours=2),
        "start_randomization": timedelta(minutes=10),
        "priority": 1,
        "message": "Peak event 3-5 pm",
    }
    return DemandEvent(**(values | changes))


EVENTS = {
    "demand_customer": event(),
    "price_offset": event(
        event_id="dr-price-1",
        kind="price",
        level=None,
        price_cents=Decimal("42.5"),
        response="offset",
        offset_f=4.0,
        message="50 ¢ & more <soon>",
        ven_id="ven-7",
        vtn_id="vtn-1",
    ),
    "absolute_cancelled": event(
        event_id="dr-abs-1",
        modification=3,
        response="absolute",
        heat_f=62.0,
        cool_f=82.5,
        test=True,
        cancelled=True,
        priority=None,
        message="",
        duration=timedelta(hours=1, minutes=30, seconds=5),
    ),
}


@pytest.mark.parametrize("media", ["json", "xml"])
@pytest.mark.parametrize("name", sorted(EVENTS))
def test_the_assumed_format_is_these_bytes(name, media):
    message = wire.encode(EVENTS[name], media)
    golden = (GOLDEN / f"assumed-1_{name}.{media}").read_bytes().rstrip(b"\n")
    assert message.body == golden
    assert message.content_type == f"application/{media}"
    assert message.version == "assumed-1"


@pytest.mark.parametrize("media", ["json", "xml"])
@pytest.mark.parametrize("name", ["empty", "bare"])
def test_the_captured_empty_answers_list_nothing(name, media):
    body = (GOLDEN / f"captured_{name}.{media}").read_bytes()
    assert wire.decode(body, f"application/{media}; charset=utf-8") == ()


texts = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=160
).filter(lambda s: s == s.strip() and s.isprintable())
moments = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7)), timezone(timedelta(hours=5.5))]),
).map(lambda t: t.replace(microsecond=0))
degrees = st.integers(50 * 2, 88 * 2).map(lambda n: n / 2)


@st.composite
def events(draw) -> DemandEvent:
    kind = draw(st.sampled_from(["demand", "price"]))
    response = draw(st.sampled_from(["customer", "offset", "absolute"]))
    heat = draw(degrees)
    seconds = draw(st.integers(1, 86_400))
    return DemandEvent(
        event_id=draw(st.from_regex(r"[0-9A-Za-z._:-]{1,64}", fullmatch=True)),
        modification=draw(st.integers(0, 10_000)),
        kind=kind,
        level=draw(st.integers(0, 3)) if kind == "demand" else None,
        price_cents=(draw(st.decimals(-999_999, 999_999, places=4)) if kind == "price" else None),
        start=draw(moments),
        duration=timedelta(seconds=seconds),
        start_randomization=timedelta(seconds=draw(st.integers(0, seconds - 1))),
        response=response,
        offset_f=draw(st.integers(2, 20)) / 2 if response == "offset" else None,
        heat_f=heat if response == "absolute" else None,
        cool_f=heat + 2 if response == "absolute" else None,
        priority=draw(st.none() | st.integers(0, 9)),
        test=draw(st.booleans()),
        message=draw(texts),
        cancelled=draw(st.booleans()),
        ven_id=draw(texts),
        vtn_id=draw(texts),
    )


@settings(deadline=None, max_examples=60, database=None)
@given(events(), st.sampled_from(["json", "xml"]))
def test_what_is_encoded_is_read_back(sent, media):
    message = wire.encode(sent, media)
    assert message == wire.encode(sent, media)
    (listed,) = wire.decode(message.body, message.content_type)
    assert listed == wire.ListedEvent(
        event_id=sent.event_id,
        modification=sent.modification,
        start=sent.start,
        end=sent.end,
        status="cancelled" if sent.cancelled else "unknown",
        opt="none",
        opted_at=None,
        fingerprint=sent.fingerprint,
    )
    assert hash(listed.fingerprint) == hash(sent.fingerprint)


def test_a_listing_tells_status_and_opt_and_survives_gaps():
    body = b"""{"utility_events": {"$": {"version": "1.48"}, "events": {"event": [
      {"$": {"id": "a"}, "start": "2025-07-15T20:00:00.000Z", "duration": "PT1H30M",
       "status": "Active", "optType": "optOut", "optTime": "2025-07-15T20:10:00Z",
       "modificationNumber": "2"},
      {"start": "2025-07-15T22:00:00+02:00", "duration": "P1D", "eventType": "price",
       "price": "12.50"},
      {"$": {"id": 7}, "start": "whenever", "duration": "long", "status": "paused", "optType": null}
    ]}}}"""
    first, second, third = wire.decode(body, "application/json")
    assert first.event_id == "a"
    assert (first.modification, first.status, first.opt) == (2, "active", "optOut")
    assert first.end == START + timedelta(minutes=90)
    assert first.opted_at == START + timedelta(minutes=10)
    assert second.event_id is None
    assert second.fingerprint == (
        "price",
        START,
        START + timedelta(days=1),
        None,
        Decimal("12.5"),
    )
    assert (third.event_id, third.start, third.end) == ("7", None, None)
    assert (third.status, third.opt) == ("unknown", "none")


@pytest.mark.parametrize("content", ['{"$": {"id": "one"}}', '[{"$": {"id": "one"}}]'])
def test_one_event_or_a_list_of_one_is_the_same(content):
    body = f'{{"utility_events": {{"events": {{"event": {content}}}}}}}'.encode()
    assert [e.event_id for e in wire.decode(body, "application/json")] == ["one"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>maintenance</html>",
        b'{"error": {"message": "no"}}',
        b'{"utility_events": {"events": "many"}}',
        b'{"utility_events": {"events": {"event": ["x"]}}}',
        b'{"utility_events": 7}',
        b"\xff\xfe",
        b'<!DOCTYPE x [<!ENTITY a "b">]><utility_events>&a;</utility_events>',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("media", ["application/json", "application/xml", "text/html", ""])
def test_what_is_no_listing_never_reads_as_an_empty_one(body, media):
    with pytest.raises(Unreadable):
        wire.decode(body, media)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"event_id": ""}, "event_id"),
        ({"event_id": "x" * 65}, "event_id"),
        ({"event_id": "a\nb"}, "event_id"),
        ({"modification": -1}, "modification"),
        ({"kind": "party"}, "kind"),
        ({"level": 4}, "level"),
        ({"level": None}, "level"),
        ({"price_cents": Decimal(1)}, "price_cents"),
        ({"kind": "price", "level": None}, "price_cents"),
        ({"kind": "price", "level": 1, "price_cents": Decimal(1)}, "level"),
        ({"kind": "price", "level": None, "price_cents": Decimal("NaN")}, "price_cents"),
        ({"kind": "price", "level": None, "price_cents": Decimal("0.00001")}, "price_cents"),
        ({"start": datetime(2025, 7, 15, 20)}, "start"),  # noqa: DTZ001
        ({"start": START.replace(microsecond=1)}, "start"),
        ({"duration": timedelta(0)}, "duration"),
        ({"duration": timedelta(hours=24, seconds=1)}, "duration"),
        ({"start_randomization": timedelta(hours=2)}, "start_randomization"),
        ({"start_randomization": timedelta(seconds=-1)}, "start_randomization"),
        ({"response": "offset"}, "offset_f"),
        ({"response": "offset", "offset_f": 0.5}, "offset_f"),
        ({"response": "offset", "offset_f": 10.5}, "offset_f"),
        ({"offset_f": 4.0}, "offset_f"),
        ({"response": "absolute", "heat_f": 80.0, "cool_f": 81.0}, "cool_f"),
        ({"response": "absolute", "heat_f": 49.0, "cool_f": 82.0}, "heat_f"),
        ({"response": "absolute", "heat_f": 60.0, "cool_f": 91.0}, "cool_f"),
        ({"response": "absolute", "heat_f": 60.0}, "cool_f"),
        ({"heat_f": 60.0}, "heat_f"),
        ({"response": "panic"}, "response"),
        ({"priority": -1}, "priority"),
        ({"message": "x" * 161}, "message"),
        ({"message": "two\nlines"}, "message"),
        ({"ven_id": " padded"}, "ven_id"),
    ],
)
def test_an_event_that_breaks_a_rule_cannot_be_made(changes, rule):
    with pytest.raises(ValueError, match=f"^{rule}"):
        event(**changes)


def test_the_address_of_a_systems_events():
    url = wire.events_url("https://api.example/", "2319W004821")
    assert url == "https://api.example/systems/2319W004821/utility_events"
    for serial in ("", "a/b", "../x", "a?b", "x" * 33, "ä", "2319W004821\n"):
        with pytest.raises(ValueError, match="serial"):
            wire.events_url("https://api.example", serial)
