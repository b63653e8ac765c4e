"""Writes about homes: one sentence of the business per function, one transaction each."""

from enrollments.operations.consent import agree
from enrollments.operations.enrolling import enroll, pause, resume, withdraw
from enrollments.operations.home import ask_for_sync, save_home, sync_failed
from enrollments.operations.permission import (
    LinkedElsewhere,
    Tokens,
    begin_link,
    distrust_token,
    forget_tokens,
    link,
    permission_lost,
    renew_tokens,
    reseal_batch,
    take_link_attempt,
)

__all__ = [
    "LinkedElsewhere",
    "Tokens",
    "agree",
    "ask_for_sync",
    "begin_link",
    "distrust_token",
    "enroll",
    "forget_tokens",
    "link",
    "pause",
    "permission_lost",
    "renew_tokens",
    "reseal_batch",
    "resume",
    "save_home",
    "sync_failed",
    "take_link_attempt",
    "withdraw",
]
