"""``events``: what is planned. ``dispatches``: one row per event and system, the heart.
``control``: what holds sending back. ``programs``: designs and credit."""

from dr_events.models.control import Control, Pause, Rung
from dr_events.models.dispatches import Attempt, Dispatch, OptOut, Reading
from dr_events.models.events import Event, KeptTally
from dr_events.models.programs import Credit, Template

__all__ = [
    "Attempt",
    "Control",
    "Credit",
    "Dispatch",
    "Event",
    "KeptTally",
    "OptOut",
    "Pause",
    "Reading",
    "Rung",
    "Template",
]
