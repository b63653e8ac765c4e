"""Pure rules: the seal of an entry of the activity log, and what is kept of a mailed token."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

# What stands before the first entry.
GENESIS = bytes(32)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is sealed. ``detail`` is the text PostgreSQL gives for it: exact, also for
    numbers that no float holds."""

    id: int
    at: datetime
    actor: str
    verb: str
    subject: str
    detail: str
    address: str | None


def seal(entry: Entry, *, position: int, previous: bytes) -> bytes:
    """SHA-256 over the place in the chain, the hash before it and every field; 32 bytes.

    Hashed is a JSON array in UTF-8 without blanks: position, previous hash (hex), id, moment
    (UTC, microseconds), actor, verb, subject, detail (as text), address.
    """
    fields = [
        position,
        previous.hex(),
        entry.id,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.actor,
        entry.verb,
        entry.subject,
        entry.detail,
        entry.address,
    ]
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def chain(entries: Sequence[Entry], *, position: int, previous: bytes) -> list[tuple[int, bytes]]:
    """Position and hash of each entry, going on after ``position`` and its hash ``previous``."""
    links = []
    for entry in entries:
        position += 1
        previous = seal(entry, position=position, previous=previous)
        links.append((position, previous))
    return links


@dataclass(frozen=True, slots=True, order=True)
class Anchor:
    """A place in the chain and the hash it had there: kept elsewhere, it shows that everything
    up to it is still what it was. Written ``123:9f86d0...``."""

    position: int
    hash: str

    @classmethod
    def read(cls, text: str) -> "Anchor":
        """Raises ValueError."""
        if not re.fullmatch(r"[0-9]{1,18}:[0-9a-f]{64}", text):
            raise ValueError("an anchor is a position, a colon and 64 hexadecimal digits")
        place, _, value = text.partition(":")
        return cls(int(place), value)

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"


def digest(token: str) -> str:
    """What is kept of the token of an invitation: who reads the table can accept none."""
    return hashlib.sha256(token.encode()).hexdigest()
