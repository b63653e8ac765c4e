"""What the console shows of partners: clients, secrets, requests, webhooks and their log."""

import json
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

from allauth.idp.oidc.models import Client, Token

from enrollments.models import PartnerGrant, Program
from enrollments.tokens import key_of
from partners.models import PartnerClient, Post, Quota, Webhook
from partners.queries import news
from partners.states import HookState, PostState
from partners.who import EVENTS


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A partner's client. Times are real time."""

    client_id: str
    name: str
    programs: tuple[str, ...]
    may_plan: bool
    scopes: tuple[str, ...]
    own: PartnerClient | None
    last_request_at: datetime | None
    tokens: int
    webhooks: int
    webhooks_paused: int


@dataclass(frozen=True, slots=True)
class PostRow:
    post: Post
    payload: str


def clients() -> list[ClientRow]:
    return _rows(None)


def client(client_id: str) -> ClientRow | None:
    return next(iter(_rows(client_id)), None)


def _rows(only: str | None) -> list[ClientRow]:
    found = Client.objects.filter(grant_types__contains=Client.GrantType.CLIENT_CREDENTIALS)
    if only is not None:
        found = found.filter(id=only)
    programs = defaultdict(list)
    for client_id, name in PartnerGrant.objects.order_by("program__name").values_list(
        "client_id", "program__name"
    ):
        programs[client_id].append(name)
    quotas = dict(Quota.objects.values_list("client_id", "began_at"))
    tokens = Counter(Token.objects.valid().values_list("client_id", flat=True))
    hooks = Counter(Webhook.objects.values_list("client_id", "state"))
    return [
        ClientRow(
            client_id=one.pk,
            name=one.name,
            programs=tuple(programs[one.pk]),
            may_plan=EVENTS in one.get_scopes(),
            scopes=tuple(one.get_scopes()),
            own=getattr(one, "partner", None),
            last_request_at=quotas.get(one.pk),
            tokens=tokens[one.pk],
            webhooks=hooks[(one.pk, HookState.ACTIVE)] + hooks[(one.pk, HookState.PAUSED)],
            webhooks_paused=hooks[(one.pk, HookState.PAUSED)],
        )
        for one in found.select_related("partner").order_by("name", "id")
    ]


def programs_of(client_id: str) -> tuple[list[Program], list[Program]]:
    """Granted ones, and the others."""
    granted = set(
        PartnerGrant.objects.filter(client_id=client_id).values_list("program_id", flat=True)
    )
    programs = list(Program.objects.order_by("name"))
    return (
        [one for one in programs if one.pk in granted],
        [one for one in programs if one.pk not in granted],
    )


def webhooks_of(client_id: str) -> list[Webhook]:
    return list(Webhook.objects.filter(client_id=client_id).order_by("made_at", "id"))


def webhook(client_id: str, hook_id: uuid.UUID, *, lock: bool = False) -> Webhook | None:
    """``lock``: nobody changes it until the transaction ends."""
    found = Webhook.objects.filter(client_id=client_id, id=hook_id)
    return (found.select_for_update() if lock else found).first()


def log(
    hook: Webhook, *, before: uuid.UUID | None = None, limit: int = 50
) -> tuple[list[PostRow], uuid.UUID | None]:
    """A page of posts, latest first, and the id to go on ``before`` (None: the last page). From the
    first one when that post is not kept any more."""
    mark = Post.objects.filter(webhook=hook, id=before).first() if before else None
    after = [mark.made_at.isoformat(), str(mark.pk)] if mark else None
    posts = news.log_page(hook, after=after, limit=limit + 1)
    shown = [
        PostRow(post, json.dumps(json.loads(post.body), indent=2, ensure_ascii=False))
        for post in posts[:limit]
    ]
    return shown, shown[-1].post.pk if len(posts) > limit else None


def has_post(hook: Webhook, post_id: uuid.UUID) -> bool:
    return Post.objects.filter(webhook=hook, id=post_id).exists()


def keys_in_use() -> Counter[str]:
    """How many webhook secrets each of TOKEN_KEYS still holds."""
    hooks = Webhook.objects.iterator()
    return Counter(key_of(sealed) for hook in hooks for sealed in hook.sealed().values())


def counts(hook: Webhook) -> dict[str, int]:
    found = Counter(Post.objects.filter(webhook=hook).values_list("state", flat=True))
    return {state.label: found[state] for state in PostState}
