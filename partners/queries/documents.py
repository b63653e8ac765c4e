"""What leaves the house about programs, homes and events: plain documents, by API and webhook.

Nothing here names or locates a person. Times are RFC 3339 in UTC, temperatures °F.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dr_events.models import Event
from dr_events.queries import groups
from dr_events.queries.groups import GroupPage
from dr_events.queries.partner import DeliveryLine, OptOutLine
from dr_events.queries.tally import Tally
from dr_events.states import Reason
from enrollments.models import Program
from enrollments.queries import EnrollmentLine, SystemLine
from partners.models import Post, PracticeRun, Webhook
from partners.rules import scenarios
from partners.states import Scenario
from people.operations import Actor


def utc(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, as every time leaves the house; as exact as it is known."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


def number(value: Any) -> float | None:
    return None if value is None else float(value)


def program(of: Program) -> dict[str, Any]:
    return {
        "slug": of.slug,
        "name": of.name,
        "summary": of.summary,
        "reward": of.reward,
        "time_zone": of.time_zone,
        "season_from": of.season_from,
        "season_to": of.season_to,
        "hours_from": f"{of.hours_from:%H:%M}",
        "hours_to": f"{of.hours_to:%H:%M}",
        "weekdays": of.weekdays,
        "holidays": [day.isoformat() for day in of.holidays],
        "max_event_minutes": of.max_event_minutes,
        "min_useful_minutes": of.min_useful_minutes,
        "max_per_day": of.max_per_day,
        "max_per_week": of.max_per_week,
        "max_per_season": of.max_per_season,
        "min_rest_minutes": of.min_rest_minutes,
        "min_notice_minutes": of.min_notice_minutes,
        "send_lead_minutes": of.send_lead_minutes,
        "max_offset_f": number(of.max_offset_f),
        "max_cool_f": number(of.max_cool_f),
        "min_heat_f": number(of.min_heat_f),
        "needs_approval": of.needs_approval,
        "is_open": of.is_open,
    }


def group(page: GroupPage) -> dict[str, Any]:
    return {"name": page.group.name, "rule": page.rule, "systems": page.members}


def enrollment(row: EnrollmentLine) -> dict[str, Any]:
    return {
        "system": row.serial,
        "program": row.program,
        "state": row.state,
        "paused_from": utc(row.paused_from),
        "paused_until": utc(row.paused_until),
        "enrolled_at": utc(row.enrolled_at),
        "changed_at": utc(row.changed_at),
    }


def system(row: SystemLine) -> dict[str, Any]:
    joined, obstacle = row.joined, row.obstacle
    return {
        "serial": joined.serial,
        "program": joined.program,
        "enrollment": joined.state,
        "brand": row.brand,
        "model": row.model,
        "outdoor_type": row.outdoor_type,
        "capacity_kbtu": number(row.capacity_kbtu),
        "unit": row.unit,
        "is_online": row.is_online,
        "dr_enabled": row.dr_enabled,
        "obstacle": {"code": obstacle.value, "detail": obstacle.label} if obstacle else None,
        "read_at": utc(row.read_at),
        "updated_at": utc(max(filter(None, (joined.changed_at, row.read_at)))),
    }


def group_names(events: Iterable[Event]) -> dict[int, str]:
    """What ``event`` needs of many at once."""
    return groups.names_by_id(number for one in events for number in one.groups)


def event(of: Event, *, client_id: str, names: Mapping[int, str] | None = None) -> dict[str, Any]:
    """An event as this client sees it. Needs ``program`` loaded; ``names`` are those of its groups
    (``group_names``), read one by one where they are not given."""
    names = group_names([of]) if names is None else names
    return {
        "id": of.wire_id,
        "program": of.program.slug,
        "name": of.name,
        "state": of.state,
        "is_yours": of.created_by == Actor.partner(client_id).name,
        "starts_at": utc(of.starts_at),
        "ends_at": utc(of.ends_at),
        "response": of.response,
        "offset_f": number(of.offset_f),
        "cool_f": number(of.cool_f),
        "heat_f": number(of.heat_f),
        "price_cents": number(of.price_cents),
        "is_test": of.is_test,
        "randomize_start_s": of.randomize_start_s,
        "note": of.note,
        "postal_codes": of.postal_codes,
        "groups": sorted(names[one] for one in of.groups if one in names),
        "share_percent": of.share_percent,
        "control_percent": of.control_percent,
        "created_at": utc(of.created_at),
        "send_at": utc(of.send_at),
        "scheduled_at": utc(of.scheduled_at),
        "cancelled_at": utc(of.cancelled_at),
        "completed_at": utc(of.completed_at),
        "sent_back_reason": of.sent_back_reason,
    }


def delivery(row: DeliveryLine) -> dict[str, Any]:
    reason = {"code": row.reason.value, "detail": row.reason.label} if row.reason else None
    return {
        "system": row.serial,
        "delivery": row.delivery,
        "participation": row.participation,
        "reason": reason,
        "http_status": row.http_status,
        "sent_at": utc(row.sent_at),
        "accepted_at": utc(row.accepted_at),
        "confirmed_at": utc(row.confirmed_at),
        "opted_out_at": utc(row.opted_out_at),
        "read_at": utc(row.read_at),
    }


def opt_out(row: OptOutLine) -> dict[str, Any]:
    return {
        "system": row.serial,
        "at": utc(row.at),
        "via": row.via,
        "in_time": row.in_time,
        "taken_back_at": utc(row.undone_at),
    }


def results(of: Event, tally: Tally) -> dict[str, Any]:
    return {
        "event": of.wire_id,
        "state": of.state,
        "targeted": tally.targeted,
        "open": tally.open,
        "accepted": tally.accepted,
        "confirmed": tally.confirmed,
        "unsure": tally.unsure,
        "failed": tally.failed,
        "participating": tally.participating,
        "opted_out": tally.opted_out,
        "said_no_late": tally.said_no_late,
        "delivery": tally.delivery,
        "participation": tally.participation,
        "left_out": left_out(tally.left_out.items()),
        "first_sent_at": utc(tally.first_sent_at),
        "last_accepted_at": utc(tally.last_accepted_at),
    }


def run(of: PracticeRun) -> dict[str, Any]:
    scenario = Scenario(of.scenario)
    return {
        "id": str(of.pk),
        "scenario": of.scenario,
        "event": of.wire_id,
        "is_over": of.over_at is not None,
        "began_at": utc(of.began_at),
        "ends_at": utc(of.began_at + timedelta(seconds=of.lasts_s)),
        "promised": scenarios.promised(scenario, of.homes),
    }


def webhook(of: Webhook) -> dict[str, Any]:
    return {
        "id": str(of.pk),
        "url": of.url,
        "kinds": of.kinds,
        "state": of.state,
        "key_id": of.key_id,
        "made_at": utc(of.made_at),
        "failing_since": utc(of.failing_since),
        "paused_at": utc(of.paused_at),
        "paused_why": of.paused_why,
    }


def message(of: Post) -> dict[str, Any]:
    return {
        "id": str(of.pk),
        "type": of.kind,
        "sequence": of.sequence,
        "state": of.state,
        "made_at": utc(of.made_at),
        "tries": of.tries,
        "last_try_at": utc(of.last_try_at),
        "http_status": of.http_status,
        "trouble": of.trouble,
        "body": of.body,
    }


def left_out(counts: Iterable[tuple[Reason, int]]) -> list[dict[str, Any]]:
    return [
        {"code": reason.value, "detail": reason.label, "systems": count} for reason, count in counts
    ]
