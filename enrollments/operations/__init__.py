"""Writes about homes: one sentence of the business per function, one transaction each."""

from enrollments.operations.consent import agree
from enrollments.operations.enrolling import Left, enroll, pause, resume, withdraw
from enrollments.operations.home import ask_for_sync, claim_sync, save_home, sync_failed
from enrollments.operations.permission import (
    Forgotten,
    LinkedElsewhere,
    Tokens,
    begin_link,
    distrust_token,
    forget_tokens,
    link,
    permission_lost,
    put_off_refresh,
    renew_tokens,
    reseal_batch,
    take_link_attempt,
)

__all__ = [
    "Forgotten",
    "Left",
    "LinkedElsewhere",
    "Tokens",
    "agree",
    "ask_for_sync",
    "begin_link",
    "claim_sync",
    "distrust_token",
    "enroll",
    "forget_tokens",
    "link",
    "pause",
    "permission_lost",
    "put_off_refresh",
    "renew_tokens",
    "reseal_batch",
    "resume",
    "save_home",
    "sync_failed",
    "take_link_attempt",
    "withdraw",
]
