"""A restarted cloud still knows who consented and what happened; the demo relies on it."""

import stat
from pathlib import Path

from tests.contract.conftest import Cloud


def test_a_restarted_cloud_knows_its_consents_and_events(tmp_path: Path) -> None:
    flags = ("--homes", "20", "--state-file", str(tmp_path / "cloud.state"))
    first = Cloud(tmp_path, *flags)
    home = first.a_home()
    serial = home["systems"][0]["serial"]
    tokens = first.redeem(first.code(home)).json()
    assert first.post_event(serial, tokens["access_token"]).status_code == 200
    assert first.stop() == 0
    assert stat.S_IMODE((tmp_path / "cloud.state").stat().st_mode) == 0o600

    second = Cloud(tmp_path, *flags)
    try:
        path = f"/systems/{serial}/utility_events"
        listed = second.call("GET", path, tokens["access_token"])
        assert (listed.status_code, listed.json()["utility_events"]["events"]["event"][0]["$"]) == (
            200,
            {"id": "dr-1"},
        )
        assert second.truth(serial)["posts"] == 1
        renewed = second.token_call(
            grant_type="refresh_token", refresh_token=tokens["refresh_token"]
        )
        assert renewed.status_code == 200
    finally:
        second.stop()


def test_other_homes_do_not_take_it_over(tmp_path: Path) -> None:
    state = ("--state-file", str(tmp_path / "cloud.state"))
    first = Cloud(tmp_path, "--homes", "20", *state)
    token = first.token("home-0001")
    first.stop()
    second = Cloud(tmp_path, "--homes", "20", "--seed", "8", *state)
    try:
        assert second.call("GET", "/users/home-0001", token).status_code == 401
    finally:
        second.stop()
