"""What a program pays: set with a new one, said in words, and what changing a rule touches."""

import pytest
from django.test import Client
from django.urls import reverse

from dr_events.queries import seasons
from dr_events.rules.credit import Basis, Credit, in_words
from enrollments.models import Program
from tests import cast
from tests.integration.test_console_pages_programs import desk, morning, petra, trail, typed

__all__ = ["desk", "morning", "petra"]  # fixtures

pytestmark = pytest.mark.django_db


def test_a_new_program_without_amounts_has_no_rule(desk: Client) -> None:
    nothing = {"basis": "EVENTS", "threshold": "80", "season": "0", "event": ""}
    desk.post(reverse("program_new"), typed(name="Winter Mornings") | nothing)
    made = Program.objects.get()
    assert seasons.credit_of(made) is None
    assert trail("set-credit") == []
    page = desk.get(reverse("console_program", args=[made.slug])).content.decode()
    assert "No rule is set, so no credit is counted." in page
    public = Client().get(reverse("program", args=[made.slug])).content.decode()
    assert "What it pays" not in public


def test_a_rule_that_makes_no_sense_makes_no_program(desk: Client) -> None:
    wrong = {"basis": "EVENTS", "threshold": "120", "season": "20", "event": "0"}
    answer = desk.post(reverse("program_new"), typed(name="Winter Mornings") | wrong)
    assert list(answer.context["rule"].errors) == ["threshold"]
    assert 'value="Winter Mornings"' in answer.content.decode()
    assert not Program.objects.exists()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (None, ""),
        (Credit(Basis.EVENTS, 80, 0, 0), ""),
        (
            Credit(Basis.HOURS, 65, 10000, 0),
            "$100 for taking part in at least 65 % of the event hours of a season.",
        ),
        (
            Credit(Basis.EVENTS, 0, 2500, 150),
            "$25 for a season in which the home was asked to take part, whether it did or not, "
            "and $1.50 for each event taken part in.",
        ),
        (Credit(Basis.EVENTS, 80, 0, 150), "$1.50 for each event taken part in."),
    ],
)
def test_a_rule_in_words(rule: Credit | None, words: str) -> None:
    assert in_words(rule) == words


@pytest.mark.parametrize("cap", ["max_per_day", "max_per_week", "max_per_season"])
def test_a_cap_shows_which_planned_events_are_counted_again(desk: Client, cap: str) -> None:
    program = cast.program(max_per_day=2, max_per_week=5)
    cast.neighborhood(program, 1)
    event = cast.scheduled(program, name="Three to five")
    new = {"max_per_day": "1", "max_per_week": "4", "max_per_season": "14"}[cap]
    address = reverse("program_touches", args=[program.slug])
    text = desk.post(address, typed(program, **{cap: new})).content.decode()
    assert "Three to five" in text
    assert "Caps and rest are counted again for each home before it is sent." in text
    event.refresh_from_db()
    assert event.state == "SCHEDULED"


def test_a_credit_rule_says_which_events_it_counts_for(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 1)
    cast.scheduled(program, name="Three to five")
    text = " ".join(desk.get(reverse("season", args=[program.slug])).content.decode().split())
    assert "0 completed events are counted anew at once, and <a " in text
    assert ">Three to five</a> when it is over. No request to any home changes." in text
