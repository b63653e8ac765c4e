"""PostgreSQL, Valkey, settings and workers as in production, on spare ports, gone afterwards."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.parts import running, wait_for
from portal import embedded


def environment() -> dict[str, str]:
    """What portal.settings asks for; the vendor's address follows when the stub is up."""
    nowhere = "http://127.0.0.1:9"
    return {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "ENVIRONMENT": "test",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "TOKEN_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "ALLOWED_HOSTS": "localhost",
        "BASE_URL": "http://localhost",
        "CARRIER_BASE_URL": nowhere,
        "CARRIER_AUTHORIZE_URL": f"{nowhere}/oauth/authorize",
        "CARRIER_TOKEN_URL": f"{nowhere}/oauth/token",
        "CARRIER_CLIENT_ID": "offpeak",
        "CARRIER_CLIENT_SECRET": secrets.token_urlsafe(20),
        "EMAIL_URL": "memorymail://",
        "DEFAULT_FROM_EMAIL": "Offpeak <hello@utility.example>",
        "UTILITY_NAME": "Prairie Light",
        "WITNESS_FILE": "",
        "IDP_OIDC_PRIVATE_KEY": rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode(),
    }


@contextmanager
def house() -> Iterator[tuple[Path, dict[str, int]]]:
    """Servers up, Django set up and migrated in this process: (a folder, pids of the servers).

    DATABASE_URL and REDIS_URL may name servers of your own; their pids are then unknown (0).
    """
    os.environ.update(environment())
    with tempfile.TemporaryDirectory(prefix="offpeak-benchmark-") as name:
        folder = Path(name)
        with embedded.servers(folder, keep=False) as (postgres, valkey):
            os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = postgres.url, valkey.url
            import django

            django.setup()
            from django.core.management import call_command
            from django.db import connection

            call_command("migrate", verbosity=0)
            yield folder, {"PostgreSQL": postgres.pid, "Valkey": valkey.pid}
            connection.close()


@contextmanager
def worker(folder: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """`celery -A portal worker -c 2` on the queues of production, up and listening."""
    command = ["-m", "celery", "-A", "portal", "worker", "-c", "2", "-Q", "dispatch,default"]
    with running(command, env=env, log=folder / "worker.log") as process:
        wait_for("the worker's first LISTEN", _somebody_listens)
        yield process


def _somebody_listens() -> bool:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN %')")
        return bool(cursor.fetchone()[0])
