"""The OAuth 2.0 door: /oauth/authorize (pages), /oauth/token, /oauth/revoke.

Authorization Code with PKCE S256 and rotating refresh tokens, and Client Credentials: the two
flows named in Carrier's OAuth document. All else (addresses, client authentication, lifetimes,
rotation, the member ``username`` in the token answer) is not public and ASSUMED.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
from aiohttp import web

from carrier_sandbox import oauth_html
from carrier_sandbox.clock import Moment
from carrier_sandbox.faults import BEFORE, KINDS
from carrier_sandbox.grants import SCOPES, Code, Denied, Issued
from carrier_sandbox.ledger import Entry
from carrier_sandbox.oauth_walks import BadLink, BadRequest, Walk, Walks, judge
from carrier_sandbox.sandbox import Sandbox
from carrier_sandbox.strikes import strike_after, strike_before

COOKIE = "sandbox_browser"
NAMES = {
    "/oauth/authorize": ("GET", "POST"),
    "/oauth/authorize/consent": ("GET",),
    "/oauth/style.css": ("GET",),
    "/oauth/token": ("POST",),
    "/oauth/revoke": ("POST",),
}


class OAuth:
    """The authorisation server over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.walks = Walks()

    async def answer(
        self, request: web.BaseRequest, entry: Entry, now: Moment
    ) -> web.StreamResponse:
        """Serve one request below /oauth/."""
        methods = NAMES.get(request.path)
        if methods is None:
            return web.Response(status=404)
        if request.method not in methods:
            return web.Response(status=405, headers={"Allow": ", ".join(methods)})
        entry.operation = f"{request.method} {request.path.lstrip('/')}"
        rule = self.sandbox.faults.pick(entry.operation, request.method, "", "")
        if rule is not None:
            entry.fault = rule.kind
            if KINDS[rule.kind].phase == BEFORE:
                struck = await strike_before(rule, request, entry, self.sandbox.ledger, None)
                if struck is not None:
                    return struck
                rule = None
        answer = await self._serve(request, entry, now)
        if rule is None:
            return answer
        return await strike_after(rule, request, entry, self.sandbox.ledger, answer)

    async def _serve(self, request: web.BaseRequest, entry: Entry, now: Moment) -> web.Response:
        match request.path:
            case "/oauth/token":
                return await self._token(request, entry, now)
            case "/oauth/revoke":
                return await self._revoke(request, entry)
            case "/oauth/style.css":
                return web.Response(text=oauth_html.STYLE, content_type="text/css")
            case "/oauth/authorize/consent":
                return self._consent(request, now)
        if request.method == "GET":
            return self._begin(request, entry, now)
        return await self._form(request, entry, now)

    # --- pages -------------------------------------------------------------------------------

    def _begin(self, request: web.BaseRequest, entry: Entry, now: Moment) -> web.Response:
        query = dict(request.query)
        browser = request.cookies.get(COOKIE) or secrets.token_urlsafe(24)
        try:
            walk = self.walks.begin(query, self.sandbox.client, browser, now.real)
        except BadLink as trouble:
            return _html(oauth_html.trouble(str(trouble)), 400)
        entry.client = walk.client_id
        try:
            judge(walk, query)
        except BadRequest as trouble:
            self.walks.end(walk)
            error, sentence = trouble.args
            entry.reason = error
            return _redirect(walk.back(error=error, error_description=sentence))
        page = _html(oauth_html.sign_in(walk))
        page.set_cookie(
            COOKIE, browser, path="/oauth", httponly=True, samesite="Lax", secure=request.secure
        )
        return page

    def _consent(self, request: web.BaseRequest, now: Moment) -> web.Response:
        number = request.query.get("walk", "")
        walk = self.walks.find(number, request.cookies.get(COOKIE, ""), now.real)
        if walk is None or not walk.user:
            return _html(oauth_html.trouble("Please start again from the application."), 403)
        home = self.sandbox.world.home(self.sandbox.world.home_index(walk.user) or 0)
        parts = urlsplit(walk.redirect_uri)
        page = oauth_html.consent(walk, f"{home.first} {home.last}")
        return _html(page, forms=f"'self' {parts.scheme}://{parts.netloc}")

    async def _form(self, request: web.BaseRequest, entry: Entry, now: Moment) -> web.Response:
        form = await _fields(request)
        browser = request.cookies.get(COOKIE, "")
        walk = self.walks.find(form.get("walk", ""), browser, now.real)
        if walk is None or not hmac.compare_digest(walk.csrf, form.get("csrf", "")):
            return _html(oauth_html.trouble("Please start again from the application."), 403)
        entry.client = walk.client_id
        action = form.get("action", "sign_in")
        if action == "sign_in":
            return self._sign_in(walk, form)
        entry.user = walk.user
        self.walks.end(walk)
        if action != "allow" or not walk.user:
            entry.reason = "access_denied"
            return _redirect(walk.back(error="access_denied"))
        code = Code(
            walk.client_id, walk.redirect_uri, walk.challenge, walk.user,
            frozenset(walk.scopes), now.real + self.sandbox.grants.code_ttl_s,
        )  # fmt: skip
        return _redirect(walk.back(code=self.sandbox.grants.new_code(code)))

    def _sign_in(self, walk: Walk, form: dict[str, str]) -> web.Response:
        username = form.get("username", "").strip()
        index = self.sandbox.world.home_index(username)
        password = self.sandbox.world.home(index).password if index is not None else ""
        right = hmac.compare_digest(password.encode(), form.get("password", "").encode())
        if index is None or not right:
            page = oauth_html.sign_in(walk, username[:64], "User name or password is wrong.")
            return _html(page)
        walk.user = username
        return _redirect(f"/oauth/authorize/consent?walk={walk.number}")

    # --- token and revoke ----------------------------------------------------------------------

    def _client_ok(self, request: web.BaseRequest, form: dict[str, str]) -> bool:
        """Client authentication by HTTP Basic or by the body."""
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                text = base64.b64decode(value, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                return False
            client_id, secret = (unquote(part) for part in (text.partition(":")[::2]))
        client = self.sandbox.client
        return client_id == client.client_id and client.knows(secret)

    async def _token(self, request: web.BaseRequest, entry: Entry, now: Moment) -> web.Response:
        form = await _fields(request)
        if not self._client_ok(request, form):
            entry.reason = "invalid_client"
            headers = {"WWW-Authenticate": 'Basic realm="sandbox"'}
            return _json({"error": "invalid_client"}, 401, headers)
        entry.client = self.sandbox.client.client_id
        try:
            issued = self._issue(form, now)
        except Denied as denial:
            error, sentence = denial.args
            entry.reason = f"{error}: {sentence}"
            entry.user = self.sandbox.grants.owner(form.get("refresh_token", ""))
            return _json({"error": error, "error_description": sentence}, 400)
        entry.user = issued.family.user
        entry.reason = form["grant_type"]
        return _json(token_answer(issued, self.sandbox.grants.access_ttl_s))

    def _issue(self, form: dict[str, str], now: Moment) -> Issued:
        grants, client_id = self.sandbox.grants, self.sandbox.client.client_id
        match form.get("grant_type", ""):
            case "authorization_code":
                return grants.redeem(
                    form.get("code", ""), client_id, form.get("redirect_uri", ""),
                    form.get("code_verifier", ""), now.real,
                )  # fmt: skip
            case "refresh_token":
                grace = self.sandbox.variants.refresh_grace_s
                return grants.refresh(form.get("refresh_token", ""), client_id, now.real, grace)
            case "client_credentials":
                scopes = frozenset(form.get("scope", "").split() or SCOPES)
                if not scopes <= set(SCOPES):
                    raise Denied("invalid_scope", "scope names something unknown")
                return grants.issue(grants.new_family(client_id, "", scopes), now.real)
        raise Denied("unsupported_grant_type", "grant_type is not supported")

    async def _revoke(self, request: web.BaseRequest, entry: Entry) -> web.Response:
        form = await _fields(request)
        if not self._client_ok(request, form):
            headers = {"WWW-Authenticate": 'Basic realm="sandbox"'}
            return _json({"error": "invalid_client"}, 401, headers)
        entry.client = self.sandbox.client.client_id
        family = self.sandbox.grants.revoke(form.get("token", ""), entry.client)
        entry.user = family.user if family is not None else ""
        entry.reason = "revoked" if family is not None else "nothing to revoke"
        return web.Response(status=200)


def token_answer(issued: Issued, ttl_s: float) -> dict[str, object]:
    """The members of a token answer; ``username`` is ASSUMED."""
    answer: dict[str, object] = {
        "access_token": issued.access, "token_type": "Bearer", "expires_in": int(ttl_s),
        "scope": " ".join(scope for scope in SCOPES if scope in issued.family.scopes),
    }  # fmt: skip
    if issued.refresh:
        answer |= {"refresh_token": issued.refresh, "username": issued.family.user}
    return answer


async def _fields(request: web.BaseRequest) -> dict[str, str]:
    body = (await request.read()).decode(errors="replace")
    return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=50))


def _json(
    members: dict[str, object], status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    every = {"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"}
    return web.Response(status=status, body=orjson.dumps(members), headers=every | (headers or {}))


def _html(page: str, status: int = 200, forms: str = "'self'") -> web.Response:
    headers = {
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; "
            f"frame-ancestors 'none'; form-action {forms}"
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(status=status, text=page, content_type="text/html", headers=headers)


def _redirect(location: str) -> web.Response:
    return web.Response(
        status=303,
        headers={
            "Location": location,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        },
    )
