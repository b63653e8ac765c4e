"""`manage.py rotate_keys` with many homes: rows a second, memory, and that every token still opens.

    python -m benchmarks.rotate_keys --grants 100000

Homes hold two tokens each, sealed with an old key. The command runs as an operator would start it;
afterwards the old key is taken away and every token is opened and compared.
"""

from __future__ import annotations

import argparse
import base64
import os
import resource
import secrets
import subprocess
import sys
import time
from typing import Any

from benchmarks.parts import ROOT
from benchmarks.surroundings import house

ROWS = 2000
COLUMNS = ("access", "refresh")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grants", type=int, default=100_000)
    grants = parser.parse_args().grants
    with house():
        kept = _town(grants)
        old = os.environ["TOKEN_KEYS"]
        new = f"k2:{base64.b64encode(secrets.token_bytes(32)).decode()}"
        seconds, memory_mb, said = _rotate(f"{new},{old}")
        print(said, end="")
        wrong = _wrong(new, kept)
    print(f"{grants / seconds:,.0f} grants/s, {seconds:.1f} s, {memory_mb:.0f} MB at most")
    print(f"{wrong} of {2 * grants} tokens do not open to what they were")
    return 1 if wrong else 0


def _town(grants: int) -> dict[int, tuple[str, str]]:
    """Homes with two sealed tokens each; grant -> its tokens."""
    from django.db import connection
    from django.utils import timezone

    from enrollments.models import CarrierGrant
    from enrollments.tokens import vault
    from people.models import User

    now, kept = timezone.now(), {}
    for first in range(0, grants, ROWS):
        numbers = range(first, min(first + ROWS, grants))
        owners = User.objects.bulk_create(User(email=f"h{n}@home.example") for n in numbers)
        rows: list[Any] = []
        for owner in owners:
            row = CarrierGrant(user=owner, carrier_username=f"h{owner.pk}", linked_at=now)
            kept[owner.pk] = (secrets.token_urlsafe(57), secrets.token_urlsafe(57))
            for column, token in zip(COLUMNS, kept[owner.pk], strict=True):
                setattr(row, f"{column}_sealed", vault().seal(token, bound_to=row.bound_to(column)))
            rows.append(row)
        CarrierGrant.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return kept


def _rotate(keys: str) -> tuple[float, float, str]:
    """Seconds, MB at most, and what the command said."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "manage.py", "rotate_keys"],
        cwd=ROOT, env=os.environ | {"TOKEN_KEYS": keys}, check=True, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    seconds = time.monotonic() - began
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, done.stdout


def _wrong(key: str, kept: dict[int, tuple[str, str]]) -> int:
    """Tokens that the new key alone does not open to what they were."""
    from enrollments.models import CarrierGrant
    from enrollments.tokens import CannotOpen, Vault

    name, _, secret = key.partition(":")
    only = Vault({name: base64.b64decode(secret)})
    wrong = 0
    for grant in CarrierGrant.objects.iterator():
        for column, token in zip(COLUMNS, kept.pop(grant.user_id), strict=True):
            sealed = bytes(getattr(grant, f"{column}_sealed"))
            try:
                wrong += only.open(sealed, bound_to=grant.bound_to(column)) != token
            except CannotOpen:
                wrong += 1
    return wrong + 2 * len(kept)


if __name__ == "__main__":
    sys.exit(main())
