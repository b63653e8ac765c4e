"""Faults on purpose: a table of kinds, and rules that say when the dice may throw one.

A kind acts ``before`` the effect (nothing has happened at the vendor), or ``after`` it (it has,
and the caller may never learn). The first rule that matches and wins its dice is used; one
fault a request.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from carrier_sandbox.dice import Dice

BEFORE, AFTER = "before", "after"


class Kind(NamedTuple):
    """One kind of fault: when it strikes, its settings with defaults, what it does."""

    phase: str
    defaults: dict[str, Any]
    meaning: str


KINDS: dict[str, Kind] = {
    "delay": Kind(BEFORE, {"seconds": 1.0}, "wait, then serve as usual"),
    "delay_after": Kind(AFTER, {"seconds": 1.0}, "serve, but answer later"),
    "error_before": Kind(BEFORE, {"status": 500}, "an error status, nothing happened"),
    "error_after": Kind(AFTER, {"status": 500}, "an error status, yet it happened"),
    "too_many": Kind(
        BEFORE, {"status": 429, "retry_after": "1"}, "429; retry_after null = no header"
    ),
    "unauthorized": Kind(BEFORE, {}, "401 although the token is good"),
    "token_revoked": Kind(BEFORE, {}, "the consent behind the token is revoked, then 401"),
    "hang_before": Kind(BEFORE, {"seconds": 600.0}, "no answer, nothing happened"),
    "hang_after": Kind(AFTER, {"seconds": 600.0}, "no answer, yet it happened"),
    "reset_before": Kind(BEFORE, {}, "connection cut, nothing happened"),
    "reset_after": Kind(AFTER, {}, "connection cut, yet it happened"),
    "empty_body": Kind(AFTER, {"status": 200}, "success without a body"),
    "error_body": Kind(AFTER, {"status": 200}, "success with an error inside"),
    "garbage": Kind(AFTER, {"status": 200}, "success with a body nobody can parse"),
    "web_page": Kind(AFTER, {"status": 200}, "success with an HTML page"),
    "redirect": Kind(
        BEFORE, {"status": 302, "location": "http://127.0.0.1:9/elsewhere"}, "redirect"
    ),
    "drip": Kind(AFTER, {"seconds_per_byte": 1.0}, "the answer, one byte at a time"),
    "endless_body": Kind(AFTER, {"chunk": 65536}, "a body that never ends"),
    "big_body": Kind(AFTER, {"megabytes": 100}, "a body of that many megabytes"),
    "gzip_bomb": Kind(AFTER, {"megabytes": 100}, "a small gzip body that grows"),
}
MATCHES = ("operation", "serial", "user", "method")


@dataclass(slots=True)
class Rule:
    """When a fault may strike. ``operation`` and ``serial`` take * and ?; count None = for ever."""

    kind: str
    match: dict[str, str]
    probability: float
    skip: int
    count: int | None
    settings: dict[str, Any]
    met: int = 0
    hits: int = 0

    def fits(self, facts: dict[str, str]) -> bool:
        """Does every named pattern fit this request?"""
        return all(fnmatch.fnmatchcase(facts[name], want) for name, want in self.match.items())

    def as_dict(self) -> dict[str, Any]:
        """For the admin answer."""
        return {
            "kind": self.kind, "match": self.match, "probability": self.probability,
            "skip": self.skip, "count": self.count, **self.settings, "hits": self.hits,
        }  # fmt: skip


@dataclass(slots=True)
class Faults:
    """The rules in force and their seeded dice."""

    seed: int = 0
    rules: list[Rule] = field(default_factory=list)
    dice: Dice = field(default_factory=lambda: Dice(0, "faults"))

    def pick(self, operation: str, method: str, serial: str, user: str) -> Rule | None:
        """The rule that strikes this request, if any."""
        if not self.rules:
            return None
        facts = {"operation": operation, "method": method, "serial": serial, "user": user}
        for rule in self.rules:
            if (rule.count is not None and rule.hits >= rule.count) or not rule.fits(facts):
                continue
            rule.met += 1
            if rule.met > rule.skip and self.dice.fraction() < rule.probability:
                rule.hits += 1
                return rule
        return None


def parse_faults(given: object) -> Faults:
    """Rules from a JSON object; raises ValueError with a plain sentence."""
    if not isinstance(given, dict):
        raise ValueError("faults must be an object")
    seed = given.get("seed", 0)
    rules = given.get("rules", [])
    if not isinstance(seed, int) or not isinstance(rules, list):
        raise ValueError("seed must be a whole number and rules a list")
    return Faults(seed, [_parse_rule(rule) for rule in rules], Dice(seed, "faults"))


def _parse_rule(given: object) -> Rule:
    if not isinstance(given, dict) or given.get("kind") not in KINDS:
        raise ValueError(f"a rule needs a kind; known: {', '.join(KINDS)}")
    kind = KINDS[given["kind"]]
    match = given.get("match", {})
    if not isinstance(match, dict) or not all(
        name in MATCHES and isinstance(want, str) for name, want in match.items()
    ):
        raise ValueError(f"match takes texts for {', '.join(MATCHES)}")
    probability, skip, count = (
        given.get("probability", 1.0),
        given.get("skip", 0),
        given.get("count"),
    )
    if not isinstance(probability, int | float) or not 0 <= probability <= 1:
        raise ValueError("probability must be from 0 to 1")
    if not isinstance(skip, int) or not (count is None or isinstance(count, int)):
        raise ValueError("skip and count must be whole numbers")
    common = {"kind", "match", "probability", "skip", "count", "hits"}
    unknown = set(given) - common - set(kind.defaults)
    if unknown:
        raise ValueError(f"{given['kind']} does not take {', '.join(sorted(unknown))}")
    settings = {name: given.get(name, default) for name, default in kind.defaults.items()}
    for name, default in kind.defaults.items():
        value = settings[name]
        if isinstance(default, int | float) and (
            isinstance(value, bool) or not isinstance(value, int | float) or value < 0
        ):
            raise ValueError(f"{name} must be a number, 0 or more")
        if isinstance(default, str) and not (value is None or isinstance(value, str)):
            raise ValueError(f"{name} must be a text or null")
    return Rule(given["kind"], match, float(probability), skip, count, settings)
