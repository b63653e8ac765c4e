"""The admin door below /_sandbox/: what a test or a demonstration may see and do, none of it in
the API.

Every path but ``health`` needs the header X-Sandbox-Key; without it, it is a 404. Not in the
ledger.
"""

from __future__ import annotations

import hmac
import inspect
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from carrier_sandbox.clock import Moment, utc_seconds_text
from carrier_sandbox.dice import Dice
from carrier_sandbox.faults import KINDS, parse_faults
from carrier_sandbox.grants import SCOPES
from carrier_sandbox.oauth import token_answer
from carrier_sandbox.personas import BY_NAME
from carrier_sandbox.records import NEVER, EventRecord
from carrier_sandbox.sandbox import Sandbox
from carrier_sandbox.tree import Malformed
from carrier_sandbox.truth import rooms, system_truth, truth
from carrier_sandbox.variants import CHOICES, parse_variants
from carrier_sandbox.world import System


class Trouble(Exception):
    """A request the admin door cannot do; args: a sentence."""


class Admin:
    """The admin endpoints over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._routes: dict[tuple[str, str], Callable[[dict[str, Any], Moment], Any]] = {
            ("GET", "homes"): self._homes,
            ("GET", "ledger"): self._ledger,
            ("GET", "truth"): self._truth,
            ("GET", "rooms"): self._rooms,
            ("GET", "clock"): self._clock,
            ("GET", "counts"): self._counts,
            ("GET", "faults"): self._faults,
            ("PUT", "faults"): self._set_faults,
            ("POST", "act"): self._act,
            ("POST", "personas/trigger"): self._trigger,
            ("POST", "grants"): self._grants,
        }

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Serve one request below /_sandbox/."""
        name = request.path.removeprefix("/_sandbox/")
        if (request.method, name) == ("GET", "health"):
            return _json({"status": "ok", "homes": self.sandbox.world.homes})
        key, given = self.sandbox.options.admin_key, request.headers.get("X-Sandbox-Key", "")
        route = self._routes.get((request.method, name))
        if not key or not hmac.compare_digest(key.encode(), given.encode()) or route is None:
            return _json({"error": "not found"}, 404)
        self.sandbox.clock.look()
        try:
            values: Any = dict(request.query)
            if request.method != "GET":
                values = orjson.loads(await request.read() or b"{}")
            if not isinstance(values, dict):
                raise Trouble("the body must be an object")
            found = route(values, self.sandbox.clock.now())
            return _json(await found if inspect.isawaitable(found) else found)
        except orjson.JSONDecodeError:
            return _json({"error": "the body is not JSON"}, 400)
        except (Trouble, ValueError, Malformed) as trouble:
            return _json({"error": str(trouble)}, 400)

    # --- looking -----------------------------------------------------------------------------

    def _homes(self, values: dict[str, Any], now: Moment) -> dict[str, Any]:
        world = self.sandbox.world
        first, limit = int(values.get("offset", 0)), int(values.get("limit", 1000))
        indexes = range(max(first, 0), min(first + max(limit, 0), world.homes))
        return {"total": world.homes, "homes": [self._home(index) for index in indexes]}

    def _home(self, index: int) -> dict[str, Any]:
        world = self.sandbox.world
        home, persona = world.home(index), world.persona(index)
        systems = []
        for system in world.systems_of(index):
            traits = system.traits
            systems.append(
                {
                    "serial": system.serial, "name": traits.name, "kind": traits.kind.name,
                    "brand": traits.brand, "flavour": "mqtt" if traits.mqtt else "legacy",
                    "unit": "C" if traits.celsius else "F", "zones": len(traits.zones),
                    "capacity_kbtuh": traits.capacity, "kw": round(traits.kw, 3),
                }
            )  # fmt: skip
        return {
            "username": home.username, "password": home.password,
            "location_id": home.location_id, "persona": persona.name,
            "eligible": not persona.ineligible, "ineligible_reason": persona.ineligible or None,
            "expected_outcome": persona.outcome, "systems": systems,
        }  # fmt: skip

    def _ledger(self, values: dict[str, Any], now: Moment) -> dict[str, Any]:
        found = self.sandbox.ledger.after(
            max(int(values.get("after", 0)), 0), min(int(values.get("limit", 1000)), 100000)
        )
        last = found[-1].seq if found else int(values.get("after", 0))
        return {"last": last, "entries": [entry.as_dict() for entry in found]}

    async def _truth(self, values: dict[str, Any], now: Moment) -> dict[str, Any]:
        if "serial" in values:
            return system_truth(self._system(values["serial"]), now, values.get("event_id", ""))
        return await truth(self.sandbox, now, values.get("event_id", ""))

    def _rooms(self, values: dict[str, Any], now: Moment) -> dict[str, Any]:
        system = self._system(values.get("system", ""))
        sim = float(values.get("sim", now.sim))
        if sim > now.sim:
            raise Trouble("the future is not known")
        return rooms(self.sandbox, system, sim)

    def _clock(self, values: dict[str, Any], now: Moment) -> dict[str, Any]:
        return {"real": now.real, "sim": now.sim, "rate": self.sandbox.clock.rate}

    def _counts(self, values: dict[str, Any], now: Moment) -> dict[str, Any]:
        ledger, grants = self.sandbox.ledger, self.sandbox.grants
        statuses: Counter[str] = Counter()
        effects: Counter[str] = Counter()
        for entry in ledger.entries:
            statuses[f"{entry.operation or entry.method} {entry.status}"] += 1
            effects.update(effect.effect.partition(":")[0] for effect in entry.effects)
        families = [family for held in grants.families.values() for family in held]
        return {
            "requests": len(ledger.entries), "in_flight": ledger.in_flight,
            "peak_in_flight": ledger.peak_in_flight, "by_operation": dict(sorted(statuses.items())),
            "effects": dict(sorted(effects.items())),
            "consents": {
                "standing": sum(not family.revoked for family in families if family.user),
                "revoked": sum(family.revoked for family in families if family.user),
                "revoked_by_reuse": grants.revoked_by_reuse,
                "refreshes": sum(family.refreshes for family in families),
            },
        }  # fmt: skip

    # --- faults ------------------------------------------------------------------------------

    def _faults(self, values: dict[str, Any], now: Moment) -> dict[str, Any]:
        faults = self.sandbox.faults
        return {
            "seed": faults.seed, "rules": [rule.as_dict() for rule in faults.rules],
            "variants": self.sandbox.variants.as_dict(),
            "known_kinds": {name: kind.meaning for name, kind in KINDS.items()},
            "known_variants": {name: list(choices) for name, choices in CHOICES.items()},
        }  # fmt: skip

    def _set_faults(self, values: dict[str, Any], now: Moment) -> dict[str, Any]:
        self.set_faults(values, now)
        return self._faults(values, now)

    def set_faults(self, values: dict[str, Any], now: Moment) -> None:
        """Replace rules and variants as a whole; what is not named goes back to its default."""
        variants = parse_variants(values.get("variants", {}), now.real)
        self.sandbox.faults = parse_faults(values)
        self.sandbox.variants = variants

    # --- doing -------------------------------------------------------------------------------

    def _system(self, serial: object) -> System:
        system = self.sandbox.world.ever(serial) if isinstance(serial, str) else None
        if system is None:
            raise Trouble("no such system")
        return system

    def _act(self, values: dict[str, Any], now: Moment) -> dict[str, Any]:
        if values.get("do") == "revoke":
            user = values.get("user")
            if not isinstance(user, str) or self.sandbox.world.home_index(user) is None:
                raise Trouble("no such user")
            return {"user": user, "revoked": self.sandbox.grants.revoke_user(user)}
        system = self._system(values.get("system"))
        match values.get("do"):
            case "override":
                self._override(system, now)
            case "go_offline":
                system.offline_spans.append((now.sim, NEVER))
            case "come_online":
                system.offline_spans = [
                    (begins, min(ends, now.sim)) for begins, ends in system.offline_spans
                ]
            case "dr_on" | "dr_off":
                self._switch(system, values["do"] == "dr_on", now)
            case "foreign_event":
                self._foreign(system, values, now)
            case "replace":
                if self.sandbox.world.system(system.serial) is None:
                    raise Trouble("it was replaced before")
                system = self._system(self.sandbox.world.replace_control(system))
            case _:
                raise Trouble(
                    "do must be override, go_offline, come_online, dr_on, dr_off, foreign_event, "
                    "replace or, for a user, revoke"
                )
        return system_truth(system, now)

    def _override(self, system: System, now: Moment) -> None:
        open_ones = [r for r in system.records if r.live_at(now.real) and r.end > now.sim]
        if not open_ones:
            raise Trouble("no event to override")
        first = min(open_ones, key=lambda record: record.start)
        first.pressed_override_sim = min(first.pressed_override_sim, now.sim)

    def _switch(self, system: System, on: bool, now: Moment) -> None:
        if system.plans[-1].utility is None:
            raise Trouble("this system has no utilityEvent block")
        word = {"enabled": ("on" if on else "off") if system.traits.mqtt else on}
        self.sandbox.change_settings(system, {"utilityEvent": word}, now.sim)
        block = system.config_patch.setdefault("utilityEvent", {})
        block.update(word)

    def _foreign(self, system: System, values: dict[str, Any], now: Moment) -> None:
        """An event of another utility, or one made by hand in the maker's own app."""
        start = float(values.get("start", now.sim + 3600))
        seconds = float(values.get("seconds", 7200))
        name = f"foreign-{Dice(system.serial, len(system.records)).bits() % 10**8:08d}"
        members = {
            "modificationNumber": 0, "eventType": "demand", "signalLevel": 1,
            "start": utc_seconds_text(int(start)), "duration": f"PT{int(seconds)}S",
        }  # fmt: skip
        system.records.append(
            EventRecord(
                name, name, 0, members, start, start + seconds, 0.0, now.real, now.sim, now.real,
                now.sim, 0,
            )
        )  # fmt: skip

    def _trigger(self, values: dict[str, Any], now: Moment) -> dict[str, Any]:
        name = values.get("persona")
        if name not in BY_NAME:
            raise Trouble("no such persona")
        if name != "moves_out":
            raise Trouble("only moves_out waits to be triggered")
        users = self.sandbox.world.users_with("moves_out")
        revoked = sum(self.sandbox.grants.revoke_user(user) for user in users)
        return {"persona": name, "users": users, "revoked": revoked}

    def _grants(self, values: dict[str, Any], now: Moment) -> dict[str, Any]:
        """Consents as if these homeowners had walked through the pages: for large test set-ups."""
        scopes = values.get("scopes", list(SCOPES))
        if not isinstance(scopes, list) or not set(scopes) <= set(SCOPES):
            raise Trouble("scopes must be a list of known scopes")
        world, grants = self.sandbox.world, self.sandbox.grants
        users = values.get("users", "all")
        if users == "all":
            users = [f"home-{index + 1:04d}" for index in range(world.homes)]
        made = []
        for user in users:
            index = world.home_index(str(user))
            if index is None:
                raise Trouble("no such user")
            family = grants.new_family(self.sandbox.client.client_id, user, frozenset(scopes))
            issued = grants.issue(family, now.real)
            made.append(
                {
                    **token_answer(issued, grants.access_ttl_s),
                    "systems": [system.serial for system in world.systems_of(index)],
                }
            )
        return {"grants": made}


def _json(members: Any, status: int = 200) -> web.Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return web.Response(status=status, body=orjson.dumps(members), headers=headers)
