"""What the list of systems is filtered by, and which systems that are."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.http import QueryDict

from base.typed import number
from dr_events.queries.groups import member_ids, named
from enrollments.models import (
    Application,
    CarrierGrant,
    Customer,
    Enrollment,
    Group,
    Location,
    Program,
    System,
)
from enrollments.queries.questions import paused_by_answers
from enrollments.rules.matching import normal_account
from enrollments.states import (
    LIVE_APPLICATIONS,
    LIVE_ENROLLMENTS,
    EnrollmentState,
    GrantState,
    ReplacementState,
)

# What an operator filters by: the states of an enrolment, and what somebody must see to.
STATES = (
    *((state.value, state.label) for state in EnrollmentState),
    ("NONE", "Not enrolled"),
    ("REPLACED", "New wall control to confirm"),
    ("MISFIT", "Paused by an answer"),
    ("RELINK", "Permission to renew"),
    ("OFFLINE", "Offline"),
)
# What the page offers for "not heard of".
UNSEEN_DAYS = (1, 3, 7, 30, 90)
# So many systems are sorted faster than all of them are asked.
_FEW = 5000
# Fewer letters than an index of letters can look up.
_FEW_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; everything empty: all systems. ``unseen``: days since Carrier last heard
    of it, at least. ``by_owner``: the text may be somebody's name, address or account too."""

    text: str = ""
    state: str = ""
    program: str = ""
    group: int = 0
    outdoor: str = ""
    firmware: str = ""
    unseen: int = 0
    by_owner: bool = True

    @classmethod
    def of(cls, given: Mapping[str, str], *, by_owner: bool = True) -> Self:
        """As an address has it."""

        def text(name: str) -> str:
            return given.get(name, "").replace("\0", "").strip()[:100]

        return cls(
            text("q"),
            text("state"),
            text("program"),
            number(text("group")),
            text("outdoor"),
            text("firmware"),
            min(number(text("unseen")), 3650),
            by_owner,
        )

    @property
    def query(self) -> str:
        """The same as an address has it."""
        asked = {("q" if name == "text" else name): value for name, value in asdict(self).items()}
        del asked["by_owner"]
        return urlencode({name: value for name, value in asked.items() if value})

    @property
    def words(self) -> list[tuple[str, str]]:
        """The same for people: what, and its value; empty without a filter."""
        program = self.program and Program.objects.filter(slug=self.program).first()
        group = self.group and Group.objects.filter(id=self.group).first()
        days = f"{self.unseen} day{'s' * (self.unseen != 1)}"
        named = (
            ("Found by", self.text),
            ("State", dict(STATES).get(self.state, self.state)),
            ("Program", str(program or self.program)),
            ("Group", str(group or self.group) if self.group else ""),
            ("Outdoor unit", self.outdoor),
            ("Firmware", self.firmware),
            ("Not heard of for", days if self.unseen else ""),
        )
        return [(what, value) for what, value in named if value]


def asked(query: str) -> Wanted:
    """The filter that ``Wanted.query`` wrote down."""
    return Wanted.of(QueryDict(query).dict())


def states_for(wanted: Wanted) -> list[tuple[str, str]]:
    """What this operator may filter by."""
    return [(key, label) for key, label in STATES if key != "MISFIT" or wanted.by_owner]


def matching(wanted: Wanted, now: datetime) -> QuerySet[System]:
    found = System.objects.all()
    for word in wanted.text.split():
        found = found.filter(_with(word, wanted.by_owner))
    found = _in_state(found, wanted)
    if wanted.outdoor:
        found = found.filter(outdoor_type=wanted.outdoor)
    if wanted.firmware:
        found = found.filter(firmware=wanted.firmware)
    if wanted.unseen:
        since = now - timedelta(days=wanted.unseen)
        found = found.filter(Q(reported_at__lt=since) | Q(reported_at=None))
    if wanted.group:
        today = now.astimezone(ZoneInfo(settings.UTILITY_TIME_ZONE)).date()
        group = named(wanted.group)
        found = found.filter(id__in=member_ids(group, today)) if group else found.none()
    return found


