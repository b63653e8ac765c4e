"""profile and dealer (operations 6 and 10). ``pin`` is a pairing secret; a client must not keep
it.
"""

from __future__ import annotations

from carrier_sandbox.clock import utc_text
from carrier_sandbox.dice import Dice
from carrier_sandbox.documents.common import SLOTS, View, flavoured, head, onoff
from carrier_sandbox.tree import Node


def profile(view: View) -> Node:
    """Equipment identity as a document of its own."""
    return {"system_profile": {**head(view, "/profile"), **profile_members(view)}}


def profile_members(view: View) -> Node:
    """Members shared with the whole system document."""
    traits = view.system.traits
    kind = traits.kind
    dice = Dice(view.system.seed, "profile", traits.serial)
    outdoor = kind.stages >= 0
    outdoor_serial = f"{dice.whole(1018, 5222)}E{dice.whole(10000, 99999)}"
    members: Node = {
        "timestamp": utc_text(view.contact - view.contact % 86400),
        "name": traits.name, "serial": traits.serial, "pin": f"{dice.bits():016x}"[:8],
        "brand": traits.brand, "model": traits.model, "firmware": traits.firmware,
        "indoorModel": "59MN7C080" if kind.idusource == "gas" else "FE4ANB006",
        "indoorSerial": f"{dice.whole(1018, 5222)}A{dice.whole(10000, 99999)}",
        "outdoorModel": traits.outdoor_model or None,
        "outdoorSerial": outdoor_serial if outdoor else None,
        "idutype": kind.idutype, "idusource": kind.idusource,
        "idustages": "mod" if kind.idu_status_type == "furnacemodulating" else 2,
        "iducapacity": traits.capacity, "iduversion": None,
        "odutype": kind.odutype, "oducapacity": traits.capacity if outdoor else 0,
        "oduversion": None, "pwmblower": "off", "ventpresent": "off", "uvpresent": "off",
        "humpresent": "off", "sampresent": "off", "nimpresent": "off", "ewtsensorpresent": "off",
        "samType": "ING", "routerMac": None, "vfdModel": None, "vfdSerial": None,
        "zoneboards": {"board": [_board(view, number) for number in (1, 2)]},
        "zones": {"zone": [_zone(view, slot) for slot in range(SLOTS)]},
    }  # fmt: skip
    return flavoured(members, traits.mqtt)


def _board(view: View, number: int) -> Node:
    present = number == 1 and len(view.system.traits.zones) > 1
    return {"$": {"id": str(number)}, "present": onoff(present), "model": None, "serial": None}


def _zone(view: View, slot: int) -> Node:
    traits = view.system.traits
    present = slot < len(traits.zones)
    kind = ("ui" if traits.mqtt else "user interface") if slot == 0 else "remote sensor"
    return {
        "$": {"id": str(slot + 1)}, "present": onoff(present),
        "sensortype": kind if present else "unknown", "ssmodel": None, "ssserial": None,
    }  # fmt: skip


def dealer(view: View) -> Node:
    """The servicing dealer as a document of its own."""
    return {"dealer": {**head(view, "/dealer"), **dealer_members(view)}}


def dealer_members(view: View) -> Node:
    """An invented dealer; the telephone number is one of those kept for fiction."""
    return {
        "timestamp": utc_text(view.contact - view.contact % 86400), "pid": "004711",
        "name": "Example Heating and Air", "first": None, "last": None, "street1": "1 Sample Way",
        "street2": None, "city": "Springfield", "state": "IL", "country": "United States",
        "postal": "62701", "phone": "217-555-0142", "phoneExt": None,
        "url": "https://dealer.example", "email": "service@dealer.example",
    }  # fmt: skip
