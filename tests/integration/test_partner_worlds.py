"""The practice world and the real one: neither sees, touches or counts the other, and from the
practice world nothing can leave the building."""

import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DataError, IntegrityError, connection, transaction
from django.test import Client as Browser
from django.utils import timezone

from base import clock
from base.refusal import Refused
from dr_events import dispatch, operations, queries, tasks
from dr_events.models import Dispatch, Event
from enrollments import vendor_session
from enrollments.models import CarrierGrant, Enrollment, Program, System
from partners.apps import follow_the_tables
from partners.models import PartnerClient, PracticeRun
from partners.operations import clients, furnishing, world
from people.models import ActivityEntry, User
from people.operations import Actor
from tests import cast
from tests.partner_calls import Caller, wanted
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db
DESK = Actor("user:test")


@pytest.fixture
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)


@pytest.fixture
def summer(noon):
    made = cast.program()
    cast.enrolled(made)
    return made


@pytest.fixture
def emptied():
    """For tests whose transactions are real: between tests only the real tables are emptied."""
    yield
    world.build()


def rows():
    """How many rows each table of the world has that the caller is in."""
    with connection.cursor() as cursor:
        found = {}
        for table in world.tables():
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")
            found[table] = cursor.fetchone()[0]
    return found


def begin(who, scenario="all-accept", seconds=0):
    answer = who.post("practice/runs/", {"scenario": scenario, "seconds": seconds})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_practice_client_sees_its_own_homes_and_nothing_else(summer):
    leap, other = Caller(practice=True), Caller(practice=True)
    real_event = cast.scheduled(summer)
    before = rows()
    run = begin(leap)
    theirs = begin(other)
    (program,) = leap.get("programs/").json()["items"]
    assert program["slug"].startswith("practice-")
    serials = [one["serial"] for one in leap.get("systems/").json()["items"]]
    assert len(serials) == 20
    assert all(serial.startswith("PRACTICE-") for serial in serials)
    assert [one["id"] for one in leap.get("events/").json()["items"]] == [run["event"]]
    for foreign in (real_event.wire_id, theirs["event"]):
        for address in ("", "deliveries/", "results/"):
            assert leap.get(f"events/{foreign}/{address}").status_code == 404
        assert leap.post(f"events/{foreign}/cancel/").status_code == 404
        body = {"system": "2319W004821"}
        assert leap.post(f"events/{foreign}/opt-outs/", body).status_code == 404
    assert leap.get(f"practice/runs/{theirs['id']}/").status_code == 404
    assert leap.get("programs/summer-peak/").status_code == 404
    for address in ("events/", "events/preview/"):
        assert leap.post(address, wanted()).json()["errors"][0]["field"] == "program"
    assert rows() == before


def test_a_practice_client_is_not_helped_by_a_grant_in_the_real_world(summer):
    """Operators cannot give it one; were there one all the same, it would not be looked at."""
    leap = Caller("summer-peak", practice=True)
    assert [one["slug"] for one in leap.get("programs/").json()["items"]] != ["summer-peak"]
    assert leap.post("events/", wanted()).status_code == 400
    with pytest.raises(Refused, match="made-up homes only"):
        clients.grant(client_id=leap.client_id, slugs=["summer-peak"], actor=DESK, now=cast.MORNING)


def test_a_real_client_sees_nothing_of_practice_and_cannot_practise(summer):
    run = begin(Caller(practice=True))
    real = Caller("summer-peak")
    assert [one["slug"] for one in real.get("programs/").json()["items"]] == ["summer-peak"]
    assert real.get("events/").json()["items"] == []
    assert len(real.get("systems/").json()["items"]) == 1
    assert real.get(f"events/{run['event']}/").status_code == 404
    assert real.get(f"practice/runs/{run['id']}/").status_code == 404
    assert real.get("practice/runs/").json()["items"] == []
    no = real.post("practice/runs/", {"scenario": "all-accept"})
    assert (no.status_code, no.json()["type"]) == (403, "/problems/not-practice")
    with world.practice():
        assert PracticeRun.objects.count() == 1


def test_no_figure_list_or_log_of_the_utility_changes(summer, client):
    cast.scheduled(summer)
    client.force_login(cast.operator())
    pages = ["/console/", "/console/systems/", "/console/audit/", "/console/events/",
             "/programs/"]  # fmt: skip

    def shown():
        found = {at: client.get(at) for at in pages}
        assert {answer.status_code for answer in found.values()} == {200}
        # Each page has a token of its own against forged requests.
        return {
            at: re.sub(r"\b[A-Za-z0-9]{64}\b", "", answer.content.decode())
            for at, answer in found.items()
        }

    leap = Caller(practice=True)
    shown()
    before, counted = shown(), rows()
    begin(leap, "30-percent-opt-out")
    begin(leap, "carrier-down", 600)
    assert shown() == before
    assert rows() == counted
    with world.practice():
        assert ActivityEntry.objects.filter(verb="schedule").count() == 2
        assert User.objects.count() == 1


def test_no_request_leaves_for_a_practice_event(transactional_db, emptied, settings, noon):
    """Every task that is due is run, and the sender is even called by name."""
    carrier = Receiver()
    doors = ("base_url", "token_url", "revoke_url")
    settings.CARRIER = dict(settings.CARRIER) | dict.fromkeys(doors, f"http://{carrier.host}")
    vendor_session.config.cache_clear()
    leap = Caller(practice=True)
    begin(leap, "all-accept", 600)
    begin(leap, "carrier-slow", 600)
    with world.practice():
        events = list(Event.objects.values_list("id", flat=True))
        Event.objects.update(send_at=cast.MORNING - timedelta(minutes=1))
        assert queries.work.events_to_send(now=cast.MORNING) != []  # due, if it were real
    assert queries.work.events_to_send(now=cast.MORNING) == []
    rings = tasks.due()
    assert {ring.task.name for ring in rings} == {"partners.tasks.partner_news"}
    for ring in rings:
        ring.task.run(**ring.kwargs)
    assert [dispatch.send_wave(event_id) for event_id in events] == [0, 0]
    try:
        assert (carrier.connections, carrier.got) == (0, [])
    finally:
        carrier.close()
        vendor_session.config.cache_clear()
    with world.practice():
        assert set(Dispatch.objects.values_list("claim", "lease_until")) == {(0, None)}


