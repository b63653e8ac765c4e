"""How much a partner may ask, and what it must have seen before it changes something."""

import re
from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Client
from django.test import Client as Browser
from django.utils import timezone

from base import clock
from dr_events.models import Event
from dr_events.states import EventState
from partners import doors
from partners.models import PartnerClient, Quota
from partners.operations import clients, quotas
from people.operations import Actor
from tests import cast
from tests.partner_calls import Caller, wanted

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


@pytest.fixture
def leap(summer):
    return Caller("summer-peak")


def limited(caller, limit):
    client = Client.objects.get(pk=caller.client_id)
    PartnerClient.objects.create(client=client, requests_per_minute=limit)


def test_a_client_is_told_what_is_left_and_stopped_at_its_limit(leap):
    limited(leap, 3)
    for left in (2, 1, 0):
        answer = leap.get("programs/")
        assert answer.status_code == 200
        assert answer["RateLimit-Policy"] == '"minute";q=3;w=60'
        assert re.fullmatch(rf'"minute";r={left};t=\d+', answer["RateLimit"])
    no = leap.get("programs/")
    assert (no.status_code, no.json()["type"]) == (429, "/problems/too-many-requests")
    assert no["Content-Type"] == "application/problem+json"
    assert 1 <= int(no["Retry-After"]) <= 60
    assert no["RateLimit"] == f'"minute";r=0;t={no["Retry-After"]}'
    # Others are not affected; a minute after its first request the client goes on.
    assert Caller("summer-peak").get("programs/").status_code == 200
    Quota.objects.update(began_at=timezone.now() - timedelta(seconds=60))
    assert leap.get("programs/")["RateLimit"].startswith('"minute";r=2;')


def test_too_many_posts_do_nothing(leap, summer):
    cast.enrolled(summer)
    limited(leap, 1)
    assert leap.post("events/", "{").status_code == 400  # what is refused costs a request too
    assert leap.post("events/", wanted()).status_code == 429
    assert Event.objects.count() == 0


def test_everybody_has_the_house_limit_unless_told_otherwise(leap, settings):
    settings.PARTNER_REQUESTS_PER_MINUTE = 2
    assert [leap.get("programs/").status_code for _ in range(3)] == [200, 200, 429]


def token(client_id, secret, address="203.0.113.7", door="token"):
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    return Browser(REMOTE_ADDR=address).post(f"/identity/o/api/{door}", form)


@pytest.fixture
def door(summer, monkeypatch):
    monkeypatch.setattr(doors, "AT_A_CLIENT", 2)
    monkeypatch.setattr(doors, "FROM_AN_ADDRESS", 3)
    return clients.create(
        name="Leap",
        slugs=[],
        read_only=False,
        actor=Actor("user:test"),
        now=cast.MORNING,
        real_now=timezone.now(),
    )


def test_wrong_secrets_are_hashed_twenty_times_a_minute_and_no_more(door, monkeypatch):
    hashed = []
    monkeypatch.setattr(Client, "check_secret", lambda _, given: hashed.append(given))
    found = [token(door.client_id, "wrong", f"203.0.113.{n}") for n in range(3)]
    assert [one.status_code for one in found] == [401, 401, 429]
    assert len(hashed) == 2
    no = found[-1]
    assert no.json()["error"] == "temporarily_unavailable"
    assert 1 <= int(no["Retry-After"]) <= 60
    assert no["RateLimit-Policy"] == '"minute";q=2;w=60'
    assert no["RateLimit"] == f'"minute";r=0;t={no["Retry-After"]}'
    assert token(door.client_id, "wrong", door="revoke").status_code == 429
    assert len(hashed) == 2
    # A minute later the door is open again, and the counters are swept away.
    Quota.objects.update(began_at=timezone.now() - timedelta(seconds=61))
    monkeypatch.undo()
    assert token(door.client_id, door.secret).status_code == 200
    Quota.objects.update(began_at=timezone.now() - timedelta(seconds=61))
    quotas.forget_old()
    assert Quota.objects.count() == 0


def test_an_address_that_guesses_at_many_clients_waits(door):
    found = [token(f"nobody-{n}", "wrong").status_code for n in range(4)]
    assert found == [401, 401, 401, 429]
    assert token(door.client_id, door.secret).status_code == 429
    assert token(door.client_id, door.secret, "203.0.113.8").status_code == 200
    assert not Quota.objects.filter(client_id__contains="nobody").exists()


def test_what_succeeds_is_not_counted(door):
    assert {token(door.client_id, door.secret).status_code for _ in range(5)} == {200}
    for name in ("token", "revoke"):
        assert token("a\x00b", "wrong", "203.0.113.9", name).status_code == 401
    assert token(door.client_id, "wrong").status_code == 401


def test_a_stranger_uses_up_nobodys_quota(leap):
    leap.browser.get("/api/v1/programs/", HTTP_AUTHORIZATION="Bearer nonsense")
    assert Quota.objects.count() == 0


def test_cancel_only_what_was_seen(leap, summer):
    cast.neighborhood(summer, 2)
    made = leap.post("events/", wanted())
    address = f"events/{made.json()['id']}/"
    seen = leap.get(address)["ETag"]
    assert seen == made["ETag"]
    assert re.fullmatch('"[0-9a-f]{32}"', seen)
    Event.objects.update(note="Changed by the utility")
    no = leap.post(f"{address}cancel/", HTTP_IF_MATCH=seen)
    assert (no.status_code, no.json()["type"]) == (412, "/problems/changed")
    assert Event.objects.get().state == EventState.SCHEDULED
    now = leap.get(address)["ETag"]
    assert now != seen
    done = leap.post(f"{address}cancel/", HTTP_IF_MATCH=f'"other", {now}')
    assert (done.status_code, done.json()["spared"]) == (200, 2)


def test_preview_says_what_planning_would_do_and_does_nothing(leap, summer):
    cast.neighborhood(summer, 3)
    cast.enrolled(summer, "9900W000001", is_online=False)
    paused = summer.enrollments.get(system__serial="2402W000002")
    type(paused).objects.filter(pk=paused.pk).update(state="PAUSED")
    answer = leap.post("events/preview/", wanted())
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "targeted": 3,
            "offline": 1,
            "left_out": [{"code": "PAUSED", "detail": "Enrollment is paused", "systems": 1}],
        },
    )
    no = leap.post("events/preview/", wanted(offset_f=5))
    assert (no.status_code, no.json()["errors"][0]["code"]) == (422, "offset")
    assert Event.objects.count() == 0


def test_opt_out_for_a_home_of_the_event_only(leap, summer):
    cast.enrolled(summer)
    cast.enrolled(cast.program("Winter Peak"), "9999W000001")
    address = f"events/{leap.post('events/', wanted()).json()['id']}/opt-outs/"
    for serial in ("9999W000001", "nothing"):
        answer = leap.post(address, {"system": serial})
        assert answer.status_code == 400
        assert answer.json()["errors"] == [
            {
                "field": "system",
                "code": "not-found",
                "detail": "This event has no system with this serial.",
            }
        ]
    assert Caller("winter-peak").post(address, {"system": "2319W004821"}).status_code == 404
    reader = Caller("summer-peak", scope="offpeak.read")
    assert reader.post(address, {"system": "2319W004821"}).status_code == 403
    assert leap.post(address, {"system": "2319W004821"}).json()["in_time"] is True
