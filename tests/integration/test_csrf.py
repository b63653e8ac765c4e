"""Forged requests: every view is asked, by Django's own guard, what it does to a POST without a
token."""

import re

from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.test import RequestFactory
from django.urls.resolvers import URLPattern

from tests.integration.access_routes import routes

# No cookie means anything there: who asks shows a token, a secret or a link of its own.
OPEN = (
    r"api/v1/(?!openapi|reference)",  # a bearer token in a header
    r"identity/o/api/(token|revoke)$",  # a client's secret
    r"(o|m)/<",  # a link in a mail (RFC 8058)
)


def test_a_post_without_a_token_is_refused_wherever_a_session_counts() -> None:
    guard = CsrfViewMiddleware(lambda request: HttpResponse())
    refused: set[str] = set()
    let_in: set[str] = set()
    first: dict[str, URLPattern] = {}  # of two with the same address it is the one that answers
    for route, entry in routes():
        first.setdefault(route, entry)
    for route, entry in first.items():
        request = RequestFactory().post("/")
        answer = guard.process_view(request, entry.callback, (), {})
        (refused if answer is not None and answer.status_code == 403 else let_in).add(route)
    assert sorted(one for one in let_in if not re.match("|".join(OPEN), one)) == []
    assert sorted(one for one in refused if re.match("|".join(OPEN), one)) == []
    assert len(refused) > 100
