"""Who may do what to partners' clients, webhooks and practice runs: asked again where it is done,
so that a door that forgets to ask lets nobody in."""

from base.refusal import Refused
from partners.who import SCOPES
from people.operations import Actor, for_operators


def for_the_utility(actor: Actor, doing: str) -> None:
    """Refuses persons who may not operate, and every partner's client."""
    for_operators(actor, doing)
    if actor.client_id is not None:
        raise Refused(f"Only the utility may {doing}.", code="role")


def for_a_partner(actor: Actor, scope: str, doing: str) -> None:
    """Refuses persons who may not operate, and a partner's client without this scope."""
    for_operators(actor, doing)
    if actor.client_id is not None and scope not in actor.scopes:
        raise Refused(f"To {doing} needs the scope {scope}: {SCOPES[scope].lower()}.", code="role")


def owns(actor: Actor, client_id: str) -> bool:
    """Whether what belongs to this client is the actor's business: the utility's it always is."""
    return actor.client_id in (None, client_id)
