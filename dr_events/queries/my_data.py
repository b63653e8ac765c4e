"""Everything held about one homeowner, as plain values for a file they keep.

No tokens and nothing of anybody else: a wall control that is connected to another account by now
is told as it was when it was this person's, by what happened there.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db.models import QuerySet

from dr_events.models import Dispatch, OptOut, Reading
from enrollments.models import (
    Answer,
    Application,
    CalendarFeed,
    CarrierGrant,
    Consent,
    Enrollment,
    Location,
    MailStop,
    Notice,
    System,
)
from people.models import ActivityEntry, User

Lines = list[dict[str, Any]]


def everything(user: User, *, now: datetime) -> dict[str, Any]:
    """The file: sections by name. Moments are aware; of the clock they were written by."""
    return {
        "made_at": now,
        "made_by": settings.UTILITY_NAME,
        "account": _account(user),
        "consents": _consents(user),
        "answers": _answers(user),
        "applications": _rows(
            Application.objects.filter(user=user),
            "program__name state who why reason applied_at changed_at typed_account typed_postal "
            "customer__account customer__name customer__email customer__street customer__city "
            "customer__postal_code customer__feeder customer__substation",
        ),
        "carrier_accounts": _rows(
            CarrierGrant.objects.filter(user=user),
            "carrier_username state scopes linked_at synced_at access_expires_at held_elsewhere",
        ),
        "locations": _rows(
            Location.objects.filter(grant__user=user), "name street city state postal carrier_id"
        ),
        "systems": _systems(user),
        "enrollments": _rows(
            Enrollment.objects.filter(user=user),
            "system__serial program__name state enrolled_at changed_at paused_from paused_until "
            "ended_because",
        ),
        "events": _events(user),
        "mail": {
            "wants_mail_about_events": not MailStop.objects.filter(user=user).exists(),
            "notices": _rows(
                Notice.objects.filter(user=user),
                "kind subject state made_at sent_at sent_to trouble",
            ),
        },
        "calendar": _rows(CalendarFeed.objects.filter(user=user), "made_at"),
        "activity": _rows(
            ActivityEntry.objects.filter(actor=f"user:{user.pk}"), "at verb subject detail address"
        ),
    }


def _rows(found: QuerySet[Any], fields: str) -> Lines:
    names = fields.split()
    lines = found.order_by("pk").values_list(*names)
    keys = [name.replace("__", "_") for name in names]
    return [dict(zip(keys, line, strict=True)) for line in lines]


def _account(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "joined_at": user.date_joined,
        "last_sign_in_at": user.last_login,
        "email_addresses": _rows(EmailAddress.objects.filter(user=user), "email verified primary"),
        "second_factors": _rows(
            Authenticator.objects.filter(user=user), "type created_at last_used_at"
        ),
        "signed_in_at": _rows(
            UserSession.objects.filter(user=user), "ip user_agent created_at last_seen_at"
        ),
    }


def _consents(user: User) -> Lines:
    """The ledger with the exact text of each version; ``answers`` are ids of those below."""
    return _rows(
        Consent.objects.filter(user=user),
        "act at address scopes answers system__serial terms__program__name terms__version "
        "terms__published_at terms__text",
    )


def _answers(user: User) -> Lines:
    return _rows(
        Answer.objects.filter(user=user),
        "id said at address question__program__name question__key question__version question__text",
    )


def _systems(user: User) -> Lines:
    return _rows(
        System.objects.filter(grant__user=user),
        "serial name brand model firmware outdoor_type has_outdoor_unit capacity_kbtu unit "
        "is_online dr_enabled dr_settings indoor_f outdoor_f reported_at read_at location__name",
    )


def _events(user: User) -> Lines:
    mine = Dispatch.objects.filter(enrollment__user=user)
    lines = _rows(
        mine,
        "id system__serial event__name event__program__name event__starts_at event__ends_at "
        "delivery participation reason opted_out_at sent_at accepted_at confirmed_at "
        "seen_active_at recall",
    )
    said = _grouped(
        _rows(OptOut.objects.filter(dispatch__in=mine), "dispatch at via in_time undone_at")
    )
    read = _grouped(
        _rows(
            Reading.objects.filter(dispatch__in=mine),
            "dispatch at is_online indoor_f cool_f outdoor_f load",
        )
    )
    for line in lines:
        number = line.pop("id")
        line |= {"said_no": said.get(number, []), "readings": read.get(number, [])}
    return lines


def _grouped(lines: Iterable[dict[str, Any]]) -> dict[int, Lines]:
    found: dict[int, Lines] = {}
    for line in lines:
        found.setdefault(line.pop("dispatch"), []).append(line)
    return found
