"""Acts for many systems, as a page and the sweep look at them."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from enrollments.models import BulkAct
from enrollments.states import BulkState, BulkVerb

# Of the systems of an act, so many are shown before it is confirmed.
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Bulk:
    """One act without its list of systems; ``first`` are the first of them."""

    id: int
    act: BulkVerb
    why: str
    group: str
    filter: str
    first: tuple[int, ...]
    total: int
    in_program: int
    state: BulkState
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None
    looked_at: int
    done: int
    unchanged: tuple[tuple[str, int], ...]
    trouble: str

    @property
    def mark(self) -> str:
        """What a page that polls has seen already."""
        return f"{self.state}-{self.looked_at}"

    @property
    def percent(self) -> int:
        return 100 * self.looked_at // max(self.total, 1)

    @property
    def others(self) -> int:
        return max(0, self.total - len(self.first))

    @property
    def left(self) -> int:
        return self.total - self.looked_at


def bulk(bulk_id: int) -> Bulk | None:
    found = (
        BulkAct.objects.filter(pk=bulk_id).defer("systems").select_related("group__program").first()
    )
    if found is None:
        return None
    ends = BulkAct.objects.filter(pk=bulk_id).values_list(f"systems__0_{SHOWN}", flat=True)
    return Bulk(
        id=found.pk,
        act=BulkVerb(found.act),
        why=found.why,
        group=f"{found.group} ({found.group.program})" if found.group else "",
        filter=found.filter,
        first=tuple(ends[0] or ()),
        total=found.total,
        in_program=found.in_program,
        state=BulkState(found.state),
        asked_by=found.asked_by,
        asked_at=found.asked_at,
        ended_at=found.ended_at,
        looked_at=found.looked_at,
        done=found.done,
        unchanged=tuple(sorted(found.unchanged.items(), key=lambda one: -one[1])),
        trouble=found.trouble,
    )


def bulk_acts_due(*, real_now: datetime) -> list[int]:
    """Confirmed acts that wait for a worker, or whose worker died; the oldest first."""
    free = Q(lease_until=None) | Q(lease_until__lt=real_now)
    due = BulkAct.objects.filter(free, state=BulkState.RUNNING).order_by("id")
    return list(due.values_list("id", flat=True))
