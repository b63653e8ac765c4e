"""Window to Carrier for sending: the frozen message, the wave, and the proof for lost answers."""

from dr_events.dispatch import witness
from dr_events.dispatch.leaving import erase, leave
from dr_events.dispatch.message import submit
from dr_events.dispatch.proof import look_at_unsure
from dr_events.dispatch.recall import take_back
from dr_events.dispatch.wave import send_wave

__all__ = ["erase", "leave", "look_at_unsure", "send_wave", "submit", "take_back", "witness"]
