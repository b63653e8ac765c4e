"""What exists when strangers' requests begin: for each operation of the partner API one thing that
it can do something to, and the description that names it."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from tests import cast
from tests.partner_calls import Caller, wanted

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/openapi.yaml"
URL = "https://hooks.partner.example/in"


class Town:
    """A client's own things, made by its own requests. ``names``: by operation (or "" for all) the
    parameters that exist."""

    def __init__(self, who: Caller) -> None:
        self.who = who
        self.program: str = who.get("programs/").json()["items"][0]["slug"]
        group = who.get(f"programs/{self.program}/groups/").json()["items"][0]["name"]
        serial = who.get("systems/").json()["items"][0]["serial"]
        common = {"slug": self.program, "program": self.program, "group": group, "serial": serial}
        self.names: dict[str, dict[str, str]] = {"": common | {"If-Match": "*"}}
        # A day for itself: homes that have an event already would be left out of the next one.
        self.bodies: dict[str, Any] = {
            "planEvent": self._wanted(1),
            "previewEvent": self._wanted(1),
            "optOut": {"system": serial},
        }

    def _wanted(self, days: int, **fields: Any) -> dict[str, Any]:
        day = (cast.MORNING + timedelta(days=days)).date().isoformat()
        hours = {"starts_at": f"{day}T15:00:00-05:00", "ends_at": f"{day}T17:00:00-05:00"}
        return wanted(program=self.program, **hours, **fields)

    def with_event(self, event_id: str) -> "Town":
        self.names[""]["event_id"] = event_id
        return self

    def with_plans(self) -> "Town":
        """Events of its own: one to read and one to cancel, drafts to change and to hand on."""

        def plan(days: int, **fields: Any) -> str:
            return str(self._made("events/", self._wanted(days, **fields))["id"])

        self.with_event(plan(2))
        for operation, event_id in {
            "cancelEvent": plan(3),
            "changeDraft": plan(6, draft=True),
            "submitEvent": plan(7, draft=True),
        }.items():
            self.names[operation] = {"event_id": event_id}
        return self

    def with_webhooks(self) -> "Town":
        def hook(*acts: str) -> str:
            made = str(self._made("webhooks/", {"url": URL})["webhook"]["id"])
            for act in acts:
                self._made(f"webhooks/{made}/{act}/", None)
            return made

        self.names[""]["hook_id"] = hook("test")
        for operation, hook_id in {
            "rotateWebhook": hook(),
            "endOldSecretOfWebhook": hook("rotate"),
            "pauseWebhook": hook(),
            "resumeWebhook": hook("pause"),
            "removeWebhook": hook(),
        }.items():
            self.names[operation] = {"hook_id": hook_id}
        return self

    def with_runs(self) -> "Town":
        run = self._made("practice/runs/", {"scenario": "30-percent-opt-out", "seconds": 0})
        self.names[""] |= {"run_id": run["id"]}
        return self

    def _made(self, address: str, body: Any) -> Any:
        answer = self.who.post(address, body)
        assert answer.status_code in (200, 201), answer.content
        return answer.json()

    def description(self, folder: Path) -> Path:
        """A copy of the document with the names and bodies that exist."""
        found = yaml.safe_load(DOCUMENT.read_text())
        for methods in found["paths"].values():
            for operation in methods.values():
                self._name(operation)
        copy = folder / "openapi.json"
        copy.write_text(json.dumps(found))
        return copy

    def _name(self, operation: dict[str, Any]) -> None:
        known = self.names[""] | self.names.get(operation["operationId"], {})
        for one in operation.get("parameters", []):
            if one["name"] in known:
                one["example"] = known[one["name"]]
            elif one["name"] == "Idempotency-Key":  # one key for all would be refused but once
                one["example"] = operation["operationId"]
        if body := self.bodies.get(operation["operationId"]):
            content = operation["requestBody"]["content"]["application/json"]
            content["examples"] = {"Known": {"value": body}}


def operation_of(method: str, address: str, found: Mapping[str, Any]) -> str:
    """The name of the operation at this route."""
    return str(found["paths"][address][method.lower()]["operationId"])
