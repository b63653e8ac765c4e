"""Events for partners: the very operations the console calls."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db import transaction
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from base import clock
from base.refusal import Refused
from dr_events import dispatch, operations
from dr_events.models import Event
from dr_events.queries import candidates, pages, partner
from dr_events.states import EventState, Reason
from dr_events.states import Response as Reaction
from enrollments.api import desk
from enrollments.api.fields import Moment, Number, Text, Whole, number, utc
from enrollments.api.views import granted_program
from enrollments.api.who import EVENTS, READ
from enrollments.models import Program
from people.access import address_of
from people.operations import Actor

# What each response reads; anything beside it would be sent to the home unread and unchecked.
USED = {
    Reaction.CUSTOMER: (),
    Reaction.OFFSET: ("offset_f",),
    Reaction.ABSOLUTE: ("cool_f", "heat_f"),
}


class EventsQuery(desk.Query):
    program = Text(required=False)
    state = serializers.ChoiceField(EventState.choices, required=False)


class EventBody(desk.Strict):
    """What a partner sends to plan an event. Temperatures are °F."""

    program = Text(max_length=50)
    name = Text(max_length=80)
    starts_at = Moment()
    ends_at = Moment()
    response = serializers.ChoiceField(Reaction.choices, default=Reaction.CUSTOMER)
    offset_f = Number(max_digits=3, decimal_places=1, required=False, allow_null=True)
    cool_f = Number(max_digits=4, decimal_places=1, required=False, allow_null=True)
    heat_f = Number(max_digits=4, decimal_places=1, required=False, allow_null=True)
    randomize_start_s = Whole(min_value=0, max_value=1800, default=0)
    note = Text(max_length=160, allow_blank=True, default="")
    postal_codes = serializers.ListField(child=Text(max_length=20), max_length=1000, default=list)
    control_percent = Whole(min_value=0, max_value=50, default=0)

    def validate(self, wish: dict[str, Any]) -> dict[str, Any]:
        errors = {}
        for name in ("starts_at", "ends_at"):
            if wish[name].microsecond:  # Carrier's message has none: it would be lost in silence
                errors[name] = [ErrorDetail("Write whole seconds.", code="fraction")]
        for name in ("offset_f", "cool_f", "heat_f"):
            if wish.get(name) is not None and name not in USED[Reaction(wish["response"])]:
                words = f"The response `{wish['response']}` does not use this field."
                errors[name] = [ErrorDetail(words, code="not-used")]
        if errors:
            raise ValidationError(errors)
        return wish


class NobodyLeft(Refused):
    """An empty target, with what the console shows beside it: who is left out and why."""

    def __init__(self, refused: Refused, left_out: list[dict[str, Any]]) -> None:
        super().__init__(str(refused), code=refused.code)
        self.extra = {"left_out": left_out}


class Events(desk.PartnerView):
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "POST": EVENTS}

    def get(self, request: Request) -> Response:
        query = desk.asked(request, EventsQuery)
        if "program" in query:
            granted_program(request, query["program"])
        rows = partner.events_for(
            desk.partner(request).client_id,
            program=query.get("program"),
            state=query.get("state"),
            after=desk.after(request, query),
            limit=query["limit"] + 1,
        )
        return desk.page(
            request,
            rows,
            query,
            shown=lambda event: _event(request, event),
            key=lambda event: [event.starts_at.isoformat(), event.wire_id],
        )

    def post(self, request: Request) -> Response:
        desk.asked(request)
        wish = desk.body(request, EventBody)
        program = granted_program(request, wish.pop("program"))
        wish["postal_codes"] = tuple(wish["postal_codes"])
        event = _plan(program, operations.Draft(**wish), _actor(request))
        place = reverse("api-event", kwargs={"event_id": event.wire_id}, request=request)
        return Response(_event(request, event), status=201, headers={"Location": place})


class OneEvent(desk.PartnerView):
    def get(self, request: Request, event_id: str) -> Response:
        desk.asked(request)
        return Response(_event(request, _find(request, event_id)))


class Cancel(desk.PartnerView):
    scopes: ClassVar[dict[str, str]] = {"POST": EVENTS}

    def post(self, request: Request, event_id: str) -> Response:
        desk.asked(request)
        desk.body(request)
        event, actor = _find(request, event_id), _actor(request)
        if event.created_by != actor.name:
            raise Refused(
                "This event was planned by somebody else; only they or the utility may cancel it.",
                code="not-yours",
            )
        spared = operations.cancel(event_id=event.pk, actor=actor, now=clock.now())
        return Response({"event": _event(request, _find(request, event_id)), "spared": spared})


class Deliveries(desk.PartnerView):
    def get(self, request: Request, event_id: str) -> Response:
        query = desk.asked(request, desk.Query)
        event = _find(request, event_id)
        last = desk.after(request, query)
        rows = partner.deliveries(event.pk, after=last[0] if last else "", limit=query["limit"] + 1)
        return desk.page(request, rows, query, shown=_delivery, key=lambda row: [row.serial])


class Results(desk.PartnerView):
    def get(self, request: Request, event_id: str) -> Response:
        desk.asked(request)
        event = _find(request, event_id)
        tally = pages.tally(event.pk)
        return Response(
            {
                "event": event.wire_id,
                "state": event.state,
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
                "left_out": _left_out(tally.left_out.items()),
                "first_sent_at": utc(tally.first_sent_at),
                "last_accepted_at": utc(tally.last_accepted_at),
            }
        )


def _plan(program: Program, wish: operations.Draft, actor: Actor) -> Event:
    """Draft and submit, all or nothing: a draft nobody asked for must not stay behind a no."""
    now = clock.now()
    try:
        with transaction.atomic():
            draft = operations.draft(program=program, wish=wish, actor=actor, now=now)
            return dispatch.submit(event_id=draft.pk, actor=actor, now=now)
    except Refused as no:
        if no.code != "empty-target":
            raise
        preview = candidates.preview(operations.unsaved(program, wish))
        raise NobodyLeft(no, _left_out(preview.left_out)) from None


def _left_out(counts: Iterable[tuple[Reason, int]]) -> list[dict[str, Any]]:
    return [
        {"code": reason.value, "detail": reason.label, "systems": count} for reason, count in counts
    ]


def _actor(request: Request) -> Actor:
    return Actor.partner(desk.partner(request).client_id, address_of(request))


def _find(request: Request, event_id: str) -> Event:
    event = partner.event_for(desk.partner(request).client_id, event_id)
    if event is None:
        raise NotFound
    return event


def _event(request: Request, event: Event) -> dict[str, Any]:
    return {
        "id": event.wire_id,
        "program": event.program.slug,
        "name": event.name,
        "state": event.state,
        "is_yours": event.created_by == _actor(request).name,
        "starts_at": utc(event.starts_at),
        "ends_at": utc(event.ends_at),
        "response": event.response,
        "offset_f": number(event.offset_f),
        "cool_f": number(event.cool_f),
        "heat_f": number(event.heat_f),
        "randomize_start_s": event.randomize_start_s,
        "note": event.note,
        "postal_codes": event.postal_codes,
        "control_percent": event.control_percent,
        "created_at": utc(event.created_at),
        "send_at": utc(event.send_at),
        "scheduled_at": utc(event.scheduled_at),
        "cancelled_at": utc(event.cancelled_at),
        "completed_at": utc(event.completed_at),
        "sent_back_reason": event.sent_back_reason,
    }


def _delivery(row: partner.DeliveryLine) -> dict[str, Any]:
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
