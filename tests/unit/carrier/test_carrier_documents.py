"""What the documents of Carrier say, however they are spelled."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

from carrier.documents import (
    Activity,
    EquipmentStatus,
    Fault,
    Location,
    SystemLink,
    UtilityEventSettings,
    Zone,
    running,
)
from carrier.errors import ClientBug
from tests.unit.carrier.asking import READS, answer
from tests.unit.carrier.bodies import CONFIG, LOCATION, SERIAL, STATUS, as_json


def test_locations(ask):
    (home,) = answer(ask, "locations")
    assert home == Location(
        id="40231",
        name="Home",
        street1="12 Example Rd",
        street2=None,
        city="Springfield",
        state="IL",
        country="United States",
        postal="62701",
        systems=(SystemLink(SERIAL, "Downstairs"),),
        raw={},
    )
    assert answer(ask, "location") == home


@pytest.mark.parametrize(
    ("content", "systems"),
    [
        ({}, None),
        ({"location": []}, None),
        ({"location": {**LOCATION, "systems": None}}, 0),
        ({"location": [{**LOCATION, "systems": {"system": []}}]}, 0),
        ({"location": {**LOCATION, "systems": LOCATION["systems"]}}, 1),
    ],
)
def test_none_one_or_many_locations(ask, content, systems):
    found, _ = ask(READS["locations"][0], as_json({"locations": content}))
    assert [len(home.systems) for home in found] == ([] if systems is None else [systems])


@pytest.mark.parametrize(
    "location",
    [
        None,
        "Home",
        {**LOCATION, "atom:link": None},
        {**LOCATION, "atom:link": {"$": {"rel": "self"}}},
        {**LOCATION, "systems": {"system": [LOCATION["systems"]["system"][0], None]}},
        {**LOCATION, "systems": {"system": [{"atom:link": {"$": {"href": "/systems/a b"}}}]}},
        {**LOCATION, "systems": {"system": {"name": "no link"}}},
    ],
)
def test_locations_are_complete_or_an_error(ask, location):
    tree = {"locations": {"location": [LOCATION, location]}}
    with pytest.raises(ClientBug, match="incomplete locations"):
        ask(READS["locations"][0], as_json(tree))


def test_status(ask):
    status = answer(ask, "status")
    assert status.timestamp == datetime(2025, 7, 15, 20, 4, 11, 120_000, tzinfo=UTC)
    assert status.local_time == datetime(2025, 7, 15, 15, 4, 11, 120_000)  # noqa: DTZ001
    assert (status.outdoor_f, status.mode, status.unit) == (94.0, "cool", "F")
    assert (status.is_disconnected, status.utility_events_has_changes) == (False, True)
    assert (status.ping_rate_s, status.vacation_running) == (15.0, False)
    assert status.odu == EquipmentStatus("proteushp", "Stage 3", "cooling")
    assert status.idu == EquipmentStatus("fancoilelectric", "off", None)
    assert status.zones == (
        Zone(
            id="1",
            name="Downstairs",
            enabled=True,
            activity="home",
            temperature_f=76.0,
            humidity=48.0,
            heat_f=68.0,
            cool_f=75.0,
            hold=False,
            conditioning="active_cool",
            occupied=True,
        ),
        Zone("2", "Zone 2", False, None, None, None, 60.0, None, None, None, None),
    )


def test_a_celsius_system_is_read_in_fahrenheit(ask):
    status = {**STATUS, "cfgem": "C", "oat": 79}
    status["zones"] = {"zone": {"$": {"id": "1"}, "enabled": "on", "rt": 24.5, "clsp": "26.5"}}
    read = answer(ask, "status", {"status": status})
    assert (read.unit, read.outdoor_f) == ("C", 79.0)  # oat is °F on every system
    assert (read.zones[0].temperature_f, read.zones[0].cool_f) == (76.1, 79.7)
    config = copy.deepcopy(CONFIG) | {"cfgem": "C", "cfgdead": 1}
    config["zones"]["zone"][0]["activities"]["activity"][1] |= {"htsp": 15.5, "clsp": "26.5"}
    settings = answer(ask, "config", {"config": config})
    assert settings.deadband == 1.8
    assert settings.zones[0].activities["manual"] == Activity(59.9, 79.7, "low")
    assert settings.utility_event.demand_cool_f == 83.0  # °F on every system


def test_config(ask):
    config = answer(ask, "config")
    assert (config.mode, config.unit, config.deadband, config.is_mqtt) == ("cool", "F", 2.0, True)
    assert (config.vacation, config.electric_rate) == (True, 0.13)
    assert config.vacation_start == datetime(2025, 8, 1, 12)  # noqa: DTZ001
    assert config.utility_event == UtilityEventSettings(
        enabled=True,
        price_response="offset",
        price_limit=10.0,
        price_offset_f=4.0,
        price_heat_f=60.0,
        price_cool_f=82.0,
        demand_response="absolute",
        demand_offset_f=3.0,
        demand_heat_f=61.0,
        demand_cool_f=83.0,
        min_limit_f=50.0,
        max_limit_f=90.0,
        ven_id=None,
        vtn_id="vtn-1",
    )
    first, second = config.zones
    assert (first.hold, first.hold_activity, first.hold_until) == (True, "manual", "18:30")
    assert first.activities["home"] == Activity(68.0, 75.0, "off")
    assert (second.enabled, second.hold_activity, second.hold_until) == (False, None, None)


@pytest.mark.parametrize(
    ("block", "enabled"),
    [("off", False), ("false", False), (False, False), ("on", True), ("True", True), (1, True)],
)
def test_participation_in_every_spelling(ask, block, enabled):
    config = {**CONFIG, "utilityEvent": {"enabled": block}}
    assert answer(ask, "config", {"config": config}).utility_event.enabled is enabled


@pytest.mark.parametrize("config", [{"mode": "cool"}, {"mode": "cool", "utilityEvent": None}])
def test_a_missing_block_is_unknown_and_not_off(ask, config):
    assert answer(ask, "config", {"config": config}).utility_event is None


def test_profile(ask):
    profile = answer(ask, "profile")
    assert (profile.serial, profile.brand, profile.model) == (SERIAL, "Carrier", "SYSTXCCITC01-B")
    assert (profile.outdoor_type, profile.outdoor_capacity_kbtu) == ("varcaphp", 48.0)
    assert profile.zones_present == ("1",)
    assert profile.has_outdoor_unit
    for odutype in ("none", None, "NONE"):
        tree = {"system_profile": {"odutype": odutype}}
        assert not answer(ask, "profile", tree).has_outdoor_unit


def test_system_is_three_documents_in_one(ask):
    system = answer(ask, "system")
    assert system.profile == answer(ask, "profile")
    assert system.config == answer(ask, "config")
    assert system.dealer.name == "Cool Co"
    empty = answer(ask, "system", {"system": {"profile": {"name": "x"}}})
    assert (empty.config, empty.dealer) == (None, None)


def test_equipment(ask):
    energy = answer(ask, "energy")
    assert (energy.seer, energy.hspf) == (18.0, 9.5)
    assert energy.usage["day1"] == {"cooling": 21.0, "hpheat": 0.0, "fan": 2.0, "gas": 170.0}
    assert energy.cost == {"day1": {"cooling": 2.73, "fan": 0.26}}
    assert [energy.electric_kwh(p) for p in ("day1", "day2", "year1")] == [23.0, 18.0, None]
    dealer = answer(ask, "dealer")
    assert (dealer.name, dealer.phone, dealer.email, dealer.url) == (
        "Cool Co",
        "5550100",
        None,
        None,
    )
    odu = answer(ask, "odu_status")
    assert (odu.line_volts, odu.line_amps, odu.compressor_rpm) == (241.0, 9.5, 2800.0)
    assert (odu.curtailed, odu.locked_out, odu.outdoor_f) == (True, False, 94.0)
    assert odu.raw["odu_status"]["exvposvi"] == {"_": "0", "$": {"unit": "steps"}}
    idu = answer(ask, "idu_status")
    assert (idu.opstat, idu.airflow_cfm, idu.blower_rpm) == ("high", 1010.0, None)
    assert answer(ask, "odu_config").curtail_cool == "disabled"
    assert answer(ask, "idu_config").type == "furnace2stg"
    assert answer(ask, "odu_faults").faults == ()
    assert answer(ask, "idu_faults").faults == (
        Fault(None, "41", "furnace", "41-BLOWER MOTOR FAULT", None, 1, None),
    )
    history = answer(ask, "history")
    assert (history.idu, history.odu) == (
        {"powercycles": 12.0},
        {"lowcoolhours": 840.0, "highcoolhours": 120.0},
    )
    (event,) = answer(ask, "equipment_events").events
    assert (event.id, event.code, event.active) == ("1", "179", False)
    assert event.at == datetime(2025, 7, 2, 15, 47)  # noqa: DTZ001
    assert answer(ask, "root_cause").raw == {"root_cause": {"$": {"version": "1.7"}}}
    assert answer(ask, "utility_events") == ()
    assert answer(ask, "user").email == "p@x.example"


@pytest.mark.parametrize(
    ("opstat", "expected"),
    [
        ("off", (False, 0.0)),
        ("Stage 0", (False, 0.0)),
        ("Stage 1", (True, 0.35)),
        ("Stage 5", (True, 1.0)),
        ("stage 9", (False, None)),
        ("0", (False, 0.0)),
        ("65", (True, 0.65)),
        ("100", (True, 1.0)),
        ("101", (False, None)),
        ("-1", (False, None)),
        ("dehumidify", (True, None)),
        ("defrost", (True, None)),
        ("low", (True, None)),
        ("high", (True, None)),
        ("na", (False, None)),
        ("", (False, None)),
        (None, (False, None)),
    ],
)
def test_opstat_is_read_as_load(opstat, expected):
    assert running(opstat) == expected
