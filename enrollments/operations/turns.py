"""What one person does, and what is done for them, happens one after the other.

Whoever writes several rows of one person holds the row of the person first, then enrolments, then
permissions and applications. Two that came the other way round would wait for each other.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, transaction
from psycopg.errors import DeadlockDetected, LockNotAvailable

from base.refusal import Refused
from people.models import User


def take_turns(user: User, *, to_leave: bool = False) -> None:
    """Wait until nobody else acts for this person; their turn lasts as long as the transaction.
    Whether an agreement stands and which system is the last one is asked of rows another request
    may be writing.

    Raises Refused when the account is closed, as it may be since the page was opened. ``to_leave``:
    what only takes away is allowed all the same.
    """
    held = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not (held.is_active or to_leave):
        raise Refused("This account is closed. Nothing was kept.", code="closed")


@contextmanager
def unless_busy() -> Iterator[None]:
    """One transaction that raises Refused, and changes nothing, while somebody else is writing the
    same rows: a renewal of tokens may take longer than anybody waits for a page."""
    try:
        with transaction.atomic():
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
            raise Refused(
                "We are talking to Carrier about this home just now, so nothing was changed. "
                "Please try again in a moment.",
                code="busy",
            ) from None
        raise
