"""Who is to be told of what changed, and which webhooks have something to post."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.idp.oidc.models import Token
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from dr_events.models import Event
from dr_events.states import EventState
from enrollments.models import Enrollment, PartnerGrant
from enrollments.queries import EnrollmentLine
from partners.models import Change, KeptAnswer, PartnerClient, Post, Webhook
from partners.queries import documents
from partners.queries.documents import utc
from partners.states import ENROLLMENT_NEWS, EVENT_NEWS, Happened, HookState, PostState

__all__ = ["Told", "due_hooks", "is_due", "to_tell", "utc", "whom_to_tell"]


@dataclass(frozen=True, slots=True)
class Told:
    """One change for one webhook. ``data`` is the event or enrollment as that client sees it."""

    hook: Webhook
    kind: Happened
    sequence: int
    data: dict[str, Any]


def whom_to_tell(changes: Sequence[Change]) -> Iterator[Told]:
    """Each change for every webhook whose client was granted the program and that wants to know.

    The document shows how things are now, but its state is that of the change, and so is the serial
    of a home: one that was erased has none any more.
    """
    hooks = defaultdict(list)
    for hook in Webhook.objects.all():
        hooks[hook.client_id].append(hook)
    clients = defaultdict(list)
    for client_id, program_id in PartnerGrant.objects.filter(client_id__in=hooks).values_list(
        "client_id", "program_id"
    ):
        clients[program_id].append(client_id)
    rows = _rows(changes)
    names = documents.group_names(row for row in rows.values() if isinstance(row, Event))
    for change in changes:
        row = rows.get((change.kind, change.subject_id))
        kind = _kind(change)
        if row is None or kind is None:
            continue
        for client_id in clients[row.program_id]:
            data = _document(row, change, client_id, names)
            for hook in hooks[client_id] if data else ():
                if not hook.kinds or kind in hook.kinds:
                    yield Told(hook, kind, change.pk, data)


def _kind(change: Change) -> Happened | None:
    table = EVENT_NEWS if change.kind == "event" else ENROLLMENT_NEWS
    return table.get(change.state)


def _rows(changes: Sequence[Change]) -> dict[tuple[str, int], Any]:
    ids = defaultdict(set)
    for change in changes:
        ids[change.kind].add(change.subject_id)
    events = Event.objects.filter(id__in=ids["event"]).select_related("program").defer("message")
    homes = Enrollment.objects.filter(id__in=ids["enrollment"]).select_related("program", "system")
    found: dict[tuple[str, int], Any] = {("event", row.pk): row for row in events}
    return found | {("enrollment", row.pk): row for row in homes}


def _document(
    row: Event | Enrollment, change: Change, client_id: str, names: Mapping[int, str]
) -> dict[str, Any]:
    """Empty where this client may not know: drafts are their planner's."""
    if isinstance(row, Enrollment):
        then = {"system": change.serial} if change.serial else {}
        return documents.enrollment(EnrollmentLine.of(row)) | {"state": change.state} | then
    shown = documents.event(row, client_id=client_id, names=names)
    if change.state == EventState.DRAFT and not shown["is_yours"]:
        return {}
    return shown | {"state": change.state}


def due_hooks(*, real_now: datetime) -> QuerySet[Webhook]:
    """Webhooks nobody works on that have a post whose time has come, or that somebody asked for:
    the waits of a receiver in trouble are not for who stands at the button."""
    posts = Post.objects.filter(webhook=OuterRef("pk"), state=PostState.WAITING)
    in_time = Q(next_try_at=None) | Q(next_try_at__lte=real_now)
    return Webhook.objects.filter(
        Q(lease_until=None) | Q(lease_until__lte=real_now),
        (in_time & Exists(posts.filter(in_time))) | Exists(posts.filter(asked_at__isnull=False)),
        state=HookState.ACTIVE,
    ).order_by("next_try_at", "id")


def posts_of(hook: Webhook, *, real_now: datetime, limit: int) -> list[Post]:
    """What to post next: what somebody asked for, then the oldest change first. While the receiver
    is to be left alone, only the former."""
    waiting = Post.objects.filter(webhook=hook, state=PostState.WAITING)
    wanted = Q(asked_at__isnull=False)
    if hook.next_try_at is None or hook.next_try_at <= real_now:
        wanted |= Q(next_try_at=None) | Q(next_try_at__lte=real_now)
    in_order = F("asked_at").asc(nulls_last=True)
    return list(waiting.filter(wanted).order_by(in_order, "sequence")[:limit])


def log_page(hook: Webhook, *, after: Sequence[str] | None, limit: int) -> list[Post]:
    """What was posted, or waits to be, latest first; ``after`` is time and id of the last one."""
    found = Post.objects.filter(webhook=hook)
    if after:
        made_at = datetime.fromisoformat(after[0])
        found = found.filter(made_at__lte=made_at).filter(
            Q(made_at__lt=made_at) | Q(made_at=made_at, id__gt=uuid.UUID(after[1]))
        )
    return list(found.order_by("-made_at", "id")[:limit])


def to_tell() -> list[Webhook]:
    """Webhooks we paused ourselves, whose operators do not know yet."""
    return list(Webhook.objects.filter(state=HookState.PAUSED, told_at=None).order_by("paused_at"))


def is_anything_new() -> bool:
    """Whether a change waits to be told of, in the world the caller is in."""
    return Change.objects.exists()


def has_practice_clients() -> bool:
    return PartnerClient.objects.filter(is_practice=True).exists()


def is_due(
    *,
    real_now: datetime,
    answers_before: datetime,
    posts_before: datetime,
    tokens_before: datetime,
) -> bool:
    """Whether there is anything to do about partners."""
    return (
        is_anything_new()
        or due_hooks(real_now=real_now).exists()
        or bool(to_tell())
        or KeptAnswer.objects.filter(made_at__lt=answers_before).exists()
        or Post.objects.filter(made_at__lt=posts_before).exists()
        or Token.objects.filter(expires_at__lt=tokens_before).exists()
    )
