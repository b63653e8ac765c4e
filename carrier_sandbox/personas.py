"""Who lives in the homes: what a household does when an event comes, and how many of each there
are.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Persona:
    """One kind of household. ``ineligible`` names why a portal should not enrol it ('' = it
    should).
    """

    name: str
    share: float
    meaning: str
    ineligible: str = ""
    outcome: str = "completed"


PERSONAS: tuple[Persona, ...] = (
    Persona("cooperates", 0.0, "leaves the dial alone"),
    Persona("dr_off", 0.04, "demand response is off at the wall control", "dr_disabled", "ignored"),
    Persona(
        "no_block", 0.02, "the config has no utilityEvent block", "dr_capability_unknown", "ignored"
    ),
    Persona("no_outdoor_unit", 0.02, "a furnace alone: nothing to shed", "no_outdoor_unit"),
    Persona("offline", 0.02, "never connected", "disconnected", "unreachable"),
    Persona(
        "goes_offline", 0.03, "drops off 10 minutes before an event starts", outcome="unreachable"
    ),
    Persona("overrides_before", 0.05, "declines before the start", outcome="opted_out_before"),
    Persona("overrides_during", 0.10, "gives up in the middle", outcome="opted_out_during"),
    Persona("moves_out", 0.01, "revokes the authorisation when the sandbox is told to trigger it"),
)
BY_NAME = {persona.name: persona for persona in PERSONAS}
SCENARIOS: dict[str, dict[str, float]] = {
    "mixed": {persona.name: persona.share for persona in PERSONAS},
    "cooperative": {},
}


def shares(scenario: str, changes: dict[str, float]) -> dict[str, float]:
    """The share of each persona; whoever is not named cooperates."""
    if scenario not in SCENARIOS:
        raise ValueError(f"unknown scenario {scenario!r}; known: {', '.join(SCENARIOS)}")
    result = {**SCENARIOS[scenario], **changes}
    result.pop("cooperates", None)
    unknown = set(result) - set(BY_NAME)
    if unknown:
        raise ValueError(f"unknown persona {', '.join(sorted(unknown))}")
    if any(share < 0 for share in result.values()) or sum(result.values()) > 1 + 1e-9:
        raise ValueError("persona shares must be 0 or more and add up to at most 1")
    return result


def persona_codes(homes: int, wanted: dict[str, float]) -> bytearray:
    """One byte a home, an index into PERSONAS; a wanted persona has at least one home if there is
    room.
    """
    codes = bytearray()
    for index, persona in enumerate(PERSONAS):
        share = wanted.get(persona.name, 0.0)
        if share > 0:
            count = max(round(share * homes), 1 if homes >= 20 else 0)
            codes += bytes([index]) * min(count, homes - len(codes))
    return codes + bytes(homes - len(codes))
