"""What must be true of homes and of what the portal says about them: V1, V2, V11, V12.

Pure functions from the evidence to sentences, as in ``checks_requests``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.faults.history import INFO, OK, Act, EventFacts, Evidence, Row

HELD = frozenset({"ACCEPTED", "CONFIRMED"})
OPEN = frozenset({"PLANNED", "SENDING", "UNSURE"})
# What the portal may say when a home does not have the event, and the answers that explain it.
EXPLAINED_BY = {
    "REJECTED": frozenset({400}),
    "FORBIDDEN": frozenset({403}),
    "GONE": frozenset({404}),
    "FAILED": frozenset({302, 307, 405, 406, 409, 415}),
}
NEVER_LEARNED = "Carrier never told whether it arrived"


def v1_exactly_one(evidence: Evidence) -> Iterator[str]:
    """A home the portal calls accepted or confirmed holds exactly one live event; any other holds
    none, and was struck by something that explains it. Where nobody could learn it: at most one."""
    for row in evidence.rows:
        event = evidence.events[row.event]
        truth = evidence.truth.get(row.serial)
        held = truth.held(event.wire_id) if truth else 0
        if row.recall == "RECALLED":
            if held:
                yield f"V1 {row.serial} is said to be taken back and holds {held}"
        elif row.recall in ("ASKED", "CANNOT"):
            if held > 1:
                yield f"V1 {row.serial} holds {held} of event {event.id}"
        elif row.delivery in HELD:
            if held != 1 and not (evidence.lies and held == 0):
                yield f"V1 {row.serial} is {row.delivery} and holds {held} of event {event.id}"
        elif _nobody_knows(evidence, row):
            if held > 1:
                yield f"V1 {row.serial} holds {held} of event {event.id}, nobody knows why"
            # Once an event is over, "not listed" tells nothing any more: it may have run.
            in_time = evidence.rate == 1.0 and not evidence.lies
            if in_time and not _permission_hurt(evidence, row):
                yield f"V1 {row.serial} was never looked up, and its list could be read"
        elif held:
            yield f"V1 {row.serial} is {row.delivery} ({row.reason}) and yet holds {held}"
        elif row.delivery not in OPEN and (missing := _unexplained(evidence, row, event)):
            yield f"V1 {row.serial} is {row.delivery} ({row.trouble or row.reason}): {missing}"


def _nobody_knows(evidence: Evidence, row: Row) -> bool:
    """Undecided for good, and said so. Lists that lie are the reason, or a lost permission."""
    return row.delivery == "EXPIRED" and (row.trouble == NEVER_LEARNED or evidence.lies)


def _unexplained(evidence: Evidence, row: Row, event: EventFacts) -> str:
    """Why this end needs an explanation nobody gave; '' when it has one."""
    posts = evidence.posts(event, row.serial)
    statuses = {request.status for request in posts}
    if row.delivery in EXPLAINED_BY:
        # A struck request names no event where several were planned: any of this home's counts.
        every = {r.status for r in evidence.requests if r.is_post and r.serial == row.serial}
        return (
            ""
            if every & EXPLAINED_BY[row.delivery]
            else f"answers were {sorted(statuses, key=str)}"
        )
    if row.delivery == "UNAUTHORIZED":
        return "" if _permission_hurt(evidence, row) else "its permission was never touched"
    if row.delivery == "CANCELLED":
        return "" if _acted(evidence, "cancel", row, serial=False) else "nobody cancelled it"
    if row.delivery == "SKIPPED":
        return _why_skipped(evidence, row)
    if row.delivery == "EXPIRED":
        return "" if evidence.rate > 1 else "there was time enough"
    return ""


def _permission_hurt(evidence: Evidence, row: Row) -> bool:
    """A 401, a consent taken back, or a renewal that went wrong."""
    if any(r.serial == row.serial and r.status == 401 for r in evidence.requests):
        return True
    user = evidence.homes.get(row.serial, "")
    if user in evidence.revoked or _acted(evidence, "withdraw", row, event=False):
        return True
    return evidence.grants.get(user) == "NEEDS_RELINK"


def _why_skipped(evidence: Evidence, row: Row) -> str:
    acts = {"OPTED_OUT": "opt_out", "PAUSED": "pause", "WITHDRAWN": "withdraw"}
    kind = acts.get(row.reason)
    if kind is None:
        return "" if row.reason else "without a reason"
    if _acted(evidence, kind, row, event=kind == "opt_out"):
        return ""
    return f"nobody did {kind}"


def _acted(
    evidence: Evidence, kind: str, row: Row, *, event: bool = True, serial: bool = True
) -> bool:
    return any(
        act.kind == kind
        and act.outcome in (OK, INFO)
        and (not event or act.event == row.event)
        and (not serial or act.serial == row.serial)
        for act in evidence.acts
    )


def v2_never_two_at_once(evidence: Evidence) -> Iterator[str]:
    """At no instant did a system have two live events whose times overlap."""
    for truth in evidence.truth.values():
        if truth.peak_overlap > 1:
            yield f"V2 {truth.serial} had {truth.peak_overlap} live events at once"


def v11_all_decided(evidence: Evidence) -> Iterator[str]:
    """Every delivery is decided, with a reason a person can read, and the counts add up."""
    if evidence.held_as_restored:
        yield "V11 everything is held for a restored database, and none was restored"
    for what in evidence.undecided:
        yield f"V11 {what}"
    for row in evidence.rows:
        if row.delivery in OPEN:
            yield f"V11 {row.serial} of event {row.event} is still {row.delivery}: {row.trouble}"
        elif row.delivery not in HELD and not (row.reason or row.trouble):
            yield f"V11 {row.serial} of event {row.event} is {row.delivery}, nobody knows why"
    for event in evidence.events.values():
        rows = [row for row in evidence.rows if row.event == event.id]
        if len({row.serial for row in rows}) != len(rows):
            yield f"V11 event {event.id} has a home twice"
        if event.state == "SCHEDULED":
            yield f"V11 event {event.id} never closed"
        if event.state in ("COMPLETED", "CANCELLED") and event.planned and not rows:
            yield f"V11 event {event.id} was scheduled for nobody"


def v12_books_agree(evidence: Evidence) -> Iterator[str]:
    """Rows, attempts, activity log and ledger agree, row by row."""
    yield from _rows_and_ledger(evidence)
    yield from _acts_and_log(evidence)


def _rows_and_ledger(evidence: Evidence) -> Iterator[str]:
    targeted: dict[str, int] = defaultdict(int)
    for row in evidence.rows:
        targeted[row.serial] += row.attempts
        posts = evidence.posts(evidence.events[row.event], row.serial)
        if row.delivery in HELD and not any(not p.is_recall for p in posts) and not evidence.lies:
            yield f"V12 {row.serial} is {row.delivery}, the ledger has no POST for it"
        for one in row.tries:
            if one.method != "POST" or one.outcome != "ANSWERED":
                continue
            if not _in_ledger(evidence, row, one.status, one.ended):
                yield f"V12 {row.serial} has an answer {one.status} the ledger does not know"
    sent = Counter(
        request.serial
        for request in evidence.requests
        if request.is_post and not evidence.is_recall(request) and request.serial in evidence.homes
    )
    for serial, count in sent.items():
        if count > targeted[serial]:
            yield f"V12 {serial} got {count} POSTs, the portal knows of {targeted[serial]}"


def _in_ledger(evidence: Evidence, row: Row, status: int | None, ended: float) -> bool:
    return any(
        request.serial == row.serial
        and request.method == "POST"
        and request.status == status
        and ended - 60.0 <= request.at <= ended + 0.5
        for request in evidence.requests
    )


SUBJECTS = {"cancel": "cancel", "opt_out": "opt-out", "pause": "pause", "withdraw": "withdraw"}


def _acts_and_log(evidence: Evidence) -> Iterator[str]:
    """An act that was answered stands in the log; the log has nothing nobody did."""
    log = Counter((entry.verb, entry.subject) for entry in evidence.log)
    asked: dict[tuple[str, str], list[Act]] = defaultdict(list)
    for act in evidence.acts:
        if act.kind in SUBJECTS and (subject := _subject(act)):
            asked[(SUBJECTS[act.kind], subject)].append(act)
    for (verb, subject), acts in asked.items():
        sure = any(act.outcome == OK for act in acts)
        possible = sum(act.outcome in (OK, INFO) for act in acts)
        written = log.pop((verb, subject), 0)
        if written > possible or (sure and not written):
            yield f"V12 {verb} of {subject}: {written} in the log, {possible} possible, ok: {sure}"
    for (verb, subject), count in log.items():
        if verb in SUBJECTS.values():
            yield f"V12 the log has {count} x {verb} of {subject}, nobody did that"


def _subject(act: Act) -> str:
    if act.kind == "cancel":
        return f"event:{act.event}"
    if act.kind == "opt_out":
        return f"dispatch:{act.detail['row']}" if "row" in act.detail else ""
    return f"enrollment:{act.detail['id']}"
