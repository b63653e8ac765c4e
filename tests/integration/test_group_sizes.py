"""How big each group of a program is: right, and asked in one statement."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dr_events.queries import groups
from enrollments.models import System
from tests import cast
from tests.integration.test_groups import desk, group, morning, put_in, serials, summer

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
