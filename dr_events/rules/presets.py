"""Where a new program may start: limits that public programs state on their own pages.

Only what a page says is set; everything else stays as the product's defaults
(docs/decisions/0004-limits.md). Names are those of the programs the figures are from.

The credit rule is the part of the reward that is earned: a yearly or seasonal amount, and the
share that must be reached, 0 where the page names none. What is paid for joining is in no rule, and
neither is a prize that is drawn.
"""

from dataclasses import dataclass, field
from datetime import time
from typing import Any

from dr_events.rules.credit import Basis, Credit


@dataclass(frozen=True, slots=True)
class Preset:
    """``values`` are fields of a Program; ``reward`` is what that program pays, in its words, and
    ``credit`` what of it can be counted."""

    key: str
    name: str
    said: str
    reward: str
    credit: Credit
    values: dict[str, Any] = field(default_factory=dict)


def _a_season(cents: int) -> Credit:
    """An amount without a threshold."""
    return Credit(Basis.EVENTS, 0, cents, 0)


_SUMMER = {"season_from": "06-01", "season_to": "09-30"}
_MAY_ON = {"season_from": "05-01", "season_to": "09-30"}
_EVERY_DAY = list(range(7))

PRESETS = (
    Preset(
        "cool-rewards",
        "APS Cool Rewards",
        "June to September, at most 20 events a season of 2 to 3 hours.",
        "$50 for joining and $35 a year.",
        _a_season(3500),
        {**_SUMMER, "max_per_season": 20, "max_event_minutes": 180, "weekdays": _EVERY_DAY},
    ),
    Preset(
        "byot",
        "SRP Bring Your Own Thermostat",
        "Noon to 9 pm, at most 3 hours, at most 4 °F, not on holidays.",
        "$50 for each thermostat and $25 a year.",
        _a_season(2500),
        {
            "hours_from": time(12),
            "hours_to": time(21),
            "max_event_minutes": 180,
            "max_offset_f": 4,
            "weekdays": _EVERY_DAY,
        },
    ),
    Preset(
        "gcec",
        "GCEC",
        "At most 2 events a week and 30 a year, 4 hours each.",
        "$100 for taking part in at least 65 % of the event hours.",
        Credit(Basis.HOURS, 65, 10000, 0),
        {
            "season_from": "01-01",
            "season_to": "12-31",
            "max_per_week": 2,
            "max_per_season": 30,
            "max_event_minutes": 240,
            "weekdays": _EVERY_DAY,
        },
    ),
    Preset(
        "cooperative-rewards",
        "WREC Cooperative Rewards",
        "Summer afternoons from 1 to 7 pm, at most 18 events a season, not on six named holidays.",
        "$20 for joining and $10.",
        _a_season(1000),
        {
            **_SUMMER,
            "hours_from": time(13),
            "hours_to": time(19),
            "max_per_season": 18,
            "weekdays": _EVERY_DAY,
        },
    ),
    Preset(
        "national-grid",
        "National Grid New York",
        "May to September, usually fewer than 20 events, not on holidays.",
        "$30, then $20 for at least 80 % of the events or hours.",
        Credit(Basis.EVENTS, 80, 2000, 0),
        {**_MAY_ON, "max_per_season": 20, "weekdays": _EVERY_DAY},
    ),
    Preset(
        "community-energy-savings",
        "AMP Community Energy Savings",
        "May to September, at most 4 hours and 4 °F, no weekends or holidays.",
        "$55.",
        _a_season(5500),
        {**_MAY_ON, "max_event_minutes": 240, "max_offset_f": 4, "weekdays": _EVERY_DAY[:5]},
    ),
    Preset(
        "smart-savings",
        "SmartSavings",
        "June to September, weekdays from noon to 7 pm, at most 15 events of at most 4 hours, "
        "4 °F; an e-mail an hour ahead.",
        "$20.",
        _a_season(2000),
        {
            **_SUMMER,
            "hours_from": time(12),
            "hours_to": time(19),
            "weekdays": _EVERY_DAY[:5],
            "max_per_season": 15,
            "max_event_minutes": 240,
            "max_offset_f": 4,
            "min_notice_minutes": 60,
        },
    ),
    Preset(
        "ac-rewards",
        "Xcel Energy AC Rewards",
        "The cooling season, a few °F. Its page names no dates, hours or caps, so the defaults "
        "stay. Its rare events without an override do not exist here.",
        "$100 for joining and $25 a year.",
        _a_season(2500),
    ),
)


def preset(key: str) -> Preset | None:
    return next((one for one in PRESETS if one.key == key), None)
