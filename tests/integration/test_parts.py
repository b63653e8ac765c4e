"""Results by part of the homes add up to the whole."""

import re

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from dr_events.models import Dispatch, Event, Reading
from dr_events.queries import parts as query
from dr_events.queries.parts import By, breakdown
from dr_events.states import Delivery, EventState, Participation
from enrollments import operations as homes
from enrollments.models import Location, System
from people.operations import Actor
from tests import cast
from tests.integration.test_console_pages import finished

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture
def event() -> Event:
    """Five homes: heat pump and 62702 took part, said no, was out of reach; the rest as they come.
    A sixth is paused and was never targeted."""
    program = cast.program()
    ends = [
        ("62702", "heatpump", Delivery.CONFIRMED, Participation.COMPLETED),
        ("62702", "heatpump", Delivery.SKIPPED, Participation.OPTED_OUT_BEFORE),
        ("62702", "ac", Delivery.CONFIRMED, Participation.UNREACHABLE),
        ("62701", "ac", Delivery.REJECTED, Participation.UNKNOWN),
        ("62701", "", Delivery.CONFIRMED, Participation.OPTED_OUT_DURING),
    ]
    systems = cast.neighborhood(program, 6)
    homes.pause(
        enrollment_id=systems[5].enrollments.get().pk, actor=Actor("user:olga"), now=cast.MORNING
    )
    made = cast.scheduled(program)
    for system, (postal, kind, delivery, part) in zip(systems, ends, strict=False):
        Location.objects.filter(pk=system.location_id).update(postal=postal)
        System.objects.filter(pk=system.pk).update(outdoor_type=kind)
        reason = "OPTED_OUT" if delivery == Delivery.SKIPPED else ""
        Dispatch.objects.filter(event=made, system=system).update(
            delivery=delivery, participation=part, reason=reason
        )
    Event.objects.filter(pk=made.pk).update(state=EventState.COMPLETED, completed_at=made.ends_at)
    made.refresh_from_db()
    return made


def figures(event: Event, by: By) -> dict[str, tuple[int, ...]]:
    """Targeted, took part, said no before, during, unreachable, failed."""
    return {
        part.name: (
            part.tally.targeted, part.tally.participating, part.tally.opted_out_before,
            part.tally.opted_out_during, part.tally.unreachable, part.tally.failed,
        )
        for part in breakdown(event, by, is_final=False)
    }  # fmt: skip


def test_parts_add_up_and_who_was_left_out_is_in_none(event: Event) -> None:
    assert figures(event, By.POSTAL) == {"62702": (3, 1, 1, 0, 1, 0), "62701": (2, 0, 0, 1, 0, 1)}
    assert figures(event, By.EQUIPMENT) == {
        "heatpump": (2, 1, 1, 0, 0, 0), "ac": (2, 0, 0, 0, 1, 1), "": (1, 0, 0, 1, 0, 0),
    }  # fmt: skip


def test_a_home_in_two_groups_counts_in_both(event: Event) -> None:
    actor = Actor("user:olga")
    for name, rule in (
        ("North", {"postal_codes": ["62702"]}),
        ("Pumps", {"outdoor_types": ["heatpump"]}),
    ):
        homes.make_group(program=event.program, name=name, rule=rule, actor=actor, now=cast.MORNING)
    assert figures(event, By.GROUP) == {"North": (3, 1, 1, 0, 1, 0), "Pumps": (2, 1, 1, 0, 0, 0)}


def test_a_group_the_event_was_for_stays_when_it_is_retired(event: Event) -> None:
    """Another one that is retired is not there: nothing was ever asked of it."""
    actor = Actor("user:olga")
    for name in ("North", "Old north"):
        made = homes.make_group(
            program=event.program, name=name, rule={"postal_codes": ["62702"]},
            actor=actor, now=cast.MORNING,
        )  # fmt: skip
        homes.retire_group(group_id=made.pk, actor=actor, now=cast.MORNING)
        event.groups = event.groups or [made.pk]
    homes.make_group(
        program=event.program, name="North", rule={"outdoor_types": ["ac"]},
        actor=actor, now=cast.MORNING,
    )  # fmt: skip
    assert figures(event, By.GROUP) == {
        "North (retired)": (3, 1, 1, 0, 1, 0), "North": (2, 0, 0, 0, 1, 1),
    }  # fmt: skip


def test_beyond_the_largest_parts_is_one_line(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "PARTS", 1)
    assert list(figures(event, By.POSTAL)) == ["62702", "all others"]
    assert figures(event, By.POSTAL)["all others"] == (2, 0, 0, 1, 0, 1)


def test_a_closed_event_is_counted_once(event: Event) -> None:
    before = breakdown(event, By.POSTAL, is_final=True)
    Dispatch.objects.filter(event=event).update(participation=Participation.COMPLETED)
    assert breakdown(event, By.POSTAL, is_final=True) == before
    assert breakdown(event, By.POSTAL, is_final=False) != before


def test_the_page_and_its_fragment(client: Client, event: Event) -> None:
    client.force_login(cast.operator())
    results = client.get(reverse("event_results", args=[event.pk])).content.decode()
    address = reverse("event_breakdown", args=[event.pk])
    assert f'hx-get="{address}"' in results
    fragment = client.get(
        f"{address}?by=equipment", headers={"HX-Request": "true"}
    ).content.decode()
    assert fragment.lstrip().startswith("<section")
    assert "heatpump" in fragment
    assert "Not reported" in fragment
    whole = client.get(f"{address}?by=nonsense").content.decode()
    assert "<h1>Hot afternoon by part of the homes</h1>" in whole
    assert "62702" in whole


def test_load_is_drawn_beside_the_temperature(client: Client) -> None:
    """Where nobody reports a load there is one drawing; where homes do, two more, of how hard and
    how long the equipment ran, with their own names for readers."""
    program = cast.program()
    cast.neighborhood(program, 3)
    made = finished(program)
    client.force_login(cast.operator())
    results = client.get(reverse("event_results", args=[made.pk])).content.decode()
    assert results.count("<polyline") == 3
    assert "Cooling load in percent over time, from 0 to 60 %." in results
    titles = re.findall(r'<title id="([^"]+)"', results)
    assert titles == ["chart-title", "load-title", "runtime-title"]
    Reading.objects.update(load=None)
    alone = client.get(reverse("event_results", args=[made.pk])).content.decode()
    assert alone.count("<polyline") == 1
