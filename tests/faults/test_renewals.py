"""A town whose tokens all end at once; eight workers renew them while workers are killed.

Carrier rotates refresh tokens and revokes a permission whose spent token comes again. Judged by the
pretend cloud's own ledger: every permission is renewed exactly once each time it ends. Only one
whose holder was killed between the request and our commit may be lost, and then its home is told.

OFFPEAK_RENEWALS=10000 asks for a larger town.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from enrollments import vendor_session
from enrollments.models import CarrierGrant, Notice
from enrollments.rules import ASKED_SCOPES
from enrollments.states import GrantState, NoticeKind
from enrollments.tokens import vault
from people.models import ActivityEntry, User
from tests import cast
from tests.contract.conftest import CLIENT, SECRET, Cloud
from tests.faults.renewers import Renewers

HOMES = int(os.environ.get("OFFPEAK_RENEWALS", "600"))
WORKERS, KILLS = 8, max(12, HOMES // 100)
PATIENCE_S = 60.0 + HOMES * 0.1
LATE_S = 0.05  # Carrier answers this long after it has rotated: where a kill hurts most


@dataclass
class Home:
    username: str
    serial: str
    grant: int


@dataclass
class Town:
    cloud: Cloud
    homes: list[Home]
    renewers: Renewers
    asked: int = 0  # how far the ledger was read

    def all_end(self) -> int:
        """Every token that is in force ends now; how many."""
        over = timezone.now() - timedelta(seconds=1)
        return CarrierGrant.objects.filter(state=GrantState.ACTIVE).update(access_expires_at=over)

    def answers(self) -> dict[str, Counter[int]]:
        """What Carrier answered to renewals since the last time, by home and status."""
        found: dict[str, Counter[int]] = {}
        while entries := self.cloud.admin("GET", "ledger", after=self.asked)["entries"]:
            self.asked = entries[-1]["seq"]
            for one in entries:
                if one["path"] == "/oauth/token":
                    found.setdefault(one["user"], Counter())[one["status"]] += 1
        return found


@pytest.fixture
def town(tmp_path: Path, settings: Settings, transactional_db: None) -> Iterator[Town]:
    cloud = Cloud(tmp_path, "--homes", str(HOMES), "--scenario", "cooperative")
    changes = {
        "base_url": cloud.base,
        "token_url": f"{cloud.base}/oauth/token",
        "client_id": CLIENT,
        "client_secret": SECRET,
    }
    settings.CARRIER = dict(settings.CARRIER) | changes
    vendor_session.config.cache_clear()
    homes = connected(cloud)
    folder = tmp_path / "renewers"
    folder.mkdir()
    renewers = Renewers(folder, _environment(changes), WORKERS)
    try:
        yield Town(cloud, homes, renewers)
    finally:
        renewers.close()
        vendor_session.config.cache_clear()
        cloud.stop()


def _environment(carrier: dict[str, str]) -> dict[str, str]:
    """The same for processes of their own, on this test's database."""
    address = urlsplit(os.environ["DATABASE_URL"])
    mine = address._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    names = {f"CARRIER_{name.upper()}": value for name, value in carrier.items()}
    return os.environ | names | {"DATABASE_URL": mine}


def connected(cloud: Cloud) -> list[Home]:
    """Every home of the cloud with a permission of its own, whose token is good."""
    given = cloud.admin("POST", "grants", users="all", scopes=list(ASKED_SCOPES))["grants"]
    names = [tokens["username"] for tokens in given]
    owners = User.objects.bulk_create(User(email=f"{name}@home.example") for name in names)
    soon = timezone.now() + timedelta(hours=1)
    rows = []
    for owner, tokens in zip(owners, given, strict=True):
        row = CarrierGrant(
            user=owner, carrier_username=tokens["username"], scopes=list(ASKED_SCOPES),
            linked_at=cast.MORNING, synced_at=cast.MORNING, access_expires_at=soon,
        )  # fmt: skip
        for column in ("access", "refresh"):
            sealed = vault().seal(tokens[f"{column}_token"], bound_to=row.bound_to(column))
            setattr(row, f"{column}_sealed", sealed)
        rows.append(row)
    made = CarrierGrant.objects.bulk_create(rows)
    serials = [tokens["systems"][0] for tokens in given]
    return [Home(n, s, row.pk) for n, s, row in zip(names, serials, made, strict=True)]


