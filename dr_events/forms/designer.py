"""The event designer's form: from what an operator types to a Draft, with every error at its
field. Times are typed in the program's own zone."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from base.refusal import Refused
from base.typed import describe, likely, listed, number
from dr_events import operations
from dr_events.queries import groups
from dr_events.rules import limits as rules
from dr_events.rules.local_time import to_utc
from dr_events.states import Response
from enrollments.models import Program

FOLDS = (("", "Choose"), ("first", "The first one"), ("second", "The second one"))
# Refusals about the start that are about its day, not its hour.
_ABOUT_THE_DAY = frozenset({"season", "weekday", "holiday"})
_FIELD_OF = {"starts_at": "start", "ends_at": "end", "randomize_start_s": "randomize_minutes"}
_ONLY_WHEN = {
    "offset_f": "offset",
    "cool_f": "absolute",
    "heat_f": "absolute",
    "price_cents": "price",
}

# Kept in a template as they are.
_KEPT = (
    "name",
    "response",
    "randomize_minutes",
    "note",
    "is_test",
    "groups",
    "share_percent",
    "control_percent",
)


class EventForm(forms.Form):
    program = forms.ChoiceField(label="Program")
    name = forms.CharField(
        label="Name", max_length=80, help_text="Operators see it; homes see the message below."
    )
    date = forms.DateField(
        label="Date",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        validators=[likely],
    )
    start = forms.TimeField(
        label="Start",
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        input_formats=["%H:%M", "%H:%M:%S"],
    )
    end = forms.TimeField(
        label="End",
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        input_formats=["%H:%M", "%H:%M:%S"],
        help_text="00:00 is midnight at the end of the day.",
    )
    fold = forms.ChoiceField(
        label="The clock is turned back in this hour. Which one is meant?",
        choices=FOLDS,
        required=False,
    )
    response = forms.ChoiceField(
        label="What homes are asked to do",
        choices=Response.choices,
        widget=forms.RadioSelect,
        initial=Response.CUSTOMER.value,
        required=False,
    )
    offset_f = forms.DecimalField(
        label="Move the setpoint by (°F)", required=False, max_digits=3, decimal_places=1
    )
    cool_f = forms.DecimalField(
        label="Cool to (°F)", required=False, max_digits=4, decimal_places=1
    )
    heat_f = forms.DecimalField(
        label="Heat to (°F)", required=False, max_digits=4, decimal_places=1
    )
    price_cents = forms.DecimalField(
        label="Price (cents per kWh)", required=False, max_digits=6, decimal_places=2
    )
    randomize_minutes = forms.IntegerField(
        label="Spread starts (minutes)",
        required=False,
        min_value=0,
        max_value=30,
        help_text="Each home starts at a random moment within this time, so that they do not all "
        "switch at once.",
    )
    note = forms.CharField(label="Message at the wall control", required=False, max_length=160)
    postal_codes = forms.CharField(
        label="Only these postal codes",
        required=False,
        help_text="Separated by commas. Empty: every home of the program.",
    )
    is_test = forms.BooleanField(
        label="This is a test, for the groups ticked above only",
        required=False,
        help_text="Carrier is told so. The homes feel it like any other event.",
    )
    groups = forms.TypedMultipleChoiceField(
        label="Only these groups",
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: every home of the program.",
    )
    share_percent = forms.IntegerField(
        label="Share of homes (%)",
        required=False,
        min_value=1,
        max_value=100,
        help_text="Drawn by lot among those that could get it. Empty: all of them.",
    )
    control_percent = forms.IntegerField(
        label="Control group (%)",
        required=False,
        min_value=0,
        max_value=50,
        help_text="Drawn by lot from the homes that are left; they get no event, for comparison.",
    )

    def __init__(self, *args: Any, programs: Sequence[Program], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.programs = {program.slug: program for program in programs}
        choices = [(program.slug, program.name) for program in programs]
        self.fields["program"].choices = choices  # type: ignore[attr-defined]
        chosen = self.chosen
        offered = groups.offered(chosen) if chosen and chosen.pk else []
        asked = {number(str(one)) for one in self.initial.get("groups", ())}
        asked -= {one.pk for one in offered}
        # Groups of an earlier design that no event can be for any more: without them it would be
        # for every home, so the page says it.
        self.lost_groups = groups.names(list(asked))
        self.fields["groups"].choices = [(one.pk, one.name) for one in offered]  # type: ignore[attr-defined]
        # True when a typed time exists twice: the page then shows the choice.
        self.asks_fold = False
        describe(self)

    @property
    def chosen(self) -> Program | None:
        """The program the page speaks about, also while the form is not valid yet."""
        slug = self.data.get("program") if self.is_bound else self.initial.get("program")
        return self.programs.get(str(slug)) or next(iter(self.programs.values()), None)

    def clean_response(self) -> str:
        return self.cleaned_data["response"] or Response.CUSTOMER.value

    def clean_postal_codes(self) -> tuple[str, ...]:
        return tuple(listed(self.cleaned_data["postal_codes"]))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for name, response in _ONLY_WHEN.items():
            if values.get("response") != response:  # not read, so not judged
                self.errors.pop(name, None)
                values[name] = None
        program = self.programs.get(values.get("program", ""))
        if program and values.get("date") and {"start", "end"} <= values.keys():
            self._moments(values, ZoneInfo(program.time_zone))
        return values

    def _moments(self, values: dict[str, Any], zone: ZoneInfo) -> None:
        second = {"first": False, "second": True}.get(values.get("fold", ""))
        day = values["date"]
        end_day = day + timedelta(days=1) if values["end"] == time(0) else day
        typed = {
            "start": datetime.combine(day, values["start"]),
            "end": datetime.combine(end_day, values["end"]),
        }
        for field, moment in typed.items():
            try:
                values[f"{field}s_at"] = to_utc(moment, zone, field=field)
            except Refused as refused:
                twice = refused.code == "local-time-fold"
                self.asks_fold |= twice
                if twice and second is not None:
                    values[f"{field}s_at"] = to_utc(moment, zone, field=field, second=second)
                else:
                    self.add_error(field, str(refused))

    def wish(self) -> operations.Draft:
        """What was typed, as the business understands it. Only after ``is_valid``."""
        values = self.cleaned_data
        return operations.Draft(
            name=values.get("name", ""),
            starts_at=values["starts_at"],
            ends_at=values["ends_at"],
            response=values["response"],
            randomize_start_s=60 * (values["randomize_minutes"] or 0),
            note=values["note"],
            postal_codes=values["postal_codes"],
            groups=tuple(values["groups"]),
            is_test=values["is_test"],
            share_percent=values["share_percent"] or 100,
            control_percent=values["control_percent"] or 0,
            **{name: values[name] for name in _ONLY_WHEN},
        )

    def design(self) -> dict[str, Any]:
        """What was typed, as a template keeps it: without its day, and as ``initial`` takes it
        again. Only after ``is_valid``."""
        values = self.cleaned_data
        kept = {name: values[name] for name in _KEPT}
        return kept | {
            "start": f"{values['start']:%H:%M}",
            "end": f"{values['end']:%H:%M}",
            "postal_codes": ", ".join(values["postal_codes"]),
            **{name: None if (v := values[name]) is None else f"{v:f}" for name in _ONLY_WHEN},
        }

    def without_a_day(self) -> "EventForm":
        """For a template: no date is asked, none is judged."""
        self.fields["date"].required = False
        return self

    def refuse(self, problems: Iterable[Refused]) -> None:
        """Put each refusal next to the field it is about."""
        for problem in problems:
            field = _FIELD_OF.get(problem.field, problem.field)
            if problem.code in _ABOUT_THE_DAY:
                field = "date"
            self.add_error(field if field in self.fields else None, str(problem))

    def forgive_blanks(self) -> None:
        """While somebody is still typing, an empty field is no mistake yet."""
        for field in list(self.errors):
            kept = [error for error in self.errors.as_data()[field] if error.code != "required"]
            del self.errors[field]
            for error in kept:
                self.add_error(None if field == "__all__" else field, error)


def suggestion(program: Program, now: datetime) -> tuple[date, time, time] | None:
    """The next day and hours the program allows: two hours from 4 in the afternoon where they
    fit. None when nothing fits within a year."""
    limits = operations.limits_of(program)
    today = now.astimezone(limits.zone).date()
    length = min(timedelta(hours=2), limits.max_event)
    for ahead in range(367):
        day = today + timedelta(days=ahead)
        for clock in (time(16), limits.hours_from):
            begin = datetime.combine(day, clock)
            try:
                start, end = (
                    to_utc(moment, limits.zone, field="start") for moment in (begin, begin + length)
                )
            except Refused:
                continue
            if not rules.problems(rules.Wish(start, end), limits, now=now):
                return day, clock, (begin + length).time()
    return None
