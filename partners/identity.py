"""OAuth 2.0 client credentials, issued and kept by allauth's identity provider."""

import secrets
from typing import Any

from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.internal.resources import is_resources_subset
from allauth.idp.oidc.models import Client, Token
from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from partners.who import SCOPES, Partner

# Members of the discovery document about flows no partner has.
NOT_OFFERED = (
    "authorization_endpoint",
    "code_challenge_methods_supported",
    "device_authorization_endpoint",
    "end_session_endpoint",
    "userinfo_endpoint",
)


class PartnerAdapter(DefaultOIDCAdapter):
    scope_display = dict(SCOPES)

    def generate_client_secret(self) -> str:
        # Letters, digits, - and _ only: it survives a form, a header and a shell unquoted.
        return secrets.token_urlsafe(32)

    def populate_server_metadata(self, data: dict[str, Any]) -> None:
        for name in NOT_OFFERED:
            data.pop(name, None)
        data["scopes_supported"] = list(SCOPES)
        data["grant_types_supported"] = [Client.GrantType.CLIENT_CREDENTIALS.value]
        data["response_types_supported"] = []
        data["token_endpoint_auth_methods_supported"] = [
            Client.AuthenticationMethod.CLIENT_SECRET_BASIC.value,
            Client.AuthenticationMethod.CLIENT_SECRET_POST.value,
        ]


class PartnerAuthentication(BaseAuthentication):
    """A bearer token of a partner's own client, in the Authorization header and nowhere else.

    allauth's class for this framework is not used: it reads the body before it knows who asks,
    takes an ID token for an access token, leaves ``request.user`` empty for client credentials
    and answers 403 where 401 is right.
    """

    def authenticate(self, request: Request) -> tuple[Partner, Token] | None:
        scheme, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        valid = Token.objects.valid().by_value(value.strip()).select_related("client__partner")
        token = valid.filter(type=Token.Type.ACCESS_TOKEN).first()
        if token is None or not _is_partners(token) or not _is_meant_for(token, request):
            raise AuthenticationFailed("The access token is wrong, expired or was withdrawn.")
        own = getattr(token.client, "partner", None)
        if own and own.suspended_at:  # its tokens ended; one was being issued meanwhile
            raise AuthenticationFailed("This client is suspended.")
        limit = own.requests_per_minute if own else None
        asking = Partner(
            token.client_id,
            frozenset(token.get_scopes()),
            settings.PARTNER_REQUESTS_PER_MINUTE if limit is None else limit,
            is_practice=bool(own and own.is_practice),
        )
        return asking, token

    def authenticate_header(self, request: Request) -> str:
        tried = request.META.get("HTTP_AUTHORIZATION", "").lower().startswith("bearer ")
        return 'Bearer realm="offpeak"' + (', error="invalid_token"' if tried else "")


def _is_partners(token: Token) -> bool:
    """A token that speaks for a person, however it came to be, opens nothing here."""
    client = token.client
    return (
        token.user_id is None
        and client is not None
        and client.type == Client.Type.CONFIDENTIAL
        and Client.GrantType.CLIENT_CREDENTIALS in client.get_grant_types()
    )


def _is_meant_for(token: Token, request: Request) -> bool:
    """RFC 8707: a client may have asked for a token that is good at one address only."""
    return bool(
        is_resources_subset([request.build_absolute_uri(request.path)], token.get_resources())
    )
