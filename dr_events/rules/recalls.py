"""What an answer means for a home whose event is to be taken back."""

from dataclasses import dataclass

from dr_events.rules import outcomes
from dr_events.states import Recall


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a recall goes. ``wait_s``: real seconds before anybody acts on the row again."""

    recall: Recall
    wait_s: float = 0.0
    trouble: str = ""


def after_post(outcome: str, status: int | None, *, again_s: float) -> Verdict:
    """After the cancellation was sent. A lost answer is simply asked again: the same modification
    twice changes nothing, which is what CARRIER_CANCEL=modification says of this vendor."""
    if outcome == outcomes.ANSWERED and status is not None:
        if 200 <= status < 300:
            return Verdict(Recall.ASKED)
        if 400 <= status < 500 and status not in (401, 408, *outcomes.BUSY):
            return Verdict(Recall.CANNOT, trouble=f"Carrier refused to cancel it ({status})")
    return Verdict(Recall.NONE, wait_s=again_s)


def after_look(*, live: bool, waited: bool, again_s: float) -> Verdict:
    """After a list was read. ``live``: it still shows the event as one that will run or runs;
    ``waited``: longer than Carrier may take to apply the cancellation."""
    if not live:
        return Verdict(Recall.RECALLED)
    if waited:
        return Verdict(
            Recall.CANNOT, trouble="Carrier took the cancellation, and the event runs all the same"
        )
    return Verdict(Recall.ASKED, wait_s=again_s)
