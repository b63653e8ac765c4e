"""Small repeatable dice: the same seed and the same name always fall the same way.

Splitmix64, seeded from a CRC of the name. It costs less than a microsecond to start, so every home
can have dice of its own that nobody else's draws disturb. Never used for tokens.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
_MASK = (1 << 64) - 1


class Dice:
    """One stream of draws, named by its parts."""

    __slots__ = ("_state",)

    def __init__(self, *name: object) -> None:
        text = "|".join(map(str, name)).encode()
        self._state = (zlib.crc32(text) << 32) | zlib.crc32(text[::-1], 0x5A17)

    def bits(self) -> int:
        """The next 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def fraction(self) -> float:
        """A number from 0 up to, not including, 1."""
        return (self.bits() >> 11) / (1 << 53)

    def between(self, low: float, high: float) -> float:
        """A number from low up to high."""
        return low + (high - low) * self.fraction()

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + self.bits() % (high - low + 1)

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices, each as likely."""
        return choices[self.bits() % len(choices)]


def shuffled(codes: bytearray, dice: Dice) -> bytes:
    """The same codes in an order the dice decide (Fisher-Yates)."""
    for last in range(len(codes) - 1, 0, -1):
        other = dice.bits() % (last + 1)
        codes[last], codes[other] = codes[other], codes[last]
    return bytes(codes)
