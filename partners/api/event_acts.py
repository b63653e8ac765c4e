"""What a partner does to an event that is planned: cancel it, or say no for one home."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from base import clock
from base.refusal import Refused
from dr_events import operations
from dr_events.queries import partner
from dr_events.states import OptOutVia
from partners.api import desk, shapes
from partners.api.fields import Text
from partners.api.found import actor_of, find, find_own
from partners.api.once import Act
from partners.queries import documents, homes
from partners.who import EVENTS, READ


class OptOutBody(desk.Strict):
    system = Text(min_length=1, max_length=32, help_text="Serial.")


class Cancel(Act):
    scopes: ClassVar[dict[str, str]] = {"POST": EVENTS}

    @extend_schema(
        operation_id="cancelEvent",
        summary="Cancel an event of yours",
        description="Stops what is not sent yet. What Carrier has accepted runs on unless somebody "
        "stops it at the wall control.",
        tags=["Events"],
        request=None,
        parameters=[shapes.IDEMPOTENCY_KEY, shapes.IF_MATCH],
        responses={200: shapes.Cancelled},
    )
    def post(self, request: Request, **where: Any) -> Response:
        return super().post(request, **where)

    def act(self, request: Request, **where: Any) -> Response:
        desk.asked(request)
        desk.body(request)
        client_id, actor = desk.partner(request).client_id, actor_of(request)
        event = find_own(request, where["event_id"])
        desk.check_match(request, documents.event(event, client_id=client_id))
        spared = operations.cancel(event_id=event.pk, actor=actor, now=clock.now())
        event = find(request, where["event_id"])
        return Response({"event": documents.event(event, client_id=client_id), "spared": spared})


class OptOuts(Act):
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "POST": EVENTS}

    @extend_schema(
        operation_id="listOptOuts",
        summary="Every no to an event that was said to us, oldest first",
        description="What is pressed at a wall control is seen in the deliveries only.",
        tags=["Events"],
        parameters=[desk.Query],
        responses=shapes.listed(shapes.OptOut),
    )
    def get(self, request: Request, event_id: str) -> Response:
        query = desk.asked(request, desk.Query)
        event = find(request, event_id)
        last = desk.after(request, query)
        after = int(last[0]) if last else 0
        rows = partner.opt_outs(event.pk, after=after, limit=query["limit"] + 1)
        return desk.page(
            request, rows, query, shown=documents.opt_out, key=lambda row: [str(row.id)]
        )

    @extend_schema(
        operation_id="optOut",
        summary="Say no to an event for one home",
        description="For a homeowner who told you so. Saying no twice changes nothing.",
        tags=["Events"],
        request=OptOutBody,
        examples=[OpenApiExample("This home", request_only=True, value={"system": "2319W004821"})],
        parameters=[shapes.IDEMPOTENCY_KEY],
        responses={200: shapes.OptedOut},
    )
    def post(self, request: Request, **where: Any) -> Response:
        return super().post(request, **where)

    def act(self, request: Request, **where: Any) -> Response:
        desk.asked(request)
        serial = desk.body(request, OptOutBody)["system"]
        event = find(request, where["event_id"])
        row = partner.dispatch_of(event.pk, serial)
        if row is None:
            wrong = ErrorDetail("This event has no system with this serial.", code="not-found")
            raise ValidationError({"system": [wrong]})
        if homes.has_left(event.program_id, serial):
            raise Refused(
                "This home has left the program; there is nothing to say no to.",
                code="wrong-state",
            )
        in_time = operations.opt_out(
            dispatch_id=row, via=OptOutVia.PARTNER, actor=actor_of(request), now=clock.now()
        )
        return Response({"system": serial, "in_time": in_time})
