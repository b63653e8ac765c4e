"""Figures of an event by interval and by home, notices sent, and what is left of the limits."""

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from base import clock
from dr_events.queries import figures as counted
from dr_events.queries import limits_left
from enrollments import queries
from partners.api import desk, figure_shapes, shapes
from partners.api.fields import Moment
from partners.api.found import find
from partners.queries import figures, homes


class ByInterval(desk.PartnerView):
    @extend_schema(
        operation_id="readIntervals",
        summary="An event by quarters of an hour",
        tags=["Events"],
        responses=figure_shapes.Intervals,
    )
    def get(self, request: Request, event_id: str) -> Response:
        desk.asked(request)
        event = find(request, event_id)
        return Response(figures.intervals(event, counted.by_interval(event)))


class ByHome(desk.PartnerView):
    @extend_schema(
        operation_id="listHomeResults",
        summary="An event by home: how long it was asked to take part, and did",
        tags=["Events"],
        parameters=[desk.Query],
        responses=shapes.listed(figure_shapes.HomeResult),
    )
    def get(self, request: Request, event_id: str) -> Response:
        query = desk.asked(request, desk.Query)
        event = find(request, event_id)
        last = desk.after(request, query)
        after = int(last[0]) if last else 0
        rows = counted.homes(event, after=after, limit=query["limit"] + 1)
        return desk.page(
            request, rows, query, shown=figures.home, key=lambda row: [str(row.system_id)]
        )


class Notices(desk.PartnerView):
    @extend_schema(
        operation_id="readNotices",
        summary="How many people were mailed what about an event",
        tags=["Events"],
        responses=figure_shapes.Notices,
    )
    def get(self, request: Request, event_id: str) -> Response:
        desk.asked(request)
        event = find(request, event_id)
        return Response(figures.notices(event, counted.notices(event)))


class LimitsQuery(desk.Strict):
    at = Moment(required=False, help_text="The day, week and season of this moment; now if absent.")


class ProgramLimits(desk.PartnerView):
    @extend_schema(
        operation_id="readProgramLimits",
        summary="What is left for a home that got every event of a program",
        tags=["Programs"],
        parameters=[LimitsQuery],
        responses=figure_shapes.ProgramLimits,
    )
    def get(self, request: Request, slug: str) -> Response:
        at = desk.asked(request, LimitsQuery).get("at") or clock.now()
        program = queries.program_for(desk.partner(request).client_id, slug)
        if program is None:
            raise NotFound
        left = figures.limits(at, limits_left.left_of_program(program, at=at))
        return Response({"program": program.slug, **left})


class SystemLimits(desk.PartnerView):
    @extend_schema(
        operation_id="readSystemLimits",
        summary="What is left for one home, whichever events it got",
        tags=["Homes"],
        parameters=[LimitsQuery],
        responses=figure_shapes.SystemLimits,
    )
    def get(self, request: Request, serial: str) -> Response:
        at = desk.asked(request, LimitsQuery).get("at") or clock.now()
        row = homes.enrollment_for(desk.partner(request).client_id, serial)
        if row is None:
            raise NotFound
        left = limits_left.left_of_system(row.system_id, row.program, at=at)
        return Response({"system": serial, "program": row.program.slug, **figures.limits(at, left)})
