"""What must be true of the requests that reached the cloud: V3 to V10 (docs/faults.md).

Each check is a pure function from the evidence to sentences; no sentence, no violation. An answer
whose receiver was killed, paused or cut off from the database may have been lost: that is the one
excuse, and it holds only where the portal indeed has no record of the answer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.faults.history import OK, Act, Evidence, Request, Row

FINAL = frozenset({400, 403, 404, 405, 406})


def v3_nothing_after_no(evidence: Evidence) -> Iterator[str]:
    """No POST was received later than the grace after somebody's no was committed."""
    grace = evidence.bounds.grace_s
    posts = [request for request in evidence.requests if request.is_post]
    for act in evidence.acts:
        if act.outcome != OK:
            continue
        until = _until(evidence, act)
        for request in posts:
            if not act.returned + grace < request.at < until or evidence.is_recall(request):
                continue
            if _concerns(evidence, act, request):
                late = request.at - act.returned
                yield f"V3 POST #{request.seq} to {request.serial} {late:.2f} s after {act.kind}"


def _until(evidence: Evidence, act: Act) -> float:
    """A stop holds until somebody began to release it (and it may have been released)."""
    releases = [
        one.invoked
        for one in evidence.acts
        if one.kind == "release" and one.outcome != "fail" and one.invoked > act.invoked
    ]
    return min(releases, default=float("inf")) if act.kind == "stop" else float("inf")


def _concerns(evidence: Evidence, act: Act, request: Request) -> bool:
    if act.kind == "stop":
        return request.serial in evidence.homes
    if act.kind in ("pause", "withdraw"):
        return request.serial == act.serial
    event = evidence.event_of(request)
    if act.kind == "cancel":
        return event is not None and event.id == act.event
    if act.kind == "opt_out":
        return request.serial == act.serial and event is not None and event.id == act.event
    return False


def v4_within_limits(evidence: Evidence) -> Iterator[str]:
    """Offset, length, hours and events a day, from the ledger's bodies and the cloud's lists."""
    bounds = evidence.bounds
    for request in evidence.requests:
        if not request.is_post or not request.body:
            continue
        offset = re.search(r'"offset":\s*"?([\d.]+)', request.body)
        if offset and float(offset[1]) > bounds.max_offset_f:
            yield f"V4 POST #{request.seq} asks for {offset[1]} degrees"
    zone = ZoneInfo(bounds.zone)
    for truth in evidence.truth.values():
        days: dict[object, set[str]] = defaultdict(set)
        for one in truth.events:
            if not one.live:
                continue
            start, end = (datetime.fromtimestamp(at, zone) for at in (one.start, one.end))
            days[start.date()].add(one.wire_id)
            closes = end.hour + end.minute / 60 + end.second / 3600
            if one.end - one.start > bounds.max_length_s:
                yield f"V4 {truth.serial} holds an event of {one.end - one.start:.0f} s"
            if start.hour < bounds.hours[0] or closes > bounds.hours[1]:
                yield f"V4 {truth.serial} holds an event from {start:%H:%M} to {end:%H:%M}"
        for day, events in days.items():
            if len(events) > bounds.per_day:
                yield f"V4 {truth.serial} holds {len(events)} events on {day}"


def v5_not_too_late(evidence: Evidence) -> Iterator[str]:
    """No POST at or after the last moment at which enough of the event is left."""
    allowance = evidence.bounds.grace_s * evidence.rate
    for request in evidence.requests:
        if not request.is_post or request.is_recall:
            continue
        event = evidence.event_of(request)
        if event is not None and request.business >= event.last_send + allowance:
            late = request.business - event.last_send
            yield f"V5 POST #{request.seq} to {request.serial} {late:.0f} business s too late"


def v6_own_token_only(evidence: Evidence) -> Iterator[str]:
    """Every request carried the token of the home it was about."""
    for request in evidence.requests:
        owner = evidence.homes.get(request.serial)
        if owner and request.user and request.user != owner:
            yield f"V6 request #{request.seq} for {request.serial} with a token of {request.user}"


def v7_no_means_no(evidence: Evidence) -> Iterator[str]:
    """After 400, 403, 404, 405 or 406 nothing more for this delivery; one retry after a 401."""
    for row in evidence.rows:
        posts = evidence.posts(evidence.events[row.event], row.serial)
        seen401 = 0
        for number, request in enumerate(posts):
            if request.status is None or not _learnt(evidence, row, request):
                continue
            if request.status in FINAL and posts[number + 1 :]:
                yield (
                    f"V7 {row.serial} answered {request.status} to #{request.seq}, "
                    f"and then got #{posts[number + 1].seq}"
                )
            if request.status == 401:
                seen401 += 1
                if seen401 == 2 and posts[number + 1 :]:
                    yield f"V7 {row.serial} got #{posts[number + 1].seq} after two 401"


