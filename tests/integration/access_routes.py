"""Every route of the product, as it is written, and the methods it is asked with."""

from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver
from django.urls.resolvers import RegexPattern, URLPattern, URLResolver

METHODS = ("GET", "POST", "PUT")
API_METHODS = (*METHODS, "PATCH", "DELETE")


def routes(patterns: Any = None, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        text = before + _text(entry)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, text)
        else:
            yield text, entry


def _text(entry: URLPattern | URLResolver) -> str:
    text, is_regex = str(entry.pattern), isinstance(entry.pattern, RegexPattern)
    return text.removeprefix("^").removesuffix("$") if is_regex else text


def every_route() -> list[str]:
    """Each once, as it is written; the first of two with the same address is the one that answers.
    The optional last slash of the API is one route."""
    found = dict.fromkeys(text.replace("/?", "/") for text, _ in routes())
    return list(dict.fromkeys(found))


def methods_of(route: str) -> tuple[str, ...]:
    return API_METHODS if route.startswith("api/v1/") else METHODS
