"""The permission at Carrier: asked for, given, renewed, lost, destroyed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from base import bell
from base.refusal import Refused
from enrollments import queries
from enrollments.models import CarrierGrant, LinkAttempt, Program
from enrollments.operations import applications
from enrollments.operations.notices import tell
from enrollments.operations.turns import take_turns, unless_busy
from enrollments.states import GrantState, NoticeKind
from enrollments.tokens import hashed, key_of, vault
from people.models import User
from people.operations import SYSTEM, Actor, record

LINK_ATTEMPT_LIFE = timedelta(minutes=10)


class LinkedElsewhere(Refused):
    """The Carrier account belongs to somebody else here; neither side learns whose it is."""


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """What the vendor handed out. ``expires_at`` is real time."""

    access: str
    refresh: str | None
    expires_at: datetime | None
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Forgotten:
    """A permission that was destroyed here, with its newest token, still sealed, so that Carrier
    can be asked to forget it too. ``sealed`` is None where there was no token. ``access`` opens
    Carrier's doors until then: for what must be said before."""

    grant_id: int
    sealed: bytes | None
    bound_to: str
    access: bytes | None
    access_bound_to: str


@transaction.atomic
def begin_link(
    *, user: User, program: Program, state: str, session: str, verifier: str, real_now: datetime
) -> None:
    """Remember one press of Connect, so that exactly one answer can match it.

    Raises Refused when something comes before: the terms, the utility account, the questions. Who
    has joined may connect again whatever was asked since.
    """
    take_turns(user)
    _must_be_needed(user, program)
    LinkAttempt.objects.filter(began_at__lt=real_now - LINK_ATTEMPT_LIFE).delete()
    LinkAttempt.objects.create(
        user=user,
        program=program,
        state_hash=hashed(state),
        session_hash=hashed(session),
        verifier=verifier,
        began_at=real_now,
    )


def _must_be_needed(user: User, program: Program) -> None:
    """Raises Refused where something comes before the permission, or it is not wanted any more."""
    sentence = queries.not_yet(user, program)
    if not (sentence or queries.fits(user, program) or queries.has_joined(user, program)):
        sentence = "Please answer the program's questions first."
    if sentence:
        raise Refused(sentence, code="not-needed")


def take_link_attempt(
    *, user: User, state: str, session: str, real_now: datetime
) -> LinkAttempt | None:
    """Use up the attempt this answer belongs to; None when there is none, or it was used,
    is older than LINK_ATTEMPT_LIFE, or belongs to another session or person."""
    mine = LinkAttempt.objects.filter(
        user=user,
        state_hash=hashed(state),
        session_hash=hashed(session),
        used_at=None,
        began_at__gte=real_now - LINK_ATTEMPT_LIFE,
    )
    attempt = mine.select_related("program").first()
    if attempt is None or mine.update(used_at=real_now, verifier="") == 0:
        return None
    return attempt


@transaction.atomic
def not_linked(*, program: Program, why: str, actor: Actor, now: datetime) -> None:
    """Somebody came back from Carrier without a permission we could keep: on record, to be counted.
    ``why`` is a word of ours, never what the answer said."""
    record(actor=actor, verb="not-connected", subject=f"program:{program.pk}", now=now, why=why)


@unless_busy()
def link(
    *,
    user: User,
    carrier_username: str,
    tokens: Tokens,
    actor: Actor,
    now: datetime,
    real_now: datetime,
    program: Program | None = None,
) -> CarrierGrant:
    """Keep the permission a homeowner gave at Carrier and ask for the home to be read.

    Connecting the same account again renews the tokens. Raises LinkedElsewhere when another
    person connected this Carrier account, and Refused when the person's account here was closed
    meanwhile, they were rejected by or have left the ``program`` it was given for, or somebody else
    is writing the same rows.
    """
    take_turns(user)
    if program is not None:
        _must_be_needed(user, program)
    grant = CarrierGrant.objects.select_for_update().filter(carrier_username=carrier_username)
    live = grant.exclude(state=GrantState.REVOKED).first()
    if live and live.user_id != user.pk:
        raise LinkedElsewhere(
            "This Carrier account cannot be connected here. If it is yours, disconnect it where "
            "you connected it before, or call us."
        )
    mine = live or grant.filter(user=user).first()
    if mine is None:
        mine = CarrierGrant(user=user, carrier_username=carrier_username)
    _renew(mine, tokens)
    mine.state, mine.linked_at = GrantState.ACTIVE, now
    mine.sync_due_at = mine.reading_asked_at = real_now
    mine.sync_failures, mine.sync_trouble = 0, ""
    try:
        with transaction.atomic():
            mine.save()
    except IntegrityError:
        raise LinkedElsewhere("This Carrier account was just connected elsewhere.") from None
    record(actor=actor, verb="connect", subject=f"grant:{mine.pk}", now=now, scopes=mine.scopes)
    applications.follow_carrier(user=user, actor=actor, now=now)
    bell.ring()
    return mine


def _renew(grant: CarrierGrant, tokens: Tokens) -> None:
    grant.access_sealed = vault().seal(tokens.access, bound_to=grant.bound_to("access"))
    if tokens.refresh is not None:
        grant.refresh_sealed = vault().seal(tokens.refresh, bound_to=grant.bound_to("refresh"))
    grant.access_expires_at = tokens.expires_at
    grant.refresh_not_before = None
    if tokens.scopes:
        grant.scopes = list(tokens.scopes)


