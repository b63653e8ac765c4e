"""Each guard's switch: inside it, the guard is off. Used in this process and in children."""

import math
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

from django.db import connection
from django.db.backends.utils import CursorWrapper

Switch = Callable[[], AbstractContextManager[None]]


@contextmanager
def rewritten(old: str, new: str, *, within: str = "") -> Iterator[None]:
    """Every statement that has ``old`` (blanks may differ) and ``within`` is sent with ``new``
    instead. At least one must, or the guard has moved and the switch is a dummy."""
    pattern = re.compile(r"\s+".join(re.escape(word) for word in old.split()))
    changed = 0
    execute = CursorWrapper.execute

    def other(self: Any, sql: Any, params: Any = None) -> Any:
        nonlocal changed
        if within in sql:
            sql, times = pattern.subn(new, sql)
            changed += times
        return execute(self, sql, params)

    with patch.object(CursorWrapper, "execute", other):
        yield
    assert changed, f"no statement says {old!r} any more"


@contextmanager
def _intent() -> Iterator[None]:
    """A claim no longer insists on being committed."""
    from dr_events.operations import delivering

    class Blind:
        in_atomic_block = False

        def __getattr__(self, name: str) -> Any:
            return getattr(connection, name)

    with patch.object(delivering, "connection", Blind()):
        yield


@contextmanager
def _old_claim() -> Iterator[None]:
    """The last look no longer asks how old the claim is."""
    from dr_events.dispatch.watch import Watch

    refusal = Watch.refusal

    def ageless(self: Watch, row_id: int) -> str | None:
        self.lease_s = math.inf
        return refusal(self, row_id)

    with patch.object(Watch, "refusal", ageless):
        yield


def trusting() -> AbstractContextManager[Any]:
    """The last look trusts an answer of any age."""
    from dr_events.dispatch import watch

    return patch.object(watch, "TOO_OLD_S", math.inf)


OFF: dict[str, Switch] = {
    "intent": _intent,
    "session lock": lambda: rewritten("pg_advisory_lock(%s | number)", "(%s | number)"),
    "old claim": _old_claim,
    "old answer": trusting,
}
