"""Programs, systems and enrollments for partners. Nothing here names or locates a person."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from enrollments import queries
from enrollments.api.desk import PartnerView, Query, after, asked, page, partner
from enrollments.api.fields import Moment, Text, number, utc
from enrollments.models import Enrollment, Program
from enrollments.states import LIVE_ENROLLMENTS, EnrollmentState


def granted_program(request: Request, slug: str) -> Program:
    """The program a partner names in a body or a filter. Raises ValidationError alike for one
    that is not theirs and for one that does not exist."""
    program = queries.program_for(partner(request).client_id, slug)
    if program is None:
        wrong = ErrorDetail("You have no program with this slug.", code="not-found")
        raise ValidationError({"program": [wrong]})
    return program


class Programs(PartnerView):
    def get(self, request: Request) -> Response:
        asked(request)
        programs = queries.programs_for(partner(request).client_id)
        return Response({"items": [_program(program) for program in programs], "next": None})


class OneProgram(PartnerView):
    def get(self, request: Request, slug: str) -> Response:
        asked(request)
        program = queries.program_for(partner(request).client_id, slug)
        if program is None:
            raise NotFound
        return Response(_program(program))


def _program(program: Program) -> dict[str, Any]:
    return {
        "slug": program.slug,
        "name": program.name,
        "summary": program.summary,
        "reward": program.reward,
        "time_zone": program.time_zone,
        "season_from": program.season_from,
        "season_to": program.season_to,
        "hours_from": f"{program.hours_from:%H:%M}",
        "hours_to": f"{program.hours_to:%H:%M}",
        "weekdays": program.weekdays,
        "holidays": [day.isoformat() for day in program.holidays],
        "max_event_minutes": program.max_event_minutes,
        "min_useful_minutes": program.min_useful_minutes,
        "max_per_day": program.max_per_day,
        "max_per_week": program.max_per_week,
        "max_per_season": program.max_per_season,
        "min_rest_minutes": program.min_rest_minutes,
        "min_notice_minutes": program.min_notice_minutes,
        "send_lead_minutes": program.send_lead_minutes,
        "max_offset_f": number(program.max_offset_f),
        "max_cool_f": number(program.max_cool_f),
        "min_heat_f": number(program.min_heat_f),
        "needs_approval": program.needs_approval,
        "is_open": program.is_open,
    }


class SystemsQuery(Query):
    program = Text(required=False)
    updated_since = Moment(required=False)


class EnrollmentsQuery(Query):
    program = Text(required=False)
    state = serializers.ChoiceField(EnrollmentState.choices, required=False)


class Systems(PartnerView):
    """Systems enrolled in the partner's programs now. Who left is in the enrollments."""

    def get(self, request: Request) -> Response:
        query = asked(request, SystemsQuery)
        rows = _enrollments(request, query, sorted(LIVE_ENROLLMENTS))
        return page(request, rows, query, shown=_system, key=_key)


class Enrollments(PartnerView):
    def get(self, request: Request) -> Response:
        query = asked(request, EnrollmentsQuery)
        states = [query["state"]] if "state" in query else EnrollmentState.values
        rows = _enrollments(request, query, states)
        return page(request, rows, query, shown=_enrollment, key=_key)


def _enrollments(request: Request, query: dict[str, Any], states: list[str]) -> list[Enrollment]:
    if "program" in query:
        granted_program(request, query["program"])
    return queries.enrollments_for(
        partner(request).client_id,
        program=query.get("program"),
        states=states,
        updated_since=query.get("updated_since"),
        after=after(request, query),
        limit=query["limit"] + 1,
    )


def _key(row: Enrollment) -> list[str]:
    return [row.system.serial, row.enrolled_at.isoformat()]


def _enrollment(row: Enrollment) -> dict[str, Any]:
    return {
        "system": row.system.serial,
        "program": row.program.slug,
        "state": row.state,
        "enrolled_at": utc(row.enrolled_at),
        "changed_at": utc(row.changed_at),
    }


def _system(row: Enrollment) -> dict[str, Any]:
    system = row.system
    obstacle = queries.obstacle(system)
    return {
        "serial": system.serial,
        "program": row.program.slug,
        "enrollment": row.state,
        "brand": system.brand,
        "model": system.model,
        "outdoor_type": system.outdoor_type,
        "capacity_kbtu": number(system.capacity_kbtu),
        "unit": system.unit,
        "is_online": system.is_online,
        "dr_enabled": system.dr_enabled,
        "obstacle": {"code": obstacle.value, "detail": obstacle.label} if obstacle else None,
        "read_at": utc(system.read_at),
        "updated_at": utc(max(filter(None, (row.changed_at, system.read_at)))),
    }
