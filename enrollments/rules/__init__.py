"""Pure rules. ``homes``: who can take part, and why not. ``matching``: is this the account that was
meant? ``customers``: the utility's list of customers, line by line."""

from enrollments.rules.homes import (
    ASKED_SCOPES,
    NEEDED_SCOPES,
    REMEDIES,
    SCOPE_SENTENCES,
    Pause,
    SystemFacts,
    all_fit,
    mail_pause_s,
    missing_scopes,
    pause_of,
    refresh_pause_s,
    reread_delay_s,
    sync_delay_s,
    why_not,
)

__all__ = [
    "ASKED_SCOPES",
    "NEEDED_SCOPES",
    "REMEDIES",
    "SCOPE_SENTENCES",
    "Pause",
    "SystemFacts",
    "all_fit",
    "mail_pause_s",
    "missing_scopes",
    "pause_of",
    "refresh_pause_s",
    "reread_delay_s",
    "sync_delay_s",
    "why_not",
]
