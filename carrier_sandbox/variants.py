"""The ways the real cloud might behave where its page says nothing. One choice each, changed at
run time.

The defaults are the assumption ``assumed-1``; a new way is a new word here and a branch where
it is asked.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

CHOICES: dict[str, tuple[str, ...]] = {
    "ids": ("honoured", "ignored", "rejected"),
    "second_post": ("by_modification", "replaces", "adds", "merges"),
    "cancel": ("works", "ignored", "new_event", "rejected"),
    "answer": ("document", "empty", "error_body", "text"),
    "listing": ("fresh", "frozen", "reordered", "partial", "empty"),
    "late_start": ("rejected", "accepted"),
    "utility_client": ("any", "required"),
}


@dataclass(frozen=True, slots=True)
class Variants:
    """One vendor. Delays are real seconds."""

    ids: str = (
        "honoured"  # our $.id is kept | the server makes its own | a body with an id is a 400
    )
    second_post: str = "by_modification"  # same id: higher replaces, equal merges, lower is ignored
    cancel: str = (
        "works"  # status cancelled: works | 200 and nothing | 200 and one more event | 400
    )
    answer: str = "document"  # body of the 200
    listing: str = "fresh"  # how GET utility_events lies
    late_start: str = "rejected"  # a new event whose start is past
    utility_client: str = "any"  # may a homeowner's token POST events?
    effect_delay_s: float = 0.0  # a POST takes effect this much later
    list_delay_s: float = 0.0  # the list tells the state of this long ago
    refresh_grace_s: float = 0.0  # the previous refresh token still works for this long
    frozen_at: float = 0.0  # set by the sandbox when listing becomes 'frozen', real epoch seconds

    def as_dict(self) -> dict[str, object]:
        """For the admin answer."""
        return asdict(self)


def parse_variants(given: object, real: float) -> Variants:
    """Variants from a JSON object; raises ValueError with a plain sentence."""
    if not isinstance(given, dict):
        raise ValueError("variants must be an object")
    known = {field.name for field in fields(Variants)} - {"frozen_at"}
    values: dict[str, object] = {}
    for name, value in given.items():
        if name == "frozen_at":
            continue
        if name not in known:
            raise ValueError(f"unknown variant {name!r}; known: {', '.join(sorted(known))}")
        if name in CHOICES:
            if value not in CHOICES[name]:
                raise ValueError(f"{name} must be one of {', '.join(CHOICES[name])}")
            values[name] = value
        elif isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            values[name] = float(value)
        else:
            raise ValueError(f"{name} must be seconds, 0 or more")
    if values.get("listing") == "frozen":
        values["frozen_at"] = real
    return Variants(**values)  # type: ignore[arg-type]
