"""Pure rules about homes: who can take part, and why not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from enrollments.states import EnrollmentState, Ineligible

# Without these nothing can be sent or read back (contract 1 and 6.4).
NEEDED_SCOPES = ("Read-User", "Read-System", "Read-UtilityEvents", "Write-UtilityEvents")
# What we ask for. Read-Equip is for measurement and may be declined.
ASKED_SCOPES = (*NEEDED_SCOPES, "Read-Equip")

SCOPE_SENTENCES = {
    "Read-User": "See your name and the locations of your systems",
    "Read-System": "Read the status and settings of your systems",
    "Read-Equip": "Read how your equipment runs",
    "Read-UtilityEvents": "See the energy events sent to your systems",
    "Write-UtilityEvents": "Send energy events to your systems",
}

REMEDIES = {
    Ineligible.NO_OUTDOOR_UNIT: "This system has no outdoor unit to turn down, so it cannot take "
    "part. Your other systems still can.",
    Ineligible.DR_UNKNOWN: "Carrier did not tell us whether this wall control can take part. "
    "Updating its software usually helps; then press Check again.",
    Ineligible.DR_OFF: "At the wall control open Menu, Settings, Utility events and switch it on; "
    "then press Check again.",
    Ineligible.OFFLINE: "Carrier cannot reach this wall control. Check that it is on and joined to "
    "your Wi-Fi; then press Check again.",
    Ineligible.NOT_READ: "We have not been able to read this system yet. We keep trying; you can "
    "also press Check again.",
    Ineligible.SCOPE_MISSING: "Carrier did not give us every permission we need. Connect again and "
    "allow all of them.",
}


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """What eligibility looks at."""

    was_read: bool
    has_outdoor_unit: bool
    dr_enabled: bool | None
    is_online: bool
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pause:
    """The time a system rests, business time. ``since`` None: it always did; ``until``, not part of
    it, None: until it is resumed."""

    since: datetime | None
    until: datetime | None

    def touches(self, begin: datetime, end: datetime) -> bool:
        """Has it a moment in common with this time? The end is not part of either."""
        begins_in_time = self.since is None or self.since < end
        return begins_in_time and (self.until is None or self.until > begin)

    def holds(self, now: datetime) -> bool:
        return (self.since is None or self.since <= now) and not self.is_over(now)

    def is_over(self, now: datetime) -> bool:
        return self.until is not None and self.until <= now

    @property
    def last_minute(self) -> datetime | None:
        """How people say when it ends: 11:59 PM of its last day."""
        return self.until - timedelta(minutes=1) if self.until else None


def pause_of(state: str, since: datetime | None, until: datetime | None) -> Pause | None:
    """The pause of an enrolment, running or to come. queries.pausing of dr_events asks the same in
    SQL."""
    if state == EnrollmentState.PAUSED or since is not None:
        return Pause(since, until)
    return None


def missing_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Scopes without which nothing can be sent or read back, in the order we ask."""
    held = set(scopes)
    return tuple(scope for scope in NEEDED_SCOPES if scope not in held)


def why_not(facts: SystemFacts) -> Ineligible | None:
    """The first thing that stands in the way, or None when the system can take part.

    Order: what only the homeowner's permission can mend, then what can never be mended, then
    what can (contract 6.4).
    """
    if missing_scopes(facts.scopes):
        return Ineligible.SCOPE_MISSING
    if not facts.was_read:
        return Ineligible.NOT_READ
    if not facts.has_outdoor_unit:
        return Ineligible.NO_OUTDOOR_UNIT
    if facts.dr_enabled is None:
        return Ineligible.DR_UNKNOWN
    if not facts.dr_enabled:
        return Ineligible.DR_OFF
    if not facts.is_online:
        return Ineligible.OFFLINE
    return None


def all_fit(fitting: Mapping[int, bool | None], said: Mapping[int, bool]) -> bool:
    """Is every question answered, and as a home must answer that wants to join? ``fitting``:
    question id -> the answer it takes, None where either will do."""
    return all(
        question in said and wanted in (None, said[question])
        for question, wanted in fitting.items()
    )


def sync_delay_s(failures: int) -> float:
    """Seconds until the next try to read a home after ``failures`` failed ones: 5 s doubling
    to 5 minutes, then every 5 minutes."""
    return float(min(5 * 2 ** max(failures - 1, 0), 300))


def reread_delay_s(chance: float) -> float:
    """Seconds until a home is read again of its own accord: a day, up to 20 % less or more, by
    ``chance`` (0 to 1), so that homes read together once do not stay together."""
    return 24 * 3600 * (0.8 + 0.4 * chance)


def refresh_pause_s(retry_after_s: float | None) -> float:
    """Seconds until a failed renewal is tried again: half a minute, or as long as Carrier asks."""
    return max(retry_after_s or 0.0, 30.0)


def mail_pause_s(failures: int) -> float:
    """Real seconds before a mail, or a mail server, is tried again: 10 s doubling to half an hour.
    The first five tries are over in five minutes: who must connect again hears of it in time."""
    return float(min(10 * 2 ** max(failures - 1, 0), 1800))
