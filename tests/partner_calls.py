"""A partner who calls the API, for tests. Its token is a row: signing in is tested elsewhere."""

import json
import secrets
from typing import Any

from allauth.idp.oidc.models import Client, Token
from django.test import Client as Browser

from enrollments.models import PartnerGrant, Program
from partners.models import PartnerClient
from tests import cast


class Caller:
    """A partner with these programs and a token; addresses are relative to /api/v1/."""

    def __init__(
        self,
        *slugs: str,
        scope: str = "offpeak.read offpeak.events offpeak.webhooks",
        practice: bool = False,
    ) -> None:
        self.client_id, self.token = secrets.token_hex(16), secrets.token_urlsafe(32)
        client = Client.objects.create(
            id=self.client_id, grant_types="client_credentials", secret=cast.hashed()
        )
        token = Token(type=Token.Type.ACCESS_TOKEN, client=client)
        token.set_value(self.token)
        token.set_scopes(scope.split())
        token.save()
        if practice:
            PartnerClient.objects.create(client=client, is_practice=True)
        for program in Program.objects.filter(slug__in=slugs):
            PartnerGrant.objects.create(client_id=self.client_id, program=program)
        self.browser = Browser(HTTP_AUTHORIZATION=f"Bearer {self.token}")

    def get(self, address: str, **headers: Any) -> Any:
        return self.browser.get(f"/api/v1/{address}", **headers)

    def post(
        self,
        address: str,
        body: Any = None,
        content_type: str = "application/json",
        **headers: Any,
    ) -> Any:
        text = body if isinstance(body, str | bytes) else json.dumps(body or {})
        return self.browser.post(f"/api/v1/{address}", text, content_type, **headers)

    def send(self, method: str, address: str, body: Any = None, **headers: Any) -> Any:
        text = "" if body is None else json.dumps(body)
        at = f"/api/v1/{address}"
        return self.browser.generic(method, at, text, "application/json", **headers)


def wanted(**fields: Any) -> dict[str, Any]:
    """3 to 5 in the afternoon of the cast's day; ``...`` leaves a field out."""
    plan = {
        "program": "summer-peak",
        "name": "Hot afternoon",
        "starts_at": "2026-07-14T15:00:00-05:00",
        "ends_at": "2026-07-14T17:00:00-05:00",
        "response": "offset",
        "offset_f": 3,
    }
    return {name: value for name, value in (plan | fields).items() if value is not ...}
