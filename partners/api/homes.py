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
from enrollments.models import Enrollment, Program
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
    updated_since = Moment(
        required=False, help_text="Only systems whose `updated_at` is this or later."
    )


class EnrollmentsQuery(Query):
    program = Text(required=False, help_text="Slug; only this program.")
    state = serializers.ChoiceField(EnrollmentState.choices, required=False)


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
        rows = _enrollments(request, query, sorted(LIVE_ENROLLMENTS))
        return page(request, rows, query, shown=documents.system, key=_key)


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
        rows = _enrollments(request, query, states)
        return page(request, rows, query, shown=documents.enrollment, key=_key)


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
    return [row.program.slug, str(row.system_id), row.enrolled_at.isoformat()]
