"""Is this the customer account that was meant? Numbers are typed from a bill, with thumbs."""

import re

from base.choices import ColoredChoices

# What a number may be once blanks and dashes are gone.
ACCOUNT = re.compile(r"[A-Z0-9]{4,32}")
# Tries of one person within a day (business time): enough for a bad evening, too few to search.
TRIES_A_DAY = 10


class Match(ColoredChoices):
    """How near what somebody typed comes to one customer."""

    EXACT = "EXACT", "green", "The same"
    NEAR = "NEAR", "yellow", "Nearly the same"
    NONE = "NONE", "secondary", "Another one"


def normal_account(text: str) -> str:
    """Upper case, without blanks, dashes, dots and the like: ``1234-567 8`` is ``12345678``."""
    return re.sub(r"[\s\-‐-―−./_]+", "", text).upper()


def normal_postal(text: str) -> str:
    """Upper case without blanks; of a ZIP+4 the first five digits, which are on every bill."""
    code = re.sub(r"[\s‐-―−]+", "", text).upper()
    return code[:5] if re.fullmatch(r"\d{5}(-?\d{4})", code) else code


def slips(typed: str) -> frozenset[str]:
    """Every number that ``typed`` becomes by one slip of the finger: one character wrong, missing
    or doubled, or two neighbours swapped. Letters are only tried where letters were typed."""
    alphabet = "0123456789" + ("" if typed.isdecimal() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    meant: set[str] = set()
    for place in range(len(typed) + 1):
        before, after = typed[:place], typed[place:]
        meant.update(before + one + after for one in alphabet)  # one is missing
        meant.update(before + one + after[1:] for one in alphabet if after)  # one is wrong
        if len(after) > 1:
            meant.add(before + after[1] + after[0] + after[2:])  # two are swapped
            if after[0] == after[1]:
                meant.add(before + after[1:])  # one is doubled
    return frozenset(meant - {typed})


def match(*, account: str, postal: str, typed_account: str, typed_postal: str) -> Match:
    """How near the typed number and postal code come to a customer's; all four normalised.

    Exact: both are the same. Near: the number is right and the postal code is not, or the number
    is one slip away and the postal code is right.
    """
    if typed_account == account:
        return Match.EXACT if typed_postal == postal else Match.NEAR
    if typed_postal == postal and account in slips(typed_account):
        return Match.NEAR
    return Match.NONE
