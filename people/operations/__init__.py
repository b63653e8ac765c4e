"""Writes about people: who acts, the activity log, the utility's team."""

from people.operations.acting import SYSTEM, Actor, for_operators, for_people, record
from people.operations.erasing import address_after, erase_account
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
    "address_after",
    "change_role",
    "deactivate",
    "end_session",
    "erase_account",
    "for_operators",
    "for_people",
    "invite",
    "reactivate",
    "record",
    "reset_second_factor",
    "withdraw_invitation",
]
