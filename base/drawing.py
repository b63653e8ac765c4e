"""Lines over things in their order, drawn as SVG on the server: no script, and it prints."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a drawing; ``dots`` are (x, y, what a reader hears)."""

    name: str
    path: str
    dots: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Values in their order, ready to be drawn in ``width`` by ``height`` units. ``source`` says
    where they come from."""

    key: str
    name: str
    unit: str
    source: str
    over: str
    series: tuple[Series, ...]
    rows: tuple[tuple[float, str], ...]
    columns: tuple[tuple[float, str], ...]
    width: int
    height: int
    left: int
    right: int
    bottom: int


_WIDTH, _HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 16, 30, 28
_STEPS = [digit * 10**power for power in range(-1, 7) for digit in (1, 2, 5)]


def drawing(
    series: Sequence[tuple[str, Sequence[float | None]]],
    labels: Sequence[str],
    *,
    key: str,
    name: str,
    unit: str,
    source: str,
    over: str,
    digits: int = 1,
) -> Drawing | None:
    """Each of ``series`` has a name and one value for each label, None where it is not known. None
    when no line has two known values. ``over``: what the labels stand for, "event". ``digits``: of
    the values; without any they are counts, and so is the scale."""
    known = [value for _, line in series for value in line if value is not None]
    if max((sum(value is not None for value in line) for _, line in series), default=0) < 2:
        return None
    low, high = min(0.0, *known), max(0.0, *known)
    steps = [step for step in _STEPS if digits or step >= 1]
    step = next((step for step in steps if (high - low) / step <= 5), high / 5)
    floor, roof = low // step * step, (high // step + 1) * step
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def x(number: int) -> float:
        return round(_LEFT + (right - _LEFT) * (number + 0.5) / len(labels), 1)

    def y(value: float) -> float:
        return round(bottom - (bottom - _TOP) * (value - floor) / (roof - floor), 1)

    lines = []
    for word, line in series:
        dots = tuple(
            (x(number), y(value), f"{labels[number]}: {value:,.{digits}f}{unit}")
            for number, value in enumerate(line)
            if value is not None
        )
        lines.append(Series(word, " ".join(f"{at},{height}" for at, height, _ in dots), dots))
    levels = [floor + step * number for number in range(round((roof - floor) / step) + 1)]
    every = max(1, -(-len(labels) // 6))
    return Drawing(
        key=key,
        name=name,
        unit=unit,
        source=source,
        over=over,
        series=tuple(lines),
        rows=tuple((y(level), f"{round(level, 1):,g}") for level in levels),
        columns=tuple((x(number), labels[number]) for number in range(0, len(labels), every)),
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        right=right,
        bottom=bottom,
    )
