"""One act for many systems: prepared, confirmed, worked on in pieces, ended.

The systems are fixed when it is prepared, so that what was confirmed is what is done. A worker that
dies leaves a lease behind; the sweep finds the act again and goes on where the last piece ended.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from base import bell
from base.refusal import Refused
from enrollments.models import BulkAct, Enrollment, Group
from enrollments.states import LIVE_ENROLLMENTS, BulkState, BulkVerb
from people.models import User
from people.operations import SYSTEM, Actor, for_people, record

# Longer than any task may live (CELERY_TASK_TIME_LIMIT): real seconds.
LEASE = timedelta(seconds=180)
MOST_TRIES = 5
# A list that was looked at long ago is not what somebody has in mind; business time.
CONFIRM_WITHIN = timedelta(hours=1)


def _may(actor: Actor, act: str = "") -> None:
    if actor.user is None or not actor.user.may_serve:
        raise Refused("Your role may not act for a home.", code="role")
    if act == BulkVerb.GROUP:
        for_people(actor, "change groups")


@transaction.atomic
def prepare_bulk(
    *,
    act: str,
    why: str,
    group: Group | None,
    wanted: str,
    systems: Sequence[int],
    actor: Actor,
    now: datetime,
) -> BulkAct:
    """Fix what would be done and for whom; nothing is done. ``wanted`` is the filter in the words
    of an address, ``systems`` are the ids it found. Raises Refused."""
    _may(actor, act)
    if act not in BulkVerb.values:
        raise Refused("Choose what to do.", field="act")
    if act == BulkVerb.GROUP and (group is None or group.retired_at is not None):
        raise Refused("Choose a group.", field="into")
    if act != BulkVerb.GROUP and not why:
        raise Refused("Say why, it is kept in the activity log.", field="why")
    if not systems:
        raise Refused("No system matches.", code="nobody")
    _drop_old(actor, now)
    live = Enrollment.objects.filter(system_id__in=list(systems), state__in=LIVE_ENROLLMENTS)
    made: BulkAct = BulkAct.objects.create(
        act=act,
        why=why,
        group=group if act == BulkVerb.GROUP else None,
        filter=wanted,
        systems=list(systems),
        total=len(systems),
        in_program=live.count(),
        asked_by=actor.name,
        address=actor.address,
        asked_at=now,
    )
    return made


def _drop_old(actor: Actor, now: datetime) -> None:
    """What this person looked at and left, and what anybody left too long ago."""
    waiting = BulkAct.objects.pick(state=BulkState.PREPARED)
    for left in (
        waiting.filter(asked_by=actor.name),
        waiting.filter(asked_at__lt=now - CONFIRM_WITHIN),
    ):
        left.move(BulkState.PREPARED, BulkState.DROPPED, systems=[], ended_at=now)


@transaction.atomic
def confirm_bulk(*, bulk_id: int, actor: Actor, now: datetime) -> None:
    """Somebody read how many and what, and wants it. Raises Refused."""
    found = _of(bulk_id, actor)
    fresh = BulkAct.objects.pick(pk=bulk_id, asked_at__gte=now - CONFIRM_WITHIN)
    if not fresh.move(BulkState.PREPARED, BulkState.RUNNING, asked_by=actor.name):
        raise Refused("This does not wait to be confirmed any more. Look at where it stands now.")
    record(
        actor=actor,
        verb="act-for-many",
        subject=f"bulk:{bulk_id}",
        now=now,
        act=found.act,
        filter=found.filter,
        systems=found.total,
        why=found.why,
        group=found.group_id,
    )
    bell.ring()


@transaction.atomic
def stop_bulk(*, bulk_id: int, actor: Actor, now: datetime) -> None:
    """Nothing more of it is done; before it was confirmed: nothing at all. Raises Refused."""
    _of(bulk_id, actor)
    mine = BulkAct.objects.pick(pk=bulk_id)
    if mine.move(BulkState.PREPARED, BulkState.DROPPED, systems=[], ended_at=now):
        return
    if not mine.move(BulkState.RUNNING, BulkState.STOPPED, ended_at=now):
        raise Refused("This has ended already.")
    record(actor=actor, verb="stop-act-for-many", subject=f"bulk:{bulk_id}", now=now)


def _of(bulk_id: int, actor: Actor) -> BulkAct:
    _may(actor)
    found: BulkAct = BulkAct.objects.defer("systems").get(pk=bulk_id)
    _may(actor, found.act)
    return found


# --- what a worker does with it -----------------------------------------------------------------
def claim_bulk(*, bulk_id: int, now: datetime, real_now: datetime) -> BulkAct | None:
    """The act for a worker; None when nothing is to be done or somebody else is at it."""
    free = BulkAct.objects.filter(pk=bulk_id, state=BulkState.RUNNING)
    taken = free.exclude(lease_until__gte=real_now).update(
        lease_until=real_now + LEASE, claim=F("claim") + 1, tries=F("tries") + 1
    )
    if not taken:
        return None
    found: BulkAct = BulkAct.objects.select_related("group__program").get(pk=bulk_id)
    if found.tries > MOST_TRIES:
        end_bulk(found, now=now, trouble="It failed several times at the same place, on our side.")
        return None
    return found


def actor_of_bulk(found: BulkAct) -> Actor | None:
    """Whoever confirmed it, as they are now; None when they may not do this any more."""
    user = User.objects.filter(pk=int(found.asked_by.removeprefix("user:")), is_active=True).first()
    if user is None or not (user.may_operate if found.act == BulkVerb.GROUP else user.may_serve):
        return None
    return Actor.person(user, found.address)


def save_bulk(found: BulkAct, *, looked_at: int, done: int, unchanged: Mapping[str, int]) -> bool:
    """Keep how far it is; false when it was stopped, or another worker has it."""
    kept = _mine(found).update(looked_at=looked_at, done=done, unchanged=dict(unchanged), tries=0)
    return bool(kept)


def put_down_bulk(found: BulkAct) -> None:
    """The rest is for the next piece."""
    _mine(found).update(lease_until=None)
    bell.ring()


@transaction.atomic
def end_bulk(found: BulkAct, *, now: datetime, trouble: str = "") -> None:
    """All is done, or, with ``trouble``, no more can be."""
    to = BulkState.STOPPED if trouble else BulkState.DONE
    moved = _mine(found).move(
        BulkState.RUNNING, to, ended_at=now, lease_until=None, trouble=trouble
    )
    if moved:
        ended = BulkAct.objects.defer("systems").get(pk=found.pk)
        record(
            actor=SYSTEM,
            verb="act-for-many-ended",
            subject=f"bulk:{found.pk}",
            now=now,
            done=ended.done,
            unchanged=sum(ended.unchanged.values()),
            trouble=trouble,
        )


def _mine(found: BulkAct) -> Any:
    return BulkAct.objects.pick(pk=found.pk, claim=found.claim, state=BulkState.RUNNING)
