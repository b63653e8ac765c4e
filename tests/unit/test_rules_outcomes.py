"""What an answer means for a delivery: every status of the table, and nothing sent on a hunch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_events.rules.outcomes import (
    ANSWERED,
    NOT_SENT,
    REFUSED,
    UNKNOWN,
    Verdict,
    after_look,
    after_post,
    backoff_s,
)
from dr_events.states import DELIVERY_MOVES, Delivery

QUIET_S = 50.0


def answered(
    status: int | None,
    *,
    outcome: str = ANSWERED,
    attempts: int = 1,
    renewals: int = 0,
    retry_after_s: float | None = None,
    detail: str = "",
) -> Verdict:
    return after_post(
        outcome,
        status,
        attempts=attempts,
        renewals=renewals,
        retry_after_s=retry_after_s,
        quiet_s=QUIET_S,
        detail=detail,
    )


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_2xx_is_accepted_and_no_more_than_that(status: int) -> None:
    assert answered(status) == Verdict(Delivery.ACCEPTED)


@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        (400, Delivery.REJECTED),
        (403, Delivery.FORBIDDEN),
        (404, Delivery.GONE),
        (405, Delivery.FAILED),
        (406, Delivery.FAILED),
        (409, Delivery.FAILED),
        (410, Delivery.FAILED),
        (418, Delivery.FAILED),
    ],
)
def test_a_clear_no_is_final(status: int, delivery: Delivery) -> None:
    assert answered(status, retry_after_s=9.0, attempts=3) == Verdict(
        delivery, f"Carrier answered {status}"
    )
    assert DELIVERY_MOVES[delivery] == set()


def test_the_first_401_asks_for_a_new_token_the_second_is_the_end() -> None:
    assert answered(401) == Verdict(
        Delivery.PLANNED, "permission must be renewed", renew_token=True
    )
    assert answered(401, renewals=1) == Verdict(Delivery.UNAUTHORIZED, "Carrier answered 401")


@pytest.mark.parametrize("status", [425, 429])
def test_not_now_is_looked_up_once_and_waits_as_long_as_asked(status: int) -> None:
    assert answered(status, retry_after_s=120.0) == Verdict(
        Delivery.UNSURE, f"Carrier is busy ({status})", wait_s=120.0, absent_needed=1
    )


@pytest.mark.parametrize(
    ("retry_after_s", "attempts", "wait_s"),
    [(None, 1, 1.0), (None, 4, 8.0), (0.0, 4, 8.0), (3.0, 4, 8.0), (30.0, 4, 30.0)],
)
def test_a_busy_vendor_is_never_asked_sooner_than_the_back_off(
    retry_after_s: float | None, attempts: int, wait_s: float
) -> None:
    assert answered(429, retry_after_s=retry_after_s, attempts=attempts).wait_s == wait_s


@pytest.mark.parametrize("status", [199, 301, 302, 307, 408, 500, 501, 502, 503, 504, 599])
def test_a_failing_server_may_have_done_it(status: int) -> None:
    assert answered(status, retry_after_s=1.0) == Verdict(
        Delivery.UNSURE, f"Carrier answered {status}", wait_s=QUIET_S, absent_needed=2
    )
    assert answered(status, retry_after_s=QUIET_S + 9).wait_s == QUIET_S + 9


@pytest.mark.parametrize("status", [None, 200, 400, 401, 429, 503])
def test_a_lost_answer_is_unsure_whatever_its_first_line_said(status: int | None) -> None:
    assert answered(status, outcome=UNKNOWN, detail="the connection was cut") == Verdict(
        Delivery.UNSURE, "the connection was cut", wait_s=QUIET_S, absent_needed=2
    )


def test_an_answer_without_a_status_is_unsure() -> None:
    assert answered(None).delivery == Delivery.UNSURE


@pytest.mark.parametrize("outcome", [NOT_SENT, REFUSED])
def test_what_provably_never_left_is_planned_again_after_a_while(outcome: str) -> None:
    assert answered(None, outcome=outcome, attempts=3) == Verdict(
        Delivery.PLANNED, outcome, wait_s=4.0
    )
    assert answered(None, outcome=outcome, detail="refused").trouble == "refused"


@given(
    outcome=st.sampled_from([ANSWERED, NOT_SENT, UNKNOWN, REFUSED]),
    status=st.none() | st.integers(100, 599),
    attempts=st.integers(1, 50),
    renewals=st.integers(0, 3),
    retry_after_s=st.none() | st.floats(0, 3600),
)
def test_nothing_that_may_have_left_is_sent_again_without_proof(
    outcome: str, status: int | None, attempts: int, renewals: int, retry_after_s: float | None
) -> None:
    verdict = answered(
        status, outcome=outcome, attempts=attempts, renewals=renewals, retry_after_s=retry_after_s
    )
    assert verdict.delivery in DELIVERY_MOVES[Delivery.SENDING]
    assert verdict.wait_s >= 0
    if verdict.delivery == Delivery.PLANNED:
        first_401 = (outcome, status, renewals) == (ANSWERED, 401, 0)
        assert outcome in (NOT_SENT, REFUSED) or first_401
    if verdict.delivery == Delivery.ACCEPTED:
        assert outcome == ANSWERED
        assert status is not None
        assert 200 <= status < 300
    assert (verdict.absent_needed > 0) == (verdict.delivery == Delivery.UNSURE)
    assert verdict.renew_token == (verdict.trouble == "permission must be renewed")


@pytest.mark.parametrize("resend", ["never", "after_proof", "free"])
@pytest.mark.parametrize("absent_reads", [1, 2, 50])
def test_once_listed_it_is_confirmed(resend: str, absent_reads: int) -> None:
    assert (
        after_look(
            listed=True,
            list_is_proven=False,
            absent_reads=absent_reads,
            absent_needed=2,
            resend=resend,
            too_late=False,
        )
        == Delivery.CONFIRMED
    )


@pytest.mark.parametrize(
    ("resend", "absent_reads", "absent_needed", "delivery"),
    [
        ("never", 1, 1, Delivery.UNSURE),
        ("never", 50, 2, Delivery.UNSURE),
        ("after_proof", 1, 1, Delivery.PLANNED),
        ("after_proof", 1, 2, Delivery.UNSURE),
        ("after_proof", 2, 2, Delivery.PLANNED),
        ("after_proof", 3, 2, Delivery.PLANNED),
        ("free", 1, 2, Delivery.PLANNED),
    ],
)
def test_an_empty_look_opens_a_row_only_as_the_vendor_setting_says(
    resend: str, absent_reads: int, absent_needed: int, delivery: Delivery
) -> None:
    def look(*, too_late: bool) -> Delivery:
        return after_look(
            listed=False,
            list_is_proven=True,
            absent_reads=absent_reads,
            absent_needed=absent_needed,
            resend=resend,
            too_late=too_late,
        )

    assert look(too_late=False) == delivery
    proven = resend == "free" or absent_reads >= absent_needed
    assert look(too_late=True) == (Delivery.EXPIRED if proven else Delivery.UNSURE)


@pytest.mark.parametrize("resend", ["never", "after_proof"])
@pytest.mark.parametrize("too_late", [True, False])
def test_a_list_that_never_showed_an_event_proves_nothing(resend: str, too_late: bool) -> None:
    assert (
        after_look(
            listed=False,
            list_is_proven=False,
            absent_reads=9,
            absent_needed=2,
            resend=resend,
            too_late=too_late,
        )
        == Delivery.UNSURE
    )


def test_the_back_off_doubles_up_to_a_minute() -> None:
    assert [backoff_s(n) for n in range(9)] == [1, 1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff_s(10_000) == 60
