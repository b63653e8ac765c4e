"""Partner clients: made, given programs, given a new secret. Secrets are stored as hashes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from allauth.idp.oidc.adapter import get_adapter
from allauth.idp.oidc.models import Client, Token
from django.db import transaction

from base.refusal import Refused
from enrollments.api.who import READ, SCOPES
from enrollments.models import PartnerGrant, Program
from people.operations import Actor, record


@dataclass(frozen=True, slots=True)
class Credentials:
    """Shown once; nobody can read the secret again."""

    client_id: str
    secret: str = field(repr=False)


@transaction.atomic
def create(
    *, name: str, slugs: Sequence[str], read_only: bool, actor: Actor, now: datetime
) -> Credentials:
    """A new client with these programs. Raises Refused when a program does not exist."""
    adapter = get_adapter()
    made = Credentials(adapter.generate_client_id(), adapter.generate_client_secret())
    client = Client(
        id=made.client_id,
        name=name,
        type=Client.Type.CONFIDENTIAL,
        grant_types=Client.GrantType.CLIENT_CREDENTIALS,
        response_types="",
    )
    client.set_scopes([READ] if read_only else list(SCOPES))
    client.set_default_scopes([READ])
    client.set_secret(made.secret)
    client.save()
    record(actor=actor, verb="partner-create", subject=f"client:{client.pk}", now=now, name=name)
    grant(client_id=client.pk, slugs=slugs, actor=actor, now=now)
    return made


@transaction.atomic
def grant(*, client_id: str, slugs: Sequence[str], actor: Actor, now: datetime) -> None:
    """The client may see these programs too and plan events in them. Raises Refused."""
    _client(client_id)
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
def rotate(*, client_id: str, end_tokens: bool, actor: Actor, now: datetime) -> Credentials:
    """A new secret; the old one ends at once. Tokens issued before go on until they expire, at
    most an hour, unless ``end_tokens``: for a secret that leaked. Raises Refused."""
    client = _client(client_id)
    made = Credentials(client.pk, get_adapter().generate_client_secret())
    client.set_secret(made.secret)
    client.save(update_fields=["secret"])
    if end_tokens:
        Token.objects.filter(client=client).delete()
    record(
        actor=actor,
        verb="partner-rotate",
        subject=f"client:{client_id}",
        now=now,
        ended_tokens=end_tokens,
    )
    return made


def _client(client_id: str) -> Client:
    client = Client.objects.select_for_update().filter(pk=client_id).first()
    if client is None:
        raise Refused(f"There is no client {client_id}.", field="client_id")
    return client
