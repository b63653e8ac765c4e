"""A database that was restored without the practice world: practice waits, nothing real is touched,
and real partners are told their news."""

import pytest
from django.db import connection

from base import clock
from enrollments.models import Program, System
from partners.apps import follow_the_tables
from partners.models import Post
from partners.operations import world
from people.models import User
from tests import cast
from tests.integration.test_partner_worlds import begin
from tests.partner_calls import Caller
from tests.partner_hooks import client, hook, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def lost(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA practice CASCADE")


def counted():
    return [of.objects.count() for of in (Program, System, User)]


def test_a_practice_client_does_not_end_up_in_the_real_world(lost):
    cast.program()
    leap, before = Caller(practice=True), counted()
    for answer in (leap.get("systems/"), leap.post("practice/runs/", {"scenario": "all-accept"})):
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/busy")
    assert counted() == before
    assert leap.get("webhooks/").status_code == 200  # the same in both worlds


def test_real_partners_are_told_their_news_meanwhile(lost, receiver):
    Caller(practice=True)
    summer = cast.program()
    hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    work()
    assert Post.objects.get().state == "DELIVERED"
    assert len(receiver.got) == 1


def test_migrate_builds_it_where_it_is_missing(lost):
    follow_the_tables(plan=())
    assert world.is_there()
    assert begin(Caller(practice=True))["promised"]["targeted"] == 20
