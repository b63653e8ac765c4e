"""Homes as a partner asks for them: one by one, by state, group and change; who said no."""

from datetime import timedelta
from typing import Any

import pytest

from base import clock
from dr_events.models import Dispatch, OptOut
from dr_events.operations import opt_out
from dr_events.states import OptOutVia
from enrollments import operations
from enrollments.models import Enrollment, Group, Program
from people.models import ActivityEntry
from people.operations import Actor
from tests import cast
from tests.partner_calls import Caller, wanted

pytestmark = pytest.mark.django_db
NOW, HOUR = cast.MORNING, timedelta(hours=1)
OLGA = Actor("user:olga")


@pytest.fixture
def summer(monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return cast.program()


@pytest.fixture
def leap(summer: Program) -> Caller:
    return Caller("summer-peak")


def serials(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [one.get("serial") or one["system"] for one in answer.json()["items"]]


def wrong(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 400
    return [(one["field"], one["code"]) for one in answer.json()["errors"]]


def test_one_system(leap: Caller, summer: Program) -> None:
    cast.enrolled(summer, "2319W004821")
    cast.enrolled(cast.program("Winter Peak"), "9999W000001")
    one = leap.get("systems/2319W004821/")
    assert one.json() == leap.get("systems/").json()["items"][0]
    assert one["ETag"]
    missing = leap.get("systems/nowhere/")
    assert missing.status_code == 404
    Enrollment.objects.filter(system__serial="2319W004821").update(state="WITHDRAWN")
    for serial in ("9999W000001", "2319W004821"):  # another program's, and one that left
        no = leap.get(f"systems/{serial}/")
        assert (no.status_code, no.content) == (404, missing.content)


def test_systems_by_state_and_by_group(leap: Caller, summer: Program) -> None:
    homes = cast.neighborhood(summer, 3)
    Enrollment.objects.filter(system=homes[1]).update(state="PAUSED")
    Enrollment.objects.filter(system=homes[2]).update(state="WITHDRAWN")
    group = Group.objects.create(program=summer, name="North")
    for home in homes:
        group.memberships.create(system=home, since=NOW.date())
    Group.objects.create(program=cast.program("Winter Peak"), name="Ice")
    first, second = (home.serial for home in homes[:2])
    assert serials(leap.get("systems/?state=ACTIVE")) == [first]
    assert serials(leap.get("systems/?state=PAUSED")) == [second]
    assert serials(leap.get("systems/?program=summer-peak&group=North")) == [first, second]
    assert serials(leap.get("systems/?program=summer-peak&group=North&state=PAUSED")) == [second]
    assert wrong(leap.get("systems/?state=WITHDRAWN")) == [("state", "invalid-choice")]
    assert wrong(leap.get("systems/?group=North")) == [("program", "required")]
    assert wrong(leap.get("systems/?program=summer-peak&group=Ice")) == [("group", "not-found")]


def test_enrollments_by_what_changed_and_with_their_pause(leap: Caller, summer: Program) -> None:
    homes = cast.neighborhood(summer, 2)
    row = Enrollment.objects.get(system=homes[1])
    operations.pause(
        enrollment_id=row.pk, since=NOW + 9 * HOUR, until=NOW + 12 * HOUR, actor=OLGA,
        now=NOW + HOUR,
    )  # fmt: skip
    homes[0].read_at = NOW + 2 * HOUR  # read again, not changed
    homes[0].save()
    assert leap.get("enrollments/?updated_since=2026-07-14T14:30:00Z").json()["items"] == [
        {
            "system": homes[1].serial,
            "program": "summer-peak",
            "state": "ACTIVE",
            "paused_from": "2026-07-14T23:00:00Z",
            "paused_until": "2026-07-15T02:00:00Z",
            "enrolled_at": "2026-07-14T14:00:00Z",
            "changed_at": "2026-07-14T15:00:00Z",
        }
    ]
    assert len(serials(leap.get("enrollments/?updated_since=2026-07-14T14:00:00Z"))) == 2


def test_who_said_no(leap: Caller, summer: Program) -> None:
    cast.neighborhood(summer, 3)
    at = f"events/{leap.post('events/', wanted()).json()['id']}/opt-outs/"
    rows = {row.system.serial: row for row in Dispatch.objects.select_related("system")}
    opt_out(dispatch_id=rows["2401W000001"].pk, via=OptOutVia.MAIL, actor=OLGA, now=NOW)
    assert leap.post(at, {"system": "2400W000000"}).json()["in_time"] is True
    first = leap.get(f"{at}?limit=1").json()
    said = {"at": "2026-07-14T14:00:00Z", "in_time": True, "taken_back_at": None}
    assert first["items"] == [{"system": "2401W000001", "via": "MAIL"} | said]
    rest = leap.browser.get(first["next"]).json()
    assert rest == {"items": [{"system": "2400W000000", "via": "PARTNER"} | said], "next": None}
    OptOut.objects.filter(via="MAIL").update(undone_at=NOW + HOUR)
    undone = [one["taken_back_at"] for one in leap.get(at).json()["items"]]
    assert undone == ["2026-07-14T15:00:00Z", None]
    assert Caller().get(at).status_code == 404


def test_nobody_says_no_for_a_home_that_left(leap: Caller, summer: Program) -> None:
    cast.neighborhood(summer, 2)
    at = f"events/{leap.post('events/', wanted()).json()['id']}/opt-outs/"
    Dispatch.objects.filter(system__serial="2400W000000").update(delivery="ACCEPTED")
    row = Enrollment.objects.get(system__serial="2400W000000")
    operations.withdraw(enrollment_id=row.pk, actor=OLGA, now=NOW)
    entries = ActivityEntry.objects.count()
    before = list(Dispatch.objects.order_by("id").values())
    no = leap.post(at, {"system": "2400W000000"})
    assert (no.status_code, no.json()["type"]) == (409, "/problems/wrong-state")
    assert list(Dispatch.objects.order_by("id").values()) == before
    assert (OptOut.objects.count(), ActivityEntry.objects.count()) == (0, entries)
