"""Roles, devices and a lost second factor: changes count at once and are on record."""

from functools import partial
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.test import Client

from base.refusal import Refused
from people import operations
from people.models import ActivityEntry, User
from people.operations import Actor
from people.queries.team import browser
from people.states import InvitationState, Role
from tests import cast
from tests.integration.at_once import at_once
from tests.integration.test_people import (
    FIREFOX,
    NOW,
    acts,
    ada,
    desk,
    empty_box,
    everything,
    signed_in,
    somebody,
)

__all__ = ["ada", "desk", "empty_box"]  # fixtures

pytestmark = pytest.mark.django_db


# --- roles ------------------------------------------------------------------------------------
def test_a_new_role_counts_on_the_next_page(desk: Client) -> None:
    olga = somebody(Role.VIEWER)
    her = signed_in(olga)
    assert her.get("/console/events/new/").status_code == 403
    desk.post(f"/console/people/{olga.pk}/role/", {"role": "OPERATOR", "seen": "VIEWER"})
    assert her.get("/console/events/new/").status_code == 200
    entry = ActivityEntry.objects.get(verb="change-role")
    assert entry.detail == {"before": {"role": "VIEWER"}, "after": {"role": "OPERATOR"}}
    desk.post(f"/console/people/{olga.pk}/role/", {"role": "OPERATOR", "seen": "VIEWER"})
    assert ActivityEntry.objects.filter(verb="change-role").count() == 1, "no change, no entry"


def test_the_back_office_comes_and_goes_with_the_role(desk: Client) -> None:
    olga = somebody(Role.VIEWER)
    for role, has in (("ADMIN", True), ("APPROVER", False)):
        sent = {"role": role, "seen": olga.role}
        desk.post(f"/console/people/{olga.pk}/role/", sent)
        olga.refresh_from_db()
        assert (olga.role, olga.is_staff, olga.is_superuser) == (role, has, has)


def test_nobody_changes_their_own_account(desk: Client, ada: User) -> None:
    cast.operator("second@utility.example", Role.ADMIN)
    before = everything()
    for act in ("role/", "deactivate/", "reactivate/", "reset-mfa/"):
        page = desk.post(f"/console/people/{ada.pk}/{act}", {"role": "VIEWER"}, follow=True)
        assert "nobody changes their own account" in page.content.decode()
    assert everything() == before


@pytest.mark.parametrize("role", ["HOMEOWNER", "nonsense", ""])
def test_a_role_that_is_none_moves_nothing(desk: Client, role: str) -> None:
    olga = somebody()
    before = everything()
    desk.post(f"/console/people/{olga.pk}/role/", {"role": role})
    assert everything() == before


def test_homeowners_are_no_people_of_the_utility(desk: Client) -> None:
    hanna = cast.homeowner()
    before = everything()
    assert desk.get(f"/console/people/{hanna.pk}/").status_code == 404
    for act in ("role/", "deactivate/", "reset-mfa/"):
        desk.post(f"/console/people/{hanna.pk}/{act}", {"role": "ADMIN"})
    assert everything() == before
    assert hanna.email not in desk.get("/console/people/").content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["deactivate", "change_role"])
def test_of_two_administrators_who_shut_each_other_out_one_stays(act: str) -> None:
    for turn in range(5):
        User.objects.update(is_active=False)
        ada = cast.operator(f"ada{turn}@utility.example", Role.ADMIN)
        bo = cast.operator(f"bo{turn}@utility.example", Role.ADMIN)
        extra: dict[str, Any] = (
            {"role": Role.VIEWER, "seen": Role.ADMIN} if act == "change_role" else {}
        )
        shut_out = partial(getattr(operations, act), now=NOW, **extra)
        results = at_once(
            [
                partial(shut_out, actor=Actor.person(ada), user_id=bo.pk),
                partial(shut_out, actor=Actor.person(bo), user_id=ada.pk),
            ]
        )
        assert [isinstance(found, Refused) for found in results].count(True) == 1
        assert User.objects.filter(role=Role.ADMIN, is_active=True).count() == 1


# --- sessions ---------------------------------------------------------------------------------
def test_shutting_somebody_out_ends_every_session_at_once(desk: Client) -> None:
    olga = somebody()
    first, second = signed_in(olga), signed_in(olga)
    assert first.get("/console/").status_code == 200
    desk.post(f"/console/people/{olga.pk}/deactivate/")
    for client in (first, second):
        assert client.get("/console/")["Location"].startswith("/accounts/login/")
        assert "_auth_user_id" not in client.session
    assert UserSession.objects.filter(user=olga).count() == 0
    form = {"login": olga.email, "password": cast.PASSWORD}
    third = Client()
    third.post("/accounts/login/", form)
    assert "_auth_user_id" not in third.session, "and none can begin"
    entry = ActivityEntry.objects.get(verb="deactivate")
    assert (entry.subject, entry.detail) == (f"user:{olga.pk}", {"sessions": 2})
    desk.post(f"/console/people/{olga.pk}/reactivate/")
    assert signed_in(olga).get("/console/").status_code == 200


