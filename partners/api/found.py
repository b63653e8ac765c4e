"""What every address of an event needs: who acts, which event is meant, how it is shown."""

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from base.refusal import Refused
from dr_events.models import Event
from dr_events.queries import partner
from partners.api import desk
from partners.queries import documents
from people.access import address_of
from people.operations import Actor


def actor_of(request: Request) -> Actor:
    who = desk.partner(request)
    return Actor.partner(who.client_id, address_of(request), scopes=who.scopes)


def find(request: Request, event_id: str, *, lock: bool = False) -> Event:
    event = partner.event_for(desk.partner(request).client_id, event_id, lock=lock)
    if event is None:
        raise NotFound
    return event


def find_own(request: Request, event_id: str) -> Event:
    """An event of the client's own, and nobody changes it meanwhile. Raises NotFound, Refused."""
    event = find(request, event_id, lock=True)
    if event.created_by != Actor.partner(desk.partner(request).client_id).name:
        raise Refused(
            "This event was planned by somebody else; only they or the utility may change or "
            "cancel it.",
            code="not-yours",
        )
    return event


def shown(request: Request, event: Event, *, status: int = 200) -> Response:
    document = documents.event(event, client_id=desk.partner(request).client_id)
    return Response(document, status=status, headers={"ETag": desk.tag(document)})
