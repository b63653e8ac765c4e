"""States of an event, of a delivery and of participation, and the moves they allow.

Two separate questions, two separate columns: *delivery* (did the request get there?) and
*participation* (what did the home do?). A 200 answers neither of them for good.
"""

from base.choices import ColoredChoices


class EventState(ColoredChoices):
    """
    DRAFT ──> SUBMITTED ──> SCHEDULED ──> COMPLETED
      └──────────┼─────────────┴──> CANCELLED
                 └──> DRAFT (sent back with a reason)

    SUBMITTED is skipped where the program asks for no second person. Whether a scheduled event
    is being sent, running or over follows from the clock and its rows; it is not stored.
    """

    DRAFT = "DRAFT", "secondary", "Draft"
    SUBMITTED = "SUBMITTED", "yellow", "Waiting for approval"
    SCHEDULED = "SCHEDULED", "blue", "Scheduled"
    COMPLETED = "COMPLETED", "green", "Completed"
    CANCELLED = "CANCELLED", "secondary", "Cancelled"


EVENT_MOVES = {
    EventState.DRAFT: {EventState.SUBMITTED, EventState.SCHEDULED, EventState.CANCELLED},
    EventState.SUBMITTED: {EventState.SCHEDULED, EventState.DRAFT, EventState.CANCELLED},
    EventState.SCHEDULED: {EventState.COMPLETED, EventState.CANCELLED},
    EventState.COMPLETED: set(),
    EventState.CANCELLED: set(),
}


class Delivery(ColoredChoices):
    """
    PLANNED -> SENDING -> ACCEPTED -> CONFIRMED (seen in a GET)
       |          |          |-> UNSURE (in no list, long after its 200)
       |          |-> UNSURE -> (GET decides) -> CONFIRMED | PLANNED | EXPIRED
       |          |-> PLANNED (provably nothing left the building, or the token must be renewed)
       |          |-> REJECTED (400) | UNAUTHORIZED (401 and no renewal) | FORBIDDEN (403)
       |          |-> GONE (404) | FAILED (405, 406: our mistake; or its senders keep dying)
       |-> WITHHELD (control group) | SKIPPED (its reason) | EXPIRED (too late) | CANCELLED
              SKIPPED -> PLANNED (the home took its no back before anything was sent)
    """

    PLANNED = "PLANNED", "azure", "Planned"
    SENDING = "SENDING", "blue", "Sending"
    ACCEPTED = "ACCEPTED", "blue", "Accepted by Carrier"
    CONFIRMED = "CONFIRMED", "green", "Confirmed"
    UNSURE = "UNSURE", "yellow", "Unsure, being checked"
    REJECTED = "REJECTED", "red", "Rejected by Carrier"
    UNAUTHORIZED = "UNAUTHORIZED", "red", "Permission lost"
    FORBIDDEN = "FORBIDDEN", "red", "Not permitted"
    GONE = "GONE", "red", "Unknown to Carrier"
    FAILED = "FAILED", "red", "Failed"
    WITHHELD = "WITHHELD", "secondary", "Control group"
    SKIPPED = "SKIPPED", "secondary", "Left out"
    EXPIRED = "EXPIRED", "yellow", "Too late to send"
    CANCELLED = "CANCELLED", "secondary", "Cancelled before sending"


DELIVERY_MOVES = {
    Delivery.PLANNED: {
        Delivery.SENDING,
        Delivery.SKIPPED,
        Delivery.UNAUTHORIZED,
        Delivery.FAILED,
        Delivery.UNSURE,
        Delivery.EXPIRED,
        Delivery.CANCELLED,
    },
    Delivery.SENDING: {
        Delivery.PLANNED,
        Delivery.ACCEPTED,
        Delivery.CONFIRMED,
        Delivery.UNSURE,
        Delivery.REJECTED,
        Delivery.UNAUTHORIZED,
        Delivery.FORBIDDEN,
        Delivery.GONE,
        Delivery.FAILED,
        Delivery.EXPIRED,
    },
    Delivery.UNSURE: {Delivery.CONFIRMED, Delivery.PLANNED, Delivery.EXPIRED},
    Delivery.ACCEPTED: {Delivery.CONFIRMED, Delivery.UNSURE},
    **{
        final: set()
        for final in (
            Delivery.CONFIRMED,
            Delivery.REJECTED,
            Delivery.UNAUTHORIZED,
            Delivery.FORBIDDEN,
            Delivery.GONE,
            Delivery.FAILED,
            Delivery.WITHHELD,
            Delivery.EXPIRED,
            Delivery.CANCELLED,
        )
    },
    Delivery.SKIPPED: {Delivery.PLANNED},
}
# Rows that somebody must still act on.
OPEN = frozenset({Delivery.PLANNED, Delivery.SENDING, Delivery.UNSURE})
# Rows whose request is, or may be, at Carrier.
SENT = frozenset({Delivery.ACCEPTED, Delivery.CONFIRMED})
FAILURES = frozenset(
    {
        Delivery.REJECTED,
        Delivery.UNAUTHORIZED,
        Delivery.FORBIDDEN,
        Delivery.GONE,
        Delivery.FAILED,
        Delivery.EXPIRED,
    }
)