def _learnt(evidence: Evidence, row: Row, request: Request) -> bool:
    """Did the portal get to know this answer? It did unless it has no record of it, and somebody
    was disturbed between the request and the moment the record would have been written."""
    for one in row.tries:
        if one.status == request.status and request.at - 0.5 <= one.ended <= request.at + 15.0:
            return True
    return not evidence.disturbed(request.at - 0.5, request.at + 5.0)


def v8_same_bytes(evidence: Evidence) -> Iterator[str]:
    """Every body of an event is the one that was frozen; only a recall differs."""
    for request in evidence.requests:
        if not request.is_post or not request.sha256 or request.is_recall:
            continue
        event = evidence.event_of(request)
        if event is None:
            if request.serial in evidence.homes:
                yield f"V8 POST #{request.seq} to {request.serial} names no event of ours"
        elif request.sha256 != event.sha256:
            yield f"V8 POST #{request.seq} of event {event.id} differs from the frozen message"


def v9_asked_to_wait(evidence: Evidence) -> Iterator[str]:
    """After 429 with Retry-After no event is sent to that home before the time is over."""
    for row in evidence.rows:
        posts = evidence.posts(evidence.events[row.event], row.serial)
        for number, request in enumerate(posts[:-1]):
            following = posts[number + 1]
            wait = evidence.retry_after.get(request.status or 0)
            if wait is None or request.fault != "too_many" or request.done is None:
                continue
            if not _learnt(evidence, row, request):
                continue
            if following.at < request.done + wait - 0.05:
                yield (
                    f"V9 {row.serial} asked to wait {wait} s, and got #{following.seq} "
                    f"{following.at - request.done:.2f} s later"
                )


def v9_in_flight(evidence: Evidence) -> Iterator[str]:
    """Never more requests to systems under way at once than all processes together may have.

    Counted from arrival to answer, which is less than the whole of a request: no false alarm.
    Requests of a process that was just killed may still be answered; they count for nobody.
    """
    marks: list[tuple[float, int]] = []
    for request in evidence.requests:
        if request.serial in evidence.homes and request.done is not None:
            marks += [(request.at, 1), (request.done, -1)]
    under_way = 0
    for at, change in sorted(marks):
        under_way += change
        span = evidence.bounds.total_s + 2.0
        if under_way > evidence.bounds.in_flight and not evidence.disturbed(at - span, at):
            yield f"V9 {under_way} requests were under way, {evidence.bounds.in_flight} may be"
            return


def v10_one_refresh(evidence: Evidence) -> Iterator[str]:
    """One renewal per token, and no permission lost because an old refresh token was used again.

    A renewal has a reason: the token was near its end, or it was refused. The exception to both: a
    renewal whose answer was lost on its way. It may be asked for again, it leaves us with a token
    that was exchanged, and the home must then be asked to connect again, visibly.
    """
    renewals: dict[str, list[Request]] = defaultdict(list)
    for request in evidence.requests:
        if request.operation == "POST oauth/token" and request.reason == "refresh_token":
            renewals[request.user].append(request)
    excused = 0
    for user, done in renewals.items():
        lost = sum(_answer_lost(evidence, request) for request in done)
        excused += lost
        reasons = _reasons_to_renew(evidence, user, done)
        if len(done) > reasons + lost:
            yield f"V10 {user} was renewed {len(done)} times, for {reasons} reasons, {lost} lost"
    if evidence.revoked_by_reuse > excused:
        yield f"V10 {evidence.revoked_by_reuse} permissions lost by reuse, {excused} have an excuse"


def _answer_lost(evidence: Evidence, request: Request) -> bool:
    """Struck, or its receiver was disturbed before it can have kept the new tokens."""
    struck = bool(request.fault) or request.status != 200
    return struck or evidence.disturbed(request.at - 0.5, request.at + 2.0)


def _reasons_to_renew(evidence: Evidence, user: str, done: list[Request]) -> int:
    """The token the schedule began with, those that were refused, those that ended meanwhile."""
    bounds = evidence.bounds
    refused = sum(
        request.status == 401 and evidence.homes.get(request.serial) == user
        for request in evidence.requests
    )
    shortened = sum(blow.kind == "tokens about to end" for blow in evidence.blows)
    # A life is counted from before the request for it, so two renewals may be a little closer.
    apart_s = done[-1].at - done[0].at + 1.0
    ended = int(apart_s / (bounds.token_life_s - bounds.renewed_before_s))
    return 1 + refused + shortened + ended
