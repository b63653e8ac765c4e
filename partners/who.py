"""Who asks, and what they may ask. No framework in here: settings reach this file very early."""

from dataclasses import dataclass

READ = "offpeak.read"
EVENTS = "offpeak.events"
WEBHOOKS = "offpeak.webhooks"

SCOPES = {
    READ: "See your programs, their systems and enrollments, events and results",
    EVENTS: "Plan and cancel events in your programs, and say no to them for homes",
    WEBHOOKS: "Manage your webhooks and read what was posted to them",
}


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner's client, as ``request.user``. It is nobody's account and can open no page."""

    client_id: str
    scopes: frozenset[str]
    requests_per_minute: int
    is_practice: bool = False
    is_authenticated: bool = True
