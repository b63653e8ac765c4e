"""How big each group of a program is, asked in one statement; on which days its rule holds."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dr_events.queries import groups, systems
from enrollments import operations as homes
from enrollments.models import Group, Program, System
from people.models import ActivityEntry
from tests import cast
from tests.integration.test_group_pages import desk
from tests.integration.test_groups import (
    OLGA,
    TODAY,
    group,
    morning,
    put_in,
    serials,
    summer,
    targeted,
)

__all__ = ["desk", "morning", "summer"]  # fixtures

pytestmark = pytest.mark.django_db


def test_groups_are_counted_apart_and_together_like_alone(summer: Any) -> None:
    """A system in two groups counts in both; by rule and by hand in one of them counts once."""
    pumps = group(summer, "Pumps", outdoor_types=["heatpump"])
    north = group(summer, "North", postal_codes=["62702"])
    staff, empty = group(summer, "Staff"), group(summer, "Empty")
    put_in(pumps, serials()[0], serials()[1])
    put_in(staff, serials()[3])
    found = groups.pages(summer, now=cast.MORNING)
    assert {page.group: (page.by_rule, page.by_hand, page.members) for page in found} == {
        pumps: (2, 2, 3),
        north: (2, 0, 2),
        staff: (0, 1, 1),
        empty: (0, 0, 0),
    }
    for page in found:
        alone = groups.page(page.group, now=cast.MORNING)
        assert (alone.by_rule, alone.by_hand, alone.members) == (
            page.by_rule,
            page.by_hand,
            page.members,
        )


def test_sizes_are_kept_until_the_group_changes(
    summer: Any, django_assert_num_queries: Any
) -> None:
    """The second look counts nothing; a change of the group is counted at once."""
    pumps = group(summer, "Pumps", outdoor_types=["heatpump"])
    groups.pages(summer, now=cast.MORNING)
    with django_assert_num_queries(2):  # the groups, what is kept
        (page,) = groups.pages(summer, now=cast.MORNING)
    assert page.members == 2
    put_in(pumps, serials()[1])
    (page,) = groups.pages(summer, now=cast.MORNING)
    assert (page.by_rule, page.by_hand, page.members) == (2, 1, 3)
    tomorrow = groups.pages(summer, now=cast.MORNING + timedelta(days=1))
    assert [page.members for page in tomorrow] == [3]


def test_a_system_counts_in_every_group_it_is_in(summer: Any) -> None:
    """By rule and by hand in one of them is one system there; each list of a rule must hold."""
    north = group(summer, "North", postal_codes=["62702"])
    cold_north = group(summer, "North pumps", postal_codes=["62702"], outdoor_types=["heatpump"])
    put_in(north, *serials())
    for found, which in ((north, serials()), (cold_north, serials()[2:3])):
        rows = System.objects.filter(id__in=groups.member_ids(found, cast.MORNING.date()))
        assert sorted(rows.values_list("serial", flat=True)) == which


def test_the_page_asks_as_little_for_many_groups(
    desk: Client, summer: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(15):
        group(summer, f"Group {number}", postal_codes=["62702"])
    desk.get(reverse("groups", args=[summer.slug]))  # the first look keeps the sizes
    with django_assert_max_num_queries(8):
        text = desk.get(reverse("groups", args=[summer.slug])).content.decode()
    assert text.count("postal code 62702") == 15


# --- the days a rule holds ----------------------------------------------------------------------
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def north(summer: Program, since: int | None, until: int | None) -> Group:
    """Two of the four homes by rule, on some days around the cast's."""
    days = [None if days is None else TODAY + days * DAY for days in (since, until)]
    return homes.make_group(
        program=summer, name="North", rule={"postal_codes": ["62702"]}, since=days[0],
        until=days[1], actor=OLGA, now=cast.MORNING,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("since", "until", "holds"),
    [
        (None, None, True),
        (0, 0, True),
        (0, None, True),
        (1, None, False),
        (None, 0, True),
        (-9, -1, False),
    ],
)
def test_a_rule_holds_on_its_days(
    summer: Program, since: int | None, until: int | None, holds: bool
) -> None:
    """For the page, the plan of an event on that day and the list of systems alike."""
    made = north(summer, since, until)
    put_in(made, serials()[0])
    page = groups.page(made, now=cast.MORNING)
    assert (page.by_rule, page.by_hand, page.members) == (2 * holds, 1, 1 + 2 * holds)
    assert page.rule_rests is not holds
    whom = [serials()[number] for number in ((0, 2, 3) if holds else (0,))]
    assert targeted(summer, made) == whom
    found, _ = systems.find(systems.Wanted(group=made.pk), now=cast.MORNING)
    assert sorted(card.serial for card in found) == whom


def test_the_day_is_the_events_own(summer: Program) -> None:
    """Who belongs is asked for the day of the event, not for the day it is planned."""
    later = {"starts_at": cast.MORNING + DAY + 6 * HOUR, "ends_at": cast.MORNING + DAY + 8 * HOUR}
    assert targeted(summer, north(summer, 1, 1), **later) == serials()[2:]


def test_the_days_are_set_changed_and_said(desk: Client, summer: Program) -> None:
    wish = {"name": "North", "postal_codes": "62702", "rule_since": "2026-07-20",
            "rule_until": "2026-08-31"}  # fmt: skip
    text = desk.post(reverse("groups", args=[summer.slug]), wish, follow=True).content.decode()
    assert "postal code 62702, from Jul 20, 2026 until Aug 31, 2026." in text
    assert "Today is none of its days" in text
    made = Group.objects.get()
    change = reverse("group_change", args=[made.pk])
    wrong = wish | {"seen": "1", "rule_until": "2026-07-19"}
    assert "The last day is before the first one." in desk.post(change, wrong).content.decode()
    made.refresh_from_db()
    assert (made.version, made.until) == (1, date(2026, 8, 31))
    desk.post(change, wish | {"seen": "1", "rule_since": ""})
    made.refresh_from_db()
    assert (made.version, made.since) == (2, None)
    entry = ActivityEntry.objects.get(verb="change-group")
    assert entry.detail["changes"] == {"since": ["2026-07-20", None]}
    listed = desk.get(reverse("groups", args=[summer.slug])).content.decode()
    assert "until Aug 31, 2026" in listed
    assert "Not today" not in listed
