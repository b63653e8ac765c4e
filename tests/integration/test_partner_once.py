"""Idempotency-Key: one POST, one effect, however often and however badly it is sent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections
from django.utils import timezone

from base import clock
from dr_events.models import Dispatch, Event, OptOut
from dr_events.states import Delivery, EventState
from enrollments.models import PartnerGrant
from partners.models import KeptAnswer
from partners.operations import answers
from people.models import ActivityEntry
from tests import cast
from tests.partner_calls import Caller, wanted

KEY = {"HTTP_IDEMPOTENCY_KEY": "order-4711"}


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


@pytest.fixture
def leap(summer):
    return Caller("summer-peak")


@pytest.mark.django_db
def test_the_first_answer_comes_again(leap, summer):
    cast.enrolled(summer)
    first = leap.post("events/", wanted(), **KEY)
    entries = ActivityEntry.objects.count()
    Event.objects.update(name="Renamed meanwhile")
    again = leap.post("events", '{"offset_f":3, ' + _json(wanted())[1:-16] + "}", **KEY)
    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert again.json()["name"] == "Hot afternoon"
    assert again["Location"] == first["Location"]
    assert again["ETag"] == first["ETag"]
    assert (first.has_header("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (
        False,
        "true",
    )
    assert Event.objects.count() == 1
    assert ActivityEntry.objects.count() == entries


def _json(body):
    import json

    return json.dumps(body)


@pytest.mark.django_db
def test_another_request_with_the_same_key_is_refused(leap, summer):
    cast.enrolled(summer)
    event_id = leap.post("events/", wanted(), **KEY).json()["id"]
    for address, body in (
        ("events/", wanted(offset_f=2)),
        ("events/preview/", wanted()),
        (f"events/{event_id}/cancel/", None),
    ):
        answer = leap.post(address, body, **KEY)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/key-reused")
    assert Event.objects.get().state == EventState.SCHEDULED
    # Another partner's key is another key.
    other = Caller("summer-peak").post("events/", wanted(), **KEY)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/empty-target")


@pytest.mark.django_db
def test_a_refusal_of_the_business_is_an_answer_too(leap, summer):
    no = leap.post("events/", wanted(), **KEY)
    assert (no.status_code, no.json()["type"]) == (422, "/problems/empty-target")
    cast.enrolled(summer)  # it would work now
    again = leap.post("events/", wanted(), **KEY)
    assert (again.status_code, again.json()) == (422, no.json())
    assert again["Content-Type"] == "application/problem+json"
    assert Event.objects.count() == Dispatch.objects.count() == 0
    assert leap.post("events/", wanted(), HTTP_IDEMPOTENCY_KEY="order-4712").status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "body", "status"),
    [
        ("events/", "{", 400),
        ("events/", wanted(offset_f="3"), 400),
        ("events/", '{"a": "' + "x" * 65_536 + '"}', 413),
        ("events/op-1/cancel/", None, 404),
    ],
)
def test_a_request_that_was_not_understood_leaves_its_key_unused(
    leap, summer, address, body, status
):
    cast.enrolled(summer)
    assert leap.post(address, body, **KEY).status_code == status
    assert KeptAnswer.objects.count() == 0
    assert leap.post("events/", wanted(), **KEY).status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 256, "ümlaut", "a\x7f"])
def test_a_key_that_is_none(leap, summer, key):
    cast.enrolled(summer)
    answer = leap.post("events/", wanted(), HTTP_IDEMPOTENCY_KEY=key)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-request")
    assert [one["field"] for one in answer.json()["errors"]] == ["Idempotency-Key"]
    assert Event.objects.count() == 0


@pytest.mark.django_db
def test_cancel_and_opt_out_are_done_once(leap, summer):
    cast.neighborhood(summer, 2)
    event_id = leap.post("events/", wanted()).json()["id"]
    no = [
        leap.post(f"events/{event_id}/opt-outs/", {"system": "2400W000000"}, **KEY).json()
        for _ in range(2)
    ]
    assert no[0] == no[1] == {"system": "2400W000000", "in_time": True}
    assert OptOut.objects.count() == 1
    assert OptOut.objects.get().via == "PARTNER"
    ends = [leap.post(f"events/{event_id}/cancel/", HTTP_IDEMPOTENCY_KEY="end") for _ in range(2)]
    assert [one.status_code for one in ends] == [200, 200]
    assert ends[0].json() == ends[1].json()
    assert ends[0].json()["spared"] == 1
    delivered = Dispatch.objects.order_by("system__serial").values_list("delivery", flat=True)
    assert list(delivered) == [Delivery.SKIPPED, Delivery.CANCELLED]


@pytest.mark.django_db(transaction=True)
def test_twins_have_one_effect(leap, summer):
    cast.neighborhood(summer, 3)
    twins = 6
    together = Barrier(twins)

    def call(_):
        try:
            together.wait(20)
            answer = leap.post("events/", wanted(), **KEY)
            return answer.status_code, answer.content
        finally:
            connections.close_all()

    with ThreadPoolExecutor(twins) as pool:
        found = list(pool.map(call, range(twins)))
    # A twin that waited too long is told to come again; everybody else has the same answer.
    done = {one for one in found if one[0] != 503}
    assert len(done) == 1
    assert done.pop()[0] == 201
    assert Event.objects.count() == 1
    assert Dispatch.objects.count() == 3
    assert KeptAnswer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at", ["claim", "keep"])
def test_a_crash_in_the_middle_leaves_nothing_behind(leap, summer, monkeypatch, at):
    """The connection dies after the key was claimed, or after the event was planned."""
    cast.enrolled(summer)
    real = getattr(answers, at)

    def crash(*args, **kwargs):
        found = real(*args, **kwargs)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return found

    monkeypatch.setattr(answers, at, crash)
    leap.browser.raise_request_exception = False
    broken = leap.post("events/", wanted(), **KEY)
    assert broken.status_code == 503
    connection.close()
    assert Event.objects.count() == Dispatch.objects.count() == KeptAnswer.objects.count() == 0

    monkeypatch.setattr(answers, at, real)
    assert leap.post("events/", wanted(), **KEY).status_code == 201
    assert Event.objects.count() == Dispatch.objects.count() == 1


@pytest.mark.django_db
def test_keys_are_kept_for_two_days_and_no_longer(leap, summer):
    cast.enrolled(summer)
    leap.post("events/", wanted(), **KEY)
    kept = KeptAnswer.objects.get()
    now = timezone.now()
    KeptAnswer.objects.update(made_at=now - timedelta(hours=47, minutes=59))
    assert answers.forget_old(real_now=now) == 0
    KeptAnswer.objects.update(made_at=now - timedelta(hours=48, seconds=1))
    assert answers.forget_old(real_now=now) == 1
    assert not KeptAnswer.objects.filter(pk=kept.pk).exists()


@pytest.mark.django_db
def test_a_program_that_was_taken_away_is_not_spoken_of_again(leap, summer):
    cast.enrolled(summer)
    event_id = leap.post("events/", wanted(), **KEY).json()["id"]
    end, look = {"HTTP_IDEMPOTENCY_KEY": "end"}, {"HTTP_IDEMPOTENCY_KEY": "look"}
    assert leap.post(f"events/{event_id}/cancel/", **end).status_code == 200
    assert leap.post("events/preview/", wanted(), **look).status_code == 200
    PartnerGrant.objects.all().delete()
    for address, body, key in (
        ("events/", wanted(), KEY),
        ("events/preview/", wanted(), look),
    ):
        no = leap.post(address, body, **key)
        assert (no.status_code, no.json()["errors"][0]["field"]) == (400, "program")
        assert event_id not in no.content.decode()
    assert leap.post(f"events/{event_id}/cancel/", **end).status_code == 404
    PartnerGrant.objects.create(client_id=leap.client_id, program=summer)
    again = leap.post("events/", wanted(), **KEY)
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
