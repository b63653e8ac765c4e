"""Events that carry a price, and events that are a test: for a group, and marked as one."""

import json
from decimal import Decimal
from typing import Any

import pytest

from dr_events import dispatch, operations
from dr_events.models import Event
from dr_events.read_back import read_back
from dr_events.states import Delivery
from enrollments import operations as homes
from enrollments.models import Program
from people.operations import Actor
from tests import cast
from tests.integration.conftest import Vendor
from tests.integration.sending import SEND_AT, deliveries, live

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("user:olga")


@pytest.fixture
def summer() -> Program:
    return cast.program()


def test_a_price_and_a_test_reach_the_homes_as_such(vendor: Vendor, summer: Program) -> None:
    systems = vendor.enroll(summer, vendor.homes()[:2])
    staff = homes.make_group(program=summer, name="Staff", rule={}, actor=OLGA, now=cast.MORNING)
    homes.add_members(
        group=staff, serials=[systems[0].serial], since=cast.MORNING.date(), until=None,
        actor=OLGA, now=cast.MORNING,
    )  # fmt: skip
    event = cast.scheduled(
        summer, response="price", price_cents=Decimal("25.50"), is_test=True, groups=(staff.pk,),
        offset_f=Decimal(3),
    )  # fmt: skip
    (sent_one,) = json.loads(bytes(event.message or b""))["utility_events"]["events"]["event"]
    assert {name: sent_one.get(name) for name in ("eventType", "price", "testEvent")} == {
        "eventType": "price", "price": 25.5, "testEvent": True,
    }  # fmt: skip
    assert not {"signalLevel", "offset"} & sent_one.keys()
    vendor.at(SEND_AT)
    dispatch.send_wave(event.pk)
    read_back(event.pk)
    assert deliveries(event) == {Delivery.CONFIRMED: 1}
    assert live(vendor, systems) == [1, 0]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"response": "price"}, "price_cents"),
        ({"response": "price", "price_cents": Decimal(0)}, "price_cents"),
        ({"response": "price", "price_cents": Decimal(501)}, "price_cents"),
        ({"is_test": True}, "groups"),
    ],
)
def test_no_price_and_a_test_for_everybody_are_refused(
    summer: Program, wish: dict[str, Any], field: str
) -> None:
    cast.neighborhood(summer, 1)
    with pytest.raises(operations.Invalid) as refused:
        cast.scheduled(summer, **wish)
    assert [problem.field for problem in refused.value.problems] == [field]
    assert not Event.objects.exists()
