"""Outdoor temperature, °F: a year, a day and a little luck. ASSUMED, for a continental Midwest
town.

The warmest days stand at 20 July with an afternoon high of about 97 °F at 16:00 local time; the
coldest in January at about 31 °F. Nights are 19 °F cooler. Each day is up to 2 °F off the
curve, by seed.
"""

from __future__ import annotations

import math

from carrier_sandbox.clock import Clock
from carrier_sandbox.dice import Dice

STEP_S = 300
WARMEST_DAY = 201
YEAR_DAYS = 365.2425


class Weather:
    """One sky over all homes; steps are kept because every home asks for the same ones."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock = clock
        self._seed = seed
        self._steps: dict[int, float] = {}
        self._luck: dict[int, float] = {}

    def _luck_of(self, day: int) -> float:
        if day not in self._luck:
            self._luck[day] = Dice(self._seed, "weather", day).between(-2.0, 2.0)
        return self._luck[day]

    def outdoor_f(self, sim: float) -> float:
        """Outdoor temperature at a business time, °F."""
        local = sim + self._clock.offset_s(sim)
        noons = local / 86400 - 0.5
        day = math.floor(noons)
        luck = self._luck_of(day) + (noons - day) * (self._luck_of(day + 1) - self._luck_of(day))
        of_year = (local / 86400) % YEAR_DAYS
        high = 64.0 + 33.0 * math.cos(2 * math.pi * (of_year - WARMEST_DAY) / YEAR_DAYS) + luck
        hour = (local % 86400) / 3600
        return high - 9.5 * (1 - math.cos(2 * math.pi * (hour - 16) / 24))

    def at_step(self, step: int) -> float:
        """Outdoor temperature at a grid step of 300 s, °F."""
        found = self._steps.get(step)
        if found is None:
            if len(self._steps) > 20000:
                self._steps.clear()
            found = self._steps[step] = self.outdoor_f(step * STEP_S)
        return found
