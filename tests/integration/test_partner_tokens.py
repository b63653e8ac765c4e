"""Partner clients and their tokens: who gets one, where, and what it opens."""

import base64
from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Client, Token
from django.test import Client as Browser
from django.utils import timezone

from partners.operations import clients
from partners.tasks import due, partner_news
from partners.who import EVENTS, READ
from people.operations import Actor
from tests import cast

pytestmark = pytest.mark.django_db
TOKEN = "/identity/o/api/token"
SHELL = Actor("user:test")


@pytest.fixture
def made():
    cast.program()
    return clients.create(
        name="Leap",
        slugs=["summer-peak"],
        read_only=False,
        actor=SHELL,
        now=cast.MORNING,
        real_now=timezone.now(),
    )


def basic(client_id, secret):
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"HTTP_AUTHORIZATION": f"Basic {pair}"}


def ask(made, secret=None, **fields):
    form = {"grant_type": "client_credentials", "scope": f"{READ} {EVENTS}"} | fields
    return Browser().post(TOKEN, form, **basic(made.client_id, secret or made.secret))


def programs(token):
    return Browser().get("/api/v1/programs/", HTTP_AUTHORIZATION=f"Bearer {token}")


def test_token_by_basic_authentication(made):
    answer = ask(made)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert {name: body[name] for name in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "offpeak.read offpeak.events",
    }
    assert programs(body["access_token"]).status_code == 200


def test_token_by_post_authentication(made):
    form = {"client_id": made.client_id, "client_secret": made.secret}
    answer = Browser().post(TOKEN, form | {"grant_type": "client_credentials"})
    assert answer.status_code == 200
    assert answer.json()["scope"] == "offpeak.read"  # the least, when none is asked for


def test_wrong_secret_is_401(made):
    answer = ask(made, secret="wrong")
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert Token.objects.count() == 0


def test_scope_the_client_does_not_have_is_refused(made):
    answer = ask(made, scope="openid")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("grant_type", ["authorization_code", "refresh_token", "password"])
def test_client_credentials_is_the_only_way(made, grant_type):
    answer = ask(made, grant_type=grant_type, code="x", refresh_token="x", redirect_uri="http://x")
    assert answer.status_code in (400, 401)
    assert Token.objects.count() == 0


def test_secret_and_token_are_kept_as_hashes(made):
    token = ask(made).json()["access_token"]
    client, kept = Client.objects.get(), Token.objects.get()
    assert client.secret.startswith("argon2$")
    assert client.get_grant_types() == ["client_credentials"]
    assert client.get_response_types() == []
    assert made.secret not in str(client.__dict__)
    assert token not in str(kept.__dict__)
    assert made.secret not in repr(made)


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        (None, 'Bearer realm="offpeak"'),
        ("Basic eDp5", 'Bearer realm="offpeak"'),
        ("Bearer nonsense", 'Bearer realm="offpeak", error="invalid_token"'),
    ],
)
def test_without_a_good_token_401(made, header, challenge):
    headers = {"HTTP_AUTHORIZATION": header} if header else {}
    # Not even a body that is no JSON is looked at before the caller is known.
    for answer in (
        Browser().get("/api/v1/programs/", **headers),
        Browser().post("/api/v1/events/", "{", "application/json", **headers),
        Browser().get("/api/v1/nowhere/", **headers),
    ):
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == challenge
        assert answer["Content-Type"] == "application/problem+json"
        assert answer["Cache-Control"] == "no-store"
        assert answer.json() == {
            "type": "/problems/unauthenticated",
            "title": "An access token is needed",
            "status": 401,
            "detail": "Send a valid access token in the header Authorization: Bearer.",
        }


def test_a_token_ends(made):
    token = ask(made).json()["access_token"]
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert programs(token).status_code == 401
    Token.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    assert programs(token).status_code == 200
    form = {"token": token, "client_id": made.client_id, "client_secret": made.secret}
    assert Browser().post("/identity/o/api/revoke", form).status_code == 200
    assert programs(token).status_code == 401


