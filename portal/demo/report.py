"""What the portal says came of an event, as a table and as JSON, held against the sandbox's ledger.

Pure functions over two lists: the portal's rows and the cloud's.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from portal.demo.cloud import CloudRow

# The words of the portal's pages and downloads, and the names used here.
DELIVERY = {
    "Planned": "PLANNED",
    "Sending": "SENDING",
    "Accepted by Carrier": "ACCEPTED",
    "Confirmed": "CONFIRMED",
    "Unsure, being checked": "UNSURE",
    "Rejected by Carrier": "REJECTED",
    "Permission lost": "UNAUTHORIZED",
    "Not permitted": "FORBIDDEN",
    "Unknown to Carrier": "GONE",
    "Failed": "FAILED",
    "Control group": "WITHHELD",
    "Left out": "SKIPPED",
    "Too late to send": "EXPIRED",
    "Cancelled before sending": "CANCELLED",
}
PARTICIPATION = {
    "Not known": "UNKNOWN",
    "Waiting for the start": "SCHEDULED",
    "Taking part": "ACTIVE",
    "Took part": "COMPLETED",
    "Opted out before": "OPTED_OUT_BEFORE",
    "Opted out during": "OPTED_OUT_DURING",
    "Unreachable": "UNREACHABLE",
}
SENT = frozenset({"ACCEPTED", "CONFIRMED"})
REFUSED = {"REJECTED": 400, "UNAUTHORIZED": 401, "FORBIDDEN": 403, "GONE": 404, "FAILED": 0}
UNDECIDED = frozenset({"PLANNED", "SENDING", "UNSURE"})
# The control group and homes left out when the list was frozen were never targeted.
NOT_TARGETED = frozenset({"WITHHELD", "SKIPPED"})
SAME_OUTCOME = {
    "COMPLETED": "completed",
    "OPTED_OUT_BEFORE": "opted_out_before",
    "OPTED_OUT_DURING": "opted_out_during",
    "UNREACHABLE": "unreachable",
}


@dataclass(frozen=True)
class PortalRow:
    """One system and one event as the portal's results say."""

    serial: str
    delivery: str
    participation: str
    reason: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Report:
    rows: int
    targeted: int
    accepted: int
    confirmed: int
    participating: int
    opted_out_before: int
    opted_out_during: int
    unreachable: int
    failed: dict[str, int]  # by reason
    left_out: dict[str, int]  # by reason
    undecided: int
    disagreements: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.targeted > 0 and not self.disagreements


def report(portal: list[PortalRow], cloud: dict[str, CloudRow]) -> Report:
    delivery = Counter(row.delivery for row in portal)
    sent = [row for row in portal if row.delivery in SENT]
    took = Counter(row.participation for row in sent)
    failed = [row for row in portal if row.delivery in {*REFUSED, "EXPIRED", "CANCELLED"}]
    left_out = [row for row in portal if row.delivery in NOT_TARGETED]
    made = Report(
        rows=len(portal),
        targeted=len(portal) - len(left_out),
        accepted=len(sent),
        confirmed=delivery["CONFIRMED"],
        participating=took["COMPLETED"],
        opted_out_before=took["OPTED_OUT_BEFORE"],
        opted_out_during=took["OPTED_OUT_DURING"],
        unreachable=took["UNREACHABLE"],
        failed=dict(Counter(row.trouble or row.reason or row.delivery for row in failed)),
        left_out=dict(Counter(row.reason or row.delivery for row in left_out)),
        undecided=sum(delivery[state] for state in UNDECIDED),
    )
    made.disagreements.extend(_sums(made))
    made.disagreements.extend(_system_by_system(portal, cloud))
    return made


def _sums(made: Report) -> list[str]:
    wrong = []
    failed = sum(made.failed.values())
    if made.targeted != made.accepted + failed + made.undecided:
        wrong.append(
            f"{made.targeted} targeted, but {made.accepted} accepted + {failed} failed + "
            f"{made.undecided} undecided"
        )
    if made.undecided:
        wrong.append(f"{made.undecided} deliveries are still undecided")
    decided = made.participating + made.opted_out_before + made.opted_out_during + made.unreachable
    if made.accepted != decided:
        wrong.append(f"{made.accepted} accepted, but what became of only {decided} is known")
    return wrong


def _system_by_system(portal: list[PortalRow], cloud: dict[str, CloudRow]) -> list[str]:
    known = {row.serial for row in portal}
    strangers = sorted(s for s, row in cloud.items() if row.posts and s not in known)
    wrong = [f"{serial}: got a request the portal does not know of" for serial in strangers]
    if len(known) != len(portal):
        wrong.append("a system stands in the results twice")
    for row in portal:
        seen = cloud.get(row.serial, CloudRow(row.serial))
        wrong += [f"{row.serial}: {words}" for words in _differences(row, seen)]
    return wrong


def _differences(row: PortalRow, seen: CloudRow) -> list[str]:
    """Where the two accounts of one system part; empty when they agree."""
    wrong = []
    if seen.effects > 1 or seen.holds > 1:
        wrong.append(f"the event arrived {max(seen.effects, seen.holds)} times")
    if row.delivery in SENT:
        if seen.holds != 1:
            wrong.append(f"the portal says {row.delivery}, the cloud holds {seen.holds} events")
        expected = SAME_OUTCOME.get(row.participation, "")
        if seen.outcome != expected:
            wrong.append(f"the portal says {row.participation}, the truth is {seen.outcome}")
        return wrong
    if seen.holds or seen.effects:
        wrong.append(f"the portal says {row.delivery}, the cloud holds the event")
    if row.delivery in NOT_TARGETED and seen.posts:
        wrong.append(f"the portal says {row.delivery}, but {seen.posts} requests arrived")
    status = REFUSED.get(row.delivery)
    if status and status not in seen.statuses:
        wrong.append(f"the portal says {row.delivery}, the cloud answered {seen.statuses}")
    return wrong


def table(made: Report) -> str:
    lines = [
        ("Targeted", made.targeted),
        ("  accepted by Carrier", made.accepted),
        ("  confirmed in a reading", made.confirmed),
        ("  participating to the end", made.participating),
        ("  opted out before", made.opted_out_before),
        ("  opted out during", made.opted_out_during),
        ("  unreachable", made.unreachable),
        ("  failed", sum(made.failed.values())),
        *((f"    {reason}", number) for reason, number in sorted(made.failed.items())),
        ("Left out", sum(made.left_out.values())),
        *((f"  {reason}", number) for reason, number in sorted(made.left_out.items())),
    ]
    text = [f"{words:<34}{number:>7}" for words, number in lines]
    if made.disagreements:
        shown = made.disagreements[:20]
        text += ["", f"{len(made.disagreements)} DISAGREEMENTS with the sandbox's ledger:", *shown]
    else:
        text += ["", f"All {made.rows} rows agree with the sandbox's ledger, system by system."]
    return "\n".join(text)


def as_json(made: Report, **more: Any) -> dict[str, Any]:
    return {**more, **vars(made), "agrees": made.good}