def renew_tokens(*, grant: CarrierGrant, tokens: Tokens) -> None:
    """Save refreshed tokens. The caller holds the row lock that made the refresh single."""
    _renew(grant, tokens)
    grant.save(
        update_fields=[
            "access_sealed",
            "refresh_sealed",
            "access_expires_at",
            "refresh_not_before",
            "scopes",
        ]
    )


@transaction.atomic
def rescue_tokens(*, grant_id: int, before: bytes, tokens: Tokens) -> None:
    """Save refreshed tokens although the lock they were fetched under is lost. ``before``: the
    sealed refresh token that was exchanged; a row that holds another one was saved after all."""
    rows = CarrierGrant.objects.select_for_update(no_key=True)
    grant = rows.filter(id=grant_id, state=GrantState.ACTIVE).first()
    if grant is not None and bytes(grant.refresh_sealed or b"") == before:
        renew_tokens(grant=grant, tokens=tokens)


def put_off_refresh(*, grant: CarrierGrant, until: datetime) -> None:
    """A renewal failed: none is tried before ``until`` (real time). The caller holds the lock."""
    grant.refresh_not_before = until
    grant.save(update_fields=["refresh_not_before"])


@transaction.atomic
def permission_lost(*, grant_id: int, why: str, now: datetime) -> int:
    """Carrier no longer honours the tokens: nothing is sent until the homeowner connects again."""
    moved = CarrierGrant.objects.pick(id=grant_id).move(
        GrantState.ACTIVE, GrantState.NEEDS_RELINK, sync_due_at=None, reading_asked_at=None
    )
    if moved:
        record(
            actor=SYSTEM,
            verb="permission-lost",
            subject=f"grant:{grant_id}",
            now=now,
            why=why,
        )
        grant = CarrierGrant.objects.select_related("user").get(id=grant_id)
        applications.follow_carrier(user=grant.user, actor=SYSTEM, now=now)
        tell(
            user=grant.user,
            kind=NoticeKind.PERMISSION_LOST,
            subject=grant.loss,
            now=now,
        )
        bell.ring()
    return int(moved)


def distrust_token(*, grant_id: int, real_now: datetime) -> None:
    """The vendor refused the access token: have it refreshed before it is used again."""
    CarrierGrant.objects.filter(id=grant_id, state=GrantState.ACTIVE).update(
        access_expires_at=real_now
    )


@transaction.atomic
def forget_tokens(*, grant_id: int, actor: Actor, now: datetime) -> Forgotten | None:
    """Destroy the tokens of a grant; None when that was done before. What was sent stays on record.

    Waits for a renewal under way and then hands out what that one saved: of two refresh tokens
    only the newest ends the permission at Carrier.
    """
    grant = CarrierGrant.objects.select_for_update(no_key=True).get(id=grant_id)
    moved = CarrierGrant.objects.pick(id=grant_id).move(
        [GrantState.ACTIVE, GrantState.NEEDS_RELINK],
        GrantState.REVOKED,
        access_sealed=None,
        refresh_sealed=None,
        access_expires_at=None,
        refresh_not_before=None,
        sync_due_at=None,
        reading_asked_at=None,
        held_elsewhere=[],
    )
    if not moved:
        return None
    record(actor=actor, verb="disconnect", subject=f"grant:{grant_id}", now=now)
    applications.follow_carrier(user=grant.user, actor=actor, now=now)
    column = "access" if grant.refresh_sealed is None else "refresh"
    sealed, access = getattr(grant, f"{column}_sealed"), grant.access_sealed
    return Forgotten(
        grant_id,
        None if sealed is None else bytes(sealed),
        grant.bound_to(column),
        None if access is None else bytes(access),
        grant.bound_to("access"),
    )


@transaction.atomic
def reseal_batch(*, after: int, limit: int) -> tuple[int | None, int]:
    """Seal the tokens of up to ``limit`` grants with id above ``after`` with the newest key.

    Returns (last id looked at or None when there are no more, how many changed). Rows are locked,
    so a refresh at the same moment is neither lost nor overwritten. Raises CannotOpen when a key
    is missing: nothing of the batch is then changed.
    """
    grants = list(
        CarrierGrant.objects.select_for_update()
        .filter(id__gt=after, access_sealed__isnull=False)
        .order_by("id")[:limit]
    )
    changed = [grant for grant in grants if _reseal(grant)]
    CarrierGrant.objects.bulk_update(changed, ["access_sealed", "refresh_sealed"])
    return (grants[-1].pk if grants else None), len(changed)


def _reseal(grant: CarrierGrant) -> bool:
    """Whether a column had to be sealed again."""
    changed = False
    for column in ("access", "refresh"):
        sealed = getattr(grant, f"{column}_sealed")
        if sealed is not None and key_of(bytes(sealed)) != vault().sealing_key:
            token = vault().open(bytes(sealed), bound_to=grant.bound_to(column))
            resealed = vault().seal(token, bound_to=grant.bound_to(column))
            setattr(grant, f"{column}_sealed", resealed)
            changed = True
    return changed
