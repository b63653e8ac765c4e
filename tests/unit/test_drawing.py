"""The scale of a drawing: never finer than what is drawn."""

import pytest

from base.drawing import drawing


def scale(values: list[float], digits: int) -> list[str]:
    labels = [f"week {number}" for number in range(len(values))]
    made = drawing(
        [("Visits", values)], labels, key="k", name="n", unit="", source="s", over="week",
        digits=digits,
    )  # fmt: skip
    assert made is not None
    return [label for _, label in made.rows]


@pytest.mark.parametrize(
    ("counts", "rows"),
    [
        ([0, 0, 0], ["0", "1"]),
        ([0, 1, 0], ["0", "1", "2"]),
        ([3, 1], ["0", "1", "2", "3", "4"]),
        ([7, 0], ["0", "2", "4", "6", "8"]),
    ],
)
def test_counts_have_a_scale_of_whole_numbers(counts: list[float], rows: list[str]) -> None:
    assert scale(counts, digits=0) == rows


def test_shares_may_have_a_finer_one() -> None:
    assert scale([0.35, 0.1], digits=1) == ["0", "0.1", "0.2", "0.3", "0.4"]
