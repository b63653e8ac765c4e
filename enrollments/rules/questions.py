"""Questions programs like this one ask, for whoever writes a new program.

From public programs: nobody may be in two at once (Carrier's own SmartSave among them), homes with
a medical need for cooling or life support are kept out, renters need their landlord's word.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suggested:
    """A question whose answer must be no to join; ``remedy`` is read by whoever says yes."""

    text: str
    remedy: str


SUGGESTED = {
    "other-program": Suggested(
        "Is your home in another program that changes your thermostat, such as SmartSave?",
        "A home can be in one such program at a time. Leave the other one, then answer again.",
    ),
    "medical-need": Suggested(
        "Does anybody at home need cooling, heating or life-support equipment for their health?",
        "Please do not join: comfort comes first. Call us, and we find something that suits you.",
    ),
    "renter": Suggested(
        "Do you rent, without your landlord's permission to join?",
        "Ask your landlord for permission, then answer again.",
    ),
}
