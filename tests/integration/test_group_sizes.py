"""How big each group of a program is: right, and asked in one statement."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dr_events.queries import groups
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


def test_the_page_asks_as_little_for_many_groups(
    desk: Client, summer: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(15):
        group(summer, f"Group {number}", postal_codes=["62702"])
    with django_assert_max_num_queries(12):
        text = desk.get(reverse("groups", args=[summer.slug])).content.decode()
    assert text.count("postal code 62702") == 15
