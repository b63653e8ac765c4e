"""The people who work for the utility: invited, given a role, shut out. One sentence each.

Whoever manages people is checked again in here, on locked rows: of two administrators who shut
each other out at the same moment only one succeeds, so that one always stays.
"""

import secrets
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import transaction

from base.refusal import Refused
from people.models import Invitation, User
from people.operations.acting import Actor, record
from people.rules import digest
from people.states import MAY_MANAGE, STAFF, InvitationState, Role

INVITATION_LASTS = timedelta(days=3)


@transaction.atomic
def invite(
    *, email: str, role: Role, actor: Actor, now: datetime, real_now: datetime
) -> tuple[Invitation, str]:
    """Offer this address a role; the invitation and the token for its mail. An earlier one to the
    same address is taken back. Raises Refused."""
    _check_manager(actor)
    _check_role(role)
    email = email.strip().lower()
    if User.objects.filter(email=email).exists():
        raise Refused(
            "There is an account with this address already. People of the utility need one of "
            "their own, apart from their home's.",
            field="email",
            code="known-address",
        )
    earlier = Invitation.objects.filter(email=email)
    earlier.move(InvitationState.OPEN, InvitationState.WITHDRAWN)
    token = secrets.token_urlsafe(24)
    made = Invitation.objects.create(
        email=email,
        role=role,
        token_hash=digest(token),
        invited_by=actor.name,
        sent_at=real_now,
        expires_at=real_now + INVITATION_LASTS,
    )
    record(
        actor=actor, verb="invite", subject=f"invitation:{made.pk}", now=now, email=email, role=role
    )
    return made, token


@transaction.atomic
def withdraw_invitation(*, invitation_id: int, actor: Actor, now: datetime) -> None:
    """Its link opens nothing any more. Raises Refused."""
    _check_manager(actor)
    found = Invitation.objects.filter(pk=invitation_id)
    if not found.move(InvitationState.OPEN, InvitationState.WITHDRAWN):
        raise Refused("This invitation is not open any more.", code="not-open")
    record(actor=actor, verb="withdraw-invitation", subject=f"invitation:{invitation_id}", now=now)


