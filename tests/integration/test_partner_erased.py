"""A home is erased while a partner reads its lists: nothing starts over, nothing ends early."""

from datetime import timedelta
from typing import Any

import pytest

from base import clock
from enrollments import operations
from enrollments.models import Program, System
from people.operations import Actor
from tests import cast
from tests.partner_calls import Caller, wanted

pytestmark = pytest.mark.django_db
NOBODY = Actor("user:test")


@pytest.fixture
def summer(monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


@pytest.fixture
def leap(summer: Program) -> Caller:
    return Caller("summer-peak")


def erase(system: System) -> None:
    later = cast.MORNING + timedelta(minutes=1)
    operations.erase(user=system.grant.user, actor=NOBODY, now=later)


@pytest.mark.parametrize("name", ["systems", "enrollments", "deliveries", "results/homes"])
def test_the_home_at_the_cursor_is_erased(leap: Caller, summer: Program, name: str) -> None:
    homes = [cast.enrolled(summer, f"2319W00482{n}", f"h{n}@home.example") for n in range(5)]
    address, key = f"{name}/", "serial" if name == "systems" else "system"
    if name in ("deliveries", "results/homes"):
        address = f"events/{leap.post('events/', wanted()).json()['id']}/{name}/"
    first: dict[str, Any] = leap.get(f"{address}?limit=2").json()
    assert [one[key] for one in first["items"]] == ["2319W004820", "2319W004821"]
    erase(homes[1])
    seen, onward = [], first["next"]
    while onward:
        page = leap.browser.get(onward).json()
        seen += [one[key] for one in page["items"]]
        onward = page["next"]
    assert seen == ["2319W004822", "2319W004823", "2319W004824"]


def test_a_cursor_of_an_older_release_is_refused_and_not_misread(leap: Caller) -> None:
    from django.core import signing

    signer = signing.Signer(salt=f"cursor:{leap.client_id}:/api/v1/systems/")
    old = signer.sign_object(["summer-peak", "2319W004820", cast.MORNING.isoformat()])
    no = leap.get(f"systems/?cursor={old}")
    assert (no.status_code, no.json()["errors"][0]["field"]) == (400, "cursor")
