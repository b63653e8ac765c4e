"""The 23 operations of the reference page, in its order, and the way from a path to one of them."""

from __future__ import annotations

from typing import NamedTuple


class Operation(NamedTuple):
    """One operation: ``name`` is what fault rules and the ledger call it."""

    number: int
    method: str
    resource: str
    scope: str

    @property
    def name(self) -> str:
        """Method and resource, as 'POST utility_events'."""
        return f"{self.method} {self.resource}"


OPERATIONS: tuple[Operation, ...] = (
    Operation(1, "GET", "user", "Read-User"),
    Operation(2, "GET", "locations", "Read-User"),
    Operation(3, "GET", "location", "Read-User"),
    Operation(4, "GET", "system", "Read-System"),
    Operation(5, "GET", "status", "Read-System"),
    Operation(6, "GET", "profile", "Read-System"),
    Operation(7, "GET", "config", "Read-System"),
    Operation(8, "PUT", "config", "Write-System"),
    Operation(9, "GET", "energy", "Read-System"),
    Operation(10, "GET", "dealer", "Read-System"),
    Operation(11, "GET", "odu_config", "Read-Equip"),
    Operation(12, "GET", "odu_status", "Read-Equip"),
    Operation(13, "DELETE", "odu_status", "Read-Equip"),
    Operation(14, "GET", "odu_faults", "Read-Equip"),
    Operation(15, "GET", "idu_config", "Read-Equip"),
    Operation(16, "GET", "idu_status", "Read-Equip"),
    Operation(17, "DELETE", "idu_status", "Read-Equip"),
    Operation(18, "GET", "idu_faults", "Read-Equip"),
    Operation(19, "GET", "history", "Read-Equip"),
    Operation(20, "GET", "equipment_events", "Read-Equip"),
    Operation(21, "GET", "root_cause", "Read-Equip"),
    Operation(22, "GET", "utility_events", "Read-UtilityEvents"),
    Operation(23, "POST", "utility_events", "Write-UtilityEvents"),
)
ROUTES: dict[str, dict[str, Operation]] = {}
for _operation in OPERATIONS:
    ROUTES.setdefault(_operation.resource, {})[_operation.method] = _operation
_TAILS = frozenset(ROUTES) - {"user", "locations", "location", "system"}


class Target(NamedTuple):
    """A resource of the API and the id in its path: a user name, a location id or a serial."""

    resource: str
    key: str


def resolve(path: str) -> Target | None:
    """The resource at a path, or None when the API has none there."""
    parts = path.split("/")
    if len(parts) == 4 and parts[1] == "systems" and parts[2] and parts[3] in _TAILS:
        return Target(parts[3], parts[2])
    if len(parts) == 3 and parts[2]:
        found = {"users": "user", "locations": "location", "systems": "system"}.get(parts[1])
        return Target(found, parts[2]) if found else None
    if len(parts) == 4 and parts[1] == "users" and parts[2] and parts[3] == "locations":
        return Target("locations", parts[2])
    return None
