"""A checker that cannot fail is worth nothing: each check passes a good history and names what is
wrong with a bad one. Histories are made by hand; nothing runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults import checks_requests as requests
from tests.faults.good_history import (
    BODY,
    END,
    SERIAL,
    START,
    USER,
    change_row,
    did,
    good,
    post,
    sentences,
    tried,
)
from tests.faults.history import Blow, Live, Request, Truth


# --- V3 -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["cancel", "stop", "opt_out", "pause", "withdraw"])
def test_v3_a_request_after_somebody_said_no(kind: str) -> None:
    evidence = good()
    evidence.requests = [post(1, 3.5)]
    evidence.acts = [did(kind, 2.0, event=1, serial=SERIAL)]
    assert sentences(requests.v3_nothing_after_no, evidence) == [
        f"V3 POST #1 to {SERIAL} 1.50 s after {kind}"
    ]


def test_v3_the_grace_a_recall_an_unsure_act_and_a_released_stop() -> None:
    evidence = good()
    evidence.requests = [post(1, 2.9), post(2, 9.0, body='{"status": "cancelled"}')]
    evidence.acts = [did("cancel", 2.0, event=1)]
    assert sentences(requests.v3_nothing_after_no, evidence) == []
    evidence.requests = [post(1, 8.0)]
    evidence.acts = [did("stop", 2.0), did("release", 5.0)]
    assert sentences(requests.v3_nothing_after_no, evidence) == []
    evidence.acts = [did("cancel", 2.0, "info", event=1)]
    assert sentences(requests.v3_nothing_after_no, evidence) == []


# --- V4, V5, V6 -----------------------------------------------------------------------------------
def test_v4_too_many_degrees() -> None:
    evidence = good()
    evidence.requests = [post(1, 1.0, body=BODY.replace("3", "5"))]
    assert sentences(requests.v4_within_limits, evidence) == ["V4 POST #1 asks for 5 degrees"]


def test_v4_too_long_too_early_too_often() -> None:
    evidence = good()
    events = (
        Live("op-1", True, START - 3 * 3600, START + 2 * 3600),
        Live("op-2", True, START + 3 * 3600, START + 4 * 3600),
    )
    evidence.truth[SERIAL] = Truth(SERIAL, USER, 1, events)
    assert sentences(requests.v4_within_limits, evidence) == [
        f"V4 {SERIAL} holds an event of 18000 s",
        f"V4 {SERIAL} holds an event from 12:00 to 17:00",
        f"V4 {SERIAL} holds 2 events on 2026-07-14",
    ]


def test_v5_too_little_was_left() -> None:
    evidence = good()
    evidence.requests = [post(1, 1.0, business=END - 1700.0)]
    assert sentences(requests.v5_not_too_late, evidence) == [
        f"V5 POST #1 to {SERIAL} 100 business s too late"
    ]
    evidence.requests = [post(1, 1.0, business=END - 1799.5)]  # inside the second of grace
    assert sentences(requests.v5_not_too_late, evidence) == []


def test_v6_the_token_of_somebody_else() -> None:
    evidence = good()
    evidence.requests = [post(1, 1.0, user="home-0002")]
    assert sentences(requests.v6_own_token_only, evidence) == [
        f"V6 request #1 for {SERIAL} with a token of home-0002"
    ]


# --- V7 -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [400, 403, 404, 405, 406])
def test_v7_again_after_a_no(status: int) -> None:
    evidence = good()
    evidence.requests = [post(1, 1.0, status), post(2, 4.0)]
    assert sentences(requests.v7_no_means_no, evidence) == [
        f"V7 {SERIAL} answered {status} to #1, and then got #2"
    ]


def test_v7_one_retry_after_401_and_no_third_try() -> None:
    evidence = good()
    evidence.requests = [post(1, 1.0, 401), post(2, 2.0)]
    assert sentences(requests.v7_no_means_no, evidence) == []
    evidence.requests = [post(1, 1.0, 401), post(2, 2.0, 401), post(3, 3.0)]
    assert sentences(requests.v7_no_means_no, evidence) == [f"V7 {SERIAL} got #3 after two 401"]


def test_v7_an_answer_that_was_lost_is_an_excuse_only_without_a_record_of_it() -> None:
    evidence = good()
    evidence.requests = [post(1, 1.0, 400), post(2, 9.0)]
    evidence.blows = [Blow("kill worker", 1.1, 2.0)]
    change_row(evidence, tries=())
    assert sentences(requests.v7_no_means_no, evidence) == []
    change_row(evidence, tries=(tried(post(1, 1.0, 400)),))
    assert len(sentences(requests.v7_no_means_no, evidence)) == 1


def test_v7_a_broken_broker_is_no_excuse() -> None:
    evidence = good()
    evidence.requests = [post(1, 1.0, 400), post(2, 9.0)]
    evidence.blows = [Blow("broker hung", 0.5, 4.0)]
    change_row(evidence, tries=())
    assert len(sentences(requests.v7_no_means_no, evidence)) == 1


# --- V8, V9 ---------------------------------------------------------------------------------------
def test_v8_other_bytes_than_the_frozen_ones() -> None:
    evidence = good()
    evidence.requests = [post(1, 1.0, sha256="wrong")]
    assert sentences(requests.v8_same_bytes, evidence) == [
        "V8 POST #1 of event 1 differs from the frozen message"
    ]


def test_v8_a_body_that_is_no_event_of_ours() -> None:
    evidence = good()
    evidence.requests = [post(1, 1.0, body="{}", events=())]
    assert sentences(requests.v8_same_bytes, evidence) == [
        f"V8 POST #1 to {SERIAL} names no event of ours"
    ]


def test_v9_sent_before_the_time_was_over() -> None:
    evidence = good()
    evidence.retry_after = {429: 2.0}
    busy = post(1, 1.0, 429, fault="too_many", sha256="", body="", events=())
    evidence.requests = [busy, post(2, 2.6)]
    assert sentences(requests.v9_asked_to_wait, evidence) == [
        f"V9 {SERIAL} asked to wait 2.0 s, and got #2 1.50 s later"
    ]
    evidence.requests = [busy, post(2, 3.2)]
    assert sentences(requests.v9_asked_to_wait, evidence) == []


def test_v9_more_under_way_than_allowed() -> None:
    evidence = good()
    evidence.requests = [post(seq, 1.0 + seq / 100, done=2.0) for seq in range(12)]
    assert sentences(requests.v9_in_flight, evidence) == []
    evidence.requests.append(post(13, 1.5, done=2.0))
    assert sentences(requests.v9_in_flight, evidence) == [
        "V9 13 requests were under way, 12 may be"
    ]
    evidence.blows = [Blow("kill worker", 0.5, 0.6)]
    assert sentences(requests.v9_in_flight, evidence) == []


# --- V10 ------------------------------------------------------------------------------------------
def renewal(seq: int, at: float, status: int = 200, **changes: Any) -> Request:
    return post(
        seq, at, status, operation="POST oauth/token", serial="", reason="refresh_token",
        body="", sha256="", events=(), effects=(), **changes,
    )  # fmt: skip


def test_v10_the_same_token_renewed_twice() -> None:
    evidence = good()
    evidence.requests = [renewal(1, 1.0), renewal(2, 1.4)]
    assert sentences(requests.v10_one_refresh, evidence) == [
        f"V10 {USER} was renewed 2 times, for 1 reasons, 0 lost"
    ]
    evidence.requests = [renewal(1, 1.0), post(2, 1.2, 401), renewal(3, 1.4)]
    assert sentences(requests.v10_one_refresh, evidence) == []


def test_v10_a_permission_lost_by_reuse_without_an_excuse() -> None:
    evidence = good()
    evidence.revoked_by_reuse = 1
    evidence.requests = [renewal(1, 1.0)]
    assert sentences(requests.v10_one_refresh, evidence) == [
        "V10 1 permissions lost by reuse, 0 have an excuse"
    ]
    evidence.requests = [renewal(1, 1.0, fault="hang_after")]
    assert sentences(requests.v10_one_refresh, evidence) == []