@pytest.mark.parametrize("act", ["deactivate", "role"])
def test_what_somebody_offered_goes_when_they_may_offer_nothing_any_more(
    desk: Client, act: str
) -> None:
    """A link they mailed to an address of their own would let them in again."""
    mallory = somebody(Role.ADMIN, "mallory@utility.example")
    offer = partial(operations.invite, role=Role.ADMIN, now=NOW, real_now=NOW)
    theirs, _ = offer(email="second@utility.example", actor=Actor.person(mallory))
    ada = Actor.person(User.objects.get(email="ada@utility.example"))
    other, _ = offer(email="nora@utility.example", actor=ada)
    desk.post(f"/console/people/{mallory.pk}/{act}/", {"role": "VIEWER", "seen": "ADMIN"})
    theirs.refresh_from_db()
    other.refresh_from_db()
    assert (theirs.state, other.state) == (InvitationState.WITHDRAWN, InvitationState.OPEN)
    entry = ActivityEntry.objects.get(verb="withdraw-invitation")
    assert (entry.subject, entry.actor) == (f"invitation:{theirs.pk}", ada.name)


def test_a_session_nobody_noted_ends_too(desk: Client) -> None:
    olga, client = somebody(), Client()
    client.force_login(olga)
    desk.post(f"/console/people/{olga.pk}/deactivate/")
    assert client.get("/console/").status_code == 302


def test_one_device_is_signed_out_and_the_other_stays(desk: Client) -> None:
    olga = somebody()
    first, second = signed_in(olga), signed_in(olga)
    page = first.get("/accounts/sessions/").content.decode()
    assert page.count("Firefox on Windows") == 4
    assert page.count("This device") == 1
    other = UserSession.objects.get(session_key=second.session.session_key)
    first.post(f"/accounts/sessions/{other.pk}/end/")
    assert second.get("/console/").status_code == 302
    assert first.get("/console/").status_code == 200
    mine = UserSession.objects.get()
    desk.post(f"/console/people/{olga.pk}/devices/{mine.pk}/end/")
    assert first.get("/console/").status_code == 302
    assert [verb for verb, _ in acts()] == ["sign-in", "sign-in", "end-session", "end-session"]


def test_nobody_ends_somebody_elses_session() -> None:
    olga = somebody()
    hers = signed_in(olga)
    session = UserSession.objects.get()
    homeowner, operator = Client(), Client()
    homeowner.force_login(cast.homeowner())
    operator.force_login(cast.operator("x@utility.example", Role.APPROVER))
    for client in (homeowner, operator):
        page = client.post(f"/accounts/sessions/{session.pk}/end/", follow=True)
        assert "was signed out already" in page.content.decode()
    with pytest.raises(Refused):
        operations.end_session(
            session_id=session.pk, actor=Actor.person(cast.homeowner("b@x.example")), now=NOW
        )
    assert hers.get("/console/").status_code == 200
    assert UserSession.objects.count() == 1


def test_homeowners_have_the_list_too() -> None:
    hanna = cast.homeowner()
    EmailAddress.objects.create(user=hanna, email=hanna.email, verified=True, primary=True)
    client = signed_in(hanna)
    assert "Firefox on Windows" in client.get("/accounts/sessions/").content.decode()
    assert acts() == [], "homeowners' sign-ins are their own business"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        ("Mozilla/5.0 (iPhone) AppleWebKit/6 Version/18 Mobile Safari/6", "Safari on iPhone"),
        ("Mozilla/5.0 (X11; Linux) AppleWebKit/5 Chrome/14 Safari/5 Edg/14", "Edge on Linux"),
        ("curl/8.5", "curl/8.5"),
        ("", "Unknown"),
    ],
)
def test_what_a_browser_says_of_itself_is_shortened(agent: str, words: str) -> None:
    assert browser(agent) == words


# --- the second factor --------------------------------------------------------------------------
def with_second_factor(user: User) -> None:
    TOTP.activate(user, generate_totp_secret())
    RecoveryCodes.activate(user)


def test_lost_phone_and_codes_an_administrator_turns_it_off(desk: Client) -> None:
    olga = somebody()
    hers = signed_in(olga)
    with_second_factor(olga)
    desk.post(f"/console/people/{olga.pk}/reset-mfa/")
    assert not Authenticator.objects.filter(user=olga).exists()
    assert hers.get("/console/").status_code == 302
    assert acts()[-1] == ("reset-mfa", f"user:{olga.pk}")
