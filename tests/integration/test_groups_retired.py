"""A group that is offered for no new event gets no new systems, whatever page somebody has open."""

import pytest
from django.test import Client
from django.urls import reverse

from base.refusal import Refused
from enrollments import operations as homes
from enrollments.models import Membership, Program, System
from people.models import ActivityEntry
from tests import cast
from tests.integration.test_group_pages import desk, text
from tests.integration.test_groups import DAY, OLGA, TODAY, group, morning, put_in, serials, summer

__all__ = ["desk", "morning", "summer"]  # fixtures

pytestmark = pytest.mark.django_db


def test_a_retired_group_gets_nobody(summer: Program) -> None:
    """Whoever holds the group as it was before has a page that is old."""
    staff = group(summer, "Staff")
    put_in(staff, serials()[0])
    homes.retire_group(group_id=staff.pk, actor=OLGA, now=cast.MORNING)
    before = ActivityEntry.objects.count()
    with pytest.raises(Refused, match=r"^Staff is retired\. Nobody was added\.$"):
        put_in(staff, *serials()[:2], since=TODAY + DAY)
    assert list(Membership.objects.values_list("system__serial", "since")) == [
        (serials()[0], TODAY)
    ]
    assert ActivityEntry.objects.count() == before
    staff.refresh_from_db()
    assert staff.version == 2


def test_a_page_from_before_it_was_retired_puts_nobody_in(desk: Client, summer: Program) -> None:
    staff = group(summer, "Staff")
    homes.retire_group(group_id=staff.pk, actor=OLGA, now=cast.MORNING)
    page = text(desk.get(reverse("group", args=[staff.pk])))
    assert "Nobody can be put in any more: the group is retired." in page
    assert 'name="serials"' not in page
    typed = {"serials": serials()[0], "since": "2026-07-14"}
    page = text(desk.post(reverse("group_add", args=[staff.pk]), typed))
    assert "Staff is retired. Nobody was added." in page
    assert f"{serials()[0]}</textarea>" in page
    ticked = {"system": System.objects.values_list("id", flat=True)[0], "act": "group"}
    page = text(desk.post(reverse("systems_many"), ticked | {"into": staff.pk}, follow=True))
    assert "Staff is retired. Nobody was added." in page
    assert not Membership.objects.exists()
