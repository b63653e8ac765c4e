"""Who may do what to partners' things is asked again where it is done: a door that forgets to ask
lets nobody in.

Every operation of ``partners.operations`` that takes an actor stands in the table below; one that
is new and not in it fails.
"""

import inspect
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from base.refusal import Refused
from partners.models import PartnerClient, Post, Webhook
from partners.operations import client_secrets, clients, furnishing, hooks, posts, practice, world
from partners.states import Scenario
from partners.who import EVENTS, READ, SCOPES, WEBHOOKS
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import MAY_OPERATE, Role
from tests import cast
from tests.partner_calls import Caller

pytestmark = pytest.mark.django_db

# Operation: the scope by which a partner's client may do it, None where it may not at all.
WHO_MAY: dict[str, str | None] = {
    "clients.create": None,
    "clients.grant": None,
    "clients.revoke": None,
    "client_secrets.rotate": None,
    "client_secrets.end_old_secret": None,
    "clients.end_tokens": None,
    "clients.suspend": None,
    "clients.resume": None,
    "clients.allow": None,
    "hooks.make": WEBHOOKS,
    "hooks.change": WEBHOOKS,
    "hooks.rotate": WEBHOOKS,
    "hooks.end_old_secret": WEBHOOKS,
    "hooks.pause": WEBHOOKS,
    "hooks.resume": WEBHOOKS,
    "hooks.remove": WEBHOOKS,
    "hooks.send_test": WEBHOOKS,
    "posts.replay": None,
    "practice.begin": EVENTS,
}
OPERATIONS: dict[str, Callable[..., object]] = {
    f"{module.__name__.rpartition('.')[2]}.{name}": act
    for module in (client_secrets, clients, hooks, posts, practice)
    for name, act in vars(module).items()
    if inspect.isfunction(act)
    and act.__module__ == module.__name__
    and "actor" in inspect.signature(act).parameters
    and not name.startswith("_")
}
NOWHERE: dict[str, Any] = {
    "now": cast.MORNING, "real_now": cast.MORNING, "name": "Made up", "slugs": (), "kinds": (),
    "read_only": True, "client_id": "c-leap", "hook_id": uuid.UUID(int=0), "slug": "nowhere",
    "post_id": uuid.UUID(int=0), "url": "https://x.example/", "scopes": (), "lasts_s": 0,
    "requests_per_minute": 1, "scenario": Scenario.ALL_ACCEPT,
}  # fmt: skip


def refused(name: str, actor: Actor, **given: Any) -> str:
    """The code of the refusal, empty for none. Nothing that is handed over exists by itself."""
    act = OPERATIONS[name]
    values = {
        one.name: (NOWHERE | given)[one.name]
        for one in inspect.signature(act).parameters.values()
        if one.name in NOWHERE and (one.default is one.empty or one.name in given)
    }
    try:
        with transaction.atomic():
            act(**values, actor=actor)
            transaction.set_rollback(True)
    except Refused as no:
        return no.code
    return ""


def test_every_operation_with_an_actor_is_listed() -> None:
    assert set(OPERATIONS) == set(WHO_MAY)


@pytest.mark.parametrize("name", sorted(WHO_MAY))
def test_who_may_not_is_refused_before_anything_else(name: str) -> None:
    people = {role for role in Role if refused(name, Actor("user:1", User(role=role))) != "role"}
    assert people == MAY_OPERATE
    assert refused(name, Actor("command:partner_client")) != "role"
    by_scope = {
        scope
        for scope in SCOPES
        if refused(name, Actor.partner("c-leap", scopes=[scope])) != "role"
    }
    assert by_scope == ({WHO_MAY[name]} - {None})
    assert refused(name, Actor.partner("c-leap")) == "role"
    assert ActivityEntry.objects.count() == 0


@pytest.fixture
def other() -> Actor:
    """A client that may do everything a client may, to what is its own."""
    return Actor.partner(Caller().client_id, scopes=SCOPES)


@pytest.mark.parametrize("name", sorted(one for one in WHO_MAY if one.startswith("hooks.")))
def test_another_clients_webhook_is_nobody_elses(name: str, other: Actor) -> None:
    leap = Caller().client_id
    made = hooks.make(
        client_id=leap, url="https://x.example/", kinds=[], actor=Actor("user:test"),
        now=cast.MORNING, real_now=timezone.now(),
    )  # fmt: skip
    before = (list(Webhook.objects.values()), ActivityEntry.objects.count())
    code = refused(name, other, client_id=leap, hook_id=made.webhook_id)
    assert code == ("role" if name == "hooks.make" else "refused")
    assert (list(Webhook.objects.values()), ActivityEntry.objects.count()) == before
    assert Post.objects.count() == 0
    own = Actor.partner(leap, scopes=[WEBHOOKS])
    mine = refused(name, own, client_id=leap, hook_id=made.webhook_id)
    assert mine == ("wrong-state" if name in ("hooks.resume", "hooks.end_old_secret") else "")


def test_a_practice_run_is_begun_by_its_own_client_and_in_its_own_world(other: Actor) -> None:
    practising = Caller(practice=True).client_id
    with world.practice():
        furnishing.furnish(practising, now=cast.MORNING)
        given = {"client_id": practising}
        assert refused("practice.begin", other, **given) == "role"
        mine = Actor.partner(practising, scopes=[READ, EVENTS])
        assert refused("practice.begin", mine, **given) == ""
    real = Actor.partner(Caller().client_id, scopes=SCOPES)
    assert refused("practice.begin", real, client_id=real.client_id) == "not-practice"
    assert PartnerClient.objects.filter(is_practice=True).count() == 1
