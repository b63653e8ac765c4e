"""Who works here, from which devices, and who is invited."""

from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, QuerySet

from people.models import Invitation, User
from people.rules import digest
from people.states import STAFF, InvitationState, Role


@dataclass(frozen=True, slots=True)
class Device:
    """One place somebody is signed in at. Real time."""

    id: int
    signed_in_at: datetime
    address: str
    browser: str
    is_this_one: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the utility. ``signed_in_at`` is real time."""

    id: int
    name: str
    email: str
    role: Role
    is_active: bool
    has_second_factor: bool
    signed_in_at: datetime | None
    devices: tuple[Device, ...] = ()


def people() -> list[Person]:
    """Everybody of the utility, those who may sign in first."""
    return [_person(user) for user in _staff().order_by("-is_active", "email")]


def person(user_id: int, *, real_now: datetime) -> Person | None:
    """One of them, with the devices they are signed in at."""
    user = _staff().filter(pk=user_id).first()
    return _person(user, tuple(devices(user, real_now=real_now))) if user else None


def _staff() -> QuerySet[User]:
    second = Authenticator.objects.filter(user=OuterRef("pk"))
    return User.objects.filter(role__in=STAFF).annotate(has_second_factor=Exists(second))


def _person(user: User, signed_in: tuple[Device, ...] = ()) -> Person:
    return Person(
        id=user.pk,
        name=user.get_full_name(),
        email=user.email,
        role=Role(user.role),
        is_active=user.is_active,
        has_second_factor=user.has_second_factor,  # type: ignore[attr-defined]
        signed_in_at=user.last_login,
        devices=signed_in,
    )


def devices(user: User, *, real_now: datetime, this_session: str = "") -> list[Device]:
    """Where this person is signed in now, latest first."""
    found = list(UserSession.objects.filter(user=user).order_by("-created_at", "-pk"))
    keys = [session.session_key for session in found]
    alive = set(
        Session.objects.filter(session_key__in=keys, expire_date__gt=real_now).values_list(
            "session_key", flat=True
        )
    )
    return [
        Device(
            session.pk,
            session.created_at,
            session.ip,
            browser(session.user_agent),
            session.session_key == this_session,
        )
        for session in found
        if session.session_key in alive
    ]


# In this order: each of them also calls itself by the names below it.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_MACHINES = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


def browser(agent: str) -> str:
    """``Firefox on Windows``: what a browser says of itself, shortened; it may say anything."""
    name = next((word for mark, word in _BROWSERS if mark in agent), "")
    machine = next((word for mark, word in _MACHINES if mark in agent), "")
    if name and machine:
        return f"{name} on {machine}"
    return name or machine or agent[:40] or "Unknown"


def invitations() -> list[Invitation]:
    """Those that were not answered yet, newest first."""
    return list(Invitation.objects.filter(state=InvitationState.OPEN).order_by("-sent_at", "-pk"))


def invitation(token: str, *, real_now: datetime) -> Invitation | None:
    """The one this token still opens."""
    return Invitation.objects.filter(
        token_hash=digest(token), state=InvitationState.OPEN, expires_at__gt=real_now
    ).first()
