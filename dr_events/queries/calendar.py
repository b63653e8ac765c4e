"""A home's events for a calendar: when, and whether they are off. Nothing else of the home."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse

from base.ical import Entry
from dr_events.models import Dispatch, Event
from dr_events.queries.home_event import HomeEvent, event_of, rows_of
from dr_events.states import Delivery
from enrollments.models import CalendarFeed, Enrollment
from enrollments.tokens import hashed
from people.models import User

BACK, AHEAD = timedelta(days=30), timedelta(days=60)


def owner_of(token: str) -> User | None:
    """Whose calendar has this token. Looking changes nothing."""
    found = CalendarFeed.objects.filter(token_hash=hashed(token), user__is_active=True)
    feed = found.select_related("user").first()
    return feed.user if feed else None


def feed_of(user: User) -> CalendarFeed | None:
    return CalendarFeed.objects.filter(user=user).first()


def entries(user: User, *, now: datetime) -> list[Entry]:
    """The last 30 and the next 60 days, in order. One entry for each event, however many systems
    the home has; none for the control group, and none for a home the event passes by."""
    joined = Enrollment.objects.filter(user=user)
    near = Event.objects.filter(
        program__in=joined.values("program"),
        scheduled_at__isnull=False,
        ends_at__gt=now - BACK,
        starts_at__lt=now + AHEAD,
    )
    # By event and system: only that way is indexed.
    rows = rows_of(user).filter(
        event__in=list(near.values_list("id", flat=True)),
        system__in=list(joined.values_list("system", flat=True)),
    )
    ordered = rows.exclude(delivery=Delivery.WITHHELD).order_by("event__starts_at", "event", "id")
    lines = [(row, event_of(row, now)) for row in ordered.prefetch_related("opt_outs")]
    groups = groupby(lines, key=lambda pair: pair[0].event_id)
    found = [_entry([*group]) for _, group in groups]
    return [entry for entry in found if entry is not None]


def uid_of(event_id: int) -> str:
    """The same for ever, and everywhere the home sees it (RFC 5545, 3.8.4.7)."""
    return f"event-{event_id}@{urlsplit(settings.BASE_URL).hostname}"


def _entry(lines: Sequence[tuple[Dispatch, HomeEvent]]) -> Entry | None:
    event, homes = lines[0][0].event, [home for _, home in lines]
    was_meant = any(home.was_meant for home in homes)
    is_off = was_meant and (homes[0].called_off or all(home.said_no for home in homes))
    if not is_off and not any(home.is_coming for home in homes):
        return None
    acts = [moment for row, home in lines for moment in _acts(row, home)]
    decided = [event.scheduled_at, event.cancelled_at, *acts]
    return Entry(
        uid=uid_of(event.pk),
        summary="Energy event (saving)",
        url=settings.BASE_URL + reverse("my_home"),
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        changed_at=max(moment for moment in decided if moment is not None),
        sequence=event.modification + homes[0].called_off + len(acts),
        is_cancelled=is_off,
    )


def _acts(row: Dispatch, home: HomeEvent) -> list[datetime | None]:
    """When this system said no, or took it back. Only ever more of them, so that the sequence
    grows: counting only a no that holds would let it go back (RFC 5545, 3.8.7.4)."""
    kept = row.opt_outs.all()
    undone = [one.undone_at for one in kept if one.undone_at]
    acts = [one.at for one in kept] + undone
    # Said at the wall control: kept with the row alone.
    at_the_wall = home.said_no and len(kept) == len(undone)
    return [*acts, home.opted_out_at] if at_the_wall else [*acts]
