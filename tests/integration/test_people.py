"""The utility's people: invited by mail, given a role, shut out at once; every act on record."""

import re
from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from base.refusal import Refused
from people import inviting, operations
from people.models import ActivityEntry, Invitation, User
from people.operations import Actor
from people.states import InvitationState, Role
from tests import cast
from tests.integration.at_once import at_once

pytestmark = pytest.mark.django_db
NOW = cast.MORNING
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
NEW = {"first_name": "Nora", "last_name": "Novak", "password": "a long sentence here"}


@pytest.fixture(autouse=True)
def empty_box(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mail.outbox.clear()


@pytest.fixture
def ada() -> User:
    return cast.operator("ada@utility.example", Role.ADMIN)


@pytest.fixture
def desk(ada: User) -> Client:
    client = Client()
    client.force_login(ada)
    return client


def somebody(role: Role = Role.OPERATOR, email: str = "olga@utility.example") -> User:
    user = cast.operator(email, role)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def signed_in(user: User, **headers: str) -> Client:
    """Through the real sign-in page, so that the session is noted."""
    client = Client(headers={"User-Agent": FIREFOX, **headers})
    answer = client.post("/accounts/login/", {"login": user.email, "password": cast.PASSWORD})
    assert answer.status_code == 302, answer.content
    return client


def acts() -> list[tuple[str, str]]:
    return list(ActivityEntry.objects.order_by("id").values_list("verb", "subject"))


def everything() -> list[Any]:
    """All that an act could move."""
    return [
        list(User.objects.order_by("pk").values("pk", "role", "is_active", "is_staff")),
        list(Invitation.objects.order_by("pk").values()),
        UserSession.objects.count(),
        Authenticator.objects.count(),
        ActivityEntry.objects.count(),
        len(mail.outbox),
    ]


def link() -> str:
    (sent,) = mail.outbox
    found = re.search(r"http://testserver(/invitation/\S+/)", str(sent.body))
    assert found
    return found[1]


# --- who may ----------------------------------------------------------------------------------
@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMIN])
def test_only_administrators_manage_people(role: Role) -> None:
    client, other = Client(), somebody(Role.VIEWER)
    client.force_login(cast.operator("x@utility.example", role))
    before = everything()
    path = f"/console/people/{other.pk}/"
    assert client.get("/console/people/").status_code == 403
    assert client.get(path).status_code == 403
    for act in ("role/", "deactivate/", "reactivate/", "reset-mfa/", "devices/1/end/"):
        assert client.post(path + act, {"role": "ADMIN"}).status_code == 403
    form = {"email": "n@utility.example", "role": "ADMIN"}
    assert client.post("/console/people/", form).status_code == 403
    assert everything() == before


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMIN])
def test_the_operations_themselves_refuse_everybody_else(role: Role) -> None:
    actor = Actor.person(cast.operator("x@utility.example", role))
    other = somebody(Role.VIEWER)
    before = everything()
    kwargs: dict[str, Any] = {"user_id": other.pk, "actor": actor, "now": NOW}
    for act in (operations.deactivate, operations.reactivate, operations.reset_second_factor):
        with pytest.raises(Refused, match="Only an administrator"):
            act(**kwargs)
    with pytest.raises(Refused, match="Only an administrator"):
        operations.change_role(role=Role.ADMIN, seen=Role.VIEWER, **kwargs)
    with pytest.raises(Refused, match="Only an administrator"):
        operations.withdraw_invitation(invitation_id=1, actor=actor, now=NOW)
    with pytest.raises(Refused, match="Only an administrator"):
        inviting.invite(email="n@x.example", role=Role.ADMIN, actor=actor, now=NOW)
    assert everything() == before


def test_who_was_an_administrator_a_moment_ago_is_none_any_more(ada: User) -> None:
    """The actor in hand says ADMIN; the row says what counts."""
    stale, other = Actor.person(ada), somebody()
    User.objects.filter(pk=ada.pk).update(role=Role.VIEWER)
    with pytest.raises(Refused, match="Only an administrator"):
        operations.deactivate(user_id=other.pk, actor=stale, now=NOW)
    User.objects.filter(pk=ada.pk).update(role=Role.ADMIN, is_active=False)
    with pytest.raises(Refused, match="Only an administrator"):
        operations.deactivate(user_id=other.pk, actor=stale, now=NOW)
    other.refresh_from_db()
    assert other.is_active


# --- invitations ------------------------------------------------------------------------------
def test_an_invitation_becomes_an_account_once(desk: Client, ada: User) -> None:
    answer = desk.post("/console/people/", {"email": "Nora@Utility.example", "role": "OPERATOR"})
    assert answer.status_code == 302
    (sent,) = mail.outbox
    assert sent.to == ["nora@utility.example"]
    assert "ada@utility.example invites you to the console of Prairie Light, as operator" in str(
        sent.body
    )
    made = Invitation.objects.get()
    assert made.expires_at - made.sent_at == timedelta(days=3)
    path, nora = link(), Client(REMOTE_ADDR="198.51.100.7")
    assert path.split("/")[2] not in str(Invitation.objects.values().get()), "only its hash is kept"
    for _ in range(3):
        page = nora.get(path)
        assert "nora@utility.example" in page.content.decode()
        assert page["Referrer-Policy"] == "no-referrer"
        assert page["Cache-Control"] == "no-store"
    assert not User.objects.filter(email="nora@utility.example").exists(), "looking does nothing"
    answer = nora.post(path, NEW)
    assert answer["Location"] == "/accounts/login/"
    user = User.objects.get(email="nora@utility.example")
    assert (user.role, user.get_full_name(), user.is_staff) == (Role.OPERATOR, "Nora Novak", False)
    made.refresh_from_db()
    assert made.state == InvitationState.ACCEPTED
    again = nora.post(path, NEW | {"password": "another long sentence"})
    assert "opens nothing any more" in again.content.decode()
    user.refresh_from_db()
    assert user.check_password(NEW["password"]), "the second time changed nothing"
    login = {"login": user.email, "password": NEW["password"]}
    assert nora.post("/accounts/login/", login)["Location"] == "/"
    assert nora.get("/console/").status_code == 200
    assert acts() == [
        ("invite", f"invitation:{made.pk}"),
        ("accept-invitation", f"user:{user.pk}"),
        ("sign-in", f"user:{user.pk}"),
    ]
    entry = ActivityEntry.objects.get(verb="accept-invitation")
    assert (entry.actor, entry.address) == (f"user:{user.pk}", "198.51.100.7")
    assert NEW["password"] not in str(list(ActivityEntry.objects.values()))


