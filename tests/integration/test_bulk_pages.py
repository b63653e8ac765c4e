"""An act for all that match: what is refused, who may, what is forgotten."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from base.refusal import Refused
from enrollments import operations as homes
from enrollments.models import BulkAct, Program, System
from enrollments.states import BulkState
from people.models import User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.integration.test_bulk_acts import PAUSE, page, prepare, start, work
from tests.integration.test_systems_list import OLGA, desk, morning, summer

__all__ = ["desk", "morning", "summer"]  # fixtures

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"act": "pause"}, "Say why"),
        ({"act": "group", "into": "0"}, "Choose a group."),
        ({"act": "", "why": "x"}, "Choose what to do."),
        ({"act": "erase", "why": "x"}, "Choose what to do."),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_kept(
    desk: Client, summer: Program, values: dict[str, str], sentence: str
) -> None:
    answer = desk.post(reverse("systems_many"), {"all": "yes", **values}, follow=True)
    assert f"Nothing was done. {sentence}" in answer.content.decode()
    assert not BulkAct.objects.exists()


def test_nobody_matches(desk: Client, summer: Program) -> None:
    answer = desk.post(f"{reverse('systems_many')}?q=nobody", PAUSE, follow=True)
    assert "No system matches." in answer.content.decode()
    assert not BulkAct.objects.exists()


def test_roles_hold_in_the_operations_too(client: Client, summer: Program) -> None:
    everyone = list(System.objects.values_list("id", flat=True))
    staff = homes.make_group(program=summer, name="Staff", rule={}, actor=OLGA, now=cast.MORNING)
    service = Actor.person(cast.operator("cs@utility.example", Role.CUSTOMER_SERVICE))
    viewer = Actor.person(cast.operator("vera@utility.example", Role.VIEWER))
    wish: dict[str, Any] = {"wanted": "", "systems": everyone, "now": cast.MORNING, "why": "x"}
    with pytest.raises(Refused, match="Only an operator may change groups"):
        homes.prepare_bulk(act="GROUP", group=staff, actor=service, **wish)
    with pytest.raises(Refused, match="Your role may not act for a home"):
        homes.prepare_bulk(act="PAUSE", group=None, actor=viewer, **wish)
    made = homes.prepare_bulk(act="PAUSE", group=None, actor=service, **wish)
    for act in (homes.confirm_bulk, homes.stop_bulk):
        with pytest.raises(Refused, match="Your role may not act for a home"):
            act(bulk_id=made.pk, actor=viewer, now=cast.MORNING)
    made.refresh_from_db()
    assert made.state == BulkState.PREPARED


def test_the_page_that_asks_gets_news_only(desk: Client, summer: Program) -> None:
    made = prepare(desk, act="pause", why="Storm repair")
    start(desk, made)
    address, htmx = reverse("bulk_act", args=[made.pk]), {"HX-Request": "true"}
    assert 'hx-trigger="every 2s"' in page(desk, made)
    assert desk.get(f"{address}?seen=RUNNING-0", headers=htmx).status_code == 204
    work(made)
    answer = desk.get(f"{address}?seen=RUNNING-0", headers=htmx)
    assert answer.status_code == 200
    assert b"hx-trigger" not in answer.content
    assert b"<html" not in answer.content
    assert desk.get(reverse("bulk_act", args=[made.pk + 1])).status_code == 404


def test_who_is_erased_is_in_no_filter_any_more(desk: Client, summer: Program) -> None:
    """But an act for everybody keeps what it was for."""
    by_mail = prepare(desk, "q=anna%40home.example", act="pause", why="As she wished")
    start(desk, by_mail)
    work(by_mail)
    others = prepare(desk, "q=springfield", act="resume", why="Done")
    start(desk, others)
    by_serial = prepare(desk, "q=2400w000001", act="pause", why="As she wished")
    anna = User.objects.get(email="anna@home.example")
    homes.erase(user=anna, actor=OLGA, now=cast.MORNING)
    found = BulkAct.objects.order_by("id").values_list("state", "filter", "total")
    assert list(found) == [
        (BulkState.DONE, "", 1),
        (BulkState.RUNNING, "q=springfield", 3),
        (BulkState.DROPPED, "", 1),
    ]
    by_serial.refresh_from_db()
    assert by_serial.systems == []
