"""Tags and filters of every page: moments with their zone, temperatures, badges, form controls."""

import calendar
from datetime import datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import template
from django.forms import BoundField
from django.utils.html import format_html
from django.utils.safestring import SafeString

from base.choices import ColoredChoices
from base.zones import zone_words

register = template.Library()
register.filter("zone_words", zone_words)

UNKNOWN = "–"
Number = Decimal | float | int


def _local(moment: datetime, zone: str | ZoneInfo) -> datetime:
    return moment.astimezone(zone if isinstance(zone, ZoneInfo) else ZoneInfo(zone or "UTC"))


def _time(moment: datetime, shown: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), shown)


def when(value: datetime | None, zone: str | ZoneInfo = "UTC") -> str:
    """The words of ``moment``, for a sentence."""
    return f"{_local(value, zone):%a %b %-d, %-I:%M %p %Z}" if value else UNKNOWN


@register.simple_tag
def moment(value: datetime | None, zone: str | ZoneInfo = "UTC") -> str:
    """``Tue Jul 14, 3:04 PM CDT``; a dash when there is no moment."""
    return _time(_local(value, zone), when(value, zone)) if value else UNKNOWN


@register.simple_tag
def day(value: datetime | None, zone: str | ZoneInfo = "UTC") -> str:
    """``Tuesday, July 14, 2026`` in the zone."""
    if not value:
        return UNKNOWN
    local = _local(value, zone)
    return _time(local, f"{local:%A, %B %-d, %Y}")


@register.simple_tag
def span(start: datetime, end: datetime, zone: str | ZoneInfo = "UTC") -> str:
    """``Tue Jul 14, 3:00 PM to 6:00 PM CDT``; names both days when they differ, and both zones
    when the clock changes in between."""
    first, last = _local(start, zone), _local(end, zone)
    first_zone = "" if first.tzname() == last.tzname() else f" {first:%Z}"
    last_day = "" if first.date() == last.date() else f"{last:%a %b %-d}, "
    shown = f"{first:%a %b %-d, %-I:%M %p}{first_zone} to {last_day}{last:%-I:%M %p %Z}"
    return _time(first, shown)


def _number(value: Number) -> str:
    return f"{round(float(value), 1):g}"


@register.filter
def degrees(value: Number | None, unit: str = "F") -> str:
    """A temperature kept in °F, in the unit the home shows: ``72 °F`` or ``22.2 °C``."""
    if value is None or value == "":
        return UNKNOWN
    shown = (float(value) - 32) * 5 / 9 if unit == "C" else float(value)
    return f"{_number(shown)}\N{NO-BREAK SPACE}°{'C' if unit == 'C' else 'F'}"


@register.filter
def degrees_delta(value: Number | None, unit: str = "F") -> str:
    """A difference kept in °F, in the unit the home shows: ``4 °F`` or ``2.2 °C``."""
    if value is None or value == "":
        return UNKNOWN
    shown = float(value) * 5 / 9 if unit == "C" else float(value)
    return f"{_number(shown)}\N{NO-BREAK SPACE}°{'C' if unit == 'C' else 'F'}"


@register.filter
def signed_degrees(value: Number) -> str:
    """A change kept in °F with its sign: ``+1.2 °F``, ``−0.4 °F``."""
    sign = "\N{MINUS SIGN}" if round(float(value), 1) < 0 else "+"
    return f"{sign}{_number(abs(float(value)))}\N{NO-BREAK SPACE}°F"


@register.filter
def kilowatts(value: float) -> str:
    """Power given in kW, as precise as an estimate is: ``0.4 kW``, ``12 kW``, ``1.2 MW``."""
    amount, unit = (value / 1000, "MW") if value >= 1000 else (value, "kW")
    return (
        f"{amount:.1f}\N{NO-BREAK SPACE}{unit}"
        if amount < 10
        else f"{amount:,.0f}\N{NO-BREAK SPACE}{unit}"
    )


@register.simple_tag
def badge(choice: ColoredChoices | None) -> str:
    """The word of a choice in its color. Give a member of the choices, not its bare value."""
    if not choice:
        return ""
    return format_html('<span class="pill pill-{}">{}</span>', choice.color, choice.label)


@register.filter
def control(field: BoundField) -> SafeString:
    """The widget of a form field, dressed. Django itself names its hint and its errors to it."""
    kind = "form-select" if field.widget_type == "select" else "form-control"
    dressed = f"{kind} is-invalid" if field.errors else kind
    # The label is always shown: a placeholder that repeats it only looks like an answer.
    return field.as_widget(attrs={"class": dressed, "placeholder": False})


@register.filter
def month_day(value: str) -> str:
    """``06-01`` as ``June 1``."""
    return f"{datetime.strptime('2000-' + value, '%Y-%m-%d'):%B %-d}"  # noqa: DTZ007 (a date)


@register.filter
def weekday_words(days: list[int]) -> str:
    """``Monday to Friday`` where the days follow each other, else their names; 0 is Monday."""
    wanted = sorted(set(days))
    names = [calendar.day_name[number] for number in wanted]
    if len(wanted) == 7:
        return "every day"
    if len(wanted) > 2 and wanted[-1] - wanted[0] == len(wanted) - 1:
        return f"{names[0]} to {names[-1]}"
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


@register.filter
def minutes(value: int) -> str:
    """``4 hours``, ``1 hour 30 minutes``, ``45 minutes``."""
    hours, rest = divmod(int(value), 60)
    parts = [f"{hours} hour{'s' * (hours != 1)}"] * bool(hours)
    parts += [f"{rest} minute{'s' * (rest != 1)}"] * bool(rest)
    return " ".join(parts) or "0 minutes"


@register.filter
def seconds(value: float) -> str:
    """A short length of time: ``35 ms``, ``1.2 s``."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


@register.filter
def clock_time(value: time) -> str:
    """``1 PM``, ``1:30 PM``; midnight and noon by name."""
    if value.minute:
        return f"{value:%-I:%M %p}"
    return {0: "midnight", 12: "noon"}.get(value.hour, f"{value:%-I %p}")