def test_an_administrator_who_is_invited_has_the_back_office(desk: Client) -> None:
    desk.post("/console/people/", {"email": "n@utility.example", "role": "ADMIN"})
    Client().post(link(), NEW)
    user = User.objects.get(email="n@utility.example")
    assert (user.role, user.is_staff, user.is_superuser) == (Role.ADMIN, True, True)


def test_a_link_that_is_too_old_taken_back_or_wrong_opens_nothing(desk: Client) -> None:
    desk.post("/console/people/", {"email": "n@utility.example", "role": "VIEWER"})
    path = link()
    visitor, users = Client(), User.objects.count()
    Invitation.objects.update(expires_at=timezone.now())
    pages = [visitor.post(path, NEW), visitor.get(path)]
    Invitation.objects.update(expires_at=timezone.now() + timedelta(days=1))
    desk.post(f"/console/people/invitations/{Invitation.objects.get().pk}/withdraw/")
    pages += [visitor.post(path, NEW), visitor.post(path + "x/", NEW), visitor.get(f"{path[:-2]}/")]
    for page in pages:
        assert (page.status_code, page["Cache-Control"]) == (200, "no-store")
        assert "opens nothing any more" in page.content.decode()
    assert User.objects.count() == users
    assert [verb for verb, _ in acts()] == ["invite", "withdraw-invitation"]


def test_inviting_again_takes_the_first_link_back(desk: Client) -> None:
    form = {"email": "n@utility.example", "role": "VIEWER"}
    desk.post("/console/people/", form)
    first = link()
    mail.outbox.clear()
    desk.post("/console/people/", form | {"role": "OPERATOR"})
    assert "opens nothing any more" in Client().post(first, NEW).content.decode()
    Client().post(link(), NEW)
    assert User.objects.get(email="n@utility.example").role == Role.OPERATOR


@pytest.mark.parametrize("role", ["HOMEOWNER", "ROOT", ""])
def test_nobody_is_invited_as_something_else(desk: Client, role: str) -> None:
    before = everything()
    page = desk.post("/console/people/", {"email": "n@utility.example", "role": role})
    assert page.status_code == 200
    assert page.context["form"].errors["role"]
    assert everything() == before
    with pytest.raises(Refused, match="Choose one of the roles"):
        operations.change_role(
            user_id=somebody().pk,
            role=Role.HOMEOWNER,
            seen=Role.OPERATOR,
            actor=Actor.person(User.objects.get(role=Role.ADMIN)),
            now=NOW,
        )


def test_a_homeowners_address_stays_a_homeowners(desk: Client) -> None:
    cast.homeowner("hanna@home.example")
    before = everything()
    page = desk.post("/console/people/", {"email": "Hanna@home.example", "role": "VIEWER"})
    assert "There is an account with this address already" in page.content.decode()
    assert everything() == before


def test_who_signs_up_as_a_homeowner_meanwhile_is_not_made_staff(desk: Client) -> None:
    desk.post("/console/people/", {"email": "n@utility.example", "role": "ADMIN"})
    cast.homeowner("n@utility.example")
    page = Client().post(link(), NEW)
    assert "There is an account with this address already" in page.content.decode()
    assert User.objects.get(email="n@utility.example").role == Role.HOMEOWNER


@pytest.mark.parametrize(
    "change",
    [
        {"password": "short"},
        {"password": "n@utility.example"},
        {"first_name": ""},
        {"password": ""},
    ],
)
def test_a_poor_password_or_no_name_makes_no_account(desk: Client, change: dict[str, str]) -> None:
    desk.post("/console/people/", {"email": "n@utility.example", "role": "VIEWER"})
    before = everything()
    page = Client().post(link(), NEW | change)
    assert page.context["form"].errors.keys() == change.keys()
    assert everything() == before


def test_a_mail_server_that_is_down_leaves_no_open_invitation(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise SMTPServerDisconnected("gone")

    monkeypatch.setattr("people.inviting.send_mail", fail)
    answer = desk.post(
        "/console/people/", {"email": "n@utility.example", "role": "VIEWER"}, follow=True
    )
    assert "The mail server did not take the invitation" in answer.content.decode()
    assert Invitation.objects.get().state == InvitationState.WITHDRAWN
    assert [verb for verb, _ in acts()] == ["invite", "withdraw-invitation"]


@pytest.mark.django_db(transaction=True)
def test_one_link_pressed_many_times_at_once_makes_one_account(ada: User) -> None:
    inviting.invite(email="n@x.example", role=Role.VIEWER, actor=Actor.person(ada), now=NOW)
    path = link()
    answers = at_once([lambda: Client().post(path, NEW).status_code] * 6)
    assert sorted(answers) == [200] * 5 + [302]
    assert User.objects.filter(email="n@x.example").count() == 1
    assert ActivityEntry.objects.filter(verb="accept-invitation").count() == 1
