"""user, locations, location (operations 1 to 3). Names and addresses are invented."""

from __future__ import annotations

from carrier_sandbox.documents.common import RELS, link, root_of
from carrier_sandbox.tree import Node
from carrier_sandbox.world import World


def user(world: World, index: int, base: str) -> Node:
    """The person who granted access."""
    home = world.home(index)
    href = f"{base}/users/{home.username}"
    return {
        "user": {
            "$": root_of(),
            "atom:link": [link("self", href), link(f"{RELS}/locations", f"{href}/locations")],
            "username": home.username, "first": home.first, "last": home.last,
            "email": f"{home.username}@example.com", "phone1": None, "phone2": None,
            "address1": home.street, "address2": None, "city": home.city, "state": home.state,
            "postal": home.postal, "country": "United States",
        }
    }  # fmt: skip


def _location(world: World, index: int, base: str) -> Node:
    home = world.home(index)
    systems = [
        {"atom:link": link("self", f"{base}/systems/{system.serial}", system.traits.name)}
        for system in world.systems_of(index)
    ]
    return {
        "atom:link": link("self", f"{base}/locations/{home.location_id}", "Home"),
        "name": "Home", "street1": home.street, "street2": None, "city": home.city,
        "state": home.state, "country": "United States", "postal": home.postal,
        "systems": {"system": systems},
    }  # fmt: skip


def locations(world: World, index: int, base: str) -> Node:
    """Every location of a user with its systems."""
    href = f"{base}/users/{world.home(index).username}"
    return {
        "locations": {
            "$": root_of(),
            "atom:link": [link("self", f"{href}/locations"), link(f"{RELS}/user", href)],
            "location": [_location(world, index, base)],
        }
    }


def location(world: World, index: int, base: str) -> Node:
    """One location alone."""
    return {"location": {"$": root_of(), **_location(world, index, base)}}
