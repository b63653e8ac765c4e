"""Ask Carrier one thing for somebody who waits for the page, and say in words what came."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from base import clock
from base.refusal import Refused
from carrier.client import CarrierClient
from carrier.describing import Section, describe
from carrier.errors import (
    CarrierError,
    Gone,
    NoAccess,
    OutcomeUnknown,
    Reauthorize,
    TryLater,
)
from carrier.system_config import demand_response_on
from enrollments import operations, vendor_session
from enrollments.asking.documents import Document
from enrollments.models import CarrierGrant, System
from enrollments.operations import looking
from enrollments.states import GrantState
from enrollments.tokens import CannotOpen
from enrollments.vendor_session import Refreshed
from people.operations import Actor

log = logging.getLogger(__name__)

# Real seconds for one request: somebody sits before the page.
PATIENCE_S = 8.0
WRITE_SCOPE = "Write-System"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came. ``trouble`` is a sentence when nothing did; ``is_missing``: Carrier has no such
    document for this system. ``fetched_at`` is business time, ``raw`` the body without secrets."""

    document: Document
    fetched_at: datetime
    reported_at: datetime | None = None
    sections: tuple[Section, ...] = ()
    raw: str = ""
    trouble: str = ""
    is_missing: bool = False


def why_not(system: System, scope: str) -> str:
    """Why nothing with this scope can be asked of Carrier now; empty when it can. Needs ``grant``
    loaded."""
    if system.grant.state != GrantState.ACTIVE:
        return "The homeowner must connect to Carrier again first."
    if scope not in system.grant.scopes:
        return f"The homeowner's permission at Carrier does not cover this ({scope})."
    return ""


def ask(*, system: System, document: Document, actor: Actor, now: datetime) -> Answer:
    """Fetch one document now. Who asked for what is on record; what came is not kept."""
    refusal = why_not(system, document.scope)
    if refusal:
        return Answer(document, now, trouble=refusal)
    looking.asked(system=system, document=document.key, actor=actor, now=now)
    try:
        found = _with_client(system.grant_id, lambda client: document.read(client, system))
    except Gone:
        return Answer(document, now, is_missing=True)
    except Refused as refused:
        return Answer(document, now, trouble=str(refused))
    said = describe(found)
    return Answer(document, now, said.reported_at, said.sections, _raw(found))


def ask_for_fresh(*, system: System, document: Document, actor: Actor, now: datetime) -> str:
    """Have the unit send a new reading; a sentence about how that went. Raises Refused."""
    if document.fresh is None:
        raise Refused("Carrier knows no way to ask for a fresh reading of this.", code="no-way")
    _check(system, document.scope)
    looking.asked(system=system, document=f"fresh {document.key}", actor=actor, now=now)
    read = document.fresh
    try:
        _with_client(system.grant_id, lambda client: read(client, system))
    except Gone:
        raise Refused("Not available: Carrier knows no such unit here.", code="gone") from None
    return "Carrier was asked for a fresh reading. It comes within minutes; fetch it again then."


def switch_on(*, system: System, sentence: str, told_by: str, actor: Actor, now: datetime) -> str:
    """Switch demand response on at the wall control, as the homeowner wishes; a sentence about how
    that went. ``sentence`` is what the homeowner agreed to, ``told_by`` how they said so: both are
    on record before anything is sent, and so is how it ended. Raises Refused."""
    _check(system, WRITE_SCOPE)
    looking.agreed(system=system, sentence=sentence, told_by=told_by, actor=actor, now=now)
    try:
        done = _with_client(system.grant_id, lambda client: _write(client, system.serial))
    except (Refused, Gone) as trouble:
        why = str(trouble) if isinstance(trouble, Refused) else "Carrier knows no such system."
        looking.not_switched(system=system, why=why, actor=actor, now=now)
        raise Refused(why, code="not-switched") from None
    looking.switched(system=system, was_on=not done, actor=actor, now=now)
    operations.ask_for_sync(user=system.grant.user, real_now=clock.real_now())
    if not done:
        return "It is on already: nothing was changed."
    return "Carrier took it. The wall control follows within a minute or two; fetch the settings."


def _write(client: CarrierClient, serial: str) -> bool:
    """False when it was on already."""
    config = client.config(serial)
    if config.utility_event is None:
        raise Refused(
            "Carrier does not say whether this wall control can take part, so nothing was "
            "changed. Updating its software usually helps.",
            code="unknown",
        )
    if config.utility_event.enabled:
        return False
    client.put_config(serial, demand_response_on(config))
    return True


def _check(system: System, scope: str) -> None:
    if refusal := why_not(system, scope):
        raise Refused(refusal, code="no-permission")


def _with_client(grant_id: int, act: Callable[[CarrierClient], T]) -> T:
    """Raises Gone, and Refused with a sentence for everything else that can go wrong."""
    with _sentences(grant_id):
        if vendor_session.refresh(grant_id) is not Refreshed.USABLE:
            raise Refused("The permission is being renewed. Try again in a minute.")
        grant = CarrierGrant.objects.get(id=grant_id)
        if grant.access_sealed is None:
            raise CannotOpen("this grant holds no token")
        token = vendor_session.open_access(grant.access_sealed, grant.seal_id)
        limit = min(PATIENCE_S, vendor_session.config().total_timeout_s)
        config = replace(vendor_session.config(), total_timeout_s=limit)
        with CarrierClient(config, token) as client:
            return act(client)


@contextmanager
def _sentences(grant_id: int) -> Iterator[None]:
    try:
        yield
    except Gone:
        raise
    except (Reauthorize, CannotOpen):
        operations.distrust_token(grant_id=grant_id, real_now=clock.real_now())
        raise Refused(
            "Carrier did not accept our permission; it will be renewed. Try again in a minute."
        ) from None
    except NoAccess:
        raise Refused("Carrier says that our permission does not cover this.") from None
    except OutcomeUnknown:
        raise Refused(
            "Carrier's answer was lost: it may have done this or not. Fetch the settings to see."
        ) from None
    except TryLater:
        raise Refused("Carrier is busy or cannot be reached. Try again in a minute.") from None
    except (CarrierError, ValueError) as error:
        log.warning("asking for grant %s failed: %s", grant_id, type(error).__name__)
        raise Refused("Carrier answered in a way we do not understand.") from None


def _raw(found: Any) -> str:
    items = found if isinstance(found, tuple) else (found,)
    bodies = [dict(item.raw) for item in items if hasattr(item, "raw")]
    shown = bodies if isinstance(found, tuple) else next(iter(bodies), None)
    return json.dumps(shown, indent=2, ensure_ascii=False, default=str) if bodies else ""
