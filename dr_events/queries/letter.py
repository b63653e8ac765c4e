"""A mail before it is worded."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail before it is worded: ``facts`` go to its templates.

    ``may_say_no_until``: the end of the event it announces, while no can still be said.
    """

    title: str
    program: str
    zone: str
    facts: dict[str, Any] = field(default_factory=dict)
    may_say_no_until: datetime | None = None
