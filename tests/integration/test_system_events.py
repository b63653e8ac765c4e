"""The page of one system goes back through every event it was in."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from dr_events.queries import one_system
from tests import cast

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


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
