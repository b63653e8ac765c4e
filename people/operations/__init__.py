"""Writes about people: who acts, the activity log, the utility's team."""

from people.operations.acting import SYSTEM, Actor, record
from people.operations.team import (
    accept,
    change_role,
    deactivate,
    end_session,
    invite,
    reactivate,
    reset_second_factor,
    withdraw_invitation,
)

__all__ = [
    "SYSTEM",
    "Actor",
    "accept",
    "change_role",
    "deactivate",
    "end_session",
    "invite",
    "reactivate",
    "record",
    "reset_second_factor",
    "withdraw_invitation",
]
