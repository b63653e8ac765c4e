"""What every partner resource shares: scopes, strict input, pages, times."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, TypeVar, cast

from django.core import signing
from django.http import HttpResponseBase
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.exceptions import (
    APIException,
    ErrorDetail,
    ParseError,
    PermissionDenied,
    Throttled,
    ValidationError,
)
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from base import clock
from base.refusal import Refused
from partners.api.deprecation import Deprecated
from partners.api.fields import Text, Typed
from partners.operations import furnishing, quotas, world
from partners.who import READ, SCOPES, Partner

T = TypeVar("T")
# Far above the largest honest body: a thousand postal codes are 25 KB.
MAX_BODY = 64 * 1024


class TooLarge(APIException):
    status_code = 413
    default_code = "too-large"
    default_detail = f"The body must not be larger than {MAX_BODY // 1024} KiB."


class MissingScope(PermissionDenied):
    default_code = "missing-scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs the scope {scope}: {SCOPES[scope].lower()}.")
        # RFC 6750, section 3.1: names the scope that would do.
        self.auth_header = f'Bearer realm="offpeak", error="insufficient_scope", scope="{scope}"'


class StrictJSON(JSONParser):
    """JSON without surprises: UTF-8, no NaN, no name twice, bounded in size and depth."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise TooLarge
        try:
            return json.loads(
                body.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_unique
            )
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from None


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two members with one name each side may believe another one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member is named twice")
    return found


class AcceptHeader(DefaultContentNegotiation):
    """The Accept header alone decides; ``?format=`` is an unknown parameter like any other."""

    def filter_renderers(self, renderers: Any, format: Any) -> Any:
        return renderers


class HasScope(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, Partner):
            return False
        needed = view.scopes.get("GET" if request.method == "HEAD" else request.method)
        # A method the view does not know passes here and is answered 405.
        if needed and needed not in request.user.scopes:
            raise MissingScope(needed)
        return True


class Described(AutoSchema):
    """For the OpenAPI document: notes to whoever reads the code are not for partners."""

    def get_description(self) -> str:  # type: ignore[override]
        return ""

    def is_deprecated(self) -> bool:
        return bool(self.view.deprecated)  # type: ignore[attr-defined]


class PartnerView(APIView):
    """A resource; ``scopes`` names the scope each method needs."""

    http_method_names: ClassVar[list[str]] = [  # type: ignore[misc]
        "get",
        "head",
        "post",
        "patch",
        "delete",
        "options",
    ]
    permission_classes = (HasScope,)
    parser_classes = (StrictJSON,)
    content_negotiation_class = AcceptHeader
    schema = Described()
    scopes: ClassVar[dict[str, str]] = {"GET": READ}
    quota: quotas.Quota | None = None
    # The whole resource, or a parameter or field of it, for those who still use it.
    deprecated: ClassVar[Deprecated | None] = None
    deprecated_names: ClassVar[Mapping[str, Deprecated]] = {}
    # False: not about homes and events, so there is one for both worlds.
    has_two_worlds: ClassVar[bool] = True

    def perform_authentication(self, request: Request) -> None:
        """Whoever is known is counted at once: also what is refused below costs us something."""
        super().perform_authentication(request)
        if isinstance(request.user, Partner):
            who = request.user
            self.quota = quotas.take(who.client_id, limit=who.requests_per_minute)
            if self.quota.left < 0:
                raise Throttled(self.quota.reset_s)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """A practice client's request is answered in the practice world, whatever it asks."""
        super().initial(request, *args, **kwargs)
        name = str(request.method).lower()
        if self.has_two_worlds and name != "options" and partner(request).is_practice:
            setattr(self, name, _in_practice(getattr(self, name, self.http_method_not_allowed)))

    def _deprecated(self) -> Deprecated | None:
        """Of what this request uses, that which goes first."""
        used = set(self.request.GET)
        if self.deprecated_names and self.request.method not in ("GET", "HEAD"):
            with suppress(APIException):  # said already, if the body is none
                used |= set(self.request.data if isinstance(self.request.data, dict) else ())
        found = [old for name, old in self.deprecated_names.items() if name in used]
        found += [self.deprecated] if self.deprecated else []
        return min(found, key=lambda old: old.sunset, default=None)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        return Response(status=204)  # Allow is on every answer

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response: HttpResponseBase = super().finalize_response(*args, **kwargs)
        response["Cache-Control"] = "no-store"
        if old := self._deprecated():
            old.tell(response)
        if self.quota:
            for name, value in quotas.headers(self.quota).items():
                response[name] = value
        return response


