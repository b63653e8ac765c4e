"""Events as calendar programs read them: iCalendar (RFC 5545), as little of it as is needed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. ``changed_at``: when what it says was decided; ``sequence`` grows when that
    changes (RFC 5545, 3.8.7.4). Moments are aware."""

    uid: str
    summary: str
    url: str
    starts_at: datetime
    ends_at: datetime
    changed_at: datetime
    sequence: int
    is_cancelled: bool


def calendar(name: str, entries: Iterable[Entry]) -> bytes:
    """The whole file, lines folded and ended as 3.1 asks."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Offpeak//Energy events//EN"]
    lines += ["METHOD:PUBLISH", f"X-WR-CALNAME:{_text(name)}"]
    lines += ["REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H"]  # RFC 7986, 5.7
    for entry in entries:
        lines += _lines(entry)
    return b"".join(_folded(line) for line in [*lines, "END:VCALENDAR"])


def _lines(entry: Entry) -> list[str]:
    return [
        "BEGIN:VEVENT",
        f"UID:{_text(entry.uid)}",
        f"DTSTAMP:{_moment(entry.changed_at)}",
        f"DTSTART:{_moment(entry.starts_at)}",
        f"DTEND:{_moment(entry.ends_at)}",
        f"SUMMARY:{_text(entry.summary)}",
        f"SEQUENCE:{entry.sequence}",
        f"STATUS:{'CANCELLED' if entry.is_cancelled else 'CONFIRMED'}",
        "TRANSP:TRANSPARENT",  # nobody is busy because their home saves
        f"URL:{entry.url}",
        "END:VEVENT",
    ]


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return "\\n".join(escaped.splitlines())


def _folded(line: str) -> bytes:
    """At most 75 octets a line, never cut inside a character; what goes on begins with a blank."""
    parts, part = [], b""
    for character in line:
        more = character.encode()
        if len(part) + len(more) > 75:
            parts.append(part)
            part = b" "
        part += more
    return b"\r\n".join([*parts, part]) + b"\r\n"
