"""The seal of an entry: the same everywhere, and every field counts."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from people.rules import GENESIS, Anchor, Entry, chain, digest, seal

ENTRY = Entry(
    id=7,
    at=datetime(2026, 7, 14, 14, 0, 0, 5, tzinfo=UTC),
    actor="user:12",
    verb="cancel",
    subject="event:4",
    detail='{"name": "Wärme"}',
    address=None,
)
TEXT = (
    f'[1,"{"00" * 32}",7,"2026-07-14T14:00:00.000005+00:00","user:12","cancel","event:4",'
    '"{\\"name\\": \\"Wärme\\"}",null]'
)


def test_anybody_can_compute_it_from_the_description() -> None:
    assert seal(ENTRY, position=1, previous=GENESIS) == hashlib.sha256(TEXT.encode()).digest()


def test_the_same_moment_in_another_zone_is_the_same_moment() -> None:
    chicago = replace(ENTRY, at=ENTRY.at.astimezone(ZoneInfo("America/Chicago")))
    assert seal(chicago, position=1, previous=GENESIS) == seal(ENTRY, position=1, previous=GENESIS)


@pytest.mark.parametrize(
    "change",
    [
        {"id": 8},
        {"at": ENTRY.at + timedelta(microseconds=1)},
        {"actor": "user:1"},
        {"actor": "user:12,cancel", "verb": ""},
        {"verb": "pause"},
        {"subject": "event:5"},
        {"detail": '{"name":"Wärme"}'},
        {"address": ""},
        {"address": "198.51.100.7"},
    ],
)
def test_every_field_counts(change: dict[str, Any]) -> None:
    changed = replace(ENTRY, **change)
    assert seal(changed, position=1, previous=GENESIS) != seal(ENTRY, position=1, previous=GENESIS)


def test_so_do_the_place_and_the_hash_before() -> None:
    first = seal(ENTRY, position=1, previous=GENESIS)
    assert seal(ENTRY, position=2, previous=GENESIS) != first
    assert seal(ENTRY, position=1, previous=first) != first


def test_a_chain_goes_on_where_it_ended() -> None:
    entries = [replace(ENTRY, id=number) for number in range(5)]
    whole = chain(entries, position=0, previous=GENESIS)
    assert [place for place, _ in whole] == [1, 2, 3, 4, 5]
    assert whole[2:] == chain(entries[2:], position=2, previous=whole[1][1])
    assert chain([], position=5, previous=GENESIS) == []


def test_an_anchor_is_read_as_it_is_written() -> None:
    anchor = Anchor(12, "ab" * 32)
    assert Anchor.read(str(anchor)) == anchor


def test_of_a_token_only_its_hash_is_kept() -> None:
    assert digest("token") == hashlib.sha256(b"token").hexdigest()
