"""Programs, systems and enrollments for partners."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from base import clock
from dr_events.queries import groups
from enrollments import queries
from enrollments.models import Program
from enrollments.queries import EnrollmentLine
from enrollments.states import LIVE_ENROLLMENTS, EnrollmentState
from partners.api import shapes
from partners.api.desk import PartnerView, Query, after, asked, page, partner, tag
from partners.api.fields import Moment, Text
from partners.queries import documents


def granted_program(request: Request, slug: str) -> Program:
    """The program a partner names in a body or a filter. Raises ValidationError alike for one
    that is not theirs and for one that does not exist."""
    program = queries.program_for(partner(request).client_id, slug)
    if program is None:
        wrong = ErrorDetail("You have no program with this slug.", code="not-found")
        raise ValidationError({"program": [wrong]})
    return program


class Programs(PartnerView):
    @extend_schema(
        operation_id="listPrograms",
        summary="Programs granted to you, by slug",
        tags=["Programs"],
        responses=shapes.listed(shapes.Program),
    )
    def get(self, request: Request) -> Response:
        asked(request)
        programs = queries.programs_for(partner(request).client_id)
        return Response({"items": [documents.program(one) for one in programs], "next": None})


class OneProgram(PartnerView):
    @extend_schema(
        operation_id="readProgram",
        summary="A program and its limits",
        tags=["Programs"],
        responses=shapes.Program,
    )
    def get(self, request: Request, slug: str) -> Response:
        asked(request)
        program = queries.program_for(partner(request).client_id, slug)
        if program is None:
            raise NotFound
        shown = documents.program(program)
        return Response(shown, headers={"ETag": tag(shown)})


class Groups(PartnerView):
    @extend_schema(
        operation_id="listGroups",
        summary="Groups of a program's homes that an event can be for, by name",
        tags=["Programs"],
        responses=shapes.listed(shapes.Group),
    )
    def get(self, request: Request, slug: str) -> Response:
        asked(request)
        program = queries.program_for(partner(request).client_id, slug)
        if program is None:
            raise NotFound
        found = groups.pages(program, now=clock.now())
        return Response({"items": [documents.group(one) for one in found], "next": None})


class SystemsQuery(Query):
    program = Text(required=False, help_text="Slug; only this program.")
    state = serializers.ChoiceField(
        [one for one in EnrollmentState.choices if one[0] in LIVE_ENROLLMENTS],
        required=False,
        help_text="Of the enrollment.",
    )
    group = Text(
        required=False, help_text="Name; only systems in it today. Needs `program`, whose it is."
    )
    updated_since = Moment(
        required=False, help_text="Only systems whose `updated_at` is this or later."
    )


class EnrollmentsQuery(Query):
    program = Text(required=False, help_text="Slug; only this program.")
    state = serializers.ChoiceField(EnrollmentState.choices, required=False)
    updated_since = Moment(
        required=False, help_text="Only enrollments whose `changed_at` is this or later."
    )


class Systems(PartnerView):
    """Systems enrolled in the partner's programs now. Who left is in the enrollments."""

    @extend_schema(
        operation_id="listSystems",
        summary="Systems enrolled in your programs now, program by program",
        tags=["Homes"],
        parameters=[SystemsQuery],
        responses=shapes.listed(shapes.System),
    )
    def get(self, request: Request) -> Response:
        query = asked(request, SystemsQuery)
        states = [query["state"]] if "state" in query else sorted(LIVE_ENROLLMENTS)
        rows = queries.system_lines(
            **_wish(request, query, states),
            updated_since=query.get("updated_since"),
            systems=_in_group(request, query),
        )
        return page(request, rows, query, shown=documents.system, key=lambda row: _key(row.joined))


class Enrollments(PartnerView):
    @extend_schema(
        operation_id="listEnrollments",
        summary="Who joined, paused and left, program by program",
        tags=["Homes"],
        parameters=[EnrollmentsQuery],
        responses=shapes.listed(shapes.Enrollment),
    )
    def get(self, request: Request) -> Response:
        query = asked(request, EnrollmentsQuery)
        states = [query["state"]] if "state" in query else EnrollmentState.values
        wish = _wish(request, query, states)
        rows = queries.enrollment_lines(**wish, changed_since=query.get("updated_since"))
        return page(request, rows, query, shown=documents.enrollment, key=_key)


class OneSystem(PartnerView):
    @extend_schema(
        operation_id="readSystem",
        summary="A system that is enrolled in your programs now",
        tags=["Homes"],
        responses=shapes.System,
    )
    def get(self, request: Request, serial: str) -> Response:
        asked(request)
        row = queries.system_line(partner(request).client_id, serial)
        if row is None:
            raise NotFound
        shown = documents.system(row)
        return Response(shown, headers={"ETag": tag(shown)})


def _in_group(request: Request, query: dict[str, Any]) -> Any:
    """A query for the systems of the group that is asked for; None if none is."""
    if "group" not in query:
        return None
    if "program" not in query:
        needed = ErrorDetail("Say whose group it is.", code="required")
        raise ValidationError({"program": [needed]})
    program = granted_program(request, query["program"])
    found = {group.name: group for group in groups.offered(program)}.get(query["group"])
    if found is None:
        wrong = ErrorDetail("The program has no group of this name.", code="not-found")
        raise ValidationError({"group": [wrong]})
    return groups.member_ids(found, groups.today_in(program, clock.now()))


def _wish(request: Request, query: dict[str, Any], states: list[str]) -> dict[str, Any]:
    """Whose homes, and which page of them."""
    if "program" in query:
        granted_program(request, query["program"])
    return {
        "client_id": partner(request).client_id,
        "program": query.get("program"),
        "states": states,
        "after": after(request, query),
        "limit": query["limit"] + 1,
    }


def _key(row: EnrollmentLine) -> list[str]:
    return [row.program, str(row.system_id), row.enrolled_at.isoformat()]
