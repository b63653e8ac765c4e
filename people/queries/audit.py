"""The activity log: is it whole, and what does it say?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from people.models import ActivityEntry, User
from people.queries.facts import Fact, facts, in_words
from people.rules import GENESIS, Anchor, Entry, seal

_SEALED = ("id", "at", "actor", "verb", "subject", "detail_text", "address")
PAGE = 50


def _entries() -> QuerySet[ActivityEntry]:
    return ActivityEntry.objects.annotate(detail_text=Cast("detail", TextField()))


def head() -> Anchor | None:
    """The last sealed entry; None while there is none."""
    sealed = ActivityEntry.objects.filter(position__isnull=False).order_by("-position")
    last = sealed.first()
    if last is None or last.position is None or last.hash is None:
        return None
    return Anchor(last.position, bytes(last.hash).hex())


def unsealed(limit: int) -> list[Entry]:
    """Entries that wait for their seal, oldest id first."""
    rows = _entries().filter(position=None).order_by("id").values_list(*_SEALED)
    return [Entry(*row) for row in rows[:limit]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``trouble`` names the first thing that is wrong, empty when the log is whole."""

    trouble: str
    sealed: int
    unsealed: int
    head: Anchor | None


def verify(anchors: Sequence[Anchor] = ()) -> Verdict:
    """Walk the whole chain, in portions. ``anchors`` are heads noted down earlier: what was cut
    off at the end, or rewritten from some place on with new hashes, only they can show."""
    wanted = {anchor.position: anchor for anchor in anchors}
    position, previous, trouble = 0, GENESIS, ""
    rows = _entries().filter(position__isnull=False).order_by("position")
    for place, kept, *fields in rows.values_list("position", "hash", *_SEALED).iterator(2000):
        entry = Entry(*fields)
        if place != position + 1:
            trouble = _missing(position + 1, place)
        elif bytes(kept) != seal(entry, position=place, previous=previous):
            trouble = f"Entry {entry.id} (position {place}) is not what was sealed."
        elif place in wanted and wanted[place].hash != bytes(kept).hex():
            trouble = f"Entry {entry.id} (position {place}) is not what the anchor says."
        if trouble:
            break
        position, previous = place, bytes(kept)
    last = max(wanted, default=0)
    if not trouble and last > position:
        trouble = f"Positions {position + 1} to {last} are missing: the anchor knows them."
    waiting = ActivityEntry.objects.filter(position=None).count()
    return Verdict(trouble, position, waiting, head())


def _missing(first: int, found: int) -> str:
    if found == first + 1:
        return f"Position {first} is missing."
    return f"Positions {first} to {found - 1} are missing."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; an empty value asks for nothing. ``since`` and ``until`` are moments, the
    second exclusive. No Wanted at all: nothing is found."""

    who: str = ""
    verb: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as people read it; ``detail`` as it is stored."""

    id: int
    at: datetime
    who: str
    actor: str
    verb: str
    subject: str
    detail: dict[str, Any]
    address: str | None
    position: int | None
    hash: str

    @property
    def words(self) -> str:
        return self.verb.replace("-", " ")

    @property
    def facts(self) -> tuple[Fact, ...]:
        """As they are stored, for the table."""
        return facts(self.detail)

    @property
    def told(self) -> tuple[Fact, ...]:
        """In plain words, moments in the utility's zone."""
        return in_words(self.verb, self.detail, settings.UTILITY_TIME_ZONE)


def find(wanted: Wanted | None, *, before: int = 0, limit: int = PAGE) -> tuple[list[Line], int]:
    """A page of entries, latest first, and the id to go on ``before`` (0: the last page)."""
    found = _matching(wanted)
    marks = ActivityEntry.objects.filter(id=before).values_list("at", flat=True)
    if before and (mark := marks.first()):
        found = found.filter(Q(at__lt=mark) | Q(at=mark, id__lt=before))
    rows = list(found.order_by("-at", "-id")[: limit + 1])
    shown = rows[:limit]
    return _lines(shown), shown[-1].pk if len(rows) > limit else 0


def newest() -> int:
    """The id of the entry that was added last; 0 while there is none."""
    last = ActivityEntry.objects.order_by("-id").values_list("pk", flat=True).first()
    return last or 0


def every(wanted: Wanted | None, *, newest: int) -> Iterator[Line]:
    """All of them up to the id ``newest``, latest first, read in portions."""
    rows = _matching(wanted).filter(id__lte=newest).order_by("-at", "-id").iterator(1000)
    portion: list[ActivityEntry] = []
    for row in rows:
        portion.append(row)
        if len(portion) == 1000:
            yield from _lines(portion)
            portion = []
    yield from _lines(portion)


def _matching(wanted: Wanted | None) -> QuerySet[ActivityEntry]:
    if wanted is None:
        return ActivityEntry.objects.none()
    found = ActivityEntry.objects.all()
    if wanted.who:
        found = found.filter(actor__in=_actors(wanted.who))
    if wanted.verb:
        found = found.filter(verb=wanted.verb)
    if wanted.subject:
        found = found.filter(subject=wanted.subject)
    if wanted.since:
        found = found.filter(at__gte=wanted.since)
    if wanted.until:
        found = found.filter(at__lt=wanted.until)
    return found


def _actors(text: str, limit: int = 100) -> list[str]:
    """Actors this text can mean: written as they are kept, or people by address or name."""
    people = User.objects.filter(
        Q(email__icontains=text) | Q(first_name__icontains=text) | Q(last_name__icontains=text)
    )
    ids = people.order_by("id").values_list("pk", flat=True)[:limit]
    return [text, *(f"user:{pk}" for pk in ids)]


_VERBS = """
WITH RECURSIVE known AS (
    (SELECT verb FROM people_activityentry ORDER BY verb LIMIT 1)
    UNION ALL
    SELECT (SELECT verb FROM people_activityentry e WHERE e.verb > known.verb
            ORDER BY verb LIMIT 1)
    FROM known WHERE known.verb IS NOT NULL
)
SELECT verb FROM known WHERE verb IS NOT NULL
"""


def verbs() -> list[str]:
    """Every verb there is, by hopping through the index: DISTINCT would read all of it."""
    with connection.cursor() as cursor:
        cursor.execute(_VERBS)
        return [row[0] for row in cursor.fetchall()]


def _lines(entries: Sequence[ActivityEntry]) -> list[Line]:
    names = _names(entry.actor for entry in entries)
    return [
        Line(
            id=entry.pk,
            at=entry.at,
            who=names.get(entry.actor, _known(entry.actor)),
            actor=entry.actor,
            verb=entry.verb,
            subject=entry.subject,
            detail=entry.detail,
            address=entry.address,
            position=entry.position,
            hash=bytes(entry.hash).hex() if entry.hash else "",
        )
        for entry in entries
    ]


def _names(actors: Iterator[str]) -> dict[str, str]:
    numbers = {actor[5:] for actor in actors if actor.startswith("user:")}
    ids = [int(number) for number in numbers if number.isdecimal() and len(number) < 18]
    people = User.objects.filter(pk__in=ids).values_list("pk", "email")
    return {f"user:{pk}": email for pk, email in people}


def _known(actor: str) -> str:
    if actor == "system":
        return "Offpeak itself"
    kind, _, name = actor.partition(":")
    return f"Partner {name}" if kind == "client" and name else actor