def _in_practice(handler: Callable[..., Response]) -> Callable[..., Response]:
    def handle(request: Request, *args: Any, **kwargs: Any) -> Response:
        with world.practice():
            furnishing.furnish(partner(request).client_id, now=clock.now())
            return handler(request, *args, **kwargs)

    return handle


def partner(request: Request) -> Partner:
    return cast(Partner, request.user)


class Strict(serializers.Serializer):
    """Refuses members it does not know: a misspelt optional one would be lost in silence."""

    def to_internal_value(self, data: Any) -> Any:
        names = set(data) - set(self.fields) if isinstance(data, Mapping) else set()
        errors: dict[str, Any] = {
            str(name): [ErrorDetail("There is no such field here.", code="unknown")]
            for name in sorted(names, key=str)
        }
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            errors |= cast("dict[str, Any]", error.detail)
        if errors:
            raise ValidationError(errors)
        return value


class Query(Strict):
    """Parameters of a list."""

    limit = Typed(min_value=1, max_value=500, default=100)
    cursor = Text(required=False)


class NoQuery(Strict):
    """For addresses that take no parameters."""


def asked(request: Request, form: type[Strict] = NoQuery) -> dict[str, Any]:
    """The parameters of the address, checked. Raises ValidationError."""
    given = request.query_params
    twice = {
        name: [ErrorDetail("Give this parameter once.", code="repeated")]
        for name in given
        if len(given.getlist(name)) > 1
    }
    if twice:
        raise ValidationError(twice)
    return checked(form, given.dict())


def body(request: Request, form: type[Strict] = NoQuery) -> dict[str, Any]:
    """The JSON body, checked; no body is an empty object. Raises ValidationError."""
    return checked(form, request.data)


def checked(form: type[Strict], data: Any) -> dict[str, Any]:
    wanted = form(data=data)
    wanted.is_valid(raise_exception=True)
    return dict(wanted.validated_data)


def tag(document: dict[str, Any]) -> str:
    """ETag of what is shown: another one as soon as any field differs."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def check_match(request: Request, document: dict[str, Any], *, required: bool = False) -> None:
    """Raises Refused when the caller has seen another version (If-Match, RFC 9110, 13.1.1), and
    where it is ``required`` to say which one (RFC 6585, 3)."""
    given = request.headers.get("If-Match")
    if given is None and required:
        raise Refused(
            "Send the ETag of what you read as If-Match, so that no other change is lost.",
            code="match-required",
        )
    if given is None or given.strip() == "*":
        return
    if tag(document) not in [one.strip() for one in given.split(",")]:
        raise Refused("It was changed since you read it; nothing was done.", code="changed")


def _signer(request: Request) -> signing.Signer:
    # Bound to client and address: a cursor cannot be made up, moved or used to probe for rows.
    # Another name with each meaning: an older one is refused instead of misread.
    return signing.Signer(salt=f"cursor-2:{partner(request).client_id}:{request.path}")


def after(request: Request, query: dict[str, Any]) -> list[str] | None:
    """The key of the last row the partner has, from its cursor. Raises ValidationError."""
    if "cursor" not in query:
        return None
    try:
        return cast("list[str]", _signer(request).unsign_object(query["cursor"]))
    except signing.BadSignature:
        wrong = ErrorDetail("Use a cursor as it stands in `next`, at its address.", "invalid")
        raise ValidationError({"cursor": [wrong]}) from None


def page(
    request: Request,
    rows: Sequence[T],
    query: dict[str, Any],
    *,
    shown: Callable[[T], dict[str, Any]],
    key: Callable[[T], list[str]],
) -> Response:
    """A page of ``rows``, which were read with one more than ``limit`` to know if more follow.

    ``key`` is what ``after`` gives back for the next page: values that never change, so no serial.
    It is signed, not hidden: nothing of a person.
    """
    limit = query["limit"]
    onward = None
    if len(rows) > limit:
        link = request.query_params.copy()
        link["cursor"] = _signer(request).sign_object(key(rows[limit - 1]))
        onward = request.build_absolute_uri(f"{request.path}?{link.urlencode()}")
    return Response({"items": [shown(row) for row in rows[:limit]], "next": onward})
