"""What the demo's parts are told: secrets made once, ports that are free, one set of variables."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from portal.embedded import EmbeddedError, spare_port, write_secret

UTILITY_NAME = "Prairie Light & Power"
# Made by `manage.py demo_utility`.
PROGRAM = "summer-peak"
OPERATOR, APPROVER = "olga@prairielight.example", "amir@prairielight.example"
SEED = 7  # of the sandbox: the same homes every time
WEB_PORT, SANDBOX_PORT = 8000, 8900
LOOPBACK = "127.0.0.1"
CARRIER_CLIENT = "offpeak"


@dataclass(frozen=True)
class Secrets:
    """Made on the first start, kept in `.offpeak/secrets.json` (0600), gone with --reset."""

    secret_key: str = field(repr=False)
    token_key: str = field(repr=False)  # base64 of 32 bytes
    idp_private_key: str = field(
        repr=False
    )  # PEM; signs nothing a partner needs to check, but allauth wants one
    carrier_client_secret: str = field(repr=False)
    sandbox_admin_key: str = field(repr=False)
    console_password: str = field(repr=False)  # of both people of the utility
    homeowner_password: str = field(repr=False)


def load_secrets(state: Path) -> Secrets:
    path = state / "secrets.json"
    if not path.exists():
        write_secret(path, json.dumps(_new_secrets(), indent=1))
    return Secrets(**json.loads(path.read_text(encoding="utf-8")))


def _new_secrets() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "secret_key": secrets.token_urlsafe(50),
        "token_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "idp_private_key": pem.decode(),
        "carrier_client_secret": secrets.token_urlsafe(32),
        "sandbox_admin_key": secrets.token_urlsafe(32),
        "console_password": secrets.token_urlsafe(12),
        "homeowner_password": secrets.token_urlsafe(12),
    }


@dataclass(frozen=True)
class Ports:
    web: int
    sandbox: int
    notes: tuple[str, ...]  # sentences for the person: which wish could not be met


def pick_ports(wanted_web: int | None = None) -> Ports:
    """8000 and 8900 where they are free. A port asked for by name is taken or refused."""
    web = spare_port(wanted_web or WEB_PORT)
    if wanted_web and web != wanted_web:
        raise EmbeddedError(f"Port {wanted_web} is taken; leave --port out and a free one is used.")
    sandbox = spare_port(SANDBOX_PORT)
    wishes = (("the portal", wanted_web or WEB_PORT, web), ("the sandbox", SANDBOX_PORT, sandbox))
    notes = tuple(
        f"Port {wish} is taken, so {what} uses {port}."
        for what, wish, port in wishes
        if wish != port
    )
    return Ports(web, sandbox, notes)


@dataclass(frozen=True)
class Addresses:
    """Where the parts are, as a browser on this machine reaches them."""

    web: str
    sandbox: str

    @classmethod
    def of(cls, ports: Ports) -> Addresses:
        return cls(f"http://{LOOPBACK}:{ports.web}", f"http://{LOOPBACK}:{ports.sandbox}")


def portal_environment(
    state: Path, kept: Secrets, at: Addresses, *, database_url: str, redis_url: str
) -> dict[str, str]:
    """The environment of web, worker, beat and manage.py: every setting the portal reads."""
    return {
        **surroundings(),
        "ENVIRONMENT": "development",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "SECRET_KEY": kept.secret_key,
        "TOKEN_KEYS": f"k1:{kept.token_key}",
        "IDP_OIDC_PRIVATE_KEY": kept.idp_private_key,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ALLOWED_HOSTS": f"{LOOPBACK},localhost",
        "BASE_URL": at.web,
        "WEB_BIND": at.web.partition("://")[2],
        "UTILITY_NAME": UTILITY_NAME,
        "SIMULATED_CLOCK_FILE": str(clock_file(state)),
        "WITNESS_FILE": str(state / "witness.json"),
        # Three slashes and the absolute path: with two, django-environ makes it a relative one.
        "EMAIL_URL": f"filemail:///{mail_folder(state)}",
        "DEFAULT_FROM_EMAIL": "programs@prairielight.example",
        "SIGNUP_RATE": "1000/m/ip",
        # A password opens the console here; a real installation asks for a second factor too.
        "MFA_REQUIRED": "false",
        "CARRIER_BASE_URL": at.sandbox,
        "CARRIER_AUTHORIZE_URL": f"{at.sandbox}/oauth/authorize",
        "CARRIER_TOKEN_URL": f"{at.sandbox}/oauth/token",
        "CARRIER_REVOKE_URL": f"{at.sandbox}/oauth/revoke",
        "CARRIER_CLIENT_ID": CARRIER_CLIENT,
        "CARRIER_CLIENT_SECRET": kept.carrier_client_secret,
        "CARRIER_CLIENT_AUTH": "basic",
        "CARRIER_CA_BUNDLE": "",
    }


def sandbox_environment(kept: Secrets) -> dict[str, str]:
    """Secrets go through the environment: arguments can be read by everyone on the machine."""
    return {
        **surroundings(),
        "SANDBOX_CLIENT_ID": CARRIER_CLIENT,
        "SANDBOX_CLIENT_SECRET": kept.carrier_client_secret,
        "SANDBOX_ADMIN_KEY": kept.sandbox_admin_key,
    }


def surroundings() -> dict[str, str]:
    """Our own environment, minus what would lead the parts' local conversations astray."""
    outside = dict(os.environ)
    here = ",".join(filter(None, (outside.get("NO_PROXY"), LOOPBACK, "localhost")))
    # Both spellings: libcurl reads the small one, requests either.
    return {**outside, "NO_PROXY": here, "no_proxy": here, "PYTHONUNBUFFERED": "1"}


def clock_file(state: Path) -> Path:
    return state / "clock.json"


def mail_folder(state: Path) -> Path:
    """Mails end here as files instead of leaving the machine; they carry sign-in codes: 0700."""
    folder = state / "mail"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
