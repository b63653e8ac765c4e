"""The OAuth server: pages, codes, PKCE, rotation, revocation. Lifetimes are real seconds."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

CLIENT, SECRET = "offpeak-test", "client-secret-for-tests"
REDIRECT = "http://127.0.0.1:9/callback"


def query_of(answer: requests.Response) -> dict[str, list[str]]:
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(REDIRECT + "?")
    return parse_qs(urlsplit(answer.headers["Location"]).query)


def test_a_browser_walks_from_sign_in_over_consent_to_tokens(cloud):
    home = cloud.homes()[10]
    with requests.Session() as session:
        page = cloud.authorize(session)
        assert page.status_code == 200
        assert '<html lang="en">' in page.text
        assert re.findall(r'<label for="(\w+)">', page.text) == ["username", "password"]
        assert "form-action 'self'" in page.headers["Content-Security-Policy"]
        consent = cloud.consent_page(session, home)
        assert "form-action 'self' http://127.0.0.1:9" in consent.headers["Content-Security-Policy"]
        assert len(re.findall("<li>", consent.text)) == 6
        assert "Read-System" not in consent.text
        query = query_of(cloud.press(session, consent, action="allow"))
    assert query["state"] == ["st-1"]
    answer = cloud.redeem(query["code"][0])
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json()
    assert sorted(tokens) == [
        "access_token", "expires_in", "refresh_token", "scope", "token_type", "username",
    ]  # fmt: skip
    assert (tokens["token_type"], tokens["expires_in"], tokens["username"]) == (
        "Bearer",
        3600,
        home["username"],
    )
    path = f"/users/{home['username']}"
    user = cloud.call("GET", path, tokens["access_token"]).json()["user"]
    assert user["username"] == home["username"]


def test_deny_goes_back_with_access_denied_and_state(cloud):
    with requests.Session() as session:
        consent = cloud.consent_page(session, cloud.homes()[11])
        query = query_of(cloud.press(session, consent, action="deny"))
    assert query == {"error": ["access_denied"], "state": ["st-1"]}


def test_a_wrong_password_shows_the_form_again(cloud):
    with requests.Session() as session:
        page = cloud.authorize(session)
        again = cloud.press(session, page, username="home-0001", password="no", action="sign_in")
        assert again.status_code == 200
        assert 'role="alert"' in again.text
        assert 'value="home-0001"' in again.text


def test_forms_need_their_csrf_token_and_their_browser(cloud):
    home = cloud.homes()[11]
    with requests.Session() as session, requests.Session() as stranger:
        page = cloud.authorize(session)
        entry = {"username": home["username"], "password": home["password"], "action": "sign_in"}
        assert cloud.press(session, page, **entry, csrf="wrong").status_code == 403
        assert cloud.press(stranger, page, **entry).status_code == 403
        assert cloud.press(session, page, **entry).status_code == 303
        allowed = cloud.press(session, page, action="allow")
        assert "code" in query_of(allowed)
        assert cloud.press(session, page, action="allow").status_code == 403


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "Read-User Everything"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
    ],
)
def test_bad_requests_go_back_to_the_client(cloud, changes, error):
    with requests.Session() as session:
        query = query_of(cloud.authorize(session, **changes))
    assert (query["error"], query["state"]) == ([error], ["st-1"])


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": REDIRECT + "/"},
        {"redirect_uri": "http://127.0.0.1:9/other"},
        {"redirect_uri": None},
        {"client_id": "somebody-else"},
    ],
)
def test_unknown_clients_and_addresses_are_never_redirected_to(cloud, changes):
    with requests.Session() as session:
        page = cloud.authorize(session, **changes)
    assert page.status_code == 400
    assert "Location" not in page.headers


def test_a_code_used_twice_revokes_what_it_gave(cloud):
    home = cloud.homes()[12]
    code = cloud.code(home)
    tokens = cloud.redeem(code).json()
    path = f"/users/{home['username']}"
    assert cloud.call("GET", path, tokens["access_token"]).status_code == 200
    again = cloud.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert cloud.call("GET", path, tokens["access_token"]).status_code == 401
    refused = cloud.token_call(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refused.json()["error"] == "invalid_grant"


def test_an_expired_code_is_refused(start_cloud):
    cloud = start_cloud("--homes", "3", "--code-ttl-s", "0")
    answer = cloud.redeem(cloud.code(cloud.homes()[0]))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 50},
        {"code_verifier": ""},
        {"redirect_uri": REDIRECT + "?x=1"},
        {"code": "unknown"},
    ],
)
def test_a_code_is_bound_to_its_verifier_and_address(cloud, changes):
    answer = cloud.redeem(**{"code": cloud.code(cloud.homes()[13]), **changes})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_the_client_may_authenticate_in_the_body_but_must_authenticate(cloud):
    code = cloud.code(cloud.homes()[14])
    wrong = cloud.redeem(code, client_id=CLIENT, client_secret="wrong")
    assert (wrong.status_code, wrong.json()) == (401, {"error": "invalid_client"})
    assert cloud.redeem(code, client_id=CLIENT, client_secret=SECRET).status_code == 200


def test_refresh_rotates_and_a_replay_revokes_the_family(cloud):
    home = cloud.homes()[15]
    first = cloud.redeem(cloud.code(home)).json()
    second = cloud.token_call(
        grant_type="refresh_token", refresh_token=first["refresh_token"]
    ).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["username"] == home["username"]
    path = f"/users/{home['username']}"
    assert cloud.call("GET", path, second["access_token"]).status_code == 200
    replay = cloud.token_call(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")
    assert cloud.call("GET", path, second["access_token"]).status_code == 401
    dead = cloud.token_call(grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert dead.json()["error"] == "invalid_grant"


def test_a_grace_time_forgives_the_previous_refresh_token(cloud):
    cloud.admin("PUT", "faults", variants={"refresh_grace_s": 30})
    first = cloud.redeem(cloud.code(cloud.homes()[15])).json()
    for _ in range(2):
        again = cloud.token_call(grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert again.status_code == 200


@pytest.mark.parametrize(
    ("kind", "refreshable"), [("access_token", True), ("refresh_token", False)]
)
def test_revoke(cloud, kind, refreshable):
    home = cloud.homes()[16]
    tokens = cloud.redeem(cloud.code(home)).json()
    url = f"{cloud.base}/oauth/revoke"
    assert requests.post(url, data={"token": tokens[kind]}, timeout=10).status_code == 401
    for token in (tokens[kind], "unknown"):
        done = requests.post(url, data={"token": token}, auth=(CLIENT, SECRET), timeout=10)
        assert done.status_code == 200
    path = f"/users/{home['username']}"
    assert cloud.call("GET", path, tokens["access_token"]).status_code == 401
    refreshed = cloud.token_call(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (refreshed.status_code == 200) is refreshable


def test_client_credentials_reach_the_homes_that_consented(cloud):
    consenting, silent = cloud.homes()[17:19]
    cloud.token(consenting["username"])
    answer = cloud.token_call(grant_type="client_credentials", scope="Read-System")
    tokens = answer.json()
    assert sorted(tokens) == ["access_token", "expires_in", "scope", "token_type"]
    statuses = [
        cloud.call(
            "GET", f"/systems/{home['systems'][0]['serial']}/status", tokens["access_token"]
        ).status_code
        for home in (consenting, silent)
    ]
    assert statuses == [200, 403]


def test_a_cloud_may_want_a_utility_client_for_posting(cloud):
    cloud.admin("PUT", "faults", variants={"utility_client": "required"})
    home = cloud.homes()[17]
    serial = home["systems"][0]["serial"]
    assert cloud.post_event(serial, cloud.token(home["username"])).status_code == 403
    utility = cloud.token_call(grant_type="client_credentials").json()["access_token"]
    assert cloud.post_event(serial, utility).status_code == 200


def test_moving_out_takes_the_consents_back(start_cloud):
    cloud = start_cloud("--homes", "40")
    home = cloud.a_home("moves_out")
    tokens = cloud.redeem(cloud.code(home)).json()
    done = cloud.admin("POST", "personas/trigger", persona="moves_out")
    assert done == {"persona": "moves_out", "users": [home["username"]], "revoked": 1}
    path = f"/users/{home['username']}"
    assert cloud.call("GET", path, tokens["access_token"]).status_code == 401
    gone = cloud.token_call(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (gone.status_code, gone.json()["error"]) == (400, "invalid_grant")
