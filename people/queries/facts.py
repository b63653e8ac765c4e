"""What an entry of the activity log tells: as it is stored, and in plain words for the page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain as joined
from typing import Any

from django.db.models import Choices

from base.templatetags.offpeak import when

# A value as the act kept it -> what it means. Whatever it makes no sense of is shown as stored.
Reading = Callable[[Any], Any]
_READINGS: dict[tuple[str, str], Reading] = {}
_UNITS = {"_f": " (°F)", "_cents": " (cents)", "_s": " (seconds)"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing an entry tells; ``before`` only where the act changed something."""

    name: str
    after: str
    before: str | None = None

    def __str__(self) -> str:
        was = "" if self.before is None else f"{self.before} -> "
        return f"{self.name}: {was}{self.after}"


# --- as it is stored ------------------------------------------------------------------------------
def facts(detail: dict[str, Any]) -> tuple[Fact, ...]:
    """What an entry tells, one thing a line. ``before`` and ``after`` stand side by side; so do the
    two values of each name in ``changes``."""
    if _has_pairs(detail):
        others = facts({name: value for name, value in detail.items() if name != "changes"})
        pairs = (_change(name, a, b) for name, (a, b) in detail["changes"].items())
        return (*pairs, *others)
    if not _has_sides(detail):
        return tuple(Fact(_title(name), _text(value)) for name, value in detail.items())
    old, new = detail["before"], detail["after"]
    rest = {k: v for k, v in detail.items() if k not in ("before", "after")}
    changed = (
        _change(name, old.get(name), new.get(name)) for name in dict.fromkeys(joined(old, new))
    )
    return (*changed, *(Fact(_title(name), _text(value)) for name, value in rest.items()))


def _has_pairs(detail: dict[str, Any]) -> bool:
    changes = detail.get("changes")
    return isinstance(changes, dict) and all(
        isinstance(pair, list) and len(pair) == 2 for pair in changes.values()
    )


def _has_sides(detail: dict[str, Any]) -> bool:
    return all(isinstance(detail.get(side), dict) for side in ("before", "after"))


def _change(name: str, before: Any, after: Any) -> Fact:
    """What stayed as it was is told once, without an arrow."""
    was, is_now = _text(before), _text(after)
    return Fact(_title(name), is_now, None if was == is_now else was)


def _title(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _text(value: Any) -> str:
    if value in (None, "", [], {}):
        return "–"
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_text(one) for one in value)
        case dict():
            return ", ".join(f"{name}: {_text(one)}" for name, one in value.items())
        case _:
            return str(value)


# --- in plain words -------------------------------------------------------------------------------
def known(*verbs: str, **readings: Reading) -> None:
    """Each app says at its start what the values of its acts mean, by verb and field: a reason that
    somebody typed is never taken for a code. A class of choices stands for its labels."""
    _READINGS.update({(verb, name): how for verb in verbs for name, how in readings.items()})


def in_words(verb: str, detail: dict[str, Any], zone: str) -> tuple[Fact, ...]:
    """The facts as people read them, moments in ``zone``; what nobody knows, as it is stored."""

    def say(name: str, value: Any) -> Any:
        match value:
            case dict():
                return "; ".join(f"{_words(key)}: {_text(say(key, v))}" for key, v in value.items())
            case list():
                return [say(name, one) for one in value]
            case _:
                return _meaning(verb, name, value, zone)

    said: dict[str, Any] = {}
    for name, value in detail.items():
        if name == "changes" and _has_pairs(detail):
            pairs = value.items()
            said[name] = {_words(key): [say(key, a), say(key, b)] for key, (a, b) in pairs}
        elif name in ("before", "after") and _has_sides(detail):
            said[name] = {_words(key): say(key, v) for key, v in value.items()}
        else:
            said[_words(name)] = say(name, value)
    return facts(said)


def _words(name: str) -> str:
    for end, unit in _UNITS.items():
        if name.endswith(end):
            return name.removesuffix(end).replace("_", " ") + unit
    return name.removeprefix("is_").replace("_", " ")


def _meaning(verb: str, name: str, value: Any, zone: str) -> Any:
    reading = _READINGS.get((verb, name))
    if reading is None:
        is_time = name in ("since", "until") or name.endswith("_at")
        return _moment(value, zone) if is_time and isinstance(value, str) else value
    try:
        meant = reading(value)
    except (LookupError, SyntaxError, TypeError, ValueError):
        return value
    if isinstance(meant, Choices):
        return str(meant.label) or value
    return list(meant) if isinstance(meant, tuple) else meant


def _moment(text: str, zone: str) -> str:
    """A moment in the zone. A day alone, or what is neither, stays as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return when(moment, zone) if moment.tzinfo else text