def _with(word: str, by_owner: bool) -> Q:
    """Systems a word is about, in one of several ways.

    A way that is about few of them is looked up, each in an index of letters of its own; one that
    is about many is asked of one system after the other in the order of the page, which is soon
    full: finding and sorting them all took 0.7 to 1.6 s of 100,000.
    """
    ways = list(_ways(word, by_owner))
    first, *others = (
        found.annotate(way=Value(way)).values_list("way", "id")[: _FEW + 1]
        for way, (found, _) in enumerate(ways)
    )
    by_way: dict[int, list[int]] = defaultdict(list)
    for way, system_id in first.union(*others, all=True):
        by_way[way].append(system_id)
    few = [ids for ids in by_way.values() if len(ids) <= _FEW]
    about = Q(id__in=set(chain.from_iterable(few)))
    for way, (_, of_each) in enumerate(ways):
        if len(by_way[way]) > _FEW:
            about |= of_each
    return about


def _ways(word: str, by_owner: bool) -> Iterator[tuple[QuerySet[System], Q]]:
    """Systems by each way the word can be about them, and the same asked of one system."""
    own = Q(serial__icontains=word) | Q(name__icontains=word)
    yield System.objects.filter(own), own
    places = _places(word)
    yield (
        System.objects.filter(location__in=places.values("id")),
        Q(Exists(places.filter(id=OuterRef("location")))),
    )
    if not by_owner:
        return
    owners = _owners(word)
    yield (
        System.objects.filter(grant__in=owners.values("id")),
        Q(Exists(owners.filter(id=OuterRef("grant")))),
    )
    for customers in _customers(word):
        people = _applied_as(customers)
        yield (
            System.objects.filter(grant__user__in=people),
            Q(Exists(people.filter(user=OuterRef("grant__user")))),
        )


def _places(word: str) -> QuerySet[Location]:
    return Location.objects.filter(Q(city__icontains=word) | Q(postal__startswith=word))


def _owners(word: str) -> QuerySet[CarrierGrant]:
    return CarrierGrant.objects.filter(user__email__icontains=word)


def _customers(word: str) -> Iterator[QuerySet[Customer]]:
    """The utility's own list: by a name in it, or the beginning of an account number."""
    if len(word) >= _FEW_LETTERS:
        yield Customer.objects.filter(name__icontains=word)
    account = normal_account(word)
    if len(account) >= _FEW_LETTERS and any(letter.isdigit() for letter in account):
        yield Customer.objects.filter(account__startswith=account)


def _applied_as(customers: QuerySet[Customer]) -> QuerySet[Any]:
    """The people whose live applications were matched with one of these customers."""
    matched = Application.objects.filter(
        state__in=sorted(LIVE_APPLICATIONS), customer__in=customers.values("id")
    )
    return matched.values("user")


def _in_state(found: QuerySet[System], wanted: Wanted) -> QuerySet[System]:
    homes = Enrollment.objects.all()
    if wanted.program:
        homes = homes.filter(program__slug=wanted.program)
    if wanted.state in EnrollmentState.values:
        return found.filter(id__in=homes.filter(state=wanted.state).values("system"))
    if wanted.program and wanted.state != "NONE":
        found = found.filter(id__in=homes.filter(state__in=LIVE_ENROLLMENTS).values("system"))
    if wanted.state == "NONE":
        return found.exclude(id__in=homes.values("system"))
    if wanted.state == "REPLACED":
        return found.filter(enrollments__replacements__state=ReplacementState.OPEN)
    if wanted.state == "MISFIT":
        # May be about somebody's health: not for those who may not act for a home.
        resting = paused_by_answers() if wanted.by_owner else Enrollment.objects.none()
        return found.filter(id__in=resting.values("system"))
    if wanted.state == "RELINK":
        return found.filter(grant__state=GrantState.NEEDS_RELINK)
    if wanted.state == "OFFLINE":
        return found.filter(is_online=False, read_at__isnull=False)
    return found
