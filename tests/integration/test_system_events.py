"""The page of one system goes back through every event it was in."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from dr_events.models import Dispatch, Event, Reading
from dr_events.queries import intervals, one_system
from tests import cast

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def test_every_event_is_there_a_page_at_a_time(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_system, "PAST", 2)
    program = cast.program(max_per_week=9)
    system = cast.enrolled(program)
    for number, name in enumerate(("First", "Second", "Third")):
        wish = cast.wish(name=name)
        cast.scheduled(
            program, name=name,
            starts_at=wish.starts_at + number * DAY, ends_at=wish.ends_at + number * DAY,
        )  # fmt: skip
    client.force_login(cast.operator())
    address = reverse("console_system", args=[system.pk])

    def look(more: str = "") -> tuple[list[str], str]:
        answer = client.get(address + more)
        text = answer.content.decode()
        names = [one.event.name for one in answer.context["page"].past]
        assert all(f">{name}</a>" in text for name in names)
        return names, text

    latest, text = look()
    second = one_system.system_page(system.pk, now=cast.MORNING)
    assert second is not None
    assert latest == ["Third", "Second"]
    assert f'href="?before={second.earlier}#events"' in text
    earlier, text = look(f"?before={second.earlier}")
    assert earlier == ["First"]
    assert "Earlier events" not in text
    assert "Latest events" in text
    for odd in ("?before=0", "?before=x", "?before=%00"):
        assert look(odd)[0] == ["Third", "Second"]
    names, text = look("?before=999999")
    assert names == []
    assert "No earlier event has included this system." in text


def read(event: Event) -> None:
    """Each look: minutes from the start, load in percent; None where the unit does not say."""
    looks = ((-40, 80), (-31, 0), (-10, None), (0, 40), (5, 0), (10, 0), (14, 60), (29, 0), (61, 9))
    row = Dispatch.objects.get(event=event)
    for at, load in looks:
        share = None if load is None else load / 100
        when = event.starts_at + at * MINUTE
        Reading.objects.create(dispatch=row, at=when, is_online=True, indoor_f=75, load=share)


def test_a_drawing_says_how_much_of_the_time_the_equipment_ran(client: Client) -> None:
    program = cast.program()
    system = cast.enrolled(program)
    event = cast.scheduled(program)
    read(event)
    page = one_system.system_page(system.pk, now=cast.MORNING)
    assert page is not None
    found = list(intervals.running_of(page.readings, event))
    assert found == [
        (event.starts_at - 35.5 * MINUTE, 0.5),
        (event.starts_at - 10 * MINUTE, None),
        (event.starts_at + 7.25 * MINUTE, 0.5),
        (event.starts_at + 29 * MINUTE, 0.0),
        (event.starts_at + 61 * MINUTE, 1.0),
    ]
    assert found == [(one.at, one.running) for one in intervals.course(event).items]
    client.force_login(cast.operator())
    text = client.get(reverse("console_system", args=[system.pk])).content.decode()
    for name in ("Indoor temperature", "Cooling load", "Runtime"):
        assert f">{name} of this home</title>" in text
    *_, ran = re.findall(r'<polyline class="line" points="([^"]+)"', text)
    levels = [float(point.split(",")[1]) for point in ran.split()]
    # 160 units high: 100 % at 26, nothing at 132.
    assert levels == [79.0, 79.0, 132.0, 26.0]
    assert re.findall("<td>(Yes|No|–)</td></tr>", text) == [
        "Yes", "No", "–", "Yes", "No", "No", "Yes", "No", "Yes"
    ]  # fmt: skip


def test_one_reading_is_no_drawing(client: Client) -> None:
    program = cast.program()
    system = cast.enrolled(program)
    row = Dispatch.objects.get(event=cast.scheduled(program))
    Reading.objects.create(dispatch=row, at=row.event.starts_at, is_online=True, load=1)
    client.force_login(cast.operator())
    text = client.get(reverse("console_system", args=[system.pk])).content.decode()
    assert "1 reading as a table" in text
    assert "of this home</title>" not in text
