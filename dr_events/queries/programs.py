"""Programs as an operator reads them: limits as sentences, terms, how many homes."""

from calendar import day_name, month_name
from collections import defaultdict
from dataclasses import dataclass
from datetime import time, timedelta

from django.db.models import Count, Max

from base.zones import zone_words
from dr_events.models import Event
from dr_events.queries.seasons import credit_of
from dr_events.rules.credit import in_words
from dr_events.rules.limits import words
from enrollments.models import Enrollment, Program, Terms
from enrollments.states import EnrollmentState


def every() -> list[Program]:
    """All programs by name, also those that take no new homes."""
    return list(Program.objects.order_by("name"))


def named(slug: str) -> Program | None:
    return Program.objects.filter(slug=slug).first()


@dataclass(frozen=True, slots=True)
class ProgramRow:
    program: Program
    terms_version: int | None
    active: int
    paused: int
    season: str
    hours: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Enrolments of one program by state."""

    active: int = 0
    paused: int = 0
    withdrawn: int = 0


def enrolled() -> dict[int, Enrolled]:
    """By program id, from one count."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    counted = Enrollment.objects.values("program", "state").annotate(n=Count("id")).order_by()
    for row in counted:
        found[row["program"]][EnrollmentState(row["state"]).name.lower()] = row["n"]
    return {program: Enrolled(**by_state) for program, by_state in found.items()}


def rows() -> list[ProgramRow]:
    found = Program.objects.order_by("name").annotate(terms_version=Max("terms__version"))
    homes = enrolled()
    return [
        ProgramRow(
            program,
            program.terms_version,
            homes.get(program.pk, Enrolled()).active,
            homes.get(program.pk, Enrolled()).paused,
            season(program),
            hours(program),
        )
        for program in found
    ]


@dataclass(frozen=True, slots=True)
class ProgramPage:
    program: Program
    terms: tuple[Terms, ...]
    counts: Enrolled
    limits: tuple[tuple[str, str], ...]
    events: int
    credit: str

    @property
    def current_terms(self) -> Terms | None:
        """The version homes agree to now; the others are its history."""
        return self.terms[0] if self.terms else None


def page(slug: str) -> ProgramPage | None:
    program = named(slug)
    if program is None:
        return None
    return ProgramPage(
        program,
        tuple(Terms.objects.filter(program=program).order_by("-version")),
        enrolled().get(program.pk, Enrolled()),
        limits(program),
        Event.objects.filter(program=program).count(),
        credit_words(program),
    )


def credit_words(program: Program) -> str:
    """Its credit rule as one sentence; empty when it has none."""
    return in_words(credit_of(program))


def _month_day(value: str) -> str:
    month, day = value.split("-")
    return f"{month_name[int(month)]} {int(day)}"


def season(program: Program) -> str:
    return f"{_month_day(program.season_from)} to {_month_day(program.season_to)}"


def hours(program: Program) -> str:
    return f"{_clock(program.hours_from)} to {_clock(program.hours_to)}"


def _clock(at: time) -> str:
    if at.minute:
        return f"{at:%-I:%M %p}"
    return {0: "midnight", 12: "noon"}.get(at.hour, f"{at:%-I %p}")


def _days(numbers: list[int]) -> str:
    chosen = sorted(set(numbers))
    if chosen == list(range(7)):
        return "Every day of the week"
    if chosen == list(range(5)):
        return "Monday to Friday"
    return ", ".join(day_name[number] for number in chosen) or "No day at all"


def _length(minutes: int) -> str:
    return words(timedelta(minutes=minutes))


def limits(program: Program) -> tuple[tuple[str, str], ...]:
    """What the program promises its homes: (what it is about, the sentence)."""
    begin, until = hours(program).split(" to ")
    first, last = season(program).split(" to ")
    a_day = "1 event" if program.max_per_day == 1 else f"{program.max_per_day} events"
    return (
        ("Season", f"From {first} through {last}."),
        ("Hours", f"Between {begin} and {until}, {zone_words(program.time_zone)}."),
        ("Days", f"{_days(program.weekdays)}{_holidays(program)}."),
        (
            "Length",
            f"At most {_length(program.max_event_minutes)}; nothing is sent any more when less "
            f"than {_length(program.min_useful_minutes)} would be left.",
        ),
        (
            "How often",
            f"For each home at most {a_day} a day, {program.max_per_week} a week and "
            f"{program.max_per_season} a season.",
        ),
        ("Rest", f"At least {_length(program.min_rest_minutes)} between two events at one home."),
        (
            "Notice",
            f"Planned at least {_length(program.min_notice_minutes)} ahead; sending begins "
            f"{_length(program.send_lead_minutes)} before the start.",
        ),
        (
            "Comfort",
            f"Setpoints move by at most {float(program.max_offset_f):g} °F; cooling is never set "
            f"above {float(program.max_cool_f):g} °F, "
            f"heating never below {float(program.min_heat_f):g} °F.",
        ),
        (
            "Approval",
            "A second person releases each event."
            if program.needs_approval
            else "One operator schedules an event alone.",
        ),
        (
            "Who may join",
            "Homes whose utility account is found in the list of customers."
            if program.needs_account
            else "Any home with a system that can take part.",
        ),
    )


def _holidays(program: Program) -> str:
    if not program.holidays:
        return ""
    return ", not on " + ", ".join(f"{day:%b %-d, %Y}" for day in sorted(program.holidays))
