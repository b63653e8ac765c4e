"""The utility's customers, and what becomes of an uploaded list."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from enrollments.models import Customer, CustomerImport
from enrollments.rules.matching import normal_account
from enrollments.states import ImportState

PAGE = 50
# How long a list waits for somebody to press Import; it is full of people.
KEEP = timedelta(days=7)


def number() -> int:
    return Customer.objects.count()


def find(*, text: str, after: str = "", limit: int = PAGE) -> tuple[list[Customer], str]:
    """A page of customers by account number, and the number to go on ``after`` (empty: no more).
    Nothing is looked for with an empty text."""
    if not text:
        return [], ""
    wanted = Q(name__icontains=text) | Q(email__icontains=text) | Q(postal_code=text)
    if account := normal_account(text):
        wanted |= Q(account__startswith=account)
    found = Customer.objects.filter(wanted, account__gt=after).order_by("account")
    rows = list(found[: limit + 1])
    return rows[:limit], rows[limit - 1].account if len(rows) > limit else ""


@dataclass(frozen=True, slots=True)
class Import:
    """An uploaded list without the list itself. ``percent`` of the file has been looked at."""

    id: int
    file_name: str
    state: ImportState
    percent: int
    size: int
    uploaded_at: datetime
    ended_at: datetime | None
    lines_read: int
    trouble: str
    fault_count: int
    faults: tuple[dict[str, object], ...]
    added: int
    changed: int
    unchanged: int

    @property
    def is_being_worked_on(self) -> bool:
        return self.state in (ImportState.UPLOADED, ImportState.WRITING)

    @property
    def is_compared(self) -> bool:
        """It is known what the list does."""
        return self.state in (ImportState.CHECKED, ImportState.WRITING, ImportState.DONE)

    @property
    def mark(self) -> str:
        """What a page that polls has seen already."""
        return f"{self.state}-{self.lines_read}"


def imports(limit: int = 10) -> list[Import]:
    return [_import(one) for one in _imports().order_by("-id")[:limit]]


def one_import(import_id: int) -> Import | None:
    found = _imports().filter(id=import_id).first()
    return _import(found) if found else None


def _imports() -> Any:
    return CustomerImport.objects.defer("body")


def _import(found: CustomerImport) -> Import:
    return Import(
        id=found.pk,
        file_name=found.file_name,
        state=ImportState(found.state),
        percent=min(100, 100 * found.bytes_read // max(found.size, 1)),
        size=found.size,
        uploaded_at=found.uploaded_at,
        ended_at=found.ended_at,
        lines_read=found.lines_read,
        trouble=found.trouble,
        fault_count=found.fault_count,
        faults=tuple(found.faults),
        added=found.added,
        changed=found.changed,
        unchanged=found.unchanged,
    )


def imports_due(*, now: datetime, real_now: datetime) -> list[int]:
    """Lists that wait for a worker, or whose worker died; and those nobody imported in time."""
    free = Q(lease_until=None) | Q(lease_until__lt=real_now)
    waiting = free & Q(state__in=[ImportState.UPLOADED, ImportState.WRITING])
    stale = Q(state=ImportState.CHECKED, uploaded_at__lt=now - KEEP)
    due = CustomerImport.objects.filter(waiting | stale)
    return list(due.order_by("id").values_list("id", flat=True))
