"""What a program promises, and how it thanks its homes, as people type it."""

from calendar import day_name
from datetime import date, time
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms

from base.typed import describe
from dr_events import operations
from dr_events.rules.credit import Basis, Credit
from enrollments.models import Program, weekdays

_HINTS = {
    "season_from": "Month and day, such as 06-01.",
    "season_to": "The last day, such as 09-30. Earlier than the first: over new year.",
    "hours_to": "00:00 is midnight at the end of the day.",
    "holidays": "Days without events, one a line, such as 2026-07-04.",
    "max_event_minutes": "In minutes.",
    "min_useful_minutes": "With less than this left, an event is not sent any more; in minutes.",
    "max_per_week": "Monday to Sunday.",
    "min_rest_minutes": "Between two events at one home, in minutes.",
    "min_notice_minutes": "Between planning and start, in minutes.",
    "send_lead_minutes": "In minutes. Until sending begins, everything can be stopped.",
    "reward": "What it pays, as the homeowner reads it.",
    "is_open": "Homes may join.",
    "needs_account": "Number and postal code are held against the list of customers.",
}
_LABELS = {
    "name": "Name",
    "summary": "What it asks, for homeowners",
    "reward": "Reward",
    "is_open": "Open",
    "needs_approval": "A second person releases each event",
    "needs_account": "Homes join with their utility account",
    "time_zone": "Time zone",
    "season_from": "Season, first day",
    "season_to": "Season, last day",
    "hours_from": "Not before",
    "hours_to": "Not after",
    "max_event_minutes": "Longest event",
    "min_useful_minutes": "Least left to send",
    "max_per_day": "Events a day",
    "max_per_week": "Events a week",
    "max_per_season": "Events a season",
    "min_rest_minutes": "Rest",
    "min_notice_minutes": "Notice",
    "send_lead_minutes": "Sending begins ahead by",
    "max_offset_f": "Largest offset (°F)",
    "max_cool_f": "Cooling at most (°F)",
    "min_heat_f": "Heating at least (°F)",
}
_CLOCK = {"type": "time"}


class Days(forms.CharField):
    """Dates, one a line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, sorted(value))) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[date]:  # type: ignore[override]
        days = set()
        for word in (value or "").replace(",", " ").split():
            try:
                days.add(date.fromisoformat(word))
            except ValueError as error:
                raise forms.ValidationError(f"{word} is no day; write 2026-07-04.") from error
        return sorted(days)


class ProgramForm(forms.ModelForm):
    """What a program promises. ``cleaned_data`` is what operations.change_program takes."""

    weekdays = forms.TypedMultipleChoiceField(
        label="Days of the week",
        coerce=int,
        choices=list(enumerate(day_name)),
        widget=forms.CheckboxSelectMultiple,
        initial=weekdays,
    )
    holidays = Days(label="Holidays", required=False, help_text=_HINTS["holidays"])

    class Meta:
        model = Program
        fields = operations.PROGRAM_FIELDS
        labels = _LABELS
        help_texts = _HINTS
        widgets: ClassVar[dict[str, Any]] = {
            "summary": forms.Textarea(attrs={"rows": 3}),
            "reward": forms.Textarea(attrs={"rows": 2}),
            "hours_from": forms.TimeInput(attrs=_CLOCK, format="%H:%M"),
            "hours_to": forms.TimeInput(attrs=_CLOCK, format="%H:%M"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        describe(self)

    def clean_time_zone(self) -> str:
        name = str(self.cleaned_data["time_zone"])
        if name not in available_timezones():
            raise forms.ValidationError("There is no such zone; write one such as America/Chicago.")
        return name

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for low, high, sentence in _ORDERED:
            least, most = values.get(low), values.get(high)
            if least is not None and most is not None and least > most:
                self.add_error(low, sentence)
        for name, least, most in _BOUNDS:
            value = values.get(name)
            if value is not None and not least <= value <= most:
                self.add_error(name, f"Must be at least {least} and at most {most}.")
        begin, end = values.get("hours_from"), values.get("hours_to")
        if begin is not None and end is not None and end != time(0) and begin >= end:
            self.add_error("hours_to", "Must be after the first hour.")
        return values


# What the device itself allows, and what is bearable (docs/decisions/0004-limits.md).
_BOUNDS = (("max_offset_f", 1, 10), ("max_cool_f", 50, 90), ("min_heat_f", 50, 90))
# (must not be more than, the other, what is said when it is)
_ORDERED = (
    ("min_useful_minutes", "max_event_minutes", "This is longer than the longest event."),
    ("max_per_day", "max_per_week", "This is more than a week may have."),
    ("max_per_week", "max_per_season", "This is more than a season may have."),
    ("min_heat_f", "max_cool_f", "Heating would end above where cooling begins."),
)


class CreditForm(forms.Form):
    """How a program thanks its homes. Amounts are typed in dollars and kept in cents.

    ``optional``: nothing need be typed, and a rule that pays nothing is none.
    """

    basis = forms.ChoiceField(label="Counted in", choices=Basis.choices)
    threshold = forms.IntegerField(label="Share to reach (%)", min_value=0, max_value=100)
    season = forms.DecimalField(
        label="For the season ($)", min_value=0, max_digits=7, decimal_places=2
    )
    event = forms.DecimalField(
        label="For each event ($)", min_value=0, max_digits=7, decimal_places=2
    )

    def __init__(
        self, *args: Any, credit: Credit | None = None, optional: bool = False, **kwargs: Any
    ) -> None:
        known = credit or Credit(Basis.EVENTS, 80, 0, 0)
        first = {
            "basis": known.basis,
            "threshold": known.threshold,
            "season": Decimal(known.season_cents) / 100,
            "event": Decimal(known.event_cents) / 100,
        }
        super().__init__(*args, **{"initial": first} | kwargs)
        for field in self.fields.values():
            field.required = not optional
        describe(self)

    def credit(self) -> Credit:
        """Only after ``is_valid``."""
        values = self.cleaned_data
        return Credit(
            Basis(values["basis"] or Basis.EVENTS),
            values["threshold"] or 0,
            int(100 * (values["season"] or 0)),
            int(100 * (values["event"] or 0)),
        )
