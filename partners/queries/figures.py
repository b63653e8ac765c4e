"""Figures as they leave the house: by interval, by home, notices, limits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dr_events.models import Event
from dr_events.queries.figures import HomeResult, Intervals
from dr_events.queries.intervals import EVERY
from dr_events.queries.limits_left import Left
from enrollments.states import NoticeKind, NoticeState
from partners.queries.documents import utc


def intervals(of: Event, found: Intervals) -> dict[str, Any]:
    items = [
        {
            "starts_at": utc(one.starts_at),
            "ends_at": utc(min(one.starts_at + EVERY, of.ends_at))
            if one.part == "during"
            else utc(one.starts_at + EVERY),
            "part": one.part,
            "homes": one.homes,
            "online": one.online,
            "load": None if one.load is None else round(one.load, 3),
            "opted_out": one.opted_out,
        }
        for one in found.items
    ]
    return {"event": of.wire_id, "state": of.state, "sampled": found.sampled, "items": items}


def home(row: HomeResult) -> dict[str, Any]:
    return {
        "system": row.serial,
        "delivery": row.delivery,
        "participation": row.participation,
        "reason": {"code": row.reason.value, "detail": row.reason.label} if row.reason else None,
        "asked_s": int(row.asked.total_seconds()),
        "took_part_s": None if row.took_part is None else int(row.took_part.total_seconds()),
        "opted_out_at": utc(row.opted_out_at),
    }


def notices(of: Event, counts: Sequence[tuple[NoticeKind, NoticeState, int]]) -> dict[str, Any]:
    items = [
        {"kind": kind.value, "state": state.value, "people": people}
        for kind, state, people in counts
    ]
    return {"event": of.wire_id, "items": items}


def limits(at: datetime, left: Sequence[Left]) -> dict[str, Any]:
    items = [
        {
            "period": one.period,
            "begins_at": utc(one.begins),
            "ends_at": utc(one.ends),
            "most": one.most,
            "used": one.used,
            "left": one.left,
        }
        for one in left
    ]
    return {"at": utc(at), "items": items}
