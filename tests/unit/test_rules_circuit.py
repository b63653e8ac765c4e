"""When nothing more should be sent, and what an answer means for a recall."""

import pytest

from dr_events.rules import circuit, outcomes, recalls
from dr_events.states import Recall


@pytest.mark.parametrize(
    ("rejected", "answered", "opens"),
    [(0, 0, False), (4, 4, False), (5, 5, True), (5, 499, True), (5, 500, False), (6, 500, True)],
)
def test_more_than_one_percent_and_at_least_five_rejections_open(
    rejected: int, answered: int, opens: bool
) -> None:
    why = circuit.why_open(not_allowed=0, rejected=rejected, answered=answered)
    assert bool(why) is opens
    if opens:
        assert why == f"Carrier rejected {rejected} of {answered} requests as wrong (400)."


def test_a_single_method_not_allowed_opens() -> None:
    why = circuit.why_open(not_allowed=1, rejected=0, answered=100_000)
    assert why.startswith("Carrier does not take our requests at all (405 or 406, 1 times)")


@pytest.mark.parametrize(
    ("busy", "answered", "all_wait"),
    [(9, 9, False), (10, 10, True), (10, 20, True), (10, 21, False), (0, 0, False)],
)
def test_everybody_waits_when_half_of_the_answers_say_busy(
    busy: int, answered: int, all_wait: bool
) -> None:
    assert circuit.everybody_waits(busy=busy, answered=answered) is all_wait


@pytest.mark.parametrize(
    ("outcome", "status", "recall", "wait_s"),
    [
        (outcomes.ANSWERED, 200, Recall.ASKED, 0.0),
        (outcomes.ANSWERED, 400, Recall.CANNOT, 0.0),
        (outcomes.ANSWERED, 405, Recall.CANNOT, 0.0),
        (outcomes.ANSWERED, 401, Recall.NONE, 5.0),
        (outcomes.ANSWERED, 429, Recall.NONE, 5.0),
        (outcomes.ANSWERED, 503, Recall.NONE, 5.0),
        (outcomes.UNKNOWN, None, Recall.NONE, 5.0),
        (outcomes.UNKNOWN, 200, Recall.NONE, 5.0),
        (outcomes.NOT_SENT, None, Recall.NONE, 5.0),
    ],
)
def test_a_recall_is_asked_again_until_carrier_took_or_refused_it(
    outcome: str, status: int | None, recall: Recall, wait_s: float
) -> None:
    verdict = recalls.after_post(outcome, status, again_s=5.0)
    assert (verdict.recall, verdict.wait_s) == (recall, wait_s)


def test_only_a_list_proves_a_recall() -> None:
    look = recalls.after_look
    assert look(live=False, waited=False, again_s=5.0).recall == Recall.RECALLED
    assert look(live=True, waited=False, again_s=5.0) == recalls.Verdict(Recall.ASKED, 5.0)
    assert look(live=True, waited=True, again_s=5.0).recall == Recall.CANNOT