def renew_under_kills(town: Town, kills: int) -> float:
    """All tokens end; workers renew them and are killed at even steps of the way. Seconds."""
    began = time.monotonic()
    whole = town.all_end()
    due = CarrierGrant.objects.filter(state=GrantState.ACTIVE, access_expires_at__lt=timezone.now())
    steps = [whole * (n + 1) // (kills + 1) for n in range(kills)]
    while left := due.count():
        assert time.monotonic() < began + PATIENCE_S, f"{left} are never renewed"
        if steps and whole - left >= steps[0] and town.renewers.kill_one():
            steps.pop(0)
        time.sleep(0.02)
    assert steps == [], "not every kill found somebody at work"
    return time.monotonic() - began


def refused_at_carrier(cloud: Cloud, homes: list[Home]) -> list[str]:
    """Homes whose token, as we hold it, Carrier does not take."""
    rows = CarrierGrant.objects.in_bulk([home.grant for home in homes])
    with requests.Session() as session:

        def refused(home: Home) -> bool:
            row = rows[home.grant]
            token = vendor_session.open_access(row.access_sealed or b"", row.seal_id)
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
            address = f"{cloud.base}/systems/{home.serial}/status"
            return session.get(address, headers=headers, timeout=30).status_code != 200

        return [home.username for home in homes if refused(home)]


def judged(town: Town, homes: list[Home], holders: Counter[int], *, forgiven: int) -> list[Home]:
    """The homes that lost their permission, each for a reason: of its ``holders``, the workers
    killed over it, more than Carrier ``forgiven``. All others were renewed once, and once more for
    each death that was forgiven; nobody else was asked for."""
    answers = town.answers()
    assert answers.keys() == {home.username for home in homes}
    lost = []
    for home in homes:
        answer, dead = answers[home.username], holders[home.grant]
        assert answer.keys() <= {200, 400}, home
        assert 1 <= answer[200] <= 1 + min(dead, forgiven), (home, answer, dead)
        assert answer.total() <= 1 + dead, (home, answer, dead)
        if answer[400]:
            assert dead > forgiven, (home, answer, dead)
            lost.append(home)
    return lost


def test_each_is_renewed_once_and_none_is_lost_silently(town: Town) -> None:
    late = {
        "kind": "delay_after", "match": {"operation": "POST oauth/token"}, "seconds": LATE_S,
    }  # fmt: skip
    homes, lost, figures = town.homes, list[Home](), []
    # First Carrier takes every spent refresh token for theft; then it forgives the last one.
    for grace_s in (0.0, PATIENCE_S):
        town.cloud.admin("PUT", "faults", rules=[late], variants={"refresh_grace_s": grace_s})
        before = len(town.renewers.killed)
        took_s = renew_under_kills(town, KILLS)
        holders = town.renewers.orphans(after=before)
        assert holders, "no kill met a renewal under way"
        gone = judged(town, homes, holders, forgiven=1 if grace_s else 0)
        homes, lost = [home for home in homes if home not in gone], lost + gone
        assert_told(lost)
        assert refused_at_carrier(town.cloud, homes) == []
        figures.append(
            f"grace {grace_s:.0f} s: {len(holders)} under way at a kill, {len(gone)} of them lost "
            f"and told, {len(homes)} renewed, {took_s:.1f} s"
        )
    assert town.renewers.troubles() == []
    print(f"{HOMES} permissions, {WORKERS} workers, {KILLS} kills a round", *figures, sep="\n")


def assert_told(lost: list[Home]) -> None:
    """Each of them, and nobody else, is known as lost, and told once: in the log and by mail."""
    waiting = CarrierGrant.objects.exclude(state=GrantState.ACTIVE)
    assert {(row.pk, row.state) for row in waiting} == {
        (home.grant, GrantState.NEEDS_RELINK) for home in lost
    }
    logged = ActivityEntry.objects.filter(verb="permission-lost").values_list("subject", flat=True)
    assert sorted(logged) == sorted(f"grant:{home.grant}" for home in lost)
    mailed = Notice.objects.filter(kind=NoticeKind.PERMISSION_LOST)
    owners = mailed.values_list("user__grants__carrier_username", flat=True)
    assert sorted(owners) == sorted(home.username for home in lost)
