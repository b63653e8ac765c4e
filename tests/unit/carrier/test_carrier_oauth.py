from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
from urllib.parse import parse_qs, urlsplit

import pytest

from carrier.errors import (
    ClientBug,
    FixRequest,
    NoAccess,
    OutcomeUnknown,
    Reauthorize,
    TryLater,
)
from carrier.oauth import OAuth, TokenSet, challenge_s256, new_state, new_verifier
from tests.unit.carrier.conftest import SECRET
from tests.unit.carrier.servers import reply, unused_port

GRANTED = {
    "access_token": "at-canary-1",
    "refresh_token": "rt-canary-2",
    "token_type": "Bearer",
    "expires_in": 3600,
    "scope": "Read-User Read-System",
    "username": "pat.doe",
}
BASIC = "Basic " + base64.b64encode(f"offpeak:{SECRET}".encode()).decode()


def granting(**changes):
    body = {k: v for k, v in (GRANTED | changes).items() if v is not ...}
    return lambda _, conn: conn.send(reply(200, json.dumps(body)))


def form(request) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(request.body.decode()).items()}


def test_state_and_verifier_are_fresh_and_long():
    assert len({new_state() for _ in range(100)}) == 100
    assert len(base64.urlsafe_b64decode(new_state() + "=")) == 32
    assert len(new_verifier()) == 64
    # RFC 7636, appendix B
    assert (
        challenge_s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


@pytest.mark.parametrize("address", ["https://sso.example/authorize?x=1", "http://127.0.0.1:9/a"])
def test_the_browser_is_sent_with_challenge_state_and_exact_redirect(settings, address):
    oauth = OAuth(settings("https://api.example", authorize_url=address))
    verifier = new_verifier()
    url = urlsplit(oauth.authorization_url(state="st", verifier=verifier))
    assert f"{url.scheme}://{url.netloc}{url.path}" == address.partition("?")[0]
    query = {name: value for name, (value,) in parse_qs(url.query).items()}
    digest = hashlib.sha256(verifier.encode()).digest()
    assert query == {
        **({"x": "1"} if "?" in address else {}),
        "response_type": "code",
        "client_id": "offpeak",
        "redirect_uri": "https://portal.example/carrier/back",
        "scope": "Read-User Read-System",
        "state": "st",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    assert verifier not in url.query


@pytest.mark.parametrize("client_auth", ["basic", "body"])
def test_a_code_is_redeemed_with_its_verifier(serve, settings, client_auth):
    server = serve(granting())
    oauth = OAuth(settings(server.url, client_auth=client_auth))
    assert oauth.redeem(code="the-code", verifier="the-verifier") == TokenSet(
        access_token="at-canary-1",
        refresh_token="rt-canary-2",
        expires_in_s=3600.0,
        scopes=("Read-User", "Read-System"),
        username="pat.doe",
    )
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/token")
    secret = {"client_id": "offpeak", "client_secret": SECRET} if client_auth == "body" else {}
    assert form(request) == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "code_verifier": "the-verifier",
        "redirect_uri": "https://portal.example/carrier/back",
        **secret,
    }
    assert request.headers.get("authorization") == (BASIC if client_auth == "basic" else None)


@pytest.mark.parametrize("client_auth", ["basic", "body"])
def test_a_refresh_sends_only_what_belongs_in_it(serve, settings, client_auth):
    server = serve(granting(username=...))
    oauth = OAuth(settings(server.url, client_auth=client_auth))
    tokens = oauth.refresh(refresh_token="rt-old")
    assert (tokens.refresh_token, tokens.username) == ("rt-canary-2", None)
    (request,) = server.requests
    secret = {"client_id": "offpeak", "client_secret": SECRET} if client_auth == "body" else {}
    assert form(request) == {"grant_type": "refresh_token", "refresh_token": "rt-old", **secret}
    assert request.headers.get("authorization") == (BASIC if client_auth == "basic" else None)


def test_a_refresh_token_that_is_not_rotated_stays(serve, settings):
    server = serve(granting(refresh_token=...))
    assert OAuth(settings(server.url)).refresh(refresh_token="rt-old").refresh_token == "rt-old"


@pytest.mark.parametrize("client_auth", ["basic", "body"])
def test_client_credentials(serve, settings, client_auth):
    server = serve(granting(refresh_token=..., username=...))
    tokens = OAuth(settings(server.url, client_auth=client_auth)).client_credentials()
    assert (tokens.access_token, tokens.refresh_token) == ("at-canary-1", None)
    (request,) = server.requests
    secret = {"client_id": "offpeak", "client_secret": SECRET} if client_auth == "body" else {}
    assert form(request) == {
        "grant_type": "client_credentials",
        "scope": "Read-User Read-System",
        **secret,
    }


@pytest.mark.parametrize(
    ("changes", "expires_in_s", "scopes"),
    [
        ({"expires_in": "1800"}, 1800.0, ("Read-User", "Read-System")),
        ({"expires_in": 0}, 0.0, ("Read-User", "Read-System")),
        ({"expires_in": None}, None, ("Read-User", "Read-System")),
        ({"expires_in": "soon"}, None, ("Read-User", "Read-System")),
        ({"expires_in": -1}, None, ("Read-User", "Read-System")),
        ({"expires_in": True}, None, ("Read-User", "Read-System")),
        ({"expires_at": "never", "expires_in": ...}, None, ("Read-User", "Read-System")),
        ({"scope": "Read-User"}, 3600.0, ("Read-User",)),  # the homeowner granted fewer
        ({"scope": ...}, 3600.0, ()),
        ({"scope": 7}, 3600.0, ()),
        ({"scope": ["Read-User"]}, 3600.0, ("Read-User",)),
        ({"token_type": ...}, 3600.0, ("Read-User", "Read-System")),
    ],
)
def test_odd_token_answers_are_read(serve, settings, changes, expires_in_s, scopes):
    tokens = OAuth(settings(serve(granting(**changes)).url)).refresh(refresh_token="rt")
    assert (tokens.expires_in_s, tokens.scopes) == (expires_in_s, scopes)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, '{"error": "invalid_grant", "error_description": "rt-old"}', Reauthorize),
        (401, '{"error": "invalid_grant"}', Reauthorize),
        (400, '{"error": "invalid_client"}', ClientBug),
        (401, '{"error": "invalid_client"}', ClientBug),
        (401, "", ClientBug),
        (400, '{"error": "invalid_scope"}', ClientBug),
        (400, '{"error": "<script>alert(1)</script>"}', ClientBug),
        (403, '{"error": "access_denied"}', NoAccess),
        (400, '{"error": "temporarily_unavailable"}', TryLater),
        (400, "<html>bad</html>", FixRequest),
        (429, "", TryLater),
        (503, "<html>maintenance</html>", TryLater),
        (500, '{"error": "invalid_grant"}', OutcomeUnknown),
        (502, "", OutcomeUnknown),
        (302, "", ClientBug),
        (200, "<html>sign in</html>", OutcomeUnknown),
        (200, "", OutcomeUnknown),
        (200, "[]", OutcomeUnknown),
        (200, "{}", OutcomeUnknown),
        (200, '{"access_token": null}', OutcomeUnknown),
        (200, '{"access_token": "a\\nb"}', OutcomeUnknown),
        (200, '{"access_token": "a", "refresh_token": 7}', OutcomeUnknown),
        (200, '{"error": "invalid_grant"}', Reauthorize),
        (200, " " * 100_000, OutcomeUnknown),
    ],
)
def test_every_refusal_says_what_to_do_next(serve, settings, status, body, error):
    server = serve(lambda _, conn: conn.send(reply(status, body, Location="/elsewhere")))
    with pytest.raises(error) as caught:
        OAuth(settings(server.url)).refresh(refresh_token="rt-old")
    assert type(caught.value) is error
    assert len(server.requests) == 1
    for secret in ("rt-old", SECRET, "script"):
        assert secret not in str(caught.value)


