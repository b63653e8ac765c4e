"""Workers that renew tokens until they are killed: ``python -m tests.faults.renewing FOLDER``.

The product is loaded once; each line read forks a worker, whose process id is the line out. A
worker renews what is due, a few homes after the other in an order of its own, and notes in
``FOLDER/<pid>``, where a kill cannot take it away:

    +7   the permission 7 is locked, its refresh token goes out
    =7   Carrier answered with new tokens, nothing is saved yet
    -7   done with 7
    !…   something that must not happen
"""

import os
import random
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402
from django.db.models import Q  # noqa: E402
from django.utils import timezone  # noqa: E402

from enrollments.models import CarrierGrant  # noqa: E402
from enrollments.states import GrantState  # noqa: E402
from enrollments.vendor_session import renewing  # noqa: E402
from portal.embedded import die_with_parent  # noqa: E402

BATCH, BREATH_S = 16, 0.05
MARGIN = timedelta(seconds=60)


def due() -> list[int]:
    """Renewals that may be tried now."""
    now = timezone.now()
    rows = CarrierGrant.objects.filter(
        Q(refresh_not_before=None) | Q(refresh_not_before__lte=now),
        state=GrantState.ACTIVE,
        access_expires_at__lt=now + MARGIN,
    )
    return list(rows.values_list("id", flat=True))


def _work(folder: Path) -> None:
    notes = os.open(folder / str(os.getpid()), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    _note_everything(notes)
    dice = random.Random(os.getpid())
    while True:
        left = due()
        batch = dice.sample(left, min(BATCH, len(left)))
        try:
            renewing.refresh_many(batch, margin=MARGIN)
        except Exception as trouble:
            os.write(notes, f"!{type(trouble).__name__} {trouble}\n".replace("\n", " ").encode())
        if not batch:
            time.sleep(BREATH_S)


def _note_everything(notes: int) -> None:
    fetch, refresh = renewing._fetch, renewing.refresh

    def noted_fetch(grant: CarrierGrant) -> Any:
        os.write(notes, f"+{grant.pk}\n".encode())
        found = fetch(grant)
        if found is not None:
            os.write(notes, f"={grant.pk}\n".encode())
        return found

    def noted_refresh(grant_id: int, **more: Any) -> renewing.Refreshed:
        outcome = refresh(grant_id, **more)
        os.write(notes, f"-{grant_id}\n".encode())
        return outcome

    renewing._fetch, renewing.refresh = noted_fetch, noted_refresh


def main(folder: Path) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a worker ended
    parent = os.getpid()
    for _ in sys.stdin:
        connection.close()
        pid = os.fork()
        if pid == 0:
            die_with_parent(signal.SIGKILL, parent)
            _work(folder)
        os.write(1, f"{pid}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
