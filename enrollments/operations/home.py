"""What Carrier says about a home."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from base import bell
from enrollments import queries, rules
from enrollments.models import CarrierGrant, Location, System
from enrollments.operations import applications
from enrollments.operations.replacing import notice_replacements
from enrollments.states import GrantState
from people.models import User
from people.operations import SYSTEM, record

# A home belongs to its reader for this long. Longer readings happen; a second one only costs time.
CLAIM = timedelta(seconds=60)
# Each look makes the home due and cuts into a claim; pressing faster than this asks nothing new.
CHECK_EVERY = timedelta(seconds=10)


def claim_sync(*, grant_id: int, real_now: datetime) -> bool:
    """Whether this caller is the one to read the home now. A reader that dies leaves it due again
    when CLAIM is over."""
    due = CarrierGrant.objects.filter(
        pk=grant_id, state=GrantState.ACTIVE, sync_due_at__lte=real_now
    )
    return bool(due.update(sync_due_at=real_now + CLAIM))


@transaction.atomic
def save_home(
    *,
    grant: CarrierGrant,
    locations: Sequence[dict[str, Any]],
    systems: Sequence[dict[str, Any]],
    now: datetime,
    real_now: datetime,
) -> None:
    """Save a complete reading of a home; the next one is due in a day.

    Nothing is ever removed here: a system that is missing from an answer is left as it was (a
    partial answer must not unenrol anybody). Where it is missing and a new one stands at its place,
    people are asked whether it was replaced. A permission that ended meanwhile keeps nothing of it.

    ``locations``: fields of Location with ``carrier_id``; ``systems``: fields of System with
    ``serial`` and ``location`` (a carrier_id); one with nothing but these and its name is listed
    and could not be read: it stays as it was.
    """
    # Held until the end: a home that is being forgotten is not written anew behind it.
    still = CarrierGrant.objects.select_for_update(no_key=True).filter(pk=grant.pk)
    before = still.exclude(state=GrantState.REVOKED).first()
    if before is None:
        return
    kept = {}
    for fields in locations:
        kept[fields["carrier_id"]], _ = Location.objects.update_or_create(
            grant=grant,
            carrier_id=fields["carrier_id"],
            defaults={key: value for key, value in fields.items() if key != "carrier_id"},
        )
    listed = [fields["serial"] for fields in systems]
    theirs = _held_by_others(grant, listed)
    for fields in systems:
        if fields["serial"] in theirs:
            continue
        defaults = {key: value for key, value in fields.items() if key != "serial"}
        defaults |= {"grant": grant, "location": kept[fields["location"]]}
        if fields.keys() - {"serial", "location", "name"}:
            defaults["read_at"] = now
        System.objects.update_or_create(
            serial=fields["serial"],
            defaults=defaults,
            create_defaults=defaults | {"first_read_at": now},
        )
    notice_replacements(grant=grant, listed=listed, now=now)
    again = rules.reread_delay_s(random.random())  # noqa: S311 (spreads load, guards nothing)
    # Not for a permission that was lost meanwhile: it is not due before it is given again.
    CarrierGrant.objects.filter(pk=grant.pk, state=GrantState.ACTIVE).update(
        synced_at=now,
        sync_due_at=real_now + timedelta(seconds=again),
        reading_asked_at=None,
        sync_failures=0,
        sync_trouble="",
    )
    _note_held(before, theirs, now)
    applications.follow_carrier(user=grant.user, actor=SYSTEM, now=now)


def _held_by_others(grant: CarrierGrant, serials: Sequence[str]) -> dict[str, int]:
    """Serial -> id of systems under a live grant of somebody else: a second account that sees the
    same wall control must not take it out of a program its owner joined."""
    return dict(
        System.objects.filter(serial__in=serials)
        .exclude(grant__user=grant.user)
        .exclude(grant__state=GrantState.REVOKED)
        .values_list("serial", "id")
    )


def _note_held(grant: CarrierGrant, theirs: dict[str, int], now: datetime) -> None:
    """For the pages of this person and of the utility; in the activity log once, when it begins."""
    CarrierGrant.objects.filter(pk=grant.pk).update(held_elsewhere=sorted(theirs))
    for serial in sorted(theirs.keys() - set(grant.held_elsewhere)):
        record(
            actor=SYSTEM,
            verb="held-elsewhere",
            subject=f"system:{theirs[serial]}",
            now=now,
            serial=serial,
            listed_for=f"user:{grant.user_id}",
        )


@transaction.atomic
def sync_failed(*, grant: CarrierGrant, why: str, now: datetime, real_now: datetime) -> None:
    """Carrier could not be read: say so on the page and try again, later each time. Somebody on
    the way in can do nothing but wait, and their application says so."""
    failures = grant.sync_failures + 1
    CarrierGrant.objects.filter(pk=grant.pk, state=GrantState.ACTIVE).update(
        sync_failures=failures,
        sync_trouble=why[:200],
        sync_due_at=real_now + timedelta(seconds=rules.sync_delay_s(failures)),
    )
    applications.follow_carrier(user=grant.user, actor=SYSTEM, now=now)


def check_again(*, user: User, real_now: datetime) -> int:
    """The homeowner asks us to look again; how many permissions are read for it. None whose owner
    asked within CHECK_EVERY: that reading is under way or was just made."""
    lately = Q(pressed_at__gt=real_now - CHECK_EVERY)
    mine = queries.grants_of(user).filter(state=GrantState.ACTIVE).exclude(lately)
    asked = mine.update(sync_due_at=real_now, reading_asked_at=real_now, pressed_at=real_now)
    if asked:
        bell.ring()
    return asked


def ask_for_sync(*, user: User, real_now: datetime) -> int:
    """Something was changed at Carrier: look again, whatever was asked or is being read."""
    mine = queries.grants_of(user).filter(state=GrantState.ACTIVE)
    asked = mine.update(sync_due_at=real_now, reading_asked_at=real_now)
    bell.ring()
    return asked
