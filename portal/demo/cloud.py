"""The sandbox's own account of what happened: its homes, its ledger, the truth at every home.

Read through its admin door, which no real cloud has; only the demo's report looks through it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import requests

BATCH = 10_000


@dataclass(frozen=True)
class CloudRow:
    """One system and one event as the sandbox knows it."""

    serial: str
    posts: int = 0  # requests that reached it
    statuses: tuple[int, ...] = ()  # what they were answered, in order; 0: no answer was given
    effects: int = 0  # how many of them changed the system's list
    holds: int = 0  # entries for this event in its list
    outcome: str = ""


class Cloud:
    def __init__(self, address: str, admin_key: str) -> None:
        self.address = address
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["X-Sandbox-Key"] = admin_key

    def _get(self, what: str, **query: Any) -> Any:
        answer = self.session.get(f"{self.address}/_sandbox/{what}", params=query, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def homes(self, count: int) -> list[dict[str, Any]]:
        return list(self._get("homes", limit=count)["homes"])

    def move_out(self) -> int:
        """The people of one persona revoke at Carrier what they allowed; how many did."""
        answer = self.session.post(
            f"{self.address}/_sandbox/personas/trigger", json={"persona": "moves_out"}, timeout=60
        )
        answer.raise_for_status()
        return int(answer.json()["revoked"])

    def rows(self, start: float) -> dict[str, CloudRow]:
        """Every system that got, or was to get, the event that begins at `start` (epoch s)."""
        posts = self._posts()
        rows: dict[str, CloudRow] = {
            serial: CloudRow(
                serial,
                posts=len(entries),
                statuses=tuple(entry["status"] or 0 for entry in entries),
                effects=sum(len(entry["effects"]) for entry in entries),
            )
            for serial, entries in posts.items()
        }
        for system in self._get("truth")["systems"]:
            ours = [event for event in system["events"] if event["start"] == start]
            outcomes = Counter(event["outcome"] for event in ours)
            before = rows.get(system["serial"], CloudRow(system["serial"]))
            rows[system["serial"]] = CloudRow(
                before.serial,
                before.posts,
                before.statuses,
                before.effects,
                holds=len(ours),
                outcome="+".join(outcomes),
            )
        return rows

    def _posts(self) -> dict[str, list[dict[str, Any]]]:
        """POSTs of events by serial, oldest first. In a single run all of them are of one event."""
        found: dict[str, list[dict[str, Any]]] = {}
        after = 0
        while entries := self._get("ledger", after=after, limit=BATCH)["entries"]:
            after = entries[-1]["seq"]
            for entry in entries:
                if entry["method"] == "POST" and entry["path"].endswith("/utility_events"):
                    serial = entry["serial"] or entry["path"].split("/")[2]
                    found.setdefault(serial, []).append(entry)
        return found
