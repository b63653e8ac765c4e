"""Partner clients: made, given programs, suspended. Secrets are stored as hashes.

Only the utility does this. ``real_now`` is real time: no secret lives in a simulated one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from allauth.idp.oidc.adapter import get_adapter
from allauth.idp.oidc.models import Client, Token
from django.db import transaction

from base.refusal import Refused
from enrollments.models import PartnerGrant, Program
from partners.models import PartnerClient
from partners.operations import posts
from partners.operations.guards import for_the_utility
from partners.who import READ, SCOPES
from people.operations import Actor, record

MOST_REQUESTS = 100_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """Shown once; nobody can read the secret again."""

    client_id: str
    secret: str = field(repr=False)


@transaction.atomic
def create(
    *,
    name: str,
    slugs: Sequence[str],
    read_only: bool,
    is_practice: bool = False,
    actor: Actor,
    now: datetime,
    real_now: datetime,
) -> Credentials:
    """A new client with these programs, or for practice with made-up homes of its own.

    Raises Refused when a program does not exist, or when a practice client is given one.
    """
    for_the_utility(actor, "make partners' clients")
    if not name.strip():
        raise Refused("Say whose client it is.", field="name")
    adapter = get_adapter()
    made = Credentials(adapter.generate_client_id(), adapter.generate_client_secret())
    client = Client(
        id=made.client_id,
        name=name.strip()[:100],
        type=Client.Type.CONFIDENTIAL,
        grant_types=Client.GrantType.CLIENT_CREDENTIALS,
        response_types="",
    )
    client.set_scopes([READ] if read_only else list(SCOPES))
    client.set_default_scopes([READ])
    client.set_secret(made.secret)
    client.save()
    PartnerClient.objects.create(client=client, secret_made_at=real_now, is_practice=is_practice)
    record(
        actor=actor,
        verb="partner-create",
        subject=f"client:{client.pk}",
        now=now,
        name=name,
        practice=is_practice,
    )
    grant(client_id=client.pk, slugs=slugs, actor=actor, now=now)
    return made


@transaction.atomic
def grant(*, client_id: str, slugs: Sequence[str], actor: Actor, now: datetime) -> None:
    """The client may see these programs too and plan events in them. Raises Refused."""
    for_the_utility(actor, "give partners programs")
    client_named(client_id)
    if slugs and PartnerClient.objects.filter(client_id=client_id, is_practice=True).exists():
        raise Refused("A practice client works on made-up homes only.", field="program")
    programs = list(Program.objects.filter(slug__in=slugs))
    if missing := sorted(set(slugs) - {program.slug for program in programs}):
        raise Refused(f"There is no program {', '.join(missing)}.", field="program")
    PartnerGrant.objects.bulk_create(
        [PartnerGrant(client_id=client_id, program=program) for program in programs],
        ignore_conflicts=True,
    )
    record(
        actor=actor,
        verb="partner-grant",
        subject=f"client:{client_id}",
        now=now,
        programs=sorted(slugs),
    )


@transaction.atomic
def revoke(*, client_id: str, slug: str, actor: Actor, now: datetime) -> None:
    """The client sees this program no more, from its next request on, and its webhooks are told
    nothing of it that still waits. Raises Refused."""
    for_the_utility(actor, "take programs from partners")
    client_named(client_id)
    gone, _ = PartnerGrant.objects.filter(client_id=client_id, program__slug=slug).delete()
    if not gone:
        raise Refused("This client was not granted this program.", field="program")
    posts.forget_program(client_id=client_id, slug=slug)
    record(actor=actor, verb="partner-revoke", subject=f"client:{client_id}", now=now, program=slug)


@transaction.atomic
def end_tokens(*, client_id: str, actor: Actor, now: datetime) -> int:
    """Every token issued so far opens nothing any more; the secret can fetch new ones. How many."""
    for_the_utility(actor, "end the tokens of partners")
    client = client_named(client_id)
    ended, _ = Token.objects.filter(client=client).delete()
    subject = f"client:{client_id}"
    record(actor=actor, verb="partner-end-tokens", subject=subject, now=now, tokens=ended)
    return ended


@transaction.atomic
def suspend(*, client_id: str, actor: Actor, now: datetime, real_now: datetime) -> None:
    """The client gets no token and every one it has ends, until somebody resumes it. Its webhooks
    and events go on. Raises Refused."""
    for_the_utility(actor, "suspend partners")
    client = client_named(client_id)
    own, _ = PartnerClient.objects.get_or_create(client=client)
    if own.suspended_at:
        raise Refused("This client is suspended already.", code="wrong-state")
    own.suspended_at = real_now
    own.save(update_fields=["suspended_at"])
    ended, _ = Token.objects.filter(client=client).delete()
    subject = f"client:{client_id}"
    record(actor=actor, verb="partner-suspend", subject=subject, now=now, tokens=ended)


@transaction.atomic
def resume(*, client_id: str, actor: Actor, now: datetime) -> None:
    """It gets tokens again, by the secrets it had. Raises Refused."""
    for_the_utility(actor, "resume partners")
    client_named(client_id)
    mine = PartnerClient.objects.filter(client_id=client_id, suspended_at__isnull=False)
    if not mine.update(suspended_at=None):
        raise Refused("This client is not suspended.", code="wrong-state")
    record(actor=actor, verb="partner-resume", subject=f"client:{client_id}", now=now)


def allowed_mark(scopes: Sequence[str], requests_per_minute: int | None) -> str:
    """Names what a client is allowed: a form that was filled in from something else is refused."""
    return f"{' '.join(sorted(scopes))} {requests_per_minute or 'as-all'}"


@transaction.atomic
def allow(
    *,
    client_id: str,
    scopes: Sequence[str],
    requests_per_minute: int | None,
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> None:
    """What the client may ask for (reading always) and how often a minute; None: as for all.

    ``seen`` is ``allowed_mark`` as the form showed it; None: whatever it is. Tokens that hold a
    scope it loses end. Raises Refused, and changes nothing.
    """
    for_the_utility(actor, "say what partners may ask")
    if unknown := set(scopes) - set(SCOPES):
        raise Refused(f"There is no scope {', '.join(sorted(unknown))}.", field="scope")
    if requests_per_minute is not None and not 1 <= requests_per_minute <= MOST_REQUESTS:
        raise Refused(
            f"Requests a minute must lie between 1 and {MOST_REQUESTS}.",
            field="requests_per_minute",
        )
    client = client_named(client_id)
    wanted = [scope for scope in SCOPES if scope == READ or scope in scopes]
    own = PartnerClient.objects.filter(client=client).first()
    before = allowed_mark(client.get_scopes(), own.requests_per_minute if own else None)
    if before == allowed_mark(wanted, requests_per_minute):  # the button was pressed twice
        return
    if seen is not None and seen != before:
        raise Refused(
            "Somebody changed what this client may do meanwhile, and nothing was saved. It stands "
            "above as it is now; save again to put yours in its place.",
            code="stale",
        )
    lost = set(client.get_scopes()) - set(wanted)
    client.set_scopes(wanted)
    client.save(update_fields=["scopes"])
    PartnerClient.objects.update_or_create(
        client=client, defaults={"requests_per_minute": requests_per_minute}
    )
    if lost:
        held = [one for one in Token.objects.filter(client=client) if lost & set(one.get_scopes())]
        Token.objects.filter(pk__in=[one.pk for one in held]).delete()
    record(
        actor=actor,
        verb="partner-allow",
        subject=f"client:{client_id}",
        now=now,
        scopes=wanted,
        requests_per_minute=requests_per_minute,
    )


def client_named(client_id: str) -> Client:
    """The client, locked until the end of the transaction. Raises Refused."""
    client = Client.objects.select_for_update().filter(pk=client_id).first()
    if client is None:
        raise Refused(f"There is no client {client_id}.", field="client_id")
    return client
