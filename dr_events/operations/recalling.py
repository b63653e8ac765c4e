"""Taking back what Carrier has: what was asked, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection

from dr_events.models import Dispatch
from dr_events.states import Recall


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What is known now of one recall. ``wait_s``: real seconds before it is touched again."""

    id: int
    recall: str
    wait_s: float
    trouble: str


_SAVE = """
UPDATE dr_events_dispatch d
SET recall = o.recall, recall_at = CASE WHEN o.recall = 'ASKED' THEN
        coalesce(d.recall_at, clock_timestamp()) ELSE d.recall_at END,
    trouble = CASE o.trouble WHEN '' THEN d.trouble ELSE o.trouble END,
    not_before = CASE WHEN o.wait_s > 0
        THEN clock_timestamp() + o.wait_s * interval '1 second' END
FROM jsonb_to_recordset(%(lines)s::jsonb)
    AS o(id bigint, recall text, wait_s float8, trouble text)
WHERE d.id = o.id AND d.recall = ANY (%(open)s)
"""


def save_recalls(lines: Sequence[TakenBack]) -> int:
    """Save what came of recalls; how many rows were still open."""
    rows = [{name: getattr(line, name) for name in TakenBack.__slots__} for line in lines]
    values: dict[str, Any] = {"lines": orjson.dumps(rows).decode(), "open": ["", "ASKED"]}
    with connection.cursor() as cursor:
        cursor.execute(_SAVE, values)
        return cursor.rowcount


def give_up_recalls(*, event_id: int) -> int:
    """The event is over: what was not seen to be taken back was not."""
    asked = Dispatch.objects.filter(event_id=event_id, recall=Recall.ASKED)
    return asked.update(recall=Recall.CANNOT)
