"""One event of a partner: read it; while it is a draft of its own, change it and hand it on."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from base import clock
from base.refusal import Refused
from dr_events import operations
from dr_events.models import Event
from dr_events.states import EventState
from partners.api import desk, shapes
from partners.api.events import MEASURES, USED, EventBody, hand_on, wish_of
from partners.api.found import actor_of, find, find_own, shown
from partners.api.once import Act
from partners.queries import documents
from partners.who import EVENTS, READ


class OneEvent(desk.PartnerView):
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "PATCH": EVENTS}

    @extend_schema(
        operation_id="readEvent",
        summary="An event",
        tags=["Events"],
        responses=shapes.Event,
    )
    def get(self, request: Request, event_id: str) -> Response:
        desk.asked(request)
        return shown(request, find(request, event_id))

    @extend_schema(
        operation_id="changeDraft",
        summary="Change a draft of yours",
        description="Fields that are left out stay as they are; temperatures that a new `response` "
        "does not use are taken out. Needs the draft's ETag in `If-Match`.",
        tags=["Events"],
        request=EventBody,
        examples=[
            OpenApiExample("A word for the homes", request_only=True, value={"note": "Thank you!"})
        ],
        parameters=[shapes.MUST_MATCH],
        responses=shapes.Event,
    )
    @transaction.atomic
    def patch(self, request: Request, event_id: str) -> Response:
        desk.asked(request)
        event = find_own(request, event_id)
        current = documents.event(event, client_id=desk.partner(request).client_id)
        desk.check_match(request, current, required=True)
        if event.state != EventState.DRAFT:
            raise Refused("Only a draft can be changed; nothing was saved.", code="wrong-state")
        given = desk.checked(EventBody, _merged(current, request.data))
        program, wish = wish_of(request, given)
        event = operations.revise(
            event_id=event.pk,
            seen=event.version,
            program=program,
            wish=wish,
            actor=actor_of(request),
            now=clock.now(),
        )
        return shown(request, event)


def _merged(current: Mapping[str, Any], changes: Any) -> Any:
    """What the body of a new event would have to be."""
    if not isinstance(changes, Mapping):
        return changes  # refused where it is checked
    used = USED.get(str(changes.get("response", current["response"])), ())
    kept: dict[str, Any] = {str(name): current[str(name)] for name in EventBody().fields}
    kept |= {name: None for name in MEASURES if name not in used}
    return kept | dict(changes)


class Submit(Act):
    scopes: ClassVar[dict[str, str]] = {"POST": EVENTS}

    @extend_schema(
        operation_id="submitEvent",
        summary="Hand on a draft of yours",
        description="It is scheduled, or waits for a second person where the program asks for one.",
        tags=["Events"],
        request=None,
        parameters=[shapes.IDEMPOTENCY_KEY, shapes.IF_MATCH],
        responses={200: shapes.Event},
    )
    def post(self, request: Request, **where: Any) -> Response:
        return super().post(request, **where)

    def act(self, request: Request, **where: Any) -> Response:
        desk.asked(request)
        desk.body(request)
        event: Event = find_own(request, where["event_id"])
        current = documents.event(event, client_id=desk.partner(request).client_id)
        desk.check_match(request, current)
        if event.state != EventState.DRAFT:
            raise Refused("Only a draft can be handed on.", code="wrong-state")
        hand_on(event, actor_of(request))
        return shown(request, find(request, where["event_id"]))
