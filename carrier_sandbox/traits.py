"""What a home is made of: equipment, zones, brand, address. Invented, seeded, never changing.

Serials follow the observed pattern (four digits, W, six digits). All names and streets are made
up.
"""

from __future__ import annotations

from dataclasses import dataclass

from carrier_sandbox.dice import Dice


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of equipment, in the words of profile (odutype), status and odu_status."""

    name: str
    odutype: str
    status_type: str
    stages: int  # cooling stages; 0 = percent of capacity, -1 = no outdoor unit
    idutype: str
    idu_status_type: str
    idusource: str
    heats_outdoors: bool


INVERTER = Kind(
    "heat_pump_inverter", "varcaphp", "gs3ngiphp", 0, "fancoil", "fancoilelectric", "electric", True
)
FIVE_STAGE = Kind(
    "heat_pump_5_stage",
    "multistghp",
    "proteushp",
    5,
    "fancoil",
    "fancoilelectric",
    "electric",
    True,
)
TWO_STAGE = Kind(
    "ac_2_stage", "ac2stg", "ac2stgeverest", 2, "fancoil", "fancoilelectric", "electric", False
)
FURNACE_AC = Kind(
    "furnace_ac", "ac2stg", "ac2stgeverest", 2, "furnace", "furnace2stg", "gas", False
)
FURNACE = Kind("furnace_only", "none", "none", -1, "furnace", "furnacemodulating", "gas", False)
ORDINARY = (INVERTER, INVERTER, FIVE_STAGE, TWO_STAGE, FURNACE_AC, FURNACE_AC)

MODELS = {
    "Carrier": ("SYSTXCCITC01-A", "SYSTXCCITC01-B", "25VNA0"),
    "Bryant": ("SYSTXBBECC01-A", "SYSTXBBECN01-B", "284ANV"),
}
STREETS = (
    "Alder",
    "Birch",
    "Cedar",
    "Dogwood",
    "Elm",
    "Foxglove",
    "Hawthorn",
    "Juniper",
    "Larch",
    "Maple",
)
KINDS_OF_STREET = ("St", "Ave", "Rd", "Ln", "Ct")
TOWNS = (("Springfield", "IL", "62701"), ("Fairview", "IL", "61432"), ("Riverton", "IL", "62561"))
FIRST = (
    "Ada",
    "Ben",
    "Cleo",
    "Dan",
    "Elsa",
    "Finn",
    "Gia",
    "Hugo",
    "Iris",
    "Jon",
    "Kim",
    "Leo",
    "Mara",
    "Nils",
)
LAST = (
    "Abbott",
    "Barlow",
    "Carver",
    "Dalton",
    "Ellery",
    "Foster",
    "Garner",
    "Hollis",
    "Ingram",
    "Jessup",
)
WORDS = (
    "amber",
    "brook",
    "cloud",
    "delta",
    "ember",
    "field",
    "grove",
    "harbor",
    "island",
    "meadow",
    "river",
)
SYSTEM_NAMES = ("Downstairs", "Upstairs")
ZONE_NAMES = ("Living", "Bedrooms", "Office", "Basement")


@dataclass(frozen=True, slots=True)
class HomeTraits:
    """A household: who signs in and where the house stands."""

    username: str
    password: str
    first: str
    last: str
    street: str
    city: str
    state: str
    postal: str
    location_id: str


@dataclass(frozen=True, slots=True)
class SystemTraits:
    """One wall control and what hangs on it. Temperatures °F; capacity kBtu/h; kw is electric
    input at full load.
    """

    serial: str
    name: str
    kind: Kind
    brand: str
    model: str
    outdoor_model: str
    firmware: str
    mqtt: bool
    celsius: bool
    capacity: int
    seer: float
    zones: tuple[float, ...]  # share of the house per zone, adds up to 1
    cool_f: float
    heat_f: float
    tau_s: float  # the time constant of the house, seconds
    cool_pull_f: float  # how far full cooling holds the house under its free temperature
    heat_push_f: float
    gain_f: float  # sun, people and appliances, as outdoor degrees
    dr_enabled: bool
    has_block: bool
    phase_s: float  # where in its 20-minute cycle a cycling unit stands

    @property
    def kw(self) -> float:
        """Electric input at full load, kW: capacity over SEER."""
        return self.capacity / self.seer


def serial_of(seed: int, number: int, generation: int = 0) -> str:
    """The serial of the n-th system: week and year of make from the seed, then the number.
    ``generation``: how often its wall control was replaced.
    """
    week = 1 + (number * 7919 + seed * 31 + generation * 11) % 52
    year = 18 + (number * 104729 + seed * 17) % 7
    return f"{week:02d}{year:02d}W{number:06d}"


def home_traits(seed: int, index: int) -> HomeTraits:
    """The household at this index (0 is home-0001)."""
    dice = Dice(seed, "home", index)
    city, state, postal = dice.pick(TOWNS)
    street = f"{dice.whole(1, 99) * 10 + 1} {dice.pick(STREETS)} {dice.pick(KINDS_OF_STREET)}"
    password = f"{dice.pick(WORDS)}-{dice.pick(WORDS)}-{dice.whole(1000, 9999)}"
    return HomeTraits(
        username=f"home-{index + 1:04d}", password=password, first=dice.pick(FIRST),
        last=dice.pick(LAST), street=street, city=city, state=state, postal=postal,
        location_id=str(40001 + index),
    )  # fmt: skip


def system_traits(seed: int, number: int, persona: str) -> SystemTraits:
    """The n-th system (two numbers are kept for each home), bent where the persona asks for it."""
    dice = Dice(seed, "system", number)
    kind = FURNACE if persona == "no_outdoor_unit" else dice.pick(ORDINARY)
    brand = dice.pick(("Carrier", "Bryant"))
    mqtt = dice.fraction() < 0.5
    legacy_model, mqtt_model, outdoor = MODELS[brand]
    capacity = dice.pick((24, 36, 36, 48, 48, 60))
    gain = dice.between(3.0, 6.0)
    load = dice.between(0.65, 0.92)  # part of the capacity in use at 97 °F outside, 75 °F inside
    return SystemTraits(
        serial=serial_of(seed, number), name=SYSTEM_NAMES[number % 2], kind=kind, brand=brand,
        model=mqtt_model if mqtt else legacy_model,
        outdoor_model="" if kind.stages < 0 else f"{outdoor}{capacity}A",
        firmware="CESR131626-04.62" if mqtt else "CESR131493-14.02", mqtt=mqtt,
        celsius=dice.fraction() < 0.15, capacity=capacity, seer=dice.pick((16.0, 17.5, 18.0, 20.0)),
        zones=_zone_shares(dice), cool_f=dice.pick((73.0, 74.0, 75.0, 75.0, 76.0)),
        heat_f=dice.pick((67.0, 68.0, 69.0)), tau_s=3600 * dice.between(8, 16),
        cool_pull_f=(22.0 + gain) / load, heat_push_f=dice.between(75.0, 95.0), gain_f=gain,
        dr_enabled=persona != "dr_off", has_block=persona != "no_block",
        phase_s=dice.between(0, 1200),
    )  # fmt: skip


def _zone_shares(dice: Dice) -> tuple[float, ...]:
    count = dice.pick((1, 1, 1, 1, 2, 2, 3, 4))
    weights = [dice.between(0.7, 1.3) for _ in range(count)]
    return tuple(weight / sum(weights) for weight in weights)