def test_a_refresh_that_ran_out_of_time_may_have_rotated(serve, settings):
    server = serve(lambda _, conn: conn.hang())
    with pytest.raises(OutcomeUnknown, match="total time limit"):
        OAuth(settings(server.url, total_timeout_s=0.3)).refresh(refresh_token="rt")
    assert len(server.requests) == 1


def test_a_server_nobody_runs_has_seen_nothing(settings):
    oauth = OAuth(settings(f"http://127.0.0.1:{unused_port()}"))
    with pytest.raises(TryLater, match="nothing was sent"):
        oauth.refresh(refresh_token="rt")
    with pytest.raises(TryLater, match="nothing was sent"):
        oauth.revoke(token="rt")


@pytest.mark.parametrize(("status", "result"), [(200, True), (204, True), (400, False)])
def test_revocation_is_true_only_if_the_server_said_so(serve, settings, status, result):
    server = serve(lambda _, conn: conn.send(reply(status)))
    assert OAuth(settings(server.url)).revoke(token="rt-old") is result
    (request,) = server.requests
    assert (request.path, form(request)) == ("/revoke", {"token": "rt-old"})
    assert request.headers["authorization"] == BASIC


def test_revocation_without_an_address_or_an_answer(serve, settings):
    server = serve(lambda _, conn: conn.send(reply(500)))
    assert OAuth(settings(server.url, revoke_url=None)).revoke(token="rt") is False
    assert server.requests == []
    with pytest.raises(OutcomeUnknown):
        OAuth(settings(server.url, client_auth="body")).revoke(token="rt")
    assert form(server.requests[0]) == {
        "token": "rt",
        "client_id": "offpeak",
        "client_secret": SECRET,
    }


def test_no_token_is_in_a_repr_or_a_log(serve, settings, caplog):
    caplog.set_level(logging.DEBUG)
    server = serve(granting())
    tokens = OAuth(settings(server.url, client_auth="body")).redeem(
        code="code-canary", verifier="verifier-canary"
    )
    assert "canary" not in repr(tokens)
    assert "canary" not in caplog.text
    assert "OAUTHLIB_INSECURE_TRANSPORT" not in os.environ
