"""A home's events for a calendar: when, and whether they are off. Nothing else of the home."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse

from base.ical import Entry
from dr_events.models import Event
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
    lines = [(row.event, event_of(row, now)) for row in ordered]
    groups = groupby(lines, key=lambda pair: pair[0].pk)
    found = [_entry([*group]) for _, group in groups]
    return [entry for entry in found if entry is not None]


def uid_of(event_id: int) -> str:
    """The same for ever, and everywhere the home sees it (RFC 5545, 3.8.4.7)."""
    return f"event-{event_id}@{urlsplit(settings.BASE_URL).hostname}"


def _entry(lines: Sequence[tuple[Event, HomeEvent]]) -> Entry | None:
    event, homes = lines[0][0], [home for _, home in lines]
    was_meant = any(home.was_meant for home in homes)
    is_off = was_meant and (homes[0].called_off or all(home.said_no for home in homes))
    if not is_off and not any(home.is_coming for home in homes):
        return None
    said_no_at = [home.opted_out_at for home in homes if home.opted_out_at]
    changes = (
        [event.scheduled_at, event.cancelled_at, *said_no_at] if is_off else [event.scheduled_at]
    )
    return Entry(
        uid=uid_of(event.pk),
        summary="Energy event (saving)",
        url=settings.BASE_URL + reverse("my_home"),
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        changed_at=max(moment for moment in changes if moment is not None),
        sequence=event.modification + is_off,
        is_cancelled=is_off,
    )
