"""The designer's form: local time to moments, errors at their fields, a start that fits."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from base.refusal import Refused
from dr_events.forms import EventForm, suggestion
from enrollments.models import Program

MORNING = datetime(2026, 7, 14, 14, 0, tzinfo=UTC)


def program(**fields: Any) -> Program:
    defaults: dict[str, Any] = {
        "name": "Summer Peak",
        "slug": "summer-peak",
        "hours_from": time(13),
        "hours_to": time(21),
        "max_offset_f": Decimal(4),
        "max_cool_f": Decimal(82),
        "min_heat_f": Decimal(62),
    }
    return Program(**defaults | fields)


def form(**fields: str) -> EventForm:
    typed = {
        "program": "summer-peak",
        "name": "Hot afternoon",
        "date": "2026-07-14",
        "start": "15:00",
        "end": "17:00",
        "response": "customer",
    }
    return EventForm(typed | fields, programs=[program()])


def test_typed_times_are_the_programs_own() -> None:
    typed = form()
    assert typed.is_valid()
    wish = typed.wish()
    assert wish.starts_at == datetime(2026, 7, 14, 20, tzinfo=UTC)
    assert wish.ends_at - wish.starts_at == timedelta(hours=2)


def test_midnight_ends_the_day() -> None:
    typed = form(start="22:00", end="00:00")
    assert typed.is_valid()
    assert typed.wish().ends_at - typed.wish().starts_at == timedelta(hours=2)


@pytest.mark.parametrize(("fold", "utc_hour"), [("first", 6), ("second", 7)])
def test_a_fold_is_asked_about_and_then_meant(fold: str, utc_hour: int) -> None:
    asked = form(date="2026-11-01", start="01:30", end="03:00")
    assert not asked.is_valid()
    assert asked.asks_fold
    assert "happens twice" in asked.errors["start"][0]
    said = form(date="2026-11-01", start="01:30", end="03:00", fold=fold)
    assert said.is_valid()
    assert said.asks_fold
    assert said.wish().starts_at == datetime(2026, 11, 1, utc_hour, 30, tzinfo=UTC)


def test_an_ordinary_hour_asks_nothing() -> None:
    typed = form(fold="second")
    assert typed.is_valid()
    assert not typed.asks_fold


def test_a_gap_is_refused_at_its_field() -> None:
    typed = form(date="2027-03-14", start="01:00", end="02:30")
    assert not typed.is_valid()
    assert list(typed.errors) == ["end"]
    assert not typed.asks_fold


def test_only_the_numbers_of_the_chosen_response_are_read() -> None:
    typed = form(response="offset", offset_f="3", cool_f="99999")
    assert typed.is_valid()
    assert (typed.wish().offset_f, typed.wish().cool_f) == (Decimal(3), None)
    assert not form(response="absolute", cool_f="99999", heat_f="62").is_valid()


def test_postal_codes_are_split_and_kept_once() -> None:
    typed = form(postal_codes=" 62701, 62702;62701 ,, ")
    assert typed.is_valid()
    assert typed.wish().postal_codes == ("62701", "62702")


def test_minutes_become_seconds() -> None:
    typed = form(randomize_minutes="15", control_percent="10")
    assert typed.is_valid()
    assert (typed.wish().randomize_start_s, typed.wish().control_percent) == (900, 10)


@pytest.mark.parametrize(
    ("field", "code", "shown_at"),
    [
        ("starts_at", "past", "start"),
        ("starts_at", "season", "date"),
        ("starts_at", "holiday", "date"),
        ("ends_at", "too-long", "end"),
        ("cool_f", "cool", "cool_f"),
        ("", "empty-target", "__all__"),
        ("unheard_of", "other", "__all__"),
    ],
)
def test_refusals_stand_at_their_fields(field: str, code: str, shown_at: str) -> None:
    typed = form()
    assert typed.is_valid()
    typed.refuse([Refused("No.", field=field, code=code)])
    assert typed.errors[shown_at] == ["No."]


def test_blanks_are_forgiven_while_typing_and_nothing_else() -> None:
    typed = form(name="", control_percent="80")
    typed.full_clean()
    typed.forgive_blanks()
    assert list(typed.errors) == ["control_percent"]


def test_the_suggestion_is_the_next_time_the_program_allows() -> None:
    assert suggestion(program(), MORNING) == (date(2026, 7, 14), time(16), time(18))
    evening = MORNING + timedelta(hours=9)
    assert suggestion(program(), evening) == (date(2026, 7, 15), time(16), time(18))
    winter = program(season_from="12-01", season_to="02-28", hours_from=time(6), hours_to=time(9))
    assert suggestion(winter, MORNING) == (date(2026, 12, 1), time(6), time(8))


def test_no_suggestion_where_nothing_fits() -> None:
    assert suggestion(program(weekdays=[]), MORNING) is None
