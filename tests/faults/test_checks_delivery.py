"""A checker that cannot fail is worth nothing: each check passes a good history and names what is
wrong with a bad one. Histories are made by hand; nothing runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults import checks_delivery as delivery
from tests.faults.good_history import (
    END,
    SERIAL,
    START,
    USER,
    WIRE,
    change_row,
    did,
    good,
    post,
    sentences,
)
from tests.faults.history import Entry, Live, Tried, Truth
from tests.faults.schedule import CHECKS


def test_nothing_is_wrong_with_a_good_history() -> None:
    assert [line for check in CHECKS for line in check(good())] == []


# --- V1 -------------------------------------------------------------------------------------------
def test_v1_a_confirmed_home_that_holds_nothing() -> None:
    evidence = good()
    evidence.truth[SERIAL] = Truth(SERIAL, USER, 0, ())
    assert sentences(delivery.v1_exactly_one, evidence) == [
        f"V1 {SERIAL} is CONFIRMED and holds 0 of event 1"
    ]


def test_v1_a_home_that_holds_it_twice() -> None:
    evidence = good()
    twice = (Live(WIRE, True, START, END), Live(WIRE, True, START, END))
    evidence.truth[SERIAL] = Truth(SERIAL, USER, 2, twice)
    assert sentences(delivery.v1_exactly_one, evidence) == [
        f"V1 {SERIAL} is CONFIRMED and holds 2 of event 1"
    ]


def test_v1_a_home_called_failed_that_holds_the_event() -> None:
    evidence = good()
    change_row(evidence, delivery="REJECTED", trouble="Carrier answered 400")
    assert sentences(delivery.v1_exactly_one, evidence) == [
        f"V1 {SERIAL} is REJECTED () and yet holds 1"
    ]


@pytest.mark.parametrize(
    ("state", "reason", "why"),
    [
        ("REJECTED", "", "answers were [200]"),
        ("FORBIDDEN", "", "answers were [200]"),
        ("GONE", "", "answers were [200]"),
        ("FAILED", "", "answers were [200]"),
        ("UNAUTHORIZED", "", "its permission was never touched"),
        ("CANCELLED", "EVENT_CANCELLED", "nobody cancelled it"),
        ("SKIPPED", "OPTED_OUT", "nobody did opt_out"),
        ("SKIPPED", "PAUSED", "nobody did pause"),
        ("EXPIRED", "TOO_LATE", "there was time enough"),
    ],
)
def test_v1_an_end_that_nothing_explains(state: str, reason: str, why: str) -> None:
    evidence = good()
    evidence.truth[SERIAL] = Truth(SERIAL, USER, 0, ())
    change_row(evidence, delivery=state, reason=reason, trouble="")
    assert sentences(delivery.v1_exactly_one, evidence) == [
        f"V1 {SERIAL} is {state} ({reason}): {why}"
    ]


def test_v1_an_end_that_somebody_explains_is_fine() -> None:
    evidence = good()
    evidence.truth[SERIAL] = Truth(SERIAL, USER, 0, ())
    change_row(evidence, delivery="SKIPPED", reason="OPTED_OUT")
    evidence.acts = [did("opt_out", 0.5, event=1, serial=SERIAL, detail={"row": 7})]
    assert sentences(delivery.v1_exactly_one, evidence) == []


def test_v1_where_lists_lie_once_is_allowed_and_twice_is_not() -> None:
    evidence = good()
    evidence.lies = True
    change_row(evidence, delivery="EXPIRED", reason="TOO_LATE", trouble=delivery.NEVER_LEARNED)
    assert sentences(delivery.v1_exactly_one, evidence) == []
    twice = (Live(WIRE, True, START, END), Live(WIRE, True, START, END))
    evidence.truth[SERIAL] = Truth(SERIAL, USER, 2, twice)
    assert sentences(delivery.v1_exactly_one, evidence) == [
        f"V1 {SERIAL} holds 2 of event 1, nobody knows why"
    ]


def test_v1_taken_back_and_yet_there() -> None:
    evidence = good()
    change_row(evidence, recall="RECALLED")
    assert sentences(delivery.v1_exactly_one, evidence) == [
        f"V1 {SERIAL} is said to be taken back and holds 1"
    ]
    evidence.truth[SERIAL] = Truth(SERIAL, USER, 1, (Live(WIRE, False, START, END),))
    assert sentences(delivery.v1_exactly_one, evidence) == []


def test_v1_nobody_looked_though_somebody_could() -> None:
    evidence = good()
    change_row(evidence, delivery="EXPIRED", reason="TOO_LATE", trouble=delivery.NEVER_LEARNED)
    assert sentences(delivery.v1_exactly_one, evidence) == [
        f"V1 {SERIAL} was never looked up, and its list could be read"
    ]
    evidence.grants = {USER: "NEEDS_RELINK"}
    assert sentences(delivery.v1_exactly_one, evidence) == []


# --- V2 -------------------------------------------------------------------------------------------
def test_v2_two_events_at_once_also_when_one_is_gone_by_the_end() -> None:
    evidence = good()
    evidence.truth[SERIAL] = replace(evidence.truth[SERIAL], peak_overlap=2)
    assert sentences(delivery.v2_never_two_at_once, evidence) == [
        f"V2 {SERIAL} had 2 live events at once"
    ]


# --- V11 ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("state", ["PLANNED", "SENDING", "UNSURE"])
def test_v11_still_undecided(state: str) -> None:
    evidence = good()
    change_row(evidence, delivery=state, trouble="hm")
    assert sentences(delivery.v11_all_decided, evidence) == [
        f"V11 {SERIAL} of event 1 is still {state}: hm"
    ]


def test_v11_without_a_reason_twice_and_never_closed() -> None:
    evidence = good()
    change_row(evidence, delivery="FAILED")
    assert sentences(delivery.v11_all_decided, evidence) == [
        f"V11 {SERIAL} of event 1 is FAILED, nobody knows why"
    ]
    evidence = good()
    evidence.rows *= 2
    assert sentences(delivery.v11_all_decided, evidence) == ["V11 event 1 has a home twice"]
    evidence = good()
    evidence.events[1] = replace(evidence.events[1], state="SCHEDULED")
    assert sentences(delivery.v11_all_decided, evidence) == ["V11 event 1 never closed"]


def test_v11_held_for_nothing() -> None:
    evidence = good()
    evidence.held_as_restored = True
    evidence.undecided = ("after 60 s: SERIAL is UNSURE",)
    assert sentences(delivery.v11_all_decided, evidence) == [
        "V11 everything is held for a restored database, and none was restored",
        "V11 after 60 s: SERIAL is UNSURE",
    ]


# --- V12 ------------------------------------------------------------------------------------------
def test_v12_a_delivery_without_a_request() -> None:
    evidence = good()
    evidence.requests = []
    change_row(evidence, tries=())
    assert sentences(delivery.v12_books_agree, evidence) == [
        f"V12 {SERIAL} is CONFIRMED, the ledger has no POST for it"
    ]


def test_v12_an_answer_nobody_gave_and_a_request_nobody_knows_of() -> None:
    evidence = good()
    change_row(evidence, tries=(Tried(1.2, "ANSWERED", 503),))
    assert sentences(delivery.v12_books_agree, evidence) == [
        f"V12 {SERIAL} has an answer 503 the ledger does not know"
    ]
    evidence = good()
    evidence.requests.append(post(2, 2.0))
    assert sentences(delivery.v12_books_agree, evidence) == [
        f"V12 {SERIAL} got 2 POSTs, the portal knows of 1"
    ]


def test_v12_an_act_that_is_not_in_the_log_and_a_line_nobody_wrote() -> None:
    evidence = good()
    evidence.acts = [did("cancel", 2.0, event=1)]
    assert sentences(delivery.v12_books_agree, evidence) == [
        "V12 cancel of event:1: 0 in the log, 1 possible, ok: True"
    ]
    evidence = good()
    evidence.log = [Entry("opt-out", "dispatch:7")]
    assert sentences(delivery.v12_books_agree, evidence) == [
        "V12 the log has 1 x opt-out of dispatch:7, nobody did that"
    ]
