"""A desk that somebody left: item B9 of docs/security.md, the half that no cookie can do."""

import time
from collections.abc import Callable

import pytest

from tests.integration.test_people import signed_in, somebody
from tests.integration.test_sign_in import hanna, is_in

pytestmark = pytest.mark.django_db
REAL_TIME = time.time


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """So many minutes pass at a desk."""
    passed = [0.0]
    monkeypatch.setattr(time, "time", lambda: REAL_TIME() + passed[0] * 60)

    def pass_by(minutes: float) -> None:
        passed[0] += minutes

    return pass_by


def test_b9_staff_who_leave_their_desk_are_signed_out(later: Callable[[float], None]) -> None:
    client = signed_in(somebody())
    assert client.get("/console/").status_code == 200
    for _ in range(3):
        later(29)
        assert client.get("/console/").status_code == 200
    later(31)
    assert client.get("/console/")["Location"] == "/accounts/login/?next=/console/"
    assert not is_in(client)


def test_b9_a_board_left_open_is_nobody_at_work(later: Callable[[float], None]) -> None:
    client = signed_in(somebody())
    client.get("/console/")
    for opens in (True, True, True, False):
        later(9 if opens else 4)
        client.get("/console/", headers={"HX-Request": "true"})
        assert is_in(client) is opens


def test_b9_half_a_day_is_the_end(later: Callable[[float], None]) -> None:
    client = signed_in(somebody())
    for _ in range(29):
        client.get("/console/")
        later(25)
    assert not is_in(client) or client.get("/console/").status_code == 302
    assert not is_in(client)


def test_b9_a_homeowner_is_left_alone(later: Callable[[float], None]) -> None:
    client = signed_in(hanna())
    later(11 * 60)
    assert client.get("/home/").status_code == 200
