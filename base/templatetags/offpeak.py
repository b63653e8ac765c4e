"""Tags and filters of every page: moments with their zone, temperatures in the home's unit, badges."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from base.choices import ColoredChoices

register = template.Library()

UNKNOWN = "–"
Number = Decimal | float | int


def _local(moment: datetime, zone: str | ZoneInfo) -> datetime:
    return moment.astimezone(zone if isinstance(zone, ZoneInfo) else ZoneInfo(zone or "UTC"))


def _time(moment: datetime, shown: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), shown)


@register.simple_tag
def moment(value: datetime | None, zone: str | ZoneInfo = "UTC") -> str:
    """``Tue Jul 14, 3:04 PM CDT``; a dash when there is no moment."""
    if not value:
        return UNKNOWN
    local = _local(value, zone)
    return _time(local, f"{local:%a %b %-d, %-I:%M %p %Z}")


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
    return f"{_number(shown)} °{'C' if unit == 'C' else 'F'}"


@register.filter
def degrees_delta(value: Number | None, unit: str = "F") -> str:
    """A difference kept in °F, in the unit the home shows: ``4 °F`` or ``2.2 °C``."""
    if value is None or value == "":
        return UNKNOWN
    shown = float(value) * 5 / 9 if unit == "C" else float(value)
    return f"{_number(shown)} °{'C' if unit == 'C' else 'F'}"


@register.simple_tag
def badge(choice: ColoredChoices | None) -> str:
    """The word of a choice in its color. Give a member of the choices, not its bare value."""
    if not choice:
        return ""
    return format_html('<span class="tag tag-{}">{}</span>', choice.color, choice.label)
