"""Webhooks: made, changed, paused, resumed, removed; their secrets.

All times here are real time: a receiver lives in no simulated one. The utility may do all of this,
a partner's client with the scope for it what is about its own.
"""

import hashlib
import secrets
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from allauth.idp.oidc.models import Client
from django.db import connection, transaction

from base import bell
from base.refusal import Refused
from enrollments.tokens import key_of, vault
from partners.models import Post, Webhook
from partners.operations.guards import for_a_partner, owns
from partners.operations.posts import compose
from partners.states import Happened, HookState, PostState
from partners.who import WEBHOOKS
from people.operations import Actor, record

OVERLAP = timedelta(hours=72)
# Each is told everything: a few receivers are plenty, and more would be a way to flood others.
MOST = 10
# Of a receiver that nothing is held against.
_CLEAN_SHEET: dict[str, Any] = {"failing_since": None, "failures": 0, "next_try_at": None}


@dataclass(frozen=True, slots=True)
class NewSecret:
    """Shown once; it can be read by nobody afterwards."""

    webhook_id: uuid.UUID
    key_id: str
    secret: str = field(repr=False)


@transaction.atomic
def make(
    *,
    client_id: str,
    url: str,
    kinds: Sequence[str],
    actor: Actor,
    now: datetime,
    real_now: datetime,
) -> NewSecret:
    """A webhook for this client. The address must have been checked (posting.check_address).
    Raises Refused when it has MOST of them."""
    for_a_partner(actor, WEBHOOKS, "make webhooks")
    if not owns(actor, client_id):
        raise Refused("A client makes webhooks for itself only.", code="role")
    # One at a time for each client, or two would both be the tenth.
    Client.objects.select_for_update().filter(pk=client_id).first()
    if Webhook.objects.filter(client_id=client_id).count() >= MOST:
        raise Refused(
            f"A client has at most {MOST} webhooks; remove one first.", code="too-many-webhooks"
        )
    hook = Webhook(client_id=client_id, url=url, kinds=_known(kinds), made_at=real_now)
    made = _sign_with_new_secret(hook)
    hook.save(force_insert=True)
    record(actor=actor, verb="webhook-make", subject=f"webhook:{hook.pk}", now=now, url=url)
    return made


def mark(hook: Webhook) -> str:
    """Names address and news: a form that was filled in from others is refused."""
    text = f"{hook.url} {' '.join(sorted(hook.kinds))}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@transaction.atomic
