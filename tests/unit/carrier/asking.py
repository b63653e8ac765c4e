"""Every read of the client, and its answer in both media."""

from __future__ import annotations

from operator import methodcaller
from typing import Any

from tests.unit.carrier.bodies import BODIES, SERIAL, as_json, as_xml

USER_CALLS = {
    "user": (lambda c: c.user("pat.doe"), "/users/pat.doe"),
    "locations": (lambda c: c.locations("pat.doe"), "/users/pat.doe/locations"),
    "location": (lambda c: c.location("40231"), "/locations/40231"),
    "system": (lambda c: c.system(SERIAL), f"/systems/{SERIAL}"),
}
READS = {
    name: USER_CALLS.get(name, (methodcaller(name, SERIAL), f"/systems/{SERIAL}/{name}"))
    for name in BODIES
}


def answer(ask, name: str, tree: dict[str, Any] | None = None) -> Any:
    """The document of an operation, after checking that JSON and XML tell the same."""
    tree = BODIES[name] if tree is None else tree
    from_json, _ = ask(READS[name][0], as_json(tree))
    from_xml, _ = ask(READS[name][0], as_xml(tree), "application/xml; charset=utf-8")
    assert from_json == from_xml
    return from_json
