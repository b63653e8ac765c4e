"""Who may do what is asked again where it is done: a view that forgets its guard lets nobody in.

Every operation that takes an actor stands in one of the tables below; one that is new and in none
of them fails.
"""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from base.refusal import Refused
from dr_events import operations as events
from dr_events.states import OptOutVia
from enrollments import operations as homes
from enrollments.operations import looking
from people.models import ActivityEntry, User
from people.operations import SYSTEM, Actor
from people.states import MAY_APPROVE, MAY_OPERATE, MAY_SERVE, STAFF, Role
from tests import cast

pytestmark = pytest.mark.django_db

# Whoever is no person: checked at the door they came through.
PARTNER, SHELL = Actor.partner("c-leap"), Actor("command line")
NO_PERSONS = (PARTNER, SHELL, SYSTEM)

# Operation: the roles of persons that may do it, and whether those who are no persons may.
WHO_MAY: dict[str, tuple[frozenset[Role], bool]] = {
    "draft": (MAY_OPERATE, True),
    "revise": (MAY_OPERATE, True),
    "submit": (MAY_OPERATE, True),
    "cancel": (MAY_OPERATE, True),
    "cancel_under_way": (MAY_OPERATE, True),
    "emergency_stop": (MAY_OPERATE, True),
    "approve": (MAY_APPROVE, False),
    "send_back": (MAY_APPROVE, False),
    "release_stop": (MAY_OPERATE, False),
    "release_restored": (MAY_OPERATE, False),
    "close_circuit": (MAY_OPERATE, False),
    "reopen_failed": (MAY_OPERATE, False),
    "add_program": (MAY_APPROVE, False),
    "change_program": (MAY_APPROVE, False),
    "publish_terms": (MAY_APPROVE, False),
    "set_credit": (MAY_APPROVE, False),
    "keep_template": (MAY_OPERATE, True),
    "drop_template": (MAY_OPERATE, True),
    "make_group": (MAY_OPERATE, True),
    "change_group": (MAY_OPERATE, True),
    "retire_group": (MAY_OPERATE, True),
    "add_members": (MAY_OPERATE, True),
    "end_membership": (MAY_OPERATE, True),
    "ask_question": (MAY_APPROVE, False),
    "stop_asking": (MAY_APPROVE, False),
    "decide": (MAY_SERVE, False),
    "upload": (MAY_APPROVE, False),
    "confirm_import": (MAY_APPROVE, False),
    "drop_import": (MAY_APPROVE, False),
    "prepare_bulk": (MAY_SERVE, False),
    "confirm_bulk": (MAY_SERVE, False),
    "stop_bulk": (MAY_SERVE, False),
    "asked": (MAY_SERVE, False),
    "agreed": (MAY_SERVE, False),
}
# What a homeowner does, and customer service for one who calls.
FOR_A_HOME = {"pause", "resume", "withdraw", "confirm_replacement", "deny_replacement"}
# What homeowners do themselves, by ``user`` or a row of theirs, and what follows from an act that
# was allowed: written by whoever did that.
OWN = {
    "agree", "answer", "apply_again", "close_calendar", "enroll", "erase", "forget_tokens", "link",
    "match_account", "open_calendar", "opt_back_in", "opt_out", "stop_event_mail", "stop_joining",
    "want_event_mail", "switched", "not_switched", "not_linked", "write",
}  # fmt: skip


def operations() -> dict[str, Callable[..., object]]:
    """Every operation that takes an actor, by name."""
    found = {name: getattr(events, name) for name in events.__all__}
    found |= {name: getattr(homes, name) for name in homes.__all__}
    found |= {name: getattr(looking, name) for name in vars(looking)}
    return {
        name: act
        for name, act in found.items()
        if inspect.isfunction(act)
        and "actor" in inspect.signature(act).parameters
        and name != "record"
        and not name.startswith("_")
    }


OPERATIONS = operations()
MADE_UP: dict[str, Any] = {
    "now": cast.MORNING, "why": "Because", "reason": "Because it is so", "act": "approve",
    "choices": (), "seen": 1, "slug": "nowhere", "name": "Made up",
}  # fmt: skip


def turned_away(name: str, actor: Actor, **given: Any) -> bool:
    """Whether the role alone is refused. Nothing that is handed over exists: who gets past the
    guard fails at something else."""
    act = OPERATIONS[name]
    values = {
        parameter: given.get(parameter, MADE_UP.get(parameter, 0))
        for parameter in inspect.signature(act).parameters
    }
    try:
        with transaction.atomic():
            act(**values | {"actor": actor})
            transaction.set_rollback(True)
    except Refused as refused:
        return refused.code == "role"
    except Exception:
        return False
    return False


def person(role: Role) -> Actor:
    return Actor("user:1", User(pk=1, role=role))


def test_every_operation_with_an_actor_is_listed() -> None:
    assert set(OPERATIONS) == {*WHO_MAY, *FOR_A_HOME, *OWN}


@pytest.mark.parametrize("name", sorted(WHO_MAY))
def test_a_role_that_may_not_is_refused_before_anything_else(name: str) -> None:
    may, no_person_may = WHO_MAY[name]
    allowed = {role for role in Role if not turned_away(name, person(role))}
    assert allowed == may
    assert {turned_away(name, actor) for actor in NO_PERSONS} == {not no_person_may}
    assert ActivityEntry.objects.count() == 0


@pytest.mark.parametrize("name", sorted(FOR_A_HOME))
def test_for_a_home_acts_its_owner_or_whoever_may_serve(name: str) -> None:
    allowed = {role for role in Role if not turned_away(name, person(role))}
    assert allowed == MAY_SERVE | {Role.HOMEOWNER}
    assert ActivityEntry.objects.count() == 0


def test_an_opt_out_said_to_the_utility_takes_an_operator() -> None:
    by_phone = {"via": OptOutVia.OPERATOR}
    allowed = {role for role in Role if not turned_away("opt_out", person(role), **by_phone)}
    assert allowed == MAY_OPERATE
    assert turned_away("opt_out", PARTNER, **by_phone)
    at_home = {"via": OptOutVia.HOME_PAGE}
    assert not any(turned_away("opt_out", person(role), **at_home) for role in STAFF)
