"""The environment is read loudly: what is missing, weak or unsafe stops the start in a sentence."""

import base64
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal import env as read
from tests.conftest import private_key

ROOT = Path(__file__).resolve().parents[2]
STRONG = secrets.token_urlsafe(50)
NAME = "OFFPEAK_TEST_VALUE"


def key(of: bytes | None = None) -> str:
    return base64.b64encode(of or secrets.token_bytes(32)).decode()


def test_a_value_is_given_without_the_blanks_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "  here ")
    assert read.required(NAME) == "here"


@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_missing_or_blank_value_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv(NAME, raising=False)
    if value is not None:
        monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured) as refused:
        read.required(NAME)
    assert str(refused.value) == (
        "Set OFFPEAK_TEST_VALUE in the environment; docs/running.md says to what."
    )


@pytest.mark.parametrize("name", ["production", "development", "test"])
def test_the_three_environments(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("ENVIRONMENT", name)
    assert read.environment() == name


@pytest.mark.parametrize("name", ["prod", "Production", "staging"])
def test_another_environment_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A slip of the pen must not switch the rules of production off."""
    monkeypatch.setenv("ENVIRONMENT", name)
    with pytest.raises(ImproperlyConfigured, match="one of production, development, test"):
        read.environment()


def test_one_of_falls_back_only_when_nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert read.one_of(NAME, ("a", "b"), default="b") == "b"
    monkeypatch.setenv(NAME, " ")
    assert read.one_of(NAME, ("a", "b"), default="b") == "b"
    monkeypatch.setenv(NAME, "a")
    assert read.one_of(NAME, ("a", "b"), default="b") == "a"
    monkeypatch.setenv(NAME, "c")
    with pytest.raises(ImproperlyConfigured, match="must be one of a, b"):
        read.one_of(NAME, ("a", "b"), default="b")


@pytest.mark.parametrize(
    "weak", [STRONG[:49], "abcdefghi" * 10, "x" * 80], ids=["short", "nine letters", "one letter"]
)
def test_a_weak_secret_key_is_refused(monkeypatch: pytest.MonkeyPatch, weak: str) -> None:
    monkeypatch.setenv("SECRET_KEY", weak)
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is weak: use at least 50 random"):
        read.secret_key()


def test_the_shortest_strong_secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "abcdefghij" * 5)
    assert read.secret_key() == "abcdefghij" * 5


def test_token_keys_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = secrets.token_bytes(32), secrets.token_bytes(32)
    monkeypatch.setenv("SECRET_KEY", STRONG)
    monkeypatch.setenv("TOKEN_KEYS", f" k2:{key(new)} , k1:{key(old)}")
    assert list(read.token_keys().items()) == [("k2", new), ("k1", old)]


SAME = key()
MALFORMED = "TOKEN_KEYS must be id:base64-of-32-bytes, separated by commas, newest first."


NO_KEYS = [
    (key(), MALFORMED),
    (f":{key()}", MALFORMED),
    ("k1:", MALFORMED),
    ("k1:not base64!", MALFORMED),
    ("k1:schlüssel", MALFORMED),
    (f"k1:{key(bytes(31))}", MALFORMED),
    (f"k1:{key(bytes(33))}", MALFORMED),
    (f"k-1:{key()}", MALFORMED),
    # The id is kept in one byte a letter beside the token; it would not be found again.
    (f"clé:{key()}", MALFORMED),
    (f"{'k' * 17}:{key()}", MALFORMED),
    (f"k1:{key()},", MALFORMED),
    (f"k1:{key()},k1:{key()}", "TOKEN_KEYS names the key k1 twice."),
    (f"k1:{SAME},k2:{SAME}", "TOKEN_KEYS gives k2 the bytes of another key."),
]


@pytest.mark.parametrize(("keys", "sentence"), NO_KEYS, ids=range(len(NO_KEYS)))
def test_token_keys_that_are_none(
    monkeypatch: pytest.MonkeyPatch, keys: str, sentence: str
) -> None:
    monkeypatch.setenv("SECRET_KEY", STRONG)
    monkeypatch.setenv("TOKEN_KEYS", keys)
    with pytest.raises(ImproperlyConfigured) as refused:
        read.token_keys()
    assert str(refused.value) == sentence


@pytest.mark.parametrize("padding", ["", "="])
def test_a_token_key_taken_from_the_secret_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, padding: str
) -> None:
    for secret, encoded in (
        (f"{SAME.rstrip('=')}{padding}-and-some-more", SAME),
        (STRONG, key(STRONG[:32].encode())),
        (STRONG, key(STRONG[5:37].encode())),
    ):
        monkeypatch.setenv("SECRET_KEY", secret)
        monkeypatch.setenv("TOKEN_KEYS", f"k1:{encoded}")
        with pytest.raises(ImproperlyConfigured, match="must not reuse SECRET_KEY"):
            read.token_keys()


def test_the_refusals_show_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", STRONG)
    for keys in (f"k1:{SAME},k2:{SAME}", f"k-1:{SAME}", f"k1:{SAME[:-4]}"):
        monkeypatch.setenv("TOKEN_KEYS", keys)
        with pytest.raises(ImproperlyConfigured) as refused:
            read.token_keys()
        assert SAME[:20] not in str(refused.value)


@pytest.mark.parametrize("value", ["carrier.example", "ftp://carrier.example", "https://", "//x"])
def test_an_address_must_be_whole(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=rf"{NAME} must be a full http\(s\) address"):
        read.url(NAME, production=False)


def test_plain_http_is_for_other_places_than_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "http://127.0.0.1:8900/")
    assert read.url(NAME, production=False) == "http://127.0.0.1:8900"
    for reading in (read.url, read.optional_url):
        with pytest.raises(ImproperlyConfigured, match=f"{NAME} must be https in production"):
            reading(NAME, production=True)


def test_an_address_that_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " ")
    assert read.optional_url(NAME, production=True) is None
    monkeypatch.setenv(NAME, "https://carrier.example/revoke")
    assert read.optional_url(NAME, production=True) == "https://carrier.example/revoke"


def test_an_origin_is_scheme_host_and_port() -> None:
    assert read.origin("https://a.example:8443/x?y=z") == "https://a.example:8443"


# --- the settings as a whole: a process of its own, as at a start --------------------------------
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": STRONG,
    "TOKEN_KEYS": f"k1:{key()}",
    "ALLOWED_HOSTS": "portal.utility.example",
    "BASE_URL": "https://portal.utility.example",
    "UTILITY_NAME": "Prairie Light",
    "DATABASE_URL": "postgres://offpeak:secret@db.example/offpeak",
    "REDIS_URL": "redis://redis.example:6379/0",
    "IDP_OIDC_PRIVATE_KEY": private_key(),
    "EMAIL_URL": "smtp://mail.example:25",
    "DEFAULT_FROM_EMAIL": "hello@utility.example",
    "CARRIER_BASE_URL": "https://api.carrier.example",
    "CARRIER_AUTHORIZE_URL": "https://sso.carrier.example/authorize",
    "CARRIER_TOKEN_URL": "https://sso.carrier.example/token",
    "CARRIER_REVOKE_URL": "https://sso.carrier.example/revoke",
    "CARRIER_CLIENT_ID": "offpeak",
    "CARRIER_CLIENT_SECRET": "a-client-secret",
}


def start(**changes: str | None) -> subprocess.CompletedProcess[str]:
    values = {"PATH": os.environ["PATH"]} | PRODUCTION | changes
    told = (
        "from portal import settings as s;"
        "print(s.DEBUG, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT,"
        " s.SECURE_HSTS_SECONDS >= 31536000, s.SESSION_COOKIE_NAME)"
    )
    return subprocess.run(
        [sys.executable, "-c", told],
        cwd=ROOT,
        env={name: value for name, value in values.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_sound_production_environment_starts() -> None:
    started = start()
    assert started.stderr == ""
    assert started.stdout == "False True True True True __Host-sessionid\n"


UNSAFE: list[tuple[str, str | None, str]] = [
    ("BASE_URL", "http://portal.utility.example", "BASE_URL must be https in production."),
    (
        "CARRIER_BASE_URL",
        "http://api.carrier.example",
        "CARRIER_BASE_URL must be https in production.",
    ),
    (
        "CARRIER_TOKEN_URL",
        "http://127.0.0.1:8900/oauth/token",
        "CARRIER_TOKEN_URL must be https in production.",
    ),
    (
        "CARRIER_AUTHORIZE_URL",
        "http://127.0.0.1:8900/a",
        "CARRIER_AUTHORIZE_URL must be https in production.",
    ),
    (
        "CARRIER_REVOKE_URL",
        "http://127.0.0.1:8900/r",
        "CARRIER_REVOKE_URL must be https in production.",
    ),
    ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS must name the hosts in production."),
    ("ALLOWED_HOSTS", "a.example, *", "ALLOWED_HOSTS must name the hosts in production."),
    (
        "SIMULATED_CLOCK_FILE",
        "/tmp/clock.json",
        "SIMULATED_CLOCK_FILE must not be set in production.",
    ),
    ("SECRET_KEY", STRONG[:30], "SECRET_KEY is weak"),
    (
        "TOKEN_KEYS",
        f"k1:{key(STRONG[:32].encode())}",
        "TOKEN_KEYS must not reuse SECRET_KEY.",
    ),
    ("DATABASE_URL", "sqlite:///offpeak.db", "DATABASE_URL must be PostgreSQL"),
    (
        "CARRIER_RESEND_AFTER_UNKNOWN",
        "nevr",
        "CARRIER_RESEND_AFTER_UNKNOWN must be one of never, after_proof, free.",
    ),
    ("CARRIER_CLIENT_AUTH", "post", "CARRIER_CLIENT_AUTH must be one of basic, body."),
    *(
        (name, None, f"Set {name} in the environment")
        for name in PRODUCTION
        if name != "CARRIER_REVOKE_URL"
    ),
]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    UNSAFE,
    ids=[f"{name}-{number}" for number, (name, *_) in enumerate(UNSAFE)],
)
def test_an_unsafe_environment_does_not_start(name: str, value: str | None, sentence: str) -> None:
    started = start(**{name: value})
    assert started.returncode != 0
    assert started.stdout == ""
    last = started.stderr.strip().splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: ")
    assert sentence in last
    assert STRONG[:20] not in started.stderr
