"""The demo's verdict: it must turn red on the smallest difference between portal and cloud."""

import pytest

from dr_events.states import Delivery, Participation
from portal.demo.cloud import CloudRow
from portal.demo.report import DELIVERY, PARTICIPATION, PortalRow, as_json, report, table

PORTAL = [
    PortalRow("A", "CONFIRMED", "COMPLETED"),
    PortalRow("B", "CONFIRMED", "OPTED_OUT_DURING"),
    PortalRow("C", "ACCEPTED", "UNREACHABLE"),
    PortalRow("D", "REJECTED", "UNKNOWN", trouble="Carrier answered 400"),
    PortalRow("E", "SKIPPED", "UNKNOWN", reason="PAUSED"),
    PortalRow("F", "WITHHELD", "UNKNOWN", reason="CONTROL_GROUP"),
    PortalRow("G", "CONFIRMED", "OPTED_OUT_BEFORE"),
]
CLOUD = {
    "A": CloudRow("A", 1, (200,), 1, 1, "completed"),
    "B": CloudRow("B", 1, (200,), 1, 1, "opted_out_during"),
    "C": CloudRow("C", 2, (503, 200), 1, 1, "unreachable"),
    "D": CloudRow("D", 1, (400,)),
    "G": CloudRow("G", 1, (200,), 1, 1, "opted_out_before"),
}


def test_two_accounts_that_agree():
    made = report(PORTAL, CLOUD)
    assert made.good, made.disagreements
    assert (made.targeted, made.accepted, made.confirmed, made.participating) == (5, 4, 3, 1)
    assert (made.opted_out_before, made.opted_out_during, made.unreachable) == (1, 1, 1)
    assert made.failed == {"Carrier answered 400": 1}
    assert made.left_out == {"PAUSED": 1, "CONTROL_GROUP": 1}
    assert "agree with the sandbox's ledger" in table(made)
    assert as_json(made, homes=7)["agrees"] is True


@pytest.mark.parametrize(
    ("portal", "cloud", "words"),
    [
        ({}, {"Z": CloudRow("Z", 1, (200,), 1, 1, "completed")}, "does not know of"),
        ({}, {"A": CloudRow("A", 2, (200, 200), 2, 2, "completed")}, "arrived 2 times"),
        ({}, {"A": CloudRow("A")}, "cloud holds 0"),
        ({}, {"A": CloudRow("A", 1, (200,), 1, 1, "opted_out_during")}, "truth is opted_out"),
        ({}, {"D": CloudRow("D", 1, (200,), 1, 1, "completed")}, "cloud holds the event"),
        ({}, {"D": CloudRow("D", 1, (403,))}, r"answered \(403,\)"),
        ({}, {"E": CloudRow("E", 1, (400,))}, "1 requests arrived"),
        ({"A": PortalRow("A", "UNSURE", "UNKNOWN")}, {}, "undecided"),
        ({"A": PortalRow("A", "CONFIRMED", "ACTIVE")}, {}, "of only 3 is known"),
        ({"B": PortalRow("A", "CONFIRMED", "COMPLETED")}, {}, "twice"),
    ],
)
def test_the_smallest_difference_is_named(portal, cloud, words):
    rows = [portal.get(row.serial, row) for row in PORTAL]
    made = report(rows, {**CLOUD, **cloud})
    assert not made.good
    with pytest.raises(AssertionError, match=words):
        raise AssertionError("\n".join(made.disagreements))
    assert "DISAGREEMENTS" in table(made)


def test_an_event_for_nobody_proves_nothing():
    assert not report([], {}).good


def test_the_words_of_the_pages_are_the_portals_own():
    assert {state.label: state.value for state in Delivery} == DELIVERY
    assert {state.label: state.value for state in Participation} == PARTICIPATION
