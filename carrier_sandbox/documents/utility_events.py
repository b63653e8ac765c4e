"""utility_events (operations 22 and 23). The empty form is captured; everything inside ``event``
is ASSUMED.
"""

from __future__ import annotations

from carrier_sandbox.behaviour import opt_state, status_word
from carrier_sandbox.clock import utc_seconds_text
from carrier_sandbox.documents.common import View, head
from carrier_sandbox.records import NEVER, EventRecord
from carrier_sandbox.tree import Node


def utility_events(view: View, finished_s: float) -> Node:
    """The list as this vendor tells it; events stay listed ``finished_s`` business seconds after
    their end.
    """
    variants = view.variants
    real, sim = view.now
    if variants.list_delay_s > 0:
        sim -= variants.list_delay_s * view.clock.rate
        real -= variants.list_delay_s
    if variants.listing == "frozen":
        sim, real = view.clock.sim_at(variants.frozen_at), variants.frozen_at
    shown = [
        _event(view, record, real, sim)
        for record in view.system.records
        if record.effect_real <= real
        and not (record.removed_by == "replaced" and record.removed_real <= real)
        and record.end + finished_s > sim
    ]
    if variants.listing == "empty":
        shown = []
    if variants.listing == "reordered":
        shown.reverse()
    if variants.listing == "partial":
        shown = [
            {"$": event["$"], "eventType": event["eventType"], "start": event["start"]}
            for event in shown
        ]
    return listed(view, shown)


def listed(view: View, events: list[Node]) -> Node:
    """Events in their container; an empty one as captured."""
    inner: Node | None = {"event": events} if events else None
    return {"utility_events": {**head(view, "/utility_events"), "events": inner}}


def _event(view: View, record: EventRecord, real: float, sim: float) -> Node:
    chosen, when = opt_state(view.system, record, sim)
    return {
        "$": {"id": record.wire_id}, **record.members, "status": status_word(record, real, sim),
        "optType": chosen, "optTime": utc_seconds_text(int(when)) if when != NEVER else None,
    }  # fmt: skip


def accepted(view: View, records: list[EventRecord]) -> Node:
    """The answer to a POST: what was accepted, as it now stands in the list."""
    return listed(view, [_event(view, record, *view.now) for record in records])
