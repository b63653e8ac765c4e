"""All 23 operations, in both media: what is sent, and what an answer means."""

from __future__ import annotations

import json

import pytest

from carrier.client import CarrierClient, Posted
from carrier.errors import ClientBug, OutcomeUnknown, TryLater
from carrier.wire import Message
from tests.unit.carrier.asking import READS, answer
from tests.unit.carrier.bodies import BODIES, PIN, SERIAL, as_json, as_xml
from tests.unit.carrier.conftest import TOKEN
from tests.unit.carrier.servers import reply


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
