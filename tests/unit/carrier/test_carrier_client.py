"""All 23 operations, in both media, and what their documents say."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from operator import methodcaller
from typing import Any

import pytest

from carrier import parsing
from carrier.client import CarrierClient, Posted
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
from carrier.errors import ClientBug, OutcomeUnknown, TryLater
from carrier.wire import Message
from tests.unit.carrier.bodies import (
    BODIES,
    CONFIG,
    LOCATION,
    PIN,
    SERIAL,
    STATUS,
    as_json,
    as_xml,
)
from tests.unit.carrier.conftest import TOKEN
from tests.unit.carrier.servers import reply

USER_CALLS = {
    "user": (lambda c: c.user("pat.doe"), "/users/pat.doe"),
    "locations": (lambda c: c.locations("pat.doe"), "/users/pat.doe/locations"),
    "location": (lambda c: c.location("40231"), "/locations/40231"),
    "system": (lambda c: c.system(SERIAL), f"/systems/{SERIAL}"),
}
READS = {
    name: USER_CALLS.get(name, (methodcaller(name, SERIAL), f"/systems/{SERIAL}/{name}"))
    for name in BODIES
}


@pytest.fixture
def ask(serve, settings):
    """Calls a client against a server that answers everything with one body."""
    clients = []

    def call(do, body: bytes, media: str = "application/json", status: int = 200) -> Any:
        server = serve(lambda _, conn: conn.send(reply(status, body, media)))
        clients.append(CarrierClient(settings(server.url), TOKEN))
        return do(clients[-1]), server.requests

    yield call
    for client in clients:
        client.close()


def answer(ask, name: str, tree: dict[str, Any] | None = None) -> Any:
    """The document of an operation, after checking that JSON and XML tell the same."""
    tree = BODIES[name] if tree is None else tree
    from_json, _ = ask(READS[name][0], as_json(tree))
    from_xml, _ = ask(READS[name][0], as_xml(tree), "application/xml; charset=utf-8")
    assert from_json == from_xml
    return from_json


@pytest.mark.parametrize("name", sorted(READS))
def test_each_read_is_one_get_with_the_bearer_token(ask, name):
    do, path = READS[name]
    _, requests = ask(do, as_json(BODIES[name]))
    (request,) = requests
    assert (request.method, request.path, request.body) == ("GET", path, b"")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["accept"] == "application/json"


@pytest.mark.parametrize("name", sorted(READS))
def test_both_media_tell_the_same_and_no_secret_is_kept(ask, name):
    document = answer(ask, name)
    for one in document if isinstance(document, tuple) else [document]:
        raw = json.dumps(one.raw) if hasattr(one, "raw") else ""
        assert PIN not in raw + repr(one)
        assert "00:00:5e" not in raw


def test_the_operations_are_twenty_three():
    named = [n for n in vars(CarrierClient) if not n.startswith("_") and n != "close"]
    numbered = [(getattr(CarrierClient, n).__doc__ or "").split(".")[0] for n in named]
    assert numbered == [str(n) for n in range(1, 24)]


@pytest.mark.parametrize("unit", ["odu", "idu"])
def test_a_delete_only_ever_asks_for_a_fresh_reading(ask, unit):
    _, requests = ask(lambda c: getattr(c, f"refresh_{unit}_status")(SERIAL), b"")
    assert [(r.method, r.path) for r in requests] == [
        ("DELETE", f"/systems/{SERIAL}/{unit}_status")
    ]


def test_put_config_sends_the_changes_alone(ask):
    changes = {"zones": {"zone": [{"$": {"id": "1"}, "hold": "off"}]}}
    _, requests = ask(lambda c: c.put_config(SERIAL, changes), b"")
    (request,) = requests
    assert (request.method, request.path) == ("PUT", f"/systems/{SERIAL}/config")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {"config": changes}


MESSAGE = Message(b"<utility_events/>", "application/xml", "assumed-1")


def test_a_post_sends_the_message_as_it_is(ask):
    posted, requests = ask(lambda c: c.post_utility_event(SERIAL, MESSAGE), b"", status=201)
    (request,) = requests
    assert posted == Posted(status=201, listed=())
    assert (request.method, request.path) == ("POST", f"/systems/{SERIAL}/utility_events")
    assert request.body == MESSAGE.body
    assert request.headers["content-type"] == "application/xml"


@pytest.mark.parametrize("body", [b'{"error": {"message": "no"}}', b"<html>hi</html>", b"OK"])
def test_a_2xx_that_cannot_be_read_leaves_the_post_unknown(ask, body):
    with pytest.raises(OutcomeUnknown) as caught:
        ask(lambda c: c.post_utility_event(SERIAL, MESSAGE), body)
    assert caught.value.status == 200


@pytest.mark.parametrize("name", sorted(READS))
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": {"message": "no"}}', b"\xff"])
def test_a_read_that_cannot_be_read_is_for_later(ask, name, body):
    with pytest.raises(TryLater):
        ask(READS[name][0], body)


def test_a_406_is_asked_again_in_xml_and_remembered_for_that_resource(serve, settings):
    def only_xml(request, conn):
        if request.headers["accept"] == "application/xml":
            conn.send(reply(200, as_xml(BODIES["status"]), "application/xml"))
        else:
            conn.send(reply(406))

    server = serve(only_xml)
    with CarrierClient(settings(server.url), TOKEN) as client:
        assert client.status(SERIAL).name == "Downstairs"
        assert client.status("OTHER").name == "Downstairs"
        with pytest.raises(TryLater):
            client.profile(SERIAL)
    assert [(r.path.rpartition("/")[2], r.headers["accept"]) for r in server.requests] == [
        ("status", "application/json"),
        ("status", "application/xml"),
        ("status", "application/xml"),
        ("profile", "application/json"),
        ("profile", "application/xml"),
    ]


def test_a_406_in_both_media_is_our_bug(ask):
    with pytest.raises(ClientBug) as caught:
        ask(READS["status"][0], b"", status=406)
    assert caught.value.status == 406


def test_what_cannot_be_part_of_an_address_is_not_sent(ask):
    _, requests = ask(lambda c: None, b"")
    for serial in ("", "../users", "a/b", "a b", "x" * 33, "1\n"):
        with pytest.raises(ValueError, match="serial"):
            ask(lambda c, s=serial: c.status(s), b"")
    for name in ("", ".", ".."):
        with pytest.raises(ValueError, match="address"):
            ask(lambda c, n=name: c.locations(n), b"")
    assert requests == []
    with pytest.raises(TryLater):
        ask(lambda c: c.location("a/../b?c#d"), b"")


def test_a_name_is_quoted_into_its_segment(serve, settings):
    server = serve(lambda _, conn: conn.send(reply(200, as_json(BODIES["user"]))))
    with CarrierClient(settings(server.url + "/v1/"), TOKEN) as client:
        client.user("pat/../doe?x#y z")
    assert server.requests[0].path == "/v1/users/pat%2F..%2Fdoe%3Fx%23y%20z"


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


@pytest.mark.parametrize(
    ("value", "number", "flag", "word"),
    [
        (True, None, True, "true"),
        ("On", None, True, "On"),
        ("FALSE", None, False, "FALSE"),
        (1, 1.0, True, "1"),
        ("0", 0.0, False, "0"),
        ("15.50", 15.5, None, "15.50"),
        ("NaN", None, None, None),
        (float("nan"), None, None, None),
        ("inf", None, None, "inf"),
        ("na", None, None, None),
        ("none", None, None, None),
        ("-----", None, None, None),
        ("N/A", None, None, None),
        (" ", None, None, None),
        (None, None, None, None),
        ([], None, None, None),
        ({"_": " 7 ", "$": {"unit": "x"}}, 7.0, None, "7"),
        ({}, None, None, None),
    ],
)
def test_scalars_are_read_tolerantly(value, number, flag, word):
    assert parsing.number(value) == number
    assert parsing.flag(value) is flag
    assert parsing.word(value) == word


def test_times_are_utc_or_nothing():
    at = datetime(2025, 7, 15, 20, tzinfo=UTC)
    for text in ("2025-07-15T20:00:00Z", "2025-07-15T20:00:00", "2025-07-15T15:00:00-05:00"):
        assert parsing.utc(text) == at
    for nothing in (None, "", "yesterday", "0001-01-01T00:00:00+14:00", 7):
        assert parsing.utc(nothing) is None


def test_redaction_looks_everywhere():
    tree = {"a": [{"PIN": "1", "accessToken": "2", "$": {"password": "3"}}], "spin": 4, "ok": [5]}
    assert parsing.redact(tree) == {"a": [{"$": {}}], "spin": 4, "ok": [5]}


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY b "c">]><status>&b;</status>',
        b"<a>" * 500 + b"</a>" * 500,
        b"<status>",
    ],
)
def test_hostile_xml_is_unreadable(body):
    with pytest.raises(parsing.Unreadable):
        parsing.parse(body, "application/xml")


def test_deep_or_huge_json_is_unreadable():
    for body in (b'{"a":' * 90 + b"1" + b"}" * 90, b'{"a":' + b"9" * 5000 + b"}", b"[" * 99999):
        with pytest.raises(parsing.Unreadable):
            parsing.parse(body, "application/json")
