"""What every test stands on: real PostgreSQL and Valkey, settings from the environment.

Servers are started once a run by the product's own ``portal.embedded``, unless DATABASE_URL and
REDIS_URL name others. Nothing here is a mock.
"""

import base64
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import django
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import connection

from portal import embedded

pytest_plugins = ["tests.stack"]


def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def settings_environment() -> dict[str, str]:
    """Everything portal.settings asks for, with secrets made for this run."""
    carrier = "http://127.0.0.1:8900"
    return {
        "ENVIRONMENT": "test",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "TOKEN_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
        "BASE_URL": "http://testserver",
        "CARRIER_BASE_URL": carrier,
        "CARRIER_AUTHORIZE_URL": f"{carrier}/oauth/authorize",
        "CARRIER_TOKEN_URL": f"{carrier}/oauth/token",
        "CARRIER_REVOKE_URL": f"{carrier}/oauth/revoke",
        "CARRIER_CLIENT_ID": "offpeak",
        "CARRIER_CLIENT_SECRET": secrets.token_urlsafe(20),
        "EMAIL_URL": "memorymail://",
        "DEFAULT_FROM_EMAIL": "Prairie Light <hello@prairielight.example>",
        "UTILITY_NAME": "Prairie Light",
        "WITNESS_FILE": "",
        # Tests of the second factor turn it on; all others have people who sign in without one.
        "MFA_REQUIRED": "false",
        "IDP_OIDC_PRIVATE_KEY": private_key(),
    }


# pytest-django reads DJANGO_SETTINGS_MODULE after this file is imported, because pyproject.toml
# does not name it: the settings must not be imported before the servers are up.
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
_folder = tempfile.TemporaryDirectory(prefix="offpeak-tests-")
_servers = embedded.servers(Path(_folder.name), keep=False)
_postgres, _valkey = _servers.__enter__()
os.environ.setdefault("DATABASE_URL", _postgres.url)
os.environ.setdefault("REDIS_URL", _valkey.url)
os.environ.update(settings_environment())
django.setup()

from django.test.signals import setting_changed  # noqa: E402 - Django must be set up first

from enrollments.tokens import vault  # noqa: E402


def _forget_keys(*, setting: str, **_: Any) -> None:
    """A test that changes the keys, and its end that puts them back, are seen at once."""
    if setting == "TOKEN_KEYS":
        vault.cache_clear()


setting_changed.connect(_forget_keys)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Between tests every table is emptied, which the activity log refuses."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE people_activityentry DISABLE TRIGGER activity_log_stays")


def pytest_unconfigure() -> None:
    _servers.__exit__(None, None, None)
    _folder.cleanup()
