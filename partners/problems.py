"""How the API says no: RFC 9457 problem details, for whatever was raised."""

import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from base.refusal import Refused

logger = logging.getLogger("django.request")

# What the business refuses is 422 unless it is about the state of things (409) or about who asks.
REFUSED_STATUS = {
    "role": 403,
    "wrong-state": 409,
    "over": 409,
    "not-yours": 403,
    "not-practice": 403,
    "changed": 412,
    "match-required": 428,
    "lookup": 503,
}
RETRY_S = 5
TITLES = {
    "address": "A webhook cannot have this address",
    "busy": "Try again in a moment",
    "changed": "It has changed since you read it",
    "empty-target": "Nobody would get this event",
    "invalid-event": "This event cannot be planned",
    "invalid-request": "The request is not understood",
    "key-reused": "This key was used for another request",
    "lookup": "The name servers did not answer",
    "malformed": "The body is not JSON",
    "match-required": "Say which version you mean",
    "method-not-allowed": "This method is not possible here",
    "missing-scope": "The token does not allow this",
    "not-acceptable": "Only application/json is offered",
    "not-allowed": "This is not allowed",
    "not-found": "Not found",
    "not-practice": "This is for practice clients",
    "not-yours": "This is somebody else's event",
    "over": "The event is over",
    "server-error": "Something went wrong on our side",
    "too-large": "The body is too large",
    "too-many-requests": "Too many requests",
    "too-many-webhooks": "Too many webhooks",
    "unauthenticated": "An access token is needed",
    "unsupported-media-type": "The body must be application/json",
    "wire": "Carrier's format cannot carry this event",
    "wrong-state": "It is in another state",
}
NAMES: dict[type[Exception], str] = {
    exceptions.ParseError: "malformed",
    exceptions.NotAuthenticated: "unauthenticated",
    exceptions.AuthenticationFailed: "unauthenticated",
    exceptions.NotFound: "not-found",
    exceptions.MethodNotAllowed: "method-not-allowed",
    exceptions.NotAcceptable: "not-acceptable",
    exceptions.Throttled: "too-many-requests",
    exceptions.UnsupportedMediaType: "unsupported-media-type",
}
SENTENCES = {
    "not-found": "There is nothing here for you to see.",
    "too-many-requests": "Wait as many seconds as Retry-After says, then go on.",
    "unauthenticated": "Send a valid access token in the header Authorization: Bearer.",
    "not-acceptable": "Accept application/json, or leave the Accept header out.",
}


def problem(error: Exception, context: dict[str, Any]) -> Response:
    """The answer to an exception in a view. Unexpected ones are logged and say nothing."""
    if isinstance(error, Refused):
        return _refused(error)
    if isinstance(error, exceptions.ValidationError):
        errors = [
            {
                "field": _sayable(field),
                "code": str(detail.code).replace("_", "-"),
                "detail": _sayable(str(detail)),
            }
            for field, detail in _flat("", error.detail)
        ]
        return _answer("invalid-request", 400, " ".join(_sentence(one) for one in errors), errors)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        return _answer("too-large", 413, "The body is too large.")
    elif isinstance(error, SuspiciousOperation):
        return _answer("invalid-request", 400, "The request is not understood.")
    elif isinstance(error, OperationalError):
        logger.warning("partner API: the database did not answer in time", exc_info=error)
        return _answer(
            "busy",
            503,
            "The database did not answer in time; nothing was changed.",
            retry_s=RETRY_S,
        )
    if isinstance(error, exceptions.APIException):
        return _api_exception(error)
    logger.error("partner API", exc_info=error)
    got_request_exception.send(sender=None, request=context.get("request"))
    return _answer("server-error", 500, "The failure was written down; nothing was changed.")


def _refused(error: Refused) -> Response:
    parts: list[Refused] = getattr(error, "problems", [error])
    errors = [
        {"field": part.field, "code": part.code, "detail": str(part)}
        for part in parts
        if part.field
    ]
    status = REFUSED_STATUS.get(error.code, 422)
    return _answer(
        "not-allowed" if error.code == "role" else error.code,
        status,
        str(error),
        errors,
        retry_s=RETRY_S if status == 503 else None,
        extra=getattr(error, "extra", {}),
    )


def _api_exception(error: exceptions.APIException) -> Response:
    name = NAMES.get(type(error)) or (
        error.default_code if error.default_code in TITLES else "not-allowed"
    )
    sentence = SENTENCES.get(name) or str(error.detail)
    answer = _answer(name, error.status_code, sentence)
    if header := getattr(error, "auth_header", None):
        answer["WWW-Authenticate"] = header
    if wait_s := getattr(error, "wait", None):
        answer["Retry-After"] = str(int(wait_s))
    return answer


def _sentence(error: dict[str, str]) -> str:
    return f"{error['field']}: {error['detail']}" if error["field"] else error["detail"]


def _sayable(text: str) -> str:
    """JSON can name half of a character (``\\ud800``); repeated in an answer it has no UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _flat(field: str, detail: Any) -> Iterator[tuple[str, Any]]:
    """Nested details as (field, detail); the third postal code is ``postal_codes.2``."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _flat(".".join(filter(None, (field, own))), inner)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flat(field, inner)
    else:
        yield field, detail


def _answer(
    name: str,
    status: int,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    *,
    retry_s: int | None = None,
    extra: dict[str, Any] | None = None,
) -> Response:
    body: dict[str, Any] = {
        "type": f"/problems/{name}",
        "title": TITLES.get(name, "This is refused"),
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    answer = Response(body | (extra or {}), status=status, content_type="application/problem+json")
    if retry_s is not None:
        answer["Retry-After"] = str(retry_s)
    return answer
