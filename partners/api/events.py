"""Events for partners: the very operations the console calls."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from base import clock
from base.refusal import Refused
from dr_events import dispatch, operations
from dr_events.models import Event
from dr_events.queries import candidates, groups, pages, partner
from dr_events.states import EventState
from dr_events.states import Response as Reaction
from enrollments.models import Program
from partners.api import desk, shapes
from partners.api.fields import Flag, Moment, Number, Text, Whole
from partners.api.found import actor_of, find, shown
from partners.api.homes import granted_program
from partners.api.once import Act
from partners.queries import documents
from partners.who import EVENTS, READ
from people.operations import Actor

# What each response reads; anything beside it would be sent to the home unread and unchecked.
USED: dict[str, tuple[str, ...]] = {
    Reaction.CUSTOMER: (),
    Reaction.OFFSET: ("offset_f",),
    Reaction.ABSOLUTE: ("cool_f", "heat_f"),
    Reaction.PRICE: ("price_cents",),
}
MEASURES = tuple(name for names in USED.values() for name in names)


class EventsQuery(desk.Query):
    program = Text(required=False, help_text="Slug; only this program.")
    state = serializers.ChoiceField(EventState.choices, required=False)


class EventBody(desk.Strict):
    """What a partner sends to plan an event. Temperatures are °F."""

    program = Text(min_length=1, max_length=50, help_text="Slug.")
    name = Text(min_length=1, max_length=80, help_text="For operators.")
    starts_at = Moment(help_text="With an offset; whole seconds.")
    ends_at = Moment(help_text="With an offset; whole seconds.")
    response = serializers.ChoiceField(
        Reaction.choices,
        default=Reaction.CUSTOMER,
        help_text="`customer`: the home's own settings; `offset`: by `offset_f`; `absolute`: "
        "to `cool_f` and `heat_f`; `price`: the home's own price settings, by `price_cents`.",
    )
    offset_f = Number(max_digits=3, decimal_places=1, required=False, allow_null=True)
    cool_f = Number(max_digits=4, decimal_places=1, required=False, allow_null=True)
    heat_f = Number(max_digits=4, decimal_places=1, required=False, allow_null=True)
    price_cents = Number(
        max_digits=6, decimal_places=2, required=False, allow_null=True, help_text="Per kWh."
    )
    is_test = Flag(default=False, help_text="Carrier is told so; only with `groups`.")
    randomize_start_s = Whole(
        min_value=0, max_value=1800, default=0, help_text="Starts are spread over it."
    )
    note = Text(max_length=160, allow_blank=True, default="", help_text="At the wall control.")
    postal_codes = serializers.ListField(
        child=Text(max_length=20), max_length=1000, default=list, help_text="Empty: all homes."
    )
    groups = serializers.ListField(
        child=Text(max_length=60),
        max_length=100,
        default=list,
        help_text="Names; homes in one of them. Empty: all homes.",
    )
    share_percent = Whole(
        min_value=1, max_value=100, default=100, help_text="Of the homes, drawn by lot."
    )
    control_percent = Whole(
        min_value=0, max_value=50, default=0, help_text="This share gets no event."
    )

    def validate(self, wish: dict[str, Any]) -> dict[str, Any]:
        errors = {}
        for name in ("starts_at", "ends_at"):
            if wish[name].microsecond:  # Carrier's message has none: it would be lost in silence
                errors[name] = [ErrorDetail("Write whole seconds.", code="fraction")]
        for name in MEASURES:
            if wish.get(name) is not None and name not in USED[wish["response"]]:
                words = f"The response `{wish['response']}` does not use this field."
                errors[name] = [ErrorDetail(words, code="not-used")]
        if errors:
            raise ValidationError(errors)
        return wish


class PlanBody(EventBody):
    draft = Flag(default=False, help_text="Keep it as a draft; hand it on with `submit/`.")


class NobodyLeft(Refused):
    """An empty target, with what the console shows beside it: who is left out and why."""

    def __init__(self, refused: Refused, left_out: list[dict[str, Any]]) -> None:
        super().__init__(str(refused), code=refused.code)
        self.extra = {"left_out": left_out}


PLAN = OpenApiExample(
    "Two hours on a hot afternoon",
    request_only=True,
    value={
        "program": "summer-peak",
        "name": "Hot afternoon",
        "starts_at": "2026-07-14T15:00:00-05:00",
        "ends_at": "2026-07-14T17:00:00-05:00",
        "response": "offset",
        "offset_f": 3,
    },
)


class Events(Act):
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "POST": EVENTS}

    @extend_schema(
        operation_id="listEvents",
        summary="Events in your programs, latest start first",
        tags=["Events"],
        parameters=[EventsQuery],
        responses=shapes.listed(shapes.Event),
    )
    def get(self, request: Request) -> Response:
        query = desk.asked(request, EventsQuery)
        if "program" in query:
            granted_program(request, query["program"])
        client_id = desk.partner(request).client_id
        rows = partner.events_for(
            client_id,
            program=query.get("program"),
            state=query.get("state"),
            after=desk.after(request, query),
            limit=query["limit"] + 1,
        )
        names = documents.group_names(rows)
        return desk.page(
            request,
            rows,
            query,
            shown=lambda event: documents.event(event, client_id=client_id, names=names),
            key=lambda event: [event.starts_at.isoformat(), event.wire_id],
        )

    @extend_schema(
        operation_id="planEvent",
        summary="Plan an event and hand it on, or keep it as a draft",
        description="All or nothing: a refused event leaves nothing behind.",
        tags=["Events"],
        request=PlanBody,
        examples=[PLAN],
        parameters=[shapes.IDEMPOTENCY_KEY],
        responses={201: shapes.Event},
    )
    def post(self, request: Request, **where: Any) -> Response:
        return super().post(request, **where)

    def check_still(self, request: Request, **where: Any) -> None:
        granted_program(request, desk.body(request, PlanBody)["program"])

    def act(self, request: Request, **where: Any) -> Response:
        desk.asked(request)
        given = desk.body(request, PlanBody)
        is_draft = given.pop("draft")
        program, wish = wish_of(request, given)
        event = _plan(program, wish, actor_of(request), is_draft=is_draft)
        place = reverse("api-event", kwargs={"event_id": event.wire_id}, request=request)
        answer = shown(request, event, status=201)
        answer["Location"] = place
        return answer


class Preview(Act):
    scopes: ClassVar[dict[str, str]] = {"POST": EVENTS}

    @extend_schema(
        operation_id="previewEvent",
        summary="What planning this event would do now",
        description="Refuses what planning would refuse, and saves nothing.",
        tags=["Events"],
        request=EventBody,
        examples=[PLAN],
        parameters=[shapes.IDEMPOTENCY_KEY],
        responses={200: shapes.Preview},
    )
    def post(self, request: Request, **where: Any) -> Response:
        return super().post(request, **where)

    def check_still(self, request: Request, **where: Any) -> None:
        granted_program(request, desk.body(request, EventBody)["program"])

    def act(self, request: Request, **where: Any) -> Response:
        desk.asked(request)
        program, wish = wish_of(request, desk.body(request, EventBody))
        operations.check(program, wish, now=clock.now())
        found = candidates.preview(operations.unsaved(program, wish))
        return Response(
            {
                "targeted": found.targeted,
                "offline": found.offline,
                "left_out": documents.left_out(found.left_out),
            }
        )


class Deliveries(desk.PartnerView):
    @extend_schema(
        operation_id="listDeliveries",
        summary="Every home of an event, in a fixed order",
        tags=["Events"],
        parameters=[desk.Query],
        responses=shapes.listed(shapes.Delivery),
    )
    def get(self, request: Request, event_id: str) -> Response:
        query = desk.asked(request, desk.Query)
        event = find(request, event_id)
        last = desk.after(request, query)
        after = int(last[0]) if last else 0
        rows = partner.deliveries(event.pk, after=after, limit=query["limit"] + 1)
        return desk.page(
            request, rows, query, shown=documents.delivery, key=lambda row: [str(row.system_id)]
        )


class Results(desk.PartnerView):
    @extend_schema(
        operation_id="readResults",
        summary="What became of an event, counted",
        tags=["Events"],
        responses=shapes.Results,
    )
    def get(self, request: Request, event_id: str) -> Response:
        desk.asked(request)
        event = find(request, event_id)
        return Response(documents.results(event, pages.tally(event.pk)))


def wish_of(request: Request, given: dict[str, Any]) -> tuple[Program, operations.Draft]:
    """Program and wish of a body that was checked. Raises ValidationError."""
    program = granted_program(request, given.pop("program"))
    given["postal_codes"] = tuple(given["postal_codes"])
    given["groups"] = _group_ids(program, given["groups"])
    return program, operations.Draft(**given)


def _group_ids(program: Program, names: Sequence[str]) -> tuple[int, ...]:
    offered = {group.name: group.pk for group in groups.offered(program)} if names else {}
    wrong = ErrorDetail("The program has no group of this name.", code="not-found")
    errors: Any = {place: [wrong] for place, name in enumerate(names) if name not in offered}
    if errors:
        raise ValidationError({"groups": errors})
    return tuple(offered[name] for name in dict.fromkeys(names))


def _plan(program: Program, wish: operations.Draft, actor: Actor, *, is_draft: bool) -> Event:
    """Draft and submit, all or nothing: a draft nobody asked for must not stay behind a no."""
    now = clock.now()
    with transaction.atomic():
        draft = operations.draft(program=program, wish=wish, actor=actor, now=now)
        return draft if is_draft else hand_on(draft, actor)


def hand_on(draft: Event, actor: Actor) -> Event:
    """Submit it. Raises Refused; when nobody would get it, with who is left out and why."""
    try:
        with transaction.atomic():
            return dispatch.submit(event_id=draft.pk, actor=actor, now=clock.now())
    except Refused as no:
        if no.code != "empty-target":
            raise
        preview = candidates.preview(draft)
        raise NobodyLeft(no, documents.left_out(preview.left_out)) from None