def test_ended_tokens_are_not_kept_for_ever(made):
    good, old = ask(made).json()["access_token"], ask(made).json()["access_token"]
    assert due() == []
    long_ago = timezone.now() - timedelta(days=1, seconds=1)
    Token.objects.by_value(old).update(expires_at=long_ago)
    assert [ring.task for ring in due()] == [partner_news]
    partner_news.run()
    assert Token.objects.count() == 1
    assert (programs(good).status_code, programs(old).status_code, due()) == (200, 401, [])


def test_only_its_own_client_ends_a_token(made):
    """RFC 7009: who asks is checked first; a token that is nobody's is no secret to be told."""
    token = ask(made).json()["access_token"]
    other = clients.create(
        name="Other", slugs=[], read_only=False, actor=SHELL, now=cast.MORNING,
        real_now=timezone.now(),
    )  # fmt: skip

    def revoke(value, who, secret=None):
        form = {"token": value} | ({} if who is None else {"client_id": who.client_id})
        form |= {} if who is None else {"client_secret": secret or who.secret}
        return Browser().post("/identity/o/api/revoke", form)

    assert revoke(token, None).status_code == 401
    assert revoke(token, made, "wrong").status_code == 401
    assert revoke("nonsense", made).status_code == 200
    assert revoke(token, other).status_code == 200
    assert revoke([token, "nonsense"], other).status_code in (200, 400)
    assert revoke(["nonsense", token], other).status_code in (200, 400)
    theirs = {"client_id": other.client_id, "client_secret": other.secret}
    in_address = Browser().post(f"/identity/o/api/revoke?token={token}", theirs)
    assert in_address.status_code == 400
    assert programs(token).status_code == 200
    assert Token.objects.count() == 1
    assert revoke(token, made).status_code == 200
    assert programs(token).status_code == 401
    assert revoke(token, made).status_code == 200  # once more changes nothing


@pytest.mark.parametrize("what", ["person", "grant", "public", "deleted", "address"])
def test_a_token_that_is_not_a_partners_opens_nothing(made, what):
    token = ask(made).json()["access_token"]
    if what == "person":
        Token.objects.update(user=cast.operator())
    elif what == "grant":
        Client.objects.update(grant_types="authorization_code")
    elif what == "public":
        Client.objects.update(type=Client.Type.PUBLIC)
    elif what == "deleted":
        Client.objects.all().delete()
    else:
        Token.objects.update(data={"resources": ["https://elsewhere.example/"]})
    assert programs(token).status_code == 401


def test_a_token_in_the_address_or_the_body_is_none(made):
    token = ask(made).json()["access_token"]
    assert Browser().get(f"/api/v1/programs/?access_token={token}").status_code == 401
    answer = Browser().post("/api/v1/events/", {"access_token": token})
    assert answer.status_code == 401


def test_a_persons_session_opens_no_api(made):
    browser = Browser()
    browser.force_login(cast.operator(), "allauth.account.auth_backends.AuthenticationBackend")
    assert browser.get("/api/v1/programs/").status_code == 401


def test_discovery_offers_what_partners_can_use():
    found = Browser().get("/.well-known/openid-configuration").json()
    assert found == {
        "issuer": "http://testserver",
        "token_endpoint": "http://testserver/identity/o/api/token",
        "revocation_endpoint": "http://testserver/identity/o/api/revoke",
        "jwks_uri": "http://testserver/.well-known/jwks.json",
        "scopes_supported": ["offpeak.read", "offpeak.events", "offpeak.webhooks"],
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
    }


def test_a_malformed_resource_is_the_callers_mistake(client: Browser) -> None:
    answer = client.post(
        "/identity/o/api/token", {"grant_type": "client_credentials", "resource": "no address"}
    )
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_target"})


@pytest.mark.parametrize("door", ["authorize", "device", "logout", "api/userinfo"])
def test_doors_nobody_needs_are_shut(client: Browser, door: str) -> None:
    assert client.get(f"/identity/o/{door}").status_code == 404
    assert client.post(f"/identity/o/{door}").status_code == 404
