"""A town for crashes: one pretend cloud, one process that dies, and as many fresh homes as needed.

A case is an event of its own program with homes of its own, so that many cases can be broken first
and then healed together: the waiting is paid once.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from carrier.wire import events_url
from dr_events.dispatch import vendor
from dr_events.models import Control, Dispatch, Event
from dr_events.states import OPEN, Delivery
from dr_events.tasks import due
from enrollments import vendor_session
from enrollments.models import CarrierGrant, Enrollment, Program
from enrollments.rules import ASKED_SCOPES
from enrollments.tokens import vault
from people.models import User
from tests import cast
from tests.contract.conftest import CLIENT, SECRET, Cloud
from tests.faults.crash_mortals import PATIENCE_S, Mortals

SEND_AT = cast.MORNING + timedelta(hours=5)
LEGS = frozenset({"send", "prove", "read_back", "renew", "take_back"})
_numbers = count(1)


@dataclass
class Case:
    """One event with its homes, in the order of their system ids."""

    name: str
    event: Event
    rows: list[Dispatch]
    tokens: list[str]
    point: str = ""

    @property
    def serials(self) -> list[str]:
        return [row.system.serial for row in self.rows]

    def deliveries(self) -> list[str]:
        rows = Dispatch.objects.filter(event=self.event).order_by("system_id")
        return list(rows.values_list("delivery", flat=True))


class Town:
    """The cloud, the settings that point both processes at it, and what its ledger says."""

    def __init__(self, folder: Path) -> None:
        self.cloud = Cloud(
            folder, "--homes", "4000", "--seed", "7", "--scenario", "cooperative",
            sim=SEND_AT.timestamp(),
        )  # fmt: skip
        self._homes = count(1)

    def point_at(self, settings: Settings) -> None:
        settings.SIMULATED_CLOCK_FILE = str(self.cloud.clock_file)
        settings.CARRIER = dict(settings.CARRIER) | {
            "base_url": self.cloud.base,
            "token_url": f"{self.cloud.base}/oauth/token",
            "revoke_url": f"{self.cloud.base}/oauth/revoke",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "total_timeout_s": 1.0,
        }
        settings.CARRIER_LATE_EFFECT_S = 0.0
        settings.WITNESS_FILE = ""
        settings.CARRIER_IN_FLIGHT = 1  # one request after the other: the order is known
        vendor_session.config.cache_clear()

    def environment(self) -> dict[str, str]:
        """The same for a process of its own, on this test's database."""
        database = urlsplit(os.environ["DATABASE_URL"])
        base = self.cloud.base
        return os.environ | {
            "DATABASE_URL": database._replace(path=f"/{connection.settings_dict['NAME']}").geturl(),
            "SIMULATED_CLOCK_FILE": str(self.cloud.clock_file),
            "CARRIER_BASE_URL": base,
            "CARRIER_TOKEN_URL": f"{base}/oauth/token",
            "CARRIER_CLIENT_ID": CLIENT,
            "CARRIER_CLIENT_SECRET": SECRET,
            "CARRIER_TOTAL_TIMEOUT_S": "1",
            "CARRIER_LATE_EFFECT_S": "0",
            "CARRIER_IN_FLIGHT": "1",
            "WITNESS_FILE": "",
        }

    def faults(self, *rules: dict[str, Any], **variants: Any) -> None:
        """What the cloud does wrong from now on. A second POST of the same event always adds one:
        a home that is asked twice then shows."""
        self.cloud.admin(
            "PUT", "faults", rules=list(rules), variants={"second_post": "adds"} | variants
        )

    # --- homes and events -------------------------------------------------------------------
    def cases(self, how_many: int, homes: int) -> list[Case]:
        users = [f"home-{next(self._homes):04d}" for _ in range(how_many * homes)]
        given = self.cloud.admin("POST", "grants", users=users, scopes=list(ASKED_SCOPES))["grants"]
        numbers = [next(_numbers) for _ in range(how_many)]
        return [
            self._case(f"Case {number}", given[n * homes : (n + 1) * homes])
            for n, number in enumerate(numbers)
        ]

    def case(self, homes: int = 1) -> Case:
        (made,) = self.cases(1, homes)
        return made

    def _case(self, name: str, given: list[dict[str, Any]]) -> Case:
        program = cast.program(name)
        owner = cast.homeowner(f"{program.slug}@home.example")
        for tokens in given:
            self._enroll(program, owner, tokens)
        event = cast.scheduled(program)
        rows = Dispatch.objects.filter(event=event).select_related("system__grant", "enrollment")
        by_serial = {tokens["systems"][0]: tokens["access_token"] for tokens in given}
        ordered = list(rows.order_by("system_id"))
        assert [row.delivery for row in ordered] == [Delivery.PLANNED] * len(given)
        return Case(name, event, ordered, [by_serial[row.system.serial] for row in ordered])

    def _enroll(self, program: Program, owner: User, given: dict[str, Any]) -> None:
        serial = given["systems"][0]
        grant = cast.grant(owner, carrier_username=serial)
        self.keep_tokens(grant, given["access_token"], given["refresh_token"])
        system = cast.system(grant, serial)
        Enrollment.objects.create(
            system=system, program=program, user=owner,
            enrolled_at=cast.MORNING, changed_at=cast.MORNING,
        )  # fmt: skip

    def keep_tokens(self, grant: CarrierGrant, access: str, refresh: str) -> None:
        grant.access_sealed = vault().seal(access, bound_to=grant.bound_to("access"))
        grant.refresh_sealed = vault().seal(refresh, bound_to=grant.bound_to("refresh"))
        grant.save()

    def post(self, case: Case, home: int) -> None:
        """The request of this row arrives, whoever sent it."""
        path = urlsplit(events_url(self.cloud.base, case.serials[home])).path
        answer = self.cloud.call(
            "POST", path, case.tokens[home], data=bytes(case.event.message or b""),
            headers={"Content-Type": case.event.content_type},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text

    # --- what the ledger says ---------------------------------------------------------------
    def seq(self) -> int:
        """The number of the newest request."""
        entries = self.cloud.admin("GET", "ledger", limit=1_000_000)["entries"]
        return int(entries[-1]["seq"]) if entries else 0

    def posts(self, *, after: int = 0) -> Counter[str]:
        """POSTs received for each serial."""
        found = self.cloud.admin("GET", "ledger", after=after, limit=1_000_000)["entries"]
        return Counter(one["serial"] for one in found if one["operation"] == "POST utility_events")

    def truths(self) -> dict[str, dict[str, Any]]:
        return {one["serial"]: one for one in self.cloud.admin("GET", "truth")["systems"]}

    def live(self, case: Case) -> list[int]:
        """How many live events each home of the case has."""
        found = self.truths()
        events = [found.get(serial, {"events": []})["events"] for serial in case.serials]
        return [sum(event["live"] for event in one) for one in events]


# --- healing -----------------------------------------------------------------------------------
def no_waiting() -> None:
    """Let every waiting time be over: the late effect is 0 here, the rest is politeness."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE dr_events_dispatch SET not_before = NULL WHERE not_before > now()")
        cursor.execute("UPDATE enrollments_carriergrant SET refresh_not_before = NULL")


def end_leases() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE dr_events_dispatch SET lease_until = clock_timestamp()")


def sweep() -> int:
    """Do all that is due, as a sweep does where the broker does not answer; letters apart."""
    rings = [ring for ring in due() if ring.task.name.rpartition(".")[2] in LEGS]
    for ring in rings:
        ring.task.run(**ring.kwargs)
    return len(rings)


def heal(*, leases: bool = True) -> None:
    """Sweep until nobody has anything left to decide; all senders must be gone."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        if leases:
            end_leases()
        no_waiting()
        sweep()
        undecided = Dispatch.objects.filter(delivery__in=OPEN)
        if not undecided.exists():
            return
        assert time.monotonic() < deadline, Counter(undecided.values_list("delivery", "trouble"))


# --- fixtures: import them where they are used -------------------------------------------------
@pytest.fixture(scope="module")
def _town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    yield made
    made.cloud.stop()


@pytest.fixture
def town(_town: Town, settings: Settings, transactional_db: None) -> Iterator[Town]:
    """The town an hour before its events, without faults; this process's own fan-out is fresh."""
    _town.point_at(settings)
    _town.cloud.move_to(SEND_AT.timestamp())
    _town.faults()
    # Its lists are known to show our events: "not listed" is a proof.
    Control.objects.update_or_create(id=1, defaults={"listed_at": timezone.now()})
    vendor.requests().close()
    try:
        yield _town
    finally:
        vendor.requests().close()
        vendor_session.config.cache_clear()


@pytest.fixture(scope="module")
def _children(
    _town: Town, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mortals]:
    made = Mortals(tmp_path_factory.mktemp("mortals"), _town.environment())
    yield made
    made.close()


@pytest.fixture
def mortals(_children: Mortals, town: Town) -> Mortals:
    return _children


def expired(grant_id: int) -> None:
    """The access token's time is over."""
    CarrierGrant.objects.filter(id=grant_id).update(
        access_expires_at=timezone.now() - timedelta(seconds=1)
    )
