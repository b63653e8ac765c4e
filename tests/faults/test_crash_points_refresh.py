"""The process dies at every point of a token renewal, once each.

Between the moment Carrier has exchanged the refresh token and the commit, a death loses the new
one: no client can prevent that. What can be: that it is lost silently, and that anything is lost at
any other point.
"""

import signal

import pytest
from django.utils import timezone

from enrollments import vendor_session
from enrollments.models import CarrierGrant
from enrollments.states import GrantState
from enrollments.vendor_session import Refreshed
from people.models import ActivityEntry
from tests.faults.crash_mortals import Mortals
from tests.faults.crash_town import (
    Case,
    Town,
    _children,
    _town,
    expired,
    mortals,
    no_waiting,
    town,
)

__all__ = ["_children", "_town", "mortals", "town"]  # fixtures
LANDMARKS = (
    "before SELECT", "before the token call", "after token bytes", "after the token call",
    'before UPDATE "enrollments_carriergrant"', "before COMMIT", "after COMMIT",
)  # fmt: skip
RENEWED = (Refreshed.USABLE, GrantState.ACTIVE, False, 0, True)
# The old token is all there is; Carrier refuses it, and the homeowner is asked to connect again.
LOST_AND_TOLD = (Refreshed.FAILED, GrantState.NEEDS_RELINK, True, 1, False)
FIRST_LOST, LAST_LOST = "after token bytes", "before COMMIT #1"


def points_of(town: Town, mortals: Mortals) -> list[str]:
    case = town.case()
    expired(case.rows[0].system.grant_id)
    fate = mortals.run("refresh", case.serials, grant_id=case.rows[0].system.grant_id)
    assert (fate.ended, fate.error) == (0, ""), fate
    missing = [mark for mark in LANDMARKS if not any(p.startswith(mark) for p in fate.points)]
    assert missing == [], f"the enumeration lost its grip: {fate.points}"
    return fate.points


def lost_window(points: list[str], act: str) -> set[str]:
    """From the last byte of the request to the commit, for a process that is killed. One whose
    session is cut still holds the new tokens and saves them in another session."""
    if act == "cut":
        return set()
    last_bytes = max(n for n, point in enumerate(points) if point.startswith(FIRST_LOST))
    return set(points[last_bytes : points.index(LAST_LOST) + 1])


def revoked_by_reuse(town: Town) -> int:
    return int(town.cloud.admin("GET", "counts")["consents"]["revoked_by_reuse"])


def usable(town: Town, case: Case) -> bool:
    """Does Carrier take the token that we hold?"""
    grant = CarrierGrant.objects.get(pk=case.rows[0].system.grant_id)
    token = vendor_session.open_access(grant.access_sealed or b"", grant.seal_id)
    answer = town.cloud.call("GET", f"/systems/{case.serials[0]}/status", token)
    return answer.status_code == 200


def healed(grant_id: int) -> Refreshed:
    """What the sweeps would do: renew what is not renewed yet."""
    no_waiting()
    return vendor_session.refresh(grant_id)


@pytest.mark.parametrize("act", ["kill", "cut"])
@pytest.mark.parametrize("grace_s", [0.0, 60.0])
def test_at_every_point(grace_s: float, act: str, town: Town, mortals: Mortals) -> None:
    town.faults(refresh_grace_s=grace_s)
    points = points_of(town, mortals)
    window = lost_window(points, act)
    cases = town.cases(len(points), 1)
    for case, point in zip(cases, points, strict=True):
        case.point = point
        grant_id = case.rows[0].system.grant_id
        expired(grant_id)
        fate = mortals.run("refresh", case.serials, at=case.point, act=act, grant_id=grant_id)
        assert case.point in fate.points, f"{case.point} was never hit"
        assert fate.ended == (-signal.SIGKILL if act == "kill" else fate.ended)
    revoked = revoked_by_reuse(town)
    failures = {}
    for case in cases:
        grant = CarrierGrant.objects.get(pk=case.rows[0].system.grant_id)
        result = healed(grant.pk)
        grant.refresh_from_db()
        told = ActivityEntry.objects.filter(
            verb="permission-lost", subject=f"grant:{grant.pk}"
        ).exists()
        before, revoked = revoked, revoked_by_reuse(town)
        seen = (result, grant.state, told, revoked - before, usable(town, case))
        lost = case.point in window and not grace_s
        if seen != (LOST_AND_TOLD if lost else RENEWED):
            failures[case.point] = seen
    assert failures == {}
    assert len(window) < len(points)
    assert bool(window) is (act == "kill")


def test_the_case_counts_only_expired_tokens(town: Town, mortals: Mortals) -> None:
    """A token that is still good is not exchanged: the points above are those of a real renewal."""
    case = town.case()
    grant = CarrierGrant.objects.get(pk=case.rows[0].system.grant_id)
    assert grant.access_expires_at is not None
    assert grant.access_expires_at > timezone.now()
    fate = mortals.run("refresh", case.serials, grant_id=grant.pk)
    assert fate.ended == 0
    assert [point for point in fate.points if "token" in point] == []
