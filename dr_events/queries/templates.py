"""Templates the designer may start from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from dr_events.models import Template
from dr_events.states import Response

# More than anybody reads; the list stands on the designer itself.
_MOST = 100


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """A template and what it asks, in a few words."""

    template: Template
    hours: str
    asks: str


def kept() -> list[TemplateLine]:
    """All of them, by program and name."""
    found = Template.objects.select_related("program").order_by("program__name", "name", "id")
    return [TemplateLine(one, _hours(one.values), _asks(one.values)) for one in found[:_MOST]]


def template(template_id: int) -> Template | None:
    found: Template | None = (
        Template.objects.select_related("program").filter(id=template_id).first()
    )
    return found


def _hours(values: Mapping[str, Any]) -> str:
    start, end = (time.fromisoformat(values[name]) for name in ("start", "end"))
    return f"{start:%-I:%M %p} to {end:%-I:%M %p}"


def _asks(values: Mapping[str, Any]) -> str:
    match values["response"]:
        case Response.OFFSET:
            return f"moves setpoints by {values['offset_f']} °F"
        case Response.ABSOLUTE:
            return f"cooling to {values['cool_f']} °F, heating to {values['heat_f']} °F"
        case Response.PRICE:
            return f"a price of {values['price_cents']} cents a kWh"
        case _:
            return "the home's own settings"
