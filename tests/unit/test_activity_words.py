"""What an entry of the activity log tells: as it is stored, and in plain words."""

from typing import Any

import pytest

from people.queries.facts import Fact, facts, in_words


def test_facts_as_they_are_stored() -> None:
    assert facts({"in_time": True, "scopes": ["a", "b"], "why": ""}) == (
        Fact("In time", "yes"),
        Fact("Scopes", "a, b"),
        Fact("Why", "–"),
    )
    assert facts({"before": {"a": 1}, "after": {"a": 2, "b": {"c": None}}, "n": 0}) == (
        Fact("A", "2", "1"),
        Fact("B", "c: –", "–"),
        Fact("N", "0"),
    )
    assert facts({"before": "x"}) == (Fact("Before", "x"),)
    changed = {"changes": {"max_per_day": [1, 2], "note": ["", "Hot"]}, "why": "Heat"}
    assert facts(changed) == (
        Fact("Max per day", "2", "1"),
        Fact("Note", "Hot", "–"),
        Fact("Why", "Heat"),
    )
    assert str(facts(changed)[0]) == "Max per day: 1 -> 2"
    kept = {"before": {"who": None, "state": "APPLIED"}, "after": {"who": "", "state": "APPLIED"}}
    assert facts(kept) == (Fact("Who", "–"), Fact("State", "APPLIED"))
    assert facts({"changes": "x"}) == (Fact("Changes", "x"),)


SAID: list[tuple[str, dict[str, Any], list[Fact]]] = [
    (
        "move-application",
        {
            "before": {"state": "APPLIED", "who": "", "why": ""},
            "after": {"state": "NEEDS_ACTION", "who": "UTILITY", "why": "ACCOUNT"},
            "reason": "ACCOUNT",
        },
        [
            Fact("State", "Somebody must act", "Applied"),
            Fact("Who", "The utility", "–"),
            Fact("Why", "No account matched", "–"),
            Fact("Reason", "ACCOUNT"),
        ],
    ),
    ("emergency-stop", {"why": "ACCOUNT"}, [Fact("Why", "ACCOUNT")]),
    ("act-for-many", {"act": "WITHDRAW"}, [Fact("Act", "Take out of the program")]),
    ("act-for-many", {"act": "NO_SUCH"}, [Fact("Act", "NO_SUCH")]),
    (
        "pause",
        {"since": "2026-07-14T14:00:00.123456+00:00", "until": None, "why": "2026-07-14T14:00Z"},
        [
            Fact("Since", "Tue Jul 14, 9:00 AM CDT"),
            Fact("Until", "–"),
            Fact("Why", "2026-07-14T14:00Z"),
        ],
    ),
    (
        "make-group",
        {"rule": {"postal_codes": ["60601", "60602"], "feeders": []}, "since": "2026-07-14"},
        [
            Fact("Rule", "postal codes: 60601, 60602; feeders: –"),
            Fact("Since", "2026-07-14"),
        ],
    ),
    (
        "revise",
        {
            "changes": {
                "starts_at": ["2026-07-14 20:00:00+00:00", "2026-07-15 20:30:00+00:00"],
                "response": ["customer", "offset"],
                "offset_f": ["None", "4"],
                "postal_codes": ["[]", "['06011', '60602']"],
                "is_test": ["False", "True"],
                "note": ["None", "offset"],
            }
        },
        [
            Fact("Starts at", "Wed Jul 15, 3:30 PM CDT", "Tue Jul 14, 3:00 PM CDT"),
            Fact("Response", "Move the setpoint by", "The home's own settings"),
            Fact("Offset (°F)", "4", "–"),
            Fact("Postal codes", "06011, 60602", "–"),
            Fact("Test", "yes", "no"),
            Fact("Note", "offset", "None"),
        ],
    ),
    (
        "set-credit",
        {"before": None, "after": {"basis": "HOURS", "season_cents": 2000}},
        [Fact("Before", "–"), Fact("After", "basis: Hours of events; season (cents): 2000")],
    ),
    (
        "change-program",
        {"changes": {"weekdays": [[0, 1], [0, 9]]}},
        [Fact("Weekdays", "Monday, 9", "Monday, Tuesday")],
    ),
    ("no-such-act", {"new_thing": {"a_b": "X_Y"}}, [Fact("New thing", "a b: X_Y")]),
]


@pytest.mark.parametrize(("verb", "detail", "said"), SAID)
def test_the_page_says_it_in_words(verb: str, detail: dict[str, Any], said: list[Fact]) -> None:
    assert list(in_words(verb, detail, "America/Chicago")) == said
