"""The API describes itself: an OpenAPI 3.1 document made from the code, and a page to read it."""

from copy import deepcopy
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from partners.api import words
from partners.problems import TITLES
from partners.who import SCOPES

PREFIX = "/api/v1/"
# Any request may end so; what an address adds stands in _MORE.
_ALWAYS = {
    "400": "Mend the request: `errors` names each field.",
    "401": "Get a new token.",
    "403": "The token lacks a scope, or the event is somebody else's.",
    "406": "Accept application/json.",
    "429": "Wait as long as Retry-After says.",
    "503": "The database did not answer in time; try again.",
}
_WITH_ID = {"404": "It does not exist, or is not in your programs."}
_POST = {
    "409": "It is in another state.",
    "413": "At most 64 KiB.",
    "415": "Send application/json.",
    "422": "The business says no, or the key was used for another request.",
}
_CHANGED = {"412": "It has changed since you read it."}
_MORE = {
    "cancelEvent": _CHANGED,
    "submitEvent": _CHANGED,
    "changeWebhook": _CHANGED,
    "removeWebhook": _CHANGED,
    "changeDraft": _CHANGED | {"428": "Send If-Match."},
}
_CLOSED = (
    "EventBody",
    "PlanBody",
    "PatchedEventBody",
    "OptOutBody",
    "RunBody",
    "HookBody",
    "PatchedHookBody",
)


class PartnerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "partners.identity.PartnerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        flow = {"tokenUrl": "/identity/o/api/token", "scopes": dict(SCOPES)}
        return {"type": "oauth2", "flows": {"clientCredentials": flow}}

    def get_security_requirement(self, auto_schema: AutoSchema) -> dict[str, list[Any]]:
        scope = auto_schema.view.scopes.get(auto_schema.method)  # type: ignore[attr-defined]
        return {self.name: [scope] if scope else []}


def only_the_api(endpoints: list[tuple[str, ...]], **_: Any) -> list[tuple[str, ...]]:
    """Every address stands in the document once, with its last slash."""
    return [one for one in endpoints if one[0].startswith(PREFIX) and one[0].endswith("/")]


def with_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The ways each operation says no; and that unknown fields are refused."""
    for address, methods in result["paths"].items():
        for method, operation in methods.items():
            found = _ALWAYS | (_WITH_ID if "{" in address else {})
            found |= (_POST if method in ("post", "patch") else {}) | _MORE.get(
                operation["operationId"], {}
            )
            for answer in operation["responses"].values():
                answer["description"] = operation["summary"]
            for status, sentence in sorted(found.items()):
                operation["responses"][status] = _problem(sentence)
    shapes = result["components"]["schemas"]
    for name in _CLOSED:
        shapes[name]["additionalProperties"] = False
    # Copies: what follows writes words into them.
    shapes |= deepcopy({"Wrong": _WRONG, "Problem": _PROBLEM})
    words.say(result)
    return result


def _problem(sentence: str) -> dict[str, Any]:
    shape = {"$ref": "#/components/schemas/Problem"}
    return {"description": sentence, "content": {"application/problem+json": {"schema": shape}}}


_WRONG = {
    "type": "object",
    "description": "One input that is wrong.",
    "properties": {name: {"type": "string"} for name in ("field", "code", "detail")},
    "required": ["field", "code", "detail"],
}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `type` is stable; sentences may change.",
    "properties": {
        "type": {"type": "string", "enum": sorted(f"/problems/{name}" for name in TITLES)},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Wrong"}},
        "left_out": {"type": "array", "items": {"$ref": "#/components/schemas/LeftOut"}},
    },
    "required": ["type", "title", "status", "detail"],
}


@cache
def document() -> dict[str, Any]:
    """The same for everybody; it takes a moment, so it is made once a process."""
    made = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return dict(made)


@require_safe
def document_view(request: HttpRequest) -> HttpResponse:
    return JsonResponse(document())


@require_safe
def reference_view(request: HttpRequest) -> HttpResponse:
    """Every operation and every field on one page, without a script."""
    found = document()
    operations = [
        {"method": method.upper(), "address": address} | operation
        for address, methods in found["paths"].items()
        for method, operation in methods.items()
    ]
    context = {
        "info": found["info"],
        "operations": [_readable(one) for one in operations],
        "shapes": [
            {"name": name, "fields": _fields(shape), "description": shape.get("description", "")}
            for name, shape in found["components"]["schemas"].items()
            if "properties" in shape
        ],
    }
    return render(request, "partners/reference.html", context)


def _readable(operation: dict[str, Any]) -> dict[str, Any]:
    request = operation.get("requestBody", {})
    return operation | {
        "id": operation["operationId"],
        "scopes": operation["security"][0]["token"],
        "body": _word(_schema(request)),
        "answers": [
            {
                "status": status,
                "description": answer.get("description", ""),
                "shape": _word(_schema(answer)),
            }
            for status, answer in sorted(operation["responses"].items())
        ],
        "parameters": [
            one | {"word": _word(one["schema"])} for one in operation.get("parameters", [])
        ],
    }


def _schema(told: dict[str, Any]) -> dict[str, Any]:
    """Of a request or an answer: there is one media type each."""
    content: dict[str, Any] = told.get("content", {})
    return dict(next((one["schema"] for one in content.values()), {}))


def _fields(shape: dict[str, Any]) -> list[dict[str, Any]]:
    required = shape.get("required", [])
    return [
        {
            "name": name,
            "word": _word(one),
            "description": one.get("description", ""),
            "required": name in required,
        }
        for name, one in shape["properties"].items()
    ]


def _word(shape: dict[str, Any]) -> str:
    """A schema in a word or two: "string", "Event", "list of Delivery", "number or null"."""
    if "$ref" in shape:
        return str(shape["$ref"]).rsplit("/", 1)[-1]
    for several in ("allOf", "oneOf", "anyOf"):
        if several in shape:
            return " or ".join(dict.fromkeys(_word(one) for one in shape[several]))
    if "enum" in shape:
        return ", ".join(str(one) for one in shape["enum"])
    found = shape.get("type", "")
    words = [found] if isinstance(found, str) else list(found)
    if "array" in words:
        return f"list of {_word(shape.get('items', {}))}"
    return " or ".join([*words, *([f"({shape['format']})"] if "format" in shape else [])])
