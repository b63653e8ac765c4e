"""What answers say beyond their own row: a token refused, a pause asked for, a mistake of ours."""

from dataclasses import dataclass, field

from django.utils import timezone

from base import clock
from carrier.errors import retry_after_seconds
from carrier.fanout import Answer, Outcome
from dr_events import operations
from dr_events.rules import circuit, outcomes
from enrollments.operations.distrusting import distrust_tokens

# Real seconds to wait where Carrier says "not now" and not how long.
PAUSE_S = 5.0
# Whatever one answer says: nobody holds the whole of Carrier back for longer than this at a time.
LONGEST_FOR_ALL_S = 60.0
OUR_MISTAKES = frozenset({400, 405, 406})


@dataclass(slots=True)
class News:
    """What a batch of answers means for tokens, for pauses and for the circuit."""

    refused: dict[int, bytes] = field(default_factory=dict)
    pauses: dict[int, float] = field(default_factory=dict)
    answered: int = 0
    mistakes: int = 0

    def note(
        self, answer: Answer, grant_id: int, sealed: bytes | memoryview, *, renew: bool = True
    ) -> None:
        """One answer, and whose token it was sent with. ``renew``: a 401 is worth a new token."""
        if answer.outcome is not Outcome.ANSWERED or answer.status is None:
            return
        self.answered += 1
        self.mistakes += answer.status in OUR_MISTAKES
        if answer.status == 401 and renew:
            self.refused[grant_id] = bytes(sealed)
        wait_s = wait_asked_for(answer)
        if answer.status in outcomes.BUSY or (answer.status == 503 and wait_s is not None):
            asked = PAUSE_S if wait_s is None else wait_s
            self.pauses[grant_id] = max(asked, self.pauses.get(grant_id, 0.0))

    def pass_on(self, event_id: int | None = None) -> None:
        """Write down what was learnt. ``event_id``: the wave these answers belong to."""
        if self.pauses:
            pauses = dict(self.pauses)
            if circuit.everybody_waits(busy=len(pauses), answered=self.answered):
                pauses[0] = min(max(pauses.values()), LONGEST_FOR_ALL_S)
            operations.leave_alone(pauses)
        if self.refused:
            distrust_tokens(refused=self.refused, real_now=clock.real_now())
        if self.mistakes and event_id is not None:
            operations.judge_circuit(event_id=event_id, now=clock.now())


def wait_asked_for(answer: Answer) -> float | None:
    """Retry-After in seconds, where the answer carries one that makes sense."""
    if answer.retry_after is None:
        return None
    return retry_after_seconds(answer.retry_after, timezone.now())
