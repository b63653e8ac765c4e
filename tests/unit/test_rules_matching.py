"""Is this the account that was meant? One slip of the finger is near, two are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrollments.rules.matching import Match, match, normal_account, normal_postal, slips

BILL = "4100732281"


def near(typed: str, typed_postal: str = "62701") -> Match:
    return match(account=BILL, postal="62701", typed_account=typed, typed_postal=typed_postal)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" 41-0073 2281 ", BILL),
        ("41.0073/2281", BILL),
        ("ab‑12–cd", "AB12CD"),
        ("", ""),
        ("#12", "#12"),
    ],
)
def test_a_number_is_tidied(typed: str, kept: str) -> None:
    assert normal_account(typed) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("62701", "62701"),
        (" 62701-4455 ", "62701"),
        ("627014455", "62701"),
        ("k1a 0b1", "K1A0B1"),
        ("627014", "627014"),
    ],
)
def test_a_postal_code_is_tidied(typed: str, kept: str) -> None:
    assert normal_postal(typed) == kept


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("4100732281", "as on the bill"),
        ("4100732282", "one wrong"),
        ("5100732281", "the first wrong"),
        ("410073281", "one missing"),
        ("100732281", "the first missing"),
        ("410073228", "the last missing"),
        ("41007322811", "the last doubled"),
        ("441 0073 2281", "the first doubled"),
        ("4100732821", "two swapped"),
        ("1400732281", "the first two swapped"),
    ],
)
def test_one_slip_is_near(typed: str, what: str) -> None:
    expected = Match.EXACT if what == "as on the bill" else Match.NEAR
    assert near(normal_account(typed)) == expected, what


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("4100732299", "two wrong"),
        ("41007322", "two missing"),
        ("41007322819", "one more that is no double"),
        ("0140732281", "swapped over a distance"),
        ("1822370014", "backwards"),
        ("", "nothing"),
    ],
)
def test_two_slips_are_another_number(typed: str, what: str) -> None:
    assert near(typed) == Match.NONE, what


def test_the_postal_code_counts() -> None:
    assert near(BILL, "62702") == Match.NEAR, "the number alone is no proof"
    assert near("4100732282", "62702") == Match.NONE, "two things are wrong"


def test_letters_are_tried_where_letters_were_typed() -> None:
    assert "A1X4" in slips("A1B4")
    assert not any(one.isalpha() for text in slips("1234") for one in text)


@given(st.text("0123456789", min_size=4, max_size=12), st.integers(0, 11), st.sampled_from("059"))
def test_every_wrong_digit_is_mended(account: str, place: int, digit: str) -> None:
    place %= len(account)
    typed = account[:place] + digit + account[place + 1 :]
    assert (account in slips(typed)) == (typed != account)
    assert typed not in slips(typed)


@given(st.text("0123456789", min_size=4, max_size=12), st.integers(0, 11))
def test_what_is_missing_doubled_or_swapped_is_mended(account: str, place: int) -> None:
    place %= len(account)
    before, one, after = account[:place], account[place], account[place + 1 :]
    assert account in slips(before + after)
    assert account in slips(before + one + one + after)
    swapped = before + after[:1] + one + after[1:]
    assert swapped == account or account in slips(swapped)
