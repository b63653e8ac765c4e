"""States of a webhook and of what is posted to it, and the moves they allow."""

from base.choices import ColoredChoices


class HookState(ColoredChoices):
    """
    ACTIVE <-> PAUSED (by a person, or by us after hours without an answer: then somebody is told)
    """

    ACTIVE = "ACTIVE", "green", "Active"
    PAUSED = "PAUSED", "yellow", "Paused"


HOOK_MOVES = {
    HookState.ACTIVE: {HookState.PAUSED},
    HookState.PAUSED: {HookState.ACTIVE},
}


class PostState(ColoredChoices):
    """
    WAITING ──> DELIVERED (the receiver answered 2xx)
       └──> FAILED (never answered so over about eight hours, while others arrived)
    Both go back to WAITING when a person asks for it again.
    """

    WAITING = "WAITING", "azure", "Waiting"
    DELIVERED = "DELIVERED", "green", "Delivered"
    FAILED = "FAILED", "red", "Given up"


POST_MOVES = {
    PostState.WAITING: {PostState.DELIVERED, PostState.FAILED},
    PostState.DELIVERED: {PostState.WAITING},
    PostState.FAILED: {PostState.WAITING},
}


class Happened(ColoredChoices):
    """What a webhook tells. The word is part of the API and never changes its meaning."""

    EVENT_SUBMITTED = "event.submitted", "azure", "Event waits for approval"
    EVENT_SENT_BACK = "event.sent-back", "yellow", "Event was sent back"
    EVENT_SCHEDULED = "event.scheduled", "blue", "Event scheduled"
    EVENT_CANCELLED = "event.cancelled", "secondary", "Event cancelled"
    EVENT_COMPLETED = "event.completed", "green", "Event completed"
    ENROLLMENT_ACTIVE = "enrollment.active", "green", "Home enrolled or resumed"
    ENROLLMENT_PAUSED = "enrollment.paused", "yellow", "Home paused"
    ENROLLMENT_WITHDRAWN = "enrollment.withdrawn", "secondary", "Home left"
    TEST = "test", "secondary", "Test"


class Scenario(ColoredChoices):
    """What a practice run plays (rules.scenarios). The word is part of the API."""

    ALL_ACCEPT = "all-accept", "green", "Every home takes part"
    OPT_OUT = "30-percent-opt-out", "yellow", "Three homes in ten say no during the event"
    CARRIER_SLOW = (
        "carrier-slow",
        "yellow",
        "Answers are late or lost; in the end every home has it",
    )
    CARRIER_DOWN = "carrier-down", "red", "Carrier does not answer until it is too late"
    CANCELLED_MIDWAY = "cancelled-midway", "secondary", "Cancelled when half of the homes have it"


# State of a row as the trigger sees it -> what happened. A draft is nobody's business, one that was
# sent back is its planner's.
EVENT_NEWS = {
    "SUBMITTED": Happened.EVENT_SUBMITTED,
    "DRAFT": Happened.EVENT_SENT_BACK,
    "SCHEDULED": Happened.EVENT_SCHEDULED,
    "CANCELLED": Happened.EVENT_CANCELLED,
    "COMPLETED": Happened.EVENT_COMPLETED,
}
ENROLLMENT_NEWS = {
    "ACTIVE": Happened.ENROLLMENT_ACTIVE,
    "PAUSED": Happened.ENROLLMENT_PAUSED,
    "WITHDRAWN": Happened.ENROLLMENT_WITHDRAWN,
}
