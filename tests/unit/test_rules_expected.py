"""An estimate before an event: published figures, and a number nobody takes for a measurement."""

import pytest

from base.templatetags.offpeak import kilowatts
from dr_events.rules.expected import Expected, expected


def test_the_published_figures_for_all_homes_told() -> None:
    assert expected(0) == Expected(0, 0)
    many = expected(100_000)
    assert many.low_kw == pytest.approx(14_000)
    assert many.high_kw == pytest.approx(33_000)


@pytest.mark.parametrize(
    ("kw", "shown"),
    [(0.14, "0.1 kW"), (9.94, "9.9 kW"), (12.4, "12 kW"), (999, "999 kW"), (1400, "1.4 MW"),
     (14_000, "14 MW")],
)  # fmt: skip
def test_power_is_shown_no_finer_than_it_is_known(kw: float, shown: str) -> None:
    assert kilowatts(kw).replace("\N{NO-BREAK SPACE}", " ") == shown