def test_practice_rows_cannot_be_claimed_even_from_inside(noon):
    leap = Caller(practice=True)
    begin(leap, "all-accept", 600)
    with world.practice():
        with pytest.raises(RuntimeError, match="must be committed"):
            operations.claim(
                event_id=Event.objects.get().pk, after=0, limit=10, lease=timedelta(seconds=60),
                token_margin=timedelta(0), last_send=cast.MORNING + timedelta(hours=9),
                now=cast.MORNING,
            )  # fmt: skip
        for table, change, guard in (
            (Dispatch, {"claim": 1}, "practice_is_never_sent"),
            (Dispatch, {"lease_until": timezone.now()}, "practice_is_never_sent"),
            (CarrierGrant, {"access_sealed": b"x"}, "practice_holds_no_token"),
            (CarrierGrant, {"refresh_sealed": b"x"}, "practice_holds_no_token"),
        ):
            with pytest.raises(IntegrityError, match=guard), transaction.atomic():
                table.objects.update(**change)


def test_a_practice_home_cannot_belong_to_a_real_program(summer, noon):
    begin(Caller(practice=True))
    with world.practice():
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError), transaction.atomic():
            Enrollment.objects.update(program_id=summer.pk)
        assert not Program.objects.filter(id=summer.pk).exists()
        first = System.objects.earliest("id").pk
    assert not System.objects.filter(id=first).exists()


@pytest.mark.parametrize("inside", [True, False])
def test_the_real_world_is_back_however_the_block_ends(summer, inside):
    def where():
        with connection.cursor() as cursor:
            cursor.execute("SHOW search_path")
            return cursor.fetchone()[0]

    before = where()
    with world.practice():
        assert where() == f"practice, {before}"
        assert Program.objects.count() == 0
    assert where() == before

    def fail():
        with world.practice(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / %s", [0] if inside else [1])
            raise KeyError

    with pytest.raises(DataError if inside else KeyError):
        fail()
    assert where() == before
    assert Program.objects.count() == 1


def shape(schema):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = ANY (%s)",
            [schema, world.tables()],
        )
        columns = set(cursor.fetchall())
        cursor.execute(
            "SELECT c.relname, k.contype, count(*) FROM pg_constraint k"
            " JOIN pg_class c ON c.oid = k.conrelid WHERE c.relname = ANY (%s)"
            " AND c.relnamespace = %s::regnamespace AND k.contype IN ('p', 'u', 'x', 'c')"
            " AND k.conname NOT LIKE 'practice%%' GROUP BY 1, 2",
            [world.tables(), schema],
        )
        return columns, set(cursor.fetchall())


def test_the_practice_tables_are_the_real_ones_again():
    assert len(world.tables()) > 20
    assert shape("practice") == shape("public")


def test_they_follow_when_a_release_changes_a_table(noon):
    begin(Caller(practice=True))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as after a commit
        cursor.execute("ALTER TABLE dr_events_event ADD COLUMN mood text")
        assert shape("practice") != shape("public")
        follow_the_tables(plan=())
        assert shape("practice") != shape("public")
        follow_the_tables(plan=[("a migration", False)])
    assert shape("practice") == shape("public")
    # What was played is gone; the client gets fresh homes when it asks next.
    leap = Caller(practice=True)
    assert leap.get("events/").json()["items"] == []
    assert len(leap.get("systems/").json()["items"]) == 20


def test_going_back_to_before_there_was_practice_leaves_it_alone(monkeypatch):
    monkeypatch.setattr(world, "OWN", ("partners_change", "partners_not_yet"))
    monkeypatch.setattr(world, "build", lambda: pytest.fail("it was built"))
    follow_the_tables(plan=[("a migration", True)])


def test_an_operator_makes_a_practice_client(summer, client):
    client.force_login(cast.operator())
    form = {"name": "Leap", "is_practice": "1"}
    page = client.post("/console/partners/new/", form).content.decode()
    own = PartnerClient.objects.get()
    assert own.is_practice is True
    assert "Practice" in page
    assert "Grant" not in page
    assert "Practice" in client.get("/console/partners/").content.decode()
    assert ActivityEntry.objects.get(verb="partner-create").detail["practice"] is True
    client.post(f"/console/partners/{own.pk}/grant/", {"program": "summer-peak"})
    assert "made-up homes only" in client.get(f"/console/partners/{own.pk}/").content.decode()
    with_program = form | {"program": "summer-peak"}
    client.post("/console/partners/new/", with_program)
    assert PartnerClient.objects.count() == 1


def test_the_command_makes_one_and_its_secret_works(capsys):
    call_command("partner_client", "create", "Leap", "--practice")
    words = dict(line.split(": ") for line in capsys.readouterr().out.splitlines() if ": " in line)
    answer = Browser().post("/identity/o/api/token", {
        "grant_type": "client_credentials", "client_id": words["client id"].strip(),
        "client_secret": words["client secret"].strip(), "scope": "offpeak.read",
    })  # fmt: skip
    token = answer.json()["access_token"]
    browser = Browser(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert len(browser.get("/api/v1/systems/").json()["items"]) == furnishing.HOMES
