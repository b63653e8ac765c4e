"""Documents in plain words: every member shows, codes are words, units are said."""

from datetime import UTC, datetime
from typing import Any

import pytest

from carrier.describing import Fact, Section, describe, label, words
from carrier.documents import Config, Energy, Faults, History, Status
from carrier.system_config import demand_response_on
from carrier.wire import ListedEvent

AT = "2026-07-14T14:00:00Z"


def fact(sections: tuple[Section, ...], title: str, name: str) -> Fact:
    (found,) = (
        one for part in sections if part.title == title for one in part.facts if one.label == name
    )
    return found


def test_a_status_by_zone_with_its_time() -> None:
    zone = {"$": {"id": "1"}, "name": "Den", "enabled": "on", "rt": 75, "clsp": 78, "rh": 45}
    tree = {
        "status": {
            "timestamp": AT, "mode": "cool", "oat": 94, "isDisconnected": "off",
            "odu": {"type": "varcaphp", "opstat": "stage 2"}, "zones": {"zone": [zone]},
        }
    }  # fmt: skip
    said = describe(Status.of(tree))
    assert said.reported_at == datetime(2026, 7, 14, 14, tzinfo=UTC)
    assert fact(said.sections, "", "Mode") == Fact("Mode", "Cool")
    assert fact(said.sections, "", "Outdoor") == Fact("Outdoor", 94.0, "degrees")
    assert fact(said.sections, "", "Disconnected") == Fact("Disconnected", False, "flag")
    assert fact(said.sections, "Outdoor unit", "Running") == Fact("Running", "Stage 2")
    (zones,) = (part for part in said.sections if part.title == "Zones")
    row = dict(zip(zones.header, zones.rows[0], strict=True))
    assert row["Temperature"] == Fact("Temperature", 75.0, "degrees")
    assert row["Humidity"] == Fact("Humidity", 45.0, "number", "%")
    assert row["Name"].value == "Den"


def test_settings_say_what_the_wall_control_does_in_an_event() -> None:
    block = {"enabled": "off", "demandResp": "offset", "demandOffset": 4, "priceLimit": 10}
    said = describe(Config.of({"config": {"utilityEvent": block, "cfgdead": 2}}))
    title = "Demand response at the wall control"
    assert fact(said.sections, title, "Enabled") == Fact("Enabled", False, "flag")
    assert fact(said.sections, title, "Demand response").value == "Moves the setpoint"
    assert fact(said.sections, title, "Demand offset") == Fact("Demand offset", 4.0, "difference")
    assert fact(said.sections, title, "Price limit").unit == "cents per kWh"
    assert fact(said.sections, "", "Deadband").kind == "difference"
    assert said.reported_at is None


def test_periods_are_rows_and_counters_are_facts() -> None:
    period = {"$": {"id": "day1"}, "cooling": 3.5, "fan": 1}
    energy = describe(Energy.of({"energy": {"seer": 16, "usage": {"period": [period]}}}))
    (usage,) = (part for part in energy.sections if part.title == "Energy used, kWh")
    assert usage.header == ("Period", "Cooling", "Fan")
    assert [cell.value for cell in usage.rows[0]] == ["Yesterday", 3.5, 1.0]
    history = describe(History.of({"history": {"odu": {"coolCycles": 12}}}))
    assert [one.value for part in history.sections for one in part.facts] == [12.0]


def test_a_list_of_events_is_a_section_each() -> None:
    listed = ListedEvent(
        event_id="op-1",
        modification=0,
        start=datetime(2026, 7, 14, 20, tzinfo=UTC),
        end=None,
        status="near",
        opt="optOut",
        opted_at=None,
        fingerprint=(),  # type: ignore[arg-type]
    )
    said = describe((listed,))
    assert fact(said.sections, "op-1", "Status").value == "About to start"
    assert fact(said.sections, "op-1", "The home's answer").value == "Said no"
    assert fact(said.sections, "op-1", "Start").kind == "moment"
    assert "fingerprint" not in str(said).lower()
    assert describe(()).sections == ()


def test_faults_keep_the_homes_own_clock() -> None:
    entry = {"$": {"id": "1"}, "code": 45, "localtime": "2026-07-14T09:00:00", "active": "on"}
    said = describe(Faults.of({"odu_faults": {"faults": {"fault": [entry]}}}))
    (faults,) = (part for part in said.sections if part.rows)
    row = dict(zip(faults.header, faults.rows[0], strict=True))
    assert row["At"].kind == "local"
    assert row["Active"] == Fact("Active", True, "flag")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("fanonly", "Fan only"),
        ("hpheat", "Heat pump heating"),
        ("stage 2", "Stage 2"),
        ("SYSTXCCITC01-B", "SYSTXCCITC01-B"),
        ("never seen before", "Never seen before"),
    ],
)
def test_codes_become_words_and_unknown_ones_stay(code: str, said: str) -> None:
    assert words(code) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("outdoor_f", "Outdoor"),
        ("is_mqtt", "Newer kind of wall control"),
        ("line_amps", "Line amps"),
    ],
)
def test_members_have_names_people_read(name: str, said: str) -> None:
    assert label(name) == said


@pytest.mark.parametrize(
    ("is_mqtt", "spelled"), [("on", "on"), (True, "on"), (False, True), ("off", True), (None, "on")]
)
def test_switching_on_is_one_member_in_the_controls_own_spelling(
    is_mqtt: Any, spelled: object
) -> None:
    config = Config.of({"config": {"isMqtt": is_mqtt, "mode": "cool"}})
    assert demand_response_on(config) == {"utilityEvent": {"enabled": spelled}}
