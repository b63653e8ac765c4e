"""Practice runs of a client, in the practice world."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from partners.models import PracticeRun


def run_for(client_id: str, run_id: uuid.UUID) -> PracticeRun | None:
    return PracticeRun.objects.filter(client_id=client_id, id=run_id).first()


def runs_for(client_id: str, *, after: Sequence[str] | None, limit: int) -> list[PracticeRun]:
    """Latest first, keyset-paged: ``after`` is beginning and id of the last one shown."""
    found = PracticeRun.objects.filter(client_id=client_id)
    if after:
        began_at = datetime.fromisoformat(after[0])
        found = found.filter(
            Q(began_at__lt=began_at) | Q(began_at=began_at, id__gt=uuid.UUID(after[1]))
        )
    return list(found.order_by("-began_at", "id")[:limit])