class Recall(ColoredChoices):
    """Taking back what Carrier has: of a cancelled event, or of one home that said no.

    NONE -> ASKED (Carrier took the cancellation) -> RECALLED (its list shows so) | CANNOT
    Only where the vendor can cancel at all (CARRIER_CANCEL); elsewhere nothing is asked, and what
    was sent is shown as "cannot be recalled".
    """

    NONE = "", "secondary", ""
    ASKED = "ASKED", "yellow", "Carrier was asked to take it back"
    RECALLED = "RECALLED", "secondary", "Taken back"
    CANNOT = "CANNOT", "red", "Cannot be recalled"


class Participation(ColoredChoices):
    """
    UNKNOWN -> SCHEDULED -> ACTIVE -> COMPLETED
       any of them -> OPTED_OUT_BEFORE | OPTED_OUT_DURING | UNREACHABLE
    UNREACHABLE -> ACTIVE while the event runs (the wall control came back)
    """

    UNKNOWN = "UNKNOWN", "secondary", "Not known"
    SCHEDULED = "SCHEDULED", "azure", "Waiting for the start"
    ACTIVE = "ACTIVE", "blue", "Taking part"
    COMPLETED = "COMPLETED", "green", "Took part"
    OPTED_OUT_BEFORE = "OPTED_OUT_BEFORE", "yellow", "Opted out before"
    OPTED_OUT_DURING = "OPTED_OUT_DURING", "yellow", "Opted out during"
    UNREACHABLE = "UNREACHABLE", "red", "Unreachable"


OPTED_OUT = frozenset({Participation.OPTED_OUT_BEFORE, Participation.OPTED_OUT_DURING})


class Reason(ColoredChoices):
    """Why a home is left out, in words an operator and a homeowner both understand."""

    NONE = "", "secondary", ""
    OPTED_OUT = "OPTED_OUT", "yellow", "The homeowner opted out of this event"
    PAUSED = "PAUSED", "yellow", "Enrollment is paused"
    WITHDRAWN = "WITHDRAWN", "secondary", "The home left the program"
    REPLACED = "REPLACED", "secondary", "The wall control was replaced"
    NO_PERMISSION = "NO_PERMISSION", "red", "Permission at Carrier is lost"
    OVERLAP = "OVERLAP", "yellow", "Another event covers this time"
    DAY_CAP = "DAY_CAP", "yellow", "Most events a day reached"
    WEEK_CAP = "WEEK_CAP", "yellow", "Most events a week reached"
    SEASON_CAP = "SEASON_CAP", "yellow", "Most events a season reached"
    REST = "REST", "yellow", "Not enough rest since the last event"
    LIMITS = "LIMITS", "yellow", "Outside the program's limits as they are now"
    NOT_IN_SHARE = "NOT_IN_SHARE", "secondary", "Not in the share drawn by lot"
    CONTROL_GROUP = "CONTROL_GROUP", "secondary", "Held out for comparison"
    TOO_LATE = "TOO_LATE", "yellow", "Too little of the event was left"
    EVENT_CANCELLED = "EVENT_CANCELLED", "secondary", "The event was cancelled"


class Response(ColoredChoices):
    """How a wall control is asked to react (contract 4.6)."""

    CUSTOMER = "customer", "azure", "The home's own settings"
    OFFSET = "offset", "azure", "Move the setpoint by"
    ABSOLUTE = "absolute", "azure", "Set the temperature to"
    PRICE = "price", "azure", "Know a price; each home by its own price settings"


class OptOutVia(ColoredChoices):
    HOME_PAGE = "HOME_PAGE", "azure", "Home page"
    MAIL = "MAIL", "azure", "Link in a mail"
    OPERATOR = "OPERATOR", "azure", "Utility"
    PARTNER = "PARTNER", "azure", "Partner"
