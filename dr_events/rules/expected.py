"""What an event may be worth, before it is sent: an estimate, and it says so everywhere."""

from dataclasses import dataclass

# kW a home, as utilities with thermostat programs have published for all homes they count on:
# 14 MW from 100,000 thermostats (Consumers Energy, called conservative) and 100 MW from 300,000
# customers (OhmConnect). Per home that is told, so opt-outs and homes out of reach are in it.
LOW_KW, HIGH_KW = 0.14, 0.33


@dataclass(frozen=True, slots=True)
class Expected:
    """Power not used while the event lasts, kW, all homes together."""

    low_kw: float
    high_kw: float


def expected(homes: int) -> Expected:
    """For so many homes that are told."""
    return Expected(homes * LOW_KW, homes * HIGH_KW)
