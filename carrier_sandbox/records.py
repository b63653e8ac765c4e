"""Events as the cloud keeps them. Real times in epoch seconds order what happened to the list;
business times in epoch seconds say what the homes lived through.
"""

from __future__ import annotations

from dataclasses import dataclass

from carrier_sandbox.tree import Node

NEVER = float("inf")


@dataclass(slots=True)
class EventRecord:
    """One entry in a system's event list; a replaced one stays, marked, so that the truth can be
    told.
    """

    wire_id: str  # the id shown in the list
    event_id: str  # the id that was sent; differs when the variant ignores ids
    modification: int
    members: Node
    start: float
    end: float
    randomization_s: float
    received_real: float
    received_sim: float
    effect_real: float
    effect_sim: float
    post_seq: int
    removed_by: str = ""  # '', 'replaced' or 'cancelled'
    removed_real: float = NEVER
    removed_sim: float = NEVER
    pressed_override_sim: float = NEVER  # somebody pressed override, told by the admin door

    def remove(self, by: str, real: float, sim: float) -> None:
        """Take it off the list of live events at a time."""
        self.removed_by, self.removed_real, self.removed_sim = by, real, sim

    def live_at(self, real: float) -> bool:
        """In effect at a real time, and neither replaced nor cancelled by then."""
        return self.effect_real <= real < self.removed_real


def peak_overlap(records: list[EventRecord]) -> int:
    """The most events that were live together with windows that share an instant, over all of the
    past.
    """
    peak = 0
    for newest in records:
        together = [record for record in records if record.live_at(newest.effect_real)]
        for one in together:
            peak = max(peak, sum(other.start <= one.start < other.end for other in together))
    return peak