@transaction.atomic
def accept(
    *,
    token: str,
    first_name: str,
    last_name: str,
    password: str,
    address: str | None,
    now: datetime,
    real_now: datetime,
) -> User:
    """Make the account an invitation is for, once. The mail that carried the token proves the
    address. Raises Refused; the password is checked by the form."""
    open_ones = Invitation.objects.select_for_update().filter(state=InvitationState.OPEN)
    found = open_ones.filter(token_hash=digest(token), expires_at__gt=real_now).first()
    if found is None:
        raise Refused("This invitation is used, taken back or too old.", code="no-invitation")
    if User.objects.filter(email=found.email).exists():
        raise Refused("There is an account with this address already.", code="known-address")
    user = User.objects.create_user(
        found.email,
        password,
        role=found.role,
        first_name=first_name,
        last_name=last_name,
        **_back_office(found.role),
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    Invitation.objects.filter(pk=found.pk).move(InvitationState.OPEN, InvitationState.ACCEPTED)
    record(
        actor=Actor.person(user, address),
        verb="accept-invitation",
        subject=f"user:{user.pk}",
        now=now,
        invitation=found.pk,
        role=found.role,
    )
    return user


@transaction.atomic
def change_role(*, user_id: int, seen: str, role: Role, actor: Actor, now: datetime) -> None:
    """From the next page on this person may do what the new role may. ``seen`` is the role the
    form showed. Raises Refused, also when it is another one by now."""
    _check_role(role)
    user = _somebody_else(user_id, actor)
    if user.role == role:
        return
    if user.role != seen:
        raise Refused(
            f"Somebody changed this role meanwhile: it is {Role(user.role).label} now. Nothing was "
            "changed; press again if your choice still holds.",
            field="role",
            code="stale",
        )
    before = user.role
    User.objects.filter(pk=user.pk).update(role=role, **_back_office(role))
    if role not in MAY_MANAGE:
        _take_back_what_they_offered(user, actor, now)
    record(
        actor=actor,
        verb="change-role",
        subject=f"user:{user.pk}",
        now=now,
        before={"role": before},
        after={"role": role},
    )


@transaction.atomic
def deactivate(*, user_id: int, actor: Actor, now: datetime) -> None:
    """Shut this person out: every session ends at once, none can begin. Raises Refused."""
    user = _somebody_else(user_id, actor)
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        return
    ended = _end_all(user)
    _take_back_what_they_offered(user, actor, now)
    record(actor=actor, verb="deactivate", subject=f"user:{user.pk}", now=now, sessions=ended)


@transaction.atomic
def reactivate(*, user_id: int, actor: Actor, now: datetime) -> None:
    """Let this person sign in again, in the role they had. Raises Refused."""
    user = _somebody_else(user_id, actor)
    if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
        record(actor=actor, verb="reactivate", subject=f"user:{user.pk}", now=now)


@transaction.atomic
def reset_second_factor(*, user_id: int, actor: Actor, now: datetime) -> None:
    """For somebody who lost phone and recovery codes: the next sign-in is by password alone and
    leads to setting a new second factor up. Every session ends. Raises Refused."""
    user = _somebody_else(user_id, actor)
    Authenticator.objects.filter(user=user).delete()
    ended = _end_all(user)
    record(actor=actor, verb="reset-mfa", subject=f"user:{user.pk}", now=now, sessions=ended)


@transaction.atomic
def end_session(*, session_id: int, actor: Actor, now: datetime) -> bool:
    """Sign one device out, one's own or (for an administrator) somebody else's; false when it was
    over already. Raises Refused."""
    found = UserSession.objects.select_for_update().filter(pk=session_id).first()
    if found is None:
        return False
    if actor.user is None or found.user_id != actor.user.pk:
        _somebody_else(found.user_id, actor)
    found.end()
    record(actor=actor, verb="end-session", subject=f"user:{found.user_id}", now=now, ip=found.ip)
    return True


def _take_back_what_they_offered(user: User, actor: Actor, now: datetime) -> None:
    """Or whoever is shut out comes back by a link they mailed to themselves."""
    theirs = Invitation.objects.filter(invited_by=Actor.person(user).name)
    for open_one in theirs.filter(state=InvitationState.OPEN).order_by("pk"):
        withdraw_invitation(invitation_id=open_one.pk, actor=actor, now=now)


def _end_all(user: User) -> int:
    sessions = list(UserSession.objects.filter(user=user))
    for session in sessions:
        session.end()
    return len(sessions)


def _check_role(role: Role) -> None:
    if role not in STAFF:
        raise Refused("Choose one of the roles for people of the utility.", field="role")


def _check_manager(actor: Actor) -> None:
    """Locks every administrator, always in the same order: what two of them do to each other
    happens one after the other."""
    managers = User.objects.select_for_update(of=("self",), no_key=True).filter(
        role__in=MAY_MANAGE, is_active=True
    )
    ids = set(managers.order_by("pk").values_list("pk", flat=True))
    if actor.user is None or actor.user.pk not in ids:
        raise Refused("Only an administrator may do this.", code="not-an-administrator")


def _somebody_else(user_id: int, actor: Actor) -> User:
    """A person of the utility other than whoever acts, who may manage people."""
    _check_manager(actor)
    if actor.user is not None and actor.user.pk == user_id:
        raise Refused("Ask another administrator: nobody changes their own account here.")
    user = User.objects.filter(pk=user_id, role__in=STAFF).first()
    if user is None:
        raise Refused("There is no such person at the utility.", code="no-such-person")
    return user


def _back_office(role: str) -> dict[str, bool]:
    """Administrators, and nobody else, have Django's back office."""
    return {"is_staff": role == Role.ADMIN, "is_superuser": role == Role.ADMIN}
