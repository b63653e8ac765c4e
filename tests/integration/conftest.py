"""The pretend cloud beside a real database, with one clock for both."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from dr_events.dispatch import vendor as dispatch_vendor
from dr_events.models import Control
from enrollments import operations, sync, vendor_session
from enrollments.models import Program, System
from enrollments.rules import ASKED_SCOPES
from people.operations import Actor
from tests import cast
from tests.contract.conftest import CLIENT, SECRET, Cloud
from tests.receiver import Receiver


class Vendor(Cloud):
    """A running sandbox that the product under test is pointed at."""

    def at(self, moment: datetime) -> datetime:
        """Set business time for both sides."""
        self.move_to(moment.timestamp())
        return moment

    def enroll(self, program: Program, homes: list[dict[str, Any]]) -> list[System]:
        """Homes join for real: tokens from the cloud, read by the product, enrolled."""
        users = [home["username"] for home in homes]
        grants = self.admin("POST", "grants", users=users, scopes=list(ASKED_SCOPES))["grants"]
        joined: list[System] = []
        for home, given in zip(homes, grants, strict=True):
            owner = cast.homeowner(f"{home['username']}@home.example")
            cast.agreement(owner, program)
            grant = operations.link(
                user=owner,
                carrier_username=home["username"],
                tokens=operations.Tokens(
                    given["access_token"],
                    given["refresh_token"],
                    timezone.now() + timedelta(seconds=given["expires_in"]),
                    ASKED_SCOPES,
                ),
                actor=Actor("user:test"),
                now=cast.MORNING,
                real_now=timezone.now(),
            )
            assert sync.read_home(grant.pk, now=cast.MORNING)
            systems = list(System.objects.filter(grant=grant).order_by("serial"))
            operations.enroll(
                user=owner,
                program=program,
                system_ids=[system.pk for system in systems],
                actor=Actor("user:test"),
                now=cast.MORNING,
            )
            joined += systems
        return joined


@pytest.fixture
def vendor(tmp_path: Path, settings: Settings, transactional_db: None) -> Iterator[Vendor]:
    """Twelve cooperative homes; business time stands at the cast's morning. Lists were seen to
    show our events before, so that "not listed" is a proof."""
    Control.objects.update_or_create(id=1, defaults={"listed_at": timezone.now()})
    cloud = Vendor(
        tmp_path, "--homes", "12", "--seed", "7", "--scenario", "cooperative",
        sim=cast.MORNING.timestamp(),
    )  # fmt: skip
    settings.SIMULATED_CLOCK_FILE = str(cloud.clock_file)
    settings.CARRIER_LATE_EFFECT_S = 0.0
    settings.CARRIER = dict(settings.CARRIER) | {
        "base_url": cloud.base,
        "authorize_url": f"{cloud.base}/oauth/authorize",
        "token_url": f"{cloud.base}/oauth/token",
        "revoke_url": f"{cloud.base}/oauth/revoke",
        "client_id": CLIENT,
        "client_secret": SECRET,
        "total_timeout_s": 2.0,
    }
    vendor_session.config.cache_clear()
    try:
        yield cloud
    finally:
        dispatch_vendor.requests().close()
        vendor_session.config.cache_clear()
        cloud.stop()


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A partner's receiver that webhooks may have although it is in here."""
    made = Receiver()
    settings.WEBHOOK_INNER_HOSTS = (made.host,)
    yield made
    made.close()


def utc(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, tz=UTC)