def change(
    *,
    hook_id: uuid.UUID,
    url: str,
    kinds: Sequence[str],
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> None:
    """Another address, or other news; a new address is tried at once, however long the one before
    was in trouble. ``seen`` is ``mark`` as the form showed it; None: whoever asks has compared.
    Raises Refused, also when it is another one by now."""
    hook = _locked(hook_id, actor, "change webhooks")
    before, old_url = mark(hook), hook.url
    hook.url, hook.kinds = url, _known(kinds)
    if mark(hook) == before:  # the button was pressed twice
        return
    if seen is not None and seen != before:
        raise Refused(
            "Somebody changed this webhook meanwhile, and nothing was saved. It stands above as it "
            "is now; save again to put yours in its place.",
            code="stale",
        )
    hook.save(update_fields=["url", "kinds"])
    if url != old_url:
        Webhook.objects.filter(id=hook_id).update(**_CLEAN_SHEET)
        _wait_no_more(hook_id)
    record(actor=actor, verb="webhook-change", subject=f"webhook:{hook_id}", now=now, url=url)


@transaction.atomic
def rotate(*, hook_id: uuid.UUID, actor: Actor, now: datetime, real_now: datetime) -> NewSecret:
    """A new secret; for OVERLAP both sign, so that the receiver can change in its own time.
    Raises Refused, also while an older one still signs: the receiver may know no other."""
    hook = _locked(hook_id, actor, "change the secrets of webhooks")
    if hook.old_ends_at and hook.old_ends_at > real_now:
        raise Refused(
            "The secret was changed lately and the one before still signs. End the old secret "
            "first, when the receiver knows the new one.",
            code="wrong-state",
        )
    old = vault().open(bytes(hook.secret_sealed), bound_to=hook.bound_to(hook.key_id))
    hook.old_key_id, hook.old_ends_at = hook.key_id, real_now + OVERLAP
    hook.old_secret_sealed = vault().seal(old, bound_to=hook.bound_to(hook.key_id))
    made = _sign_with_new_secret(hook)
    hook.save()
    record(actor=actor, verb="webhook-rotate", subject=f"webhook:{hook_id}", now=now)
    return made


@transaction.atomic
def end_old_secret(*, hook_id: uuid.UUID, actor: Actor, now: datetime) -> None:
    """The receiver knows the new one: the old one signs no more. Raises Refused."""
    hook = _locked(hook_id, actor, "change the secrets of webhooks")
    if not hook.old_key_id:
        raise Refused("This webhook has no old secret.", code="wrong-state")
    hook.old_key_id, hook.old_ends_at, hook.old_secret_sealed = "", None, None
    hook.save(update_fields=["old_key_id", "old_ends_at", "old_secret_sealed"])
    record(actor=actor, verb="webhook-end-old-secret", subject=f"webhook:{hook_id}", now=now)


@transaction.atomic
def pause(*, hook_id: uuid.UUID, actor: Actor, now: datetime, real_now: datetime) -> None:
    """Nothing is posted until somebody resumes it; news is kept. Raises Refused."""
    hook = _locked(hook_id, actor, "pause webhooks")
    if not Webhook.objects.pick(id=hook.pk).move(
        HookState.ACTIVE, HookState.PAUSED, paused_at=real_now, paused_why="", told_at=real_now
    ):
        raise Refused("This webhook is not active.", code="wrong-state")
    record(actor=actor, verb="webhook-pause", subject=f"webhook:{hook_id}", now=now)


@transaction.atomic
def resume(*, hook_id: uuid.UUID, actor: Actor, now: datetime) -> None:
    """Go on at once, with a clean sheet. Raises Refused."""
    hook = _locked(hook_id, actor, "resume webhooks")
    if not Webhook.objects.pick(id=hook.pk).move(
        HookState.PAUSED,
        HookState.ACTIVE,
        paused_at=None,
        paused_why="",
        **_CLEAN_SHEET,
    ):
        raise Refused("This webhook is not paused.", code="wrong-state")
    _wait_no_more(hook_id)
    record(actor=actor, verb="webhook-resume", subject=f"webhook:{hook_id}", now=now)


def _wait_no_more(hook_id: uuid.UUID) -> None:
    """What waits is posted at once, and has its eight hours again."""
    waiting = Post.objects.filter(webhook_id=hook_id, state=PostState.WAITING)
    waiting.update(tried_since=None, tries_since=0, next_try_at=None)
    bell.ring()


@transaction.atomic
def remove(*, hook_id: uuid.UUID, actor: Actor, now: datetime) -> None:
    """The webhook and its log go. Raises Refused."""
    hook = _locked(hook_id, actor, "remove webhooks")
    record(actor=actor, verb="webhook-remove", subject=f"webhook:{hook_id}", now=now, url=hook.url)
    hook.delete()


@transaction.atomic
def send_test(*, hook_id: uuid.UUID, actor: Actor, now: datetime, real_now: datetime) -> None:
    """A message of the kind ``test``, like any other but for its data; tried at once, also by a
    receiver in trouble. Raises Refused."""
    hook = _locked(hook_id, actor, "test webhooks")
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('partners_change', 'id'))")
        sequence = int(cursor.fetchone()[0])
    test = compose(hook, Happened.TEST, sequence, {}, real_now)
    test.asked_at = real_now
    test.save(force_insert=True)
    record(actor=actor, verb="webhook-test", subject=f"webhook:{hook_id}", now=now)
    bell.ring()


def _known(kinds: Iterable[str]) -> list[str]:
    found = sorted(set(kinds))
    if set(found) - set(Happened.values):
        raise Refused("There is no such news.", field="kinds")
    return found


def _locked(hook_id: uuid.UUID, actor: Actor, doing: str) -> Webhook:
    """The webhook, if this is the actor's to do; another client's is as if it did not exist."""
    for_a_partner(actor, WEBHOOKS, doing)
    hook = Webhook.objects.select_for_update().filter(id=hook_id).first()
    if hook is None or not owns(actor, hook.client_id):
        raise Refused("There is no such webhook.")
    return hook


def _sign_with_new_secret(hook: Webhook) -> NewSecret:
    made = NewSecret(hook.pk, f"k{secrets.token_hex(4)}", secrets.token_urlsafe(32))
    hook.key_id = made.key_id
    hook.secret_sealed = vault().seal(made.secret, bound_to=hook.bound_to(made.key_id))
    return made


def secrets_of(hook: Webhook, *, real_now: datetime) -> dict[str, str]:
    """The secrets that sign now by key id, newest first."""
    found = hook.sealed()
    if hook.old_ends_at and hook.old_ends_at <= real_now:
        found.pop(hook.old_key_id)
    return {key: vault().open(sealed, bound_to=hook.bound_to(key)) for key, sealed in found.items()}


@transaction.atomic
def reseal() -> int:
    """Seal every secret with the newest of TOKEN_KEYS; how many webhooks changed. There are few."""
    changed = 0
    for hook in Webhook.objects.select_for_update().order_by("id"):
        if all(key_of(sealed) == vault().sealing_key for sealed in hook.sealed().values()):
            continue
        for key_id, sealed in hook.sealed().items():
            bound_to = hook.bound_to(key_id)
            again = vault().seal(vault().open(sealed, bound_to=bound_to), bound_to=bound_to)
            if key_id == hook.key_id:
                hook.secret_sealed = again
            else:
                hook.old_secret_sealed = again
        hook.save(update_fields=["secret_sealed", "old_secret_sealed"])
        changed += 1
    return changed
