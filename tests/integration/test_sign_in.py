"""Signing in, list by list: docs/security.md names each item (B1 to B11) and its test."""

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.core.internal import ratelimit
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings as django_settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from people.models import User
from tests import cast
from tests.integration.test_people import signed_in, somebody
from tests.integration.test_people_mfa import code

pytestmark = pytest.mark.django_db
LOGIN, SIGNUP, RESET = "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"
TOO_MANY = "Too many failed login attempts"
GOOD = "a long sentence here"


@pytest.fixture(autouse=True)
def empty_box(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mail.outbox.clear()


def hanna() -> User:
    user = cast.homeowner()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def attempt(email: str, password: str, **where: Any) -> tuple[Client, Any]:
    client = Client(**where)
    return client, client.post(LOGIN, {"login": email, "password": password})


# --- B1, B2: guessing -------------------------------------------------------------------------
def test_b1_one_account_guessed_from_many_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    user = hanna()
    for number in range(5):
        _, answer = attempt(user.email, f"guess {number}", REMOTE_ADDR=f"198.51.100.{number}")
        assert TOO_MANY not in answer.content.decode()
    client, answer = attempt(user.email, cast.PASSWORD, REMOTE_ADDR="203.0.113.9")
    assert TOO_MANY in answer.content.decode()
    assert not is_in(client)
    real = ratelimit.time.time
    monkeypatch.setattr(ratelimit.time, "time", lambda: real() + 301)
    client, _ = attempt(user.email, cast.PASSWORD, REMOTE_ADDR="203.0.113.9")
    assert is_in(client), "five minutes later the right password is good again"


@pytest.mark.parametrize("proxies", [0, 1])
def test_b1_b2_many_accounts_guessed_from_one_address(settings: Settings, proxies: int) -> None:
    """Whatever the guesser writes into X-Forwarded-For."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    users = [somebody(email=f"o{number}@utility.example") for number in range(11)]

    def guess(user: User, number: int, password: str, address: str) -> tuple[Client, Any]:
        claimed = f"203.0.113.{number}" + f", {address}" * proxies
        where = {"REMOTE_ADDR": "10.0.0.1" if proxies else address}
        return attempt(user.email, password, headers={"X-Forwarded-For": claimed}, **where)

    for number, user in enumerate(users[:10]):
        _, answer = guess(user, number, "wrong", "198.51.100.7")
        assert TOO_MANY not in answer.content.decode()
    client, answer = guess(users[10], 10, cast.PASSWORD, "198.51.100.7")
    assert TOO_MANY in answer.content.decode()
    assert not is_in(client)
    client, _ = guess(users[10], 10, cast.PASSWORD, "198.51.100.8")
    assert is_in(client), "somebody else behind the same proxy is not held up"


# --- B3: nobody learns who has an account -----------------------------------------------------
@pytest.fixture
def hashings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every slow hash: what makes the time of an answer."""
    done: list[str] = []
    encode = Argon2PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> Any:
        done.append(password)
        return encode(self, password, salt)

    verify = Argon2PasswordHasher.verify

    def checked(self: Any, password: str, encoded: str) -> Any:
        done.append(password)
        return verify(self, password, encoded)

    monkeypatch.setattr(Argon2PasswordHasher, "encode", counted)
    monkeypatch.setattr(Argon2PasswordHasher, "verify", checked)
    return done


def neutral(answer: Any, email: str) -> tuple[Any, ...]:
    """The answer without what differs every time: its CSRF tokens, and the address typed."""
    body = answer.content.decode().replace(email, "…")
    return (answer.status_code, answer.get("Location"), re.sub(r'value="[\w-]{64}"', "", body))


@pytest.mark.parametrize(
    ("path", "name"),
    [(LOGIN, "login"), (SIGNUP, "email"), (RESET, "email")],
)
def test_b3_known_and_unknown_look_the_same(path: str, name: str, hashings: list[str]) -> None:
    hanna()
    answers, work, mails = [], [], []
    for email in ("hanna@home.example", "nobody@home.example"):
        hashings.clear()
        mail.outbox.clear()
        client = Client()
        form = {name: email, "password": "wrong password", "password1": GOOD}
        answer = client.post(path, form)
        seen = [neutral(answer, email)]
        if answer.status_code == 302:
            seen.append(neutral(client.get(answer["Location"]), email))
        answers.append(seen)
        work.append(len(hashings))
        mails.append([sent.to for sent in mail.outbox])
    assert answers[0] == answers[1]
    assert work[0] == work[1]
    wanted = [] if path == LOGIN else [["hanna@home.example"]]
    assert mails == [wanted, [["nobody@home.example"]] if wanted else []]


# --- B6: codes --------------------------------------------------------------------------------
def test_b6_a_code_opens_once_and_for_one_person() -> None:
    olga, otto = somebody(), somebody(email="otto@utility.example")
    secret = generate_totp_secret()
    TOTP.activate(olga, secret)
    TOTP.activate(otto, generate_totp_secret())
    now = code(secret)
    for user, opens in ((otto, False), (olga, True), (olga, False)):
        client = signed_in(user)
        client.post("/accounts/2fa/authenticate/", {"code": now})
        assert is_in(client) is opens, user


# --- B7, B8: what takes the password once more, and what it ends --------------------------------
def long_ago(client: Client) -> None:
    """The sign-in was an hour ago."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/accounts/email/", {"action_add": "", "email": "new@home.example"}),
        ("/accounts/2fa/totp/activate/", {"code": "000000"}),
        ("/accounts/2fa/recovery-codes/generate/", {}),
    ],
)
def test_b7_a_change_takes_the_password_once_more(path: str, form: dict[str, str]) -> None:
    user = hanna()
    client = signed_in(user)
    if "recovery" in path:
        TOTP.activate(user, generate_totp_secret())
    long_ago(client)
    before = (user.password, list(EmailAddress.objects.values()))
    assert client.post(path, form)["Location"].startswith("/accounts/reauthenticate/")
    user.refresh_from_db()
    assert (user.password, list(EmailAddress.objects.values())) == before


@pytest.mark.parametrize("old", ["", "wrong"])
def test_b7_a_new_password_takes_the_old_one(old: str) -> None:
    user = hanna()
    form = {"oldpassword": old, "password1": GOOD, "password2": GOOD}
    answer = signed_in(user).post("/accounts/password/change/", form)
    assert answer.status_code == 200
    assert answer.context["form"].errors.keys() == {"oldpassword"}
    before = user.password
    user.refresh_from_db()
    assert user.password == before


def test_b8_a_new_password_ends_every_other_session() -> None:
    user = hanna()
    mine, other = signed_in(user), signed_in(user)
    form = {"oldpassword": cast.PASSWORD, "password1": GOOD, "password2": GOOD}
    answer = mine.post("/accounts/password/change/", form)
    assert answer.status_code == 302, answer.content
    assert mine.get("/home/").status_code == 200
    assert other.get("/home/")["Location"].startswith(LOGIN)
    user.refresh_from_db()
    assert user.check_password(GOOD)


def test_b8_the_session_gets_a_new_name_when_somebody_signs_in() -> None:
    """Whoever planted a session in a browser beforehand does not share what comes after."""
    user, client = hanna(), Client()
    session = client.session
    session["planted"] = "yes"
    session.save()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = str(session.session_key)
    client.post(LOGIN, {"login": user.email, "password": cast.PASSWORD})
    assert is_in(client)
    assert client.session.session_key != session.session_key
    thief = Client()
    thief.cookies[django_settings.SESSION_COOKIE_NAME] = str(session.session_key)
    assert thief.get("/home/").status_code == 302


# --- B9, B11: settings ------------------------------------------------------------------------
def test_b9_the_cookie_is_for_this_site_and_no_script() -> None:
    """In production it is Secure and named __Host- besides: tests/unit/test_env.py."""
    client = signed_in(hanna())
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["domain"] == ""
    assert cookie["max-age"] == "", "it ends with the browser"
    left = Session.objects.get(session_key=client.session.session_key).expire_date - timezone.now()
    assert timedelta(hours=11) < left <= timedelta(hours=12), "or here, after half a day"


def test_b11_the_limits_are_kept_where_no_flush_forgets_them() -> None:
    assert {kind: cache["BACKEND"] for kind, cache in django_settings.CACHES.items()} == {
        "default": "django.core.cache.backends.db.DatabaseCache"
    }


# --- B10: passwords ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("password", "taken"),
    [
        ("password123", False),
        ("short", False),
        ("nora@home.example", False),
        ("x" * 30 + "y" * 40 + "z" * 30, True),
        ("Straße über den Fluß 川", True),
        ("  spaces around it  ", True),
    ],
)
def test_b10_passwords(password: str, taken: bool) -> None:
    client = Client()
    answer = client.post(SIGNUP, {"email": "nora@home.example", "password1": password})
    assert answer.status_code == (302 if taken else 200)
    assert User.objects.filter(email="nora@home.example").exists() is taken
    if taken:
        assert User.objects.get().check_password(password)
    else:
        assert 'aria-invalid="true"' in answer.content.decode()


# --- C5: where a sign-in leads ------------------------------------------------------------------
@pytest.mark.parametrize(
    "to",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)",
     "https:evil.example", "\thttps://evil.example/", "http://testserver.evil.example/"],
)  # fmt: skip
def test_c5_after_signing_in_one_is_still_here(to: str) -> None:
    user = hanna()
    client = Client()
    form = {"login": user.email, "password": cast.PASSWORD, "next": to}
    answer = client.post(f"{LOGIN}?next={to}", form)
    assert is_in(client)
    assert answer["Location"] == "/"
    assert "evil" not in Client().get(f"{LOGIN}?next={to}").content.decode().split("</nav>")[0]
    out = client.post("/accounts/logout/", {"next": to})
    assert out["Location"] == "/"
