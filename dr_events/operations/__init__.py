"""Writes about events: one sentence of the business per function, one transaction each."""

from dr_events.operations.approving import approve, send_back
from dr_events.operations.cancelling import call_off_unsent, cancel, cancel_under_way
from dr_events.operations.counting import keep_tally
from dr_events.operations.delivering import (
    Claim,
    Claimed,
    Outcome,
    Outcomes,
    adopt_orphans,
    claim,
    give_back,
    release,
    save_outcomes,
    take_round,
    take_stream,
)
from dr_events.operations.holding import (
    close_circuit,
    database_restored,
    emergency_stop,
    judge_circuit,
    leave_alone,
    lists_are_proven,
    release_restored,
    release_stop,
)
from dr_events.operations.planning import (
    Draft,
    Invalid,
    check,
    draft,
    limits_of,
    revise,
    unsaved,
)
from dr_events.operations.programming import FIELDS as PROGRAM_FIELDS
from dr_events.operations.programming import (
    Touched,
    add_program,
    change_program,
    mark,
    publish_terms,
    set_credit,
    touched,
)
from dr_events.operations.rechecking import recheck_limits
from dr_events.operations.reopening import reopen_failed
from dr_events.operations.responding import (
    Look,
    Proof,
    Sample,
    complete,
    look_around_again,
    opt_out,
    read_back_again,
    save_looks,
    save_proofs,
    stop_watching,
)
from dr_events.operations.returning import opt_back_in
from dr_events.operations.scheduling import freeze_message, submit
from dr_events.operations.settling import settle
from dr_events.operations.templating import drop_template, keep_template

__all__ = [
    "PROGRAM_FIELDS",
    "Claim",
    "Claimed",
    "Draft",
    "Invalid",
    "Look",
    "Outcome",
    "Outcomes",
    "Proof",
    "Sample",
    "Touched",
    "add_program",
    "adopt_orphans",
    "approve",
    "call_off_unsent",
    "cancel",
    "cancel_under_way",
    "change_program",
    "check",
    "claim",
    "close_circuit",
    "complete",
    "database_restored",
    "draft",
    "drop_template",
    "emergency_stop",
    "freeze_message",
    "give_back",
    "judge_circuit",
    "keep_tally",
    "keep_template",
    "leave_alone",
    "limits_of",
    "lists_are_proven",
    "look_around_again",
    "mark",
    "opt_back_in",
    "opt_out",
    "publish_terms",
    "read_back_again",
    "recheck_limits",
    "release",
    "release_restored",
    "release_stop",
    "reopen_failed",
    "revise",
    "save_looks",
    "save_outcomes",
    "save_proofs",
    "send_back",
    "set_credit",
    "settle",
    "stop_watching",
    "submit",
    "take_round",
    "take_stream",
    "touched",
    "unsaved",
]
