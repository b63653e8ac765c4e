"""The API door: from a request to one of the 23 operations and back.

The order of the checks: path (404), method (405 with Allow), header missing (400), token (401),
scope (403), resource (404), owner (403), Accept (406), body (400). Only the codes are on the
page; the order and the error bodies are ASSUMED. A client-credentials token reaches the homes
that consented to its client.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from aiohttp import web

from carrier_sandbox import posting
from carrier_sandbox.behaviour import connected, last_contact
from carrier_sandbox.clock import Moment
from carrier_sandbox.documents import config, energy, equipment, people, profile, status
from carrier_sandbox.documents.common import View
from carrier_sandbox.documents.config import merged
from carrier_sandbox.documents.utility_events import accepted, utility_events
from carrier_sandbox.faults import BEFORE, KINDS
from carrier_sandbox.grants import Access
from carrier_sandbox.ledger import BODY_EXCERPT, Entry
from carrier_sandbox.operations import ROUTES, Operation, Target, resolve
from carrier_sandbox.sandbox import Sandbox
from carrier_sandbox.strikes import strike_after, strike_before
from carrier_sandbox.tree import Malformed, Node, must_fit, negotiate, read, write
from carrier_sandbox.world import System

SETTINGS_REACH_HOME_S = 60.0  # a written config needs a minute or two to the wall control
READERS: dict[str, Callable[[View], Node]] = {
    "system": config.system,
    "status": status.status,
    "profile": profile.profile,
    "config": config.config,
    "energy": energy.energy,
    "dealer": profile.dealer,
    "odu_config": equipment.odu_config,
    "odu_status": equipment.odu_status,
    "odu_faults": equipment.odu_faults,
    "idu_config": equipment.idu_config,
    "idu_status": equipment.idu_status,
    "idu_faults": equipment.idu_faults,
    "history": equipment.history,
    "equipment_events": equipment.equipment_events,
    "root_cause": equipment.root_cause,
}


class Refused(Exception):
    """A request that ends early; args: status, reason, extra headers."""

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


class Api:
    """The 23 operations over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def answer(
        self, request: web.BaseRequest, entry: Entry, now: Moment
    ) -> web.StreamResponse:
        """Serve one request and write what happened into its entry."""
        form = negotiate(request.headers.get("Accept", ""))
        try:
            return await self._serve(request, entry, now, form)
        except Refused as refusal:
            entry.reason = refusal.reason
            body, kind = write({"error": {"message": refusal.reason}}, form or "json")
            headers = {"Content-Type": kind, **refusal.headers}
            return web.Response(status=refusal.status, body=body, headers=headers)

    async def _serve(
        self, request: web.BaseRequest, entry: Entry, now: Moment, form: str
    ) -> web.StreamResponse:
        target = resolve(request.path)
        if target is None:
            raise Refused(404, "no such resource")
        operation = ROUTES[target.resource].get(request.method)
        if operation is None:
            allow = ", ".join(ROUTES[target.resource])
            raise Refused(405, "method not supported", {"Allow": allow})
        entry.operation = operation.name
        access = self._authorised(request, operation, entry, now)
        system = self._owned(target, access, entry)
        outdoor = target.resource.startswith("odu_")
        if outdoor and system is not None and system.traits.kind.stages < 0:
            raise Refused(404, "this system has no outdoor unit")
        if not form:
            raise Refused(406, "only application/json and application/xml can be produced")
        rule = self.sandbox.faults.pick(operation.name, request.method, entry.serial, entry.user)
        if rule is not None:
            entry.fault = rule.kind
            if KINDS[rule.kind].phase == BEFORE:
                struck = await strike_before(rule, request, entry, self.sandbox.ledger, access)
                if struck is not None:
                    return struck
                now = self.sandbox.clock.now()
                rule = None
        answer = await self._carry_out(request, operation, target, system, entry, now, form)
        if rule is None:
            return answer
        return await strike_after(rule, request, entry, self.sandbox.ledger, answer)

    def _authorised(
        self, request: web.BaseRequest, operation: Operation, entry: Entry, now: Moment
    ) -> Access:
        header = request.headers.get("Authorization")
        if header is None:
            raise Refused(400, "the Authorization header is missing")
        scheme, _, token = header.partition(" ")
        access = self.sandbox.grants.find(token, now.real)
        if scheme.lower() != "bearer" or access is None:
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise Refused(401, "the token cannot be read or has expired", headers)
        entry.user, entry.client = access.family.user, access.family.client_id
        if operation.scope not in access.family.scopes:
            raise Refused(403, f"the token lacks the scope {operation.scope}")
        required = self.sandbox.variants.utility_client == "required"
        if operation.number == 23 and required and access.family.user:
            raise Refused(403, "only a utility client may create events")
        return access

    def _owned(self, target: Target, access: Access, entry: Entry) -> System | None:
        """The system addressed (None for people's resources), after the checks for 404 and 403."""
        world = self.sandbox.world
        system: System | None = None
        if target.resource in ("user", "locations"):
            known = world.home_index(target.key) is not None
            owner = target.key
        elif target.resource == "location":
            index = world.location_index(target.key)
            known = index is not None
            owner = world.home(index).username if index is not None else ""
        else:
            entry.serial = target.key[:32]
            system = world.system(target.key)
            known = system is not None
            owner = system.username if system is not None else ""
        if not known:
            raise Refused(404, "no such resource")
        mine = access.family.user
        if owner != mine and (
            mine or not self.sandbox.grants.has_consent(owner, access.family.client_id)
        ):
            raise Refused(403, "the token gives no access to this resource")
        return system

    def view(self, system: System, now: Moment, base: str) -> View:
        """A look at one system."""
        sandbox = self.sandbox
        contact = now.sim
        if not connected(system, now.sim):
            contact = last_contact(system, now.sim, sandbox.opened.sim)
        return View(
            sandbox.world, sandbox.physics, sandbox.variants, base, now, sandbox.opened.sim,
            system, contact,
        )  # fmt: skip

    async def _carry_out(
        self, request: web.BaseRequest, operation: Operation, target: Target,
        system: System | None, entry: Entry, now: Moment, form: str,
    ) -> web.Response:  # fmt: skip
        base = f"{request.scheme}://{request.host}"
        if system is None:
            return _document(self._people(target, base), form)
        view = self.view(system, now, base)
        if operation.method == "GET":
            if operation.resource == "utility_events":
                finished_s = self.sandbox.options.finished_h * 3600
                return _document(utility_events(view, finished_s), form)
            return _document(READERS[operation.resource](view), form)
        if operation.method == "DELETE":
            system.refreshed[operation.resource] = now.sim
            return web.Response(status=200)
        body = await request.read()
        try:
            if operation.method == "POST":
                return self._post_events(request, body, view, entry, form)
            self._put_config(request, body, view)
        except Malformed as trouble:
            raise Refused(400, str(trouble)) from None
        return web.Response(status=200)

    def _people(self, target: Target, base: str) -> Node:
        world = self.sandbox.world
        if target.resource == "location":
            index = world.location_index(target.key)
            return people.location(world, index or 0, base)
        index = world.home_index(target.key)
        reader = people.user if target.resource == "user" else people.locations
        return reader(world, index or 0, base)

    def _put_config(self, request: web.BaseRequest, body: bytes, view: View) -> None:
        """Keep the partial document; the wall control follows a minute later if it is connected."""
        tree = read(body, request.headers.get("Content-Type", ""))
        patch = tree.get("config")
        if not isinstance(patch, dict):
            raise Malformed("the root must be config")
        must_fit(patch)
        system = view.system
        self.sandbox.change_settings(system, patch, view.now.sim + SETTINGS_REACH_HOME_S)
        if not connected(system, view.now.sim):
            system.plans.pop()
        system.config_patch = merged(system.config_patch, patch)

    def _post_events(
        self, request: web.BaseRequest, body: bytes, view: View, entry: Entry, form: str
    ) -> web.Response:
        sandbox, system = self.sandbox, view.system
        system.posts += 1
        entry.body = body[:BODY_EXCERPT].decode(errors="replace")
        entry.body_sha256 = hashlib.sha256(body).hexdigest()
        sent = posting.decode(read(body, request.headers.get("Content-Type", "")))
        for event in sent:
            posting.check(system, event, sandbox.variants, view.now)
        late = sandbox.late(view.now)
        for event in sent:
            effect = posting.apply(system, event, sandbox.variants, view.now, late, entry.seq)
            entry.effects.append(effect)
        match sandbox.variants.answer:
            case "empty":
                return web.Response(status=200)
            case "text":
                return web.Response(status=200, text="OK")
            case "error_body":
                return _document({"error": {"message": "the request could not be completed"}}, form)
        wanted = {effect.wire_id for effect in entry.effects}
        records = [r for r in system.records if r.wire_id in wanted and r.removed_by != "replaced"]
        return _document(accepted(view, records), form)


def _document(tree: Node, form: str) -> web.Response:
    body, kind = write(tree, form)
    return web.Response(body=body, headers={"Content-Type": kind})
