"""Access tokens Carrier refused, many at once, beside refreshes that hold their rows."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from enrollments.models import CarrierGrant
from enrollments.states import GrantState


@transaction.atomic
def distrust_tokens(*, refused: Mapping[int, bytes], real_now: datetime) -> int:
    """Have these tokens renewed before they are used again; how many were marked.

    ``refused``: grant id -> the sealed token that was refused. A grant that holds a newer one by
    now is left alone, and so is one whose row is held: somebody is renewing it already.
    """
    held = (
        CarrierGrant.objects.select_for_update(skip_locked=True)
        .filter(id__in=list(refused), state=GrantState.ACTIVE)
        .values_list("id", "access_sealed")
    )
    stale = [grant_id for grant_id, sealed in held if bytes(sealed or b"") == refused[grant_id]]
    return CarrierGrant.objects.filter(id__in=stale).update(access_expires_at=real_now)
