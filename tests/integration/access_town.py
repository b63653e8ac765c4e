"""Somebody and something for every route of the access matrix, and everybody's browser."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.utils import timezone

from base import clock
from dr_events.models import Dispatch, Event, Template
from enrollments import operations as homes
from enrollments.models import CustomerImport, Enrollment, Group, Program
from enrollments.states import ImportState, LinkPurpose
from partners.models import Post, PracticeRun
from partners.operations import furnishing, hooks, world
from partners.states import Scenario
from partners.who import READ
from people import operations
from people.models import User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.integration.access_rules import ACTORS, STAFF
from tests.partner_calls import Caller


class Town:
    """One home with an event, another homeowner, everybody of the utility, a partner."""

    def __init__(self) -> None:
        program = cast.program()
        system = cast.enrolled(program, "2319W004821", "a@home.example")
        other = cast.enrolled(program, "2319W004822", "b@home.example")
        event = cast.scheduled(program)
        self.people = {
            role: cast.operator(f"{name}@x.example", role) for name, role in STAFF.items()
        }
        User.objects.filter(role=Role.ADMIN).update(is_staff=True, is_superuser=True)
        self.owners = {"home-a": system.grant.user, "home-b": other.grant.user}
        self.partner = Caller("summer-peak")
        self.callers = {
            "partner": self.partner,
            "other-p": Caller(),
            "reader": Caller("summer-peak", scope=READ),
            "practice": Caller(practice=True),
        }
        with world.practice():
            furnishing.furnish(self.callers["practice"].client_id, now=clock.now())
        colleague = cast.operator("colleague@x.example", Role.VIEWER)
        admin = Actor.person(self.people[Role.ADMIN])
        now, real = clock.now(), timezone.now()
        invitation, token = operations.invite(
            email="n@x.example", role=Role.VIEWER, actor=admin, now=now, real_now=real
        )
        self.tokens = {
            "invitation/": token,
            "o/": self._link(LinkPurpose.SAY_NO, f"event:{event.pk}", event.ends_at),
            "calendar/": homes.open_calendar(user=self.owners["home-a"], actor=admin, now=now),
            "m/": self._link(LinkPurpose.STOP_MAIL, "", event.ends_at),
        }
        hook = self._hook(admin)
        self.samples: dict[str, object] = {
            "event_id": event.pk,
            "system_id": system.pk,
            "dispatch_id": Dispatch.objects.get(system=system).pk,
            "enrollment_id": Enrollment.objects.get(system=system).pk,
            "slug": program.slug,
            "group_id": Group.objects.create(program=program, name="North").pk,
            "template_id": self._template(program).pk,
            "user_id": colleague.pk,
            "session_id": 1,
            "invitation_id": invitation.pk,
            "key": "status",
            "import_id": self._list().pk,
            "bulk_id": self._bulk(system.pk, admin, now),
            "client_id": self.partner.client_id,
            "hook_id": hook.webhook_id,
            "run_id": self._run(event).pk,
            "post_id": Post.objects.get(webhook_id=hook.webhook_id).pk,
            "serial": system.serial,
            "nowhere": "nowhere",
            # No such row: whether other tables hold this number depends on the tests before.
            "object_id": 0,
            "content_type_id": 0,
            "app_label": "enrollments",
            "uidb36": "1",
            "url": "nowhere",
        }
        self.wire_id = event.wire_id

    def _template(self, program: Program) -> Template:
        return Template.objects.create(
            program=program,
            name="Hot weekday",
            values={"start": "15:00", "end": "17:00", "response": "customer"},
            kept_by="user:1",
            kept_at=clock.now(),
        )

    def _link(self, purpose: LinkPurpose, subject: str, expires_at: Any) -> str:
        return homes.make_link(
            user=self.owners["home-a"], purpose=purpose, subject=subject, expires_at=expires_at
        )

    def _list(self) -> CustomerImport:
        """A list of customers that waits for somebody to import it."""
        return CustomerImport.objects.create(
            file_name="customers.csv",
            body=b"x",
            size=1,
            state=ImportState.CHECKED,
            uploaded_by="user:1",
            uploaded_at=clock.now(),
        )

    def _bulk(self, system_id: int, actor: Actor, now: Any) -> int:
        """An act for many systems that waits to be confirmed."""
        return homes.prepare_bulk(
            act="PAUSE", why="Storm", group=None, wanted="", systems=[system_id], actor=actor,
            now=now,
        ).pk  # fmt: skip

    def _hook(self, actor: Actor) -> hooks.NewSecret:
        """The partner's webhook, with a message."""
        made = hooks.make(
            client_id=self.partner.client_id, url="https://hooks.partner.example/in", kinds=[],
            actor=actor, now=clock.now(), real_now=timezone.now(),
        )  # fmt: skip
        hooks.send_test(
            hook_id=made.webhook_id, actor=actor, now=clock.now(), real_now=timezone.now()
        )
        return made

    def _run(self, event: Event) -> PracticeRun:
        return PracticeRun.objects.create(
            client_id=self.partner.client_id,
            scenario=Scenario.ALL_ACCEPT,
            event_id=event.pk,
            wire_id=event.wire_id,
            began_at=timezone.now(),
            lasts_s=20,
            homes=1,
        )

    def address(self, route: str) -> str:
        """The route with samples in place of its parameters."""

        def sample(found: re.Match[str]) -> str:
            name = found["name"]
            if name == "token":
                return next(
                    value for start, value in self.tokens.items() if route.startswith(start)
                )
            if name == "event_id" and route.startswith("api/"):
                return self.wire_id
            if name == "act" or (name == "key" and route.startswith("accounts/")):
                return found["what"].partition("|")[0] if name == "act" else "set-password"
            assert name in self.samples, f"give a sample for <{name}> of {route}"
            return str(self.samples[name])

        text = re.sub(r"\(\?P<(?P<name>\w+)>(?P<what>[^()]*)\)", sample, route)
        text = re.sub(r"<(?:\w+:)?(?P<name>\w+)>", sample, text)
        return "/" + text.replace("\\", "").replace("^", "").replace("$", "")


def session_of(user: User) -> str:
    """A session as signing in makes it, without the slow hash of a password."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def visitors(town: Town) -> dict[str, Callable[[], Client]]:
    """Each actor's browser, as fresh as on the first visit. One for all visits: a new one loads
    every middleware anew."""
    keys = {name: session_of(user) for name, user in town.owners.items()}
    keys |= {name: session_of(town.people[role]) for name, role in STAFF.items()}
    tokens = {name: caller.token for name, caller in town.callers.items()}
    browsers = {
        name: Client(
            headers={"Authorization": f"Bearer {tokens[name]}"} if name in tokens else {},
            raise_request_exception=False,
        )
        for name in ACTORS
    }

    def arrive(name: str) -> Client:
        browser = browsers[name]
        browser.cookies.clear()
        if name in keys:
            browser.cookies[settings.SESSION_COOKIE_NAME] = keys[name]
        return browser

    return {name: partial(arrive, name) for name in ACTORS}
