"""Lists of the partner API: complete, nothing twice, whatever happens between two pages."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from base import clock
from dr_events.models import Event
from dr_events.states import EventState
from enrollments.models import Enrollment, Group, PartnerGrant
from tests import cast
from tests.partner_calls import Caller, wanted

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


@pytest.fixture
def leap(summer):
    return Caller("summer-peak")


@pytest.mark.parametrize("name", ["systems", "enrollments", "deliveries", "events"])
def test_pages_are_complete_and_repeat_nothing(leap, summer, name):
    homes = cast.neighborhood(summer, 7)
    address, key = f"{name}/", {"systems": "serial", "events": "id"}.get(name, "system")
    wanted_keys = sorted(home.serial for home in homes)
    if name == "deliveries":
        address = f"events/{leap.post('events/', wanted()).json()['id']}/deliveries/"
    if name == "events":
        for number in range(7):  # four of them start at the same moment
            Event.objects.create(
                program=summer,
                name=f"Event {number}",
                state=EventState.CANCELLED,
                starts_at=cast.MORNING + timedelta(days=max(number - 3, 0)),
                ends_at=cast.MORNING + timedelta(days=9),
                created_by="user:1",
                created_at=cast.MORNING,
            )
        wanted_keys = [one.wire_id for one in Event.objects.order_by("-starts_at", "wire_id")]
    seen, sizes = [], []
    onward = f"http://testserver/api/v1/{address}?limit=3"
    other = Caller("summer-peak")
    while onward:
        answer = leap.browser.get(onward).json()
        seen += [one[key] for one in answer["items"]]
        sizes.append(len(answer["items"]))
        onward = answer["next"]
        if onward:  # a cursor is good for its own partner at its own address only
            assert other.browser.get(onward).status_code == 400
            moved = onward.replace(address, "events/" if name != "events" else "systems/")
            assert leap.browser.get(moved).status_code == 400
    assert seen == wanted_keys
    assert sizes == [3, 3, 1]


@pytest.mark.parametrize("name", ["systems", "enrollments"])
def test_pages_go_on_over_programs_and_over_homes_that_came_back(summer, name):
    """Serials do not run as the programs do, and one home joined twice."""
    winter = cast.program("Winter Peak")
    expected = []
    for program, serial in ((winter, "2400W000002"), (summer, "2400W000009"),
                            (winter, "2400W000001"), (summer, "2400W000005")):  # fmt: skip
        system = cast.enrolled(program, serial)
        expected.append((program.slug, serial))
        if serial == "2400W000009" and name == "enrollments":
            first = Enrollment.objects.get(system=system)
            Enrollment.objects.create(
                system=system, program=program, user=first.user, state="WITHDRAWN",
                enrolled_at=first.enrolled_at - timedelta(days=9), changed_at=cast.MORNING,
            )  # fmt: skip
            expected.append((program.slug, serial))
    cast.enrolled(cast.program("Not Granted"), "2400W000000")
    both = Caller("summer-peak", "winter-peak")
    key = {"systems": "serial", "enrollments": "system"}[name]
    for limit in (1, 2, 3, 100):
        onward, seen = f"http://testserver/api/v1/{name}/?limit={limit}", []
        while onward:
            answer = both.browser.get(onward).json()
            seen += [(one["program"], one[key]) for one in answer["items"]]
            onward = answer["next"]
        assert seen == sorted(expected, key=lambda pair: pair[0])
    # What was taken away meanwhile is left out; the rest goes on.
    onward = both.get(f"{name}/?limit=1").json()["next"]
    PartnerGrant.objects.filter(program=summer, client_id=both.client_id).delete()
    rest = both.browser.get(onward).json()["items"]
    assert [one[key] for one in rest] == ["2400W000002"]


def test_a_page_of_events_asks_for_the_names_of_its_groups_once(leap, summer):
    groups = [Group.objects.create(program=summer, name=name) for name in ("South", "North")]

    def plan(number):
        Event.objects.create(
            program=summer, name=f"Event {number}", state=EventState.CANCELLED,
            starts_at=cast.MORNING, ends_at=cast.MORNING + timedelta(hours=1),
            created_by="user:1", created_at=cast.MORNING, groups=[group.pk for group in groups],
        )  # fmt: skip

    asked = []
    for number in range(3):
        plan(number)
        with CaptureQueriesContext(connection) as found:
            items = leap.get("events/").json()["items"]
        asked.append(len(found))
        assert [one["groups"] for one in items] == [["North", "South"]] * (number + 1)
    assert asked[0] == asked[2]
