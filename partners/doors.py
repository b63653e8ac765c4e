"""The identity provider's doors that partners use, each with a limit on failing; the others shut.

A wrong secret costs a slow hash. Who fails too often from one address, or at one client, waits out
the minute before anything is hashed. What succeeds is given back: honest clients never meet it.
"""

import re
from collections.abc import Callable

from allauth.core.internal import httpkit
from allauth.idp.oidc import views as provider
from allauth.idp.oidc.models import Client, Token
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from partners.operations import quotas
from people.access import address_of

# Failures a minute. Several machines of a partner may share an address.
AT_A_CLIENT, FROM_AN_ADDRESS = 20, 60
CLIENT_ID = re.compile(r"[-A-Za-z0-9_]{1,90}")


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> HttpResponseBase:
    return _limited(request, _token)


@csrf_exempt
@require_POST
def revoke(request: HttpRequest) -> HttpResponseBase:
    return _limited(request, _revoke)


def shut(request: HttpRequest) -> HttpResponse:
    raise Http404


def _token(request: HttpRequest) -> HttpResponseBase:
    """The provider lets a malformed ``resource`` through as a 500."""
    try:
        answer: HttpResponseBase = provider.token(request)
    except ValidationError:
        return JsonResponse({"error": "invalid_target"}, status=400)
    return answer


def _revoke(request: HttpRequest) -> HttpResponseBase:
    """The provider ends anybody's token for whoever shows it; it must be the asker's own (RFC 7009,
    2.1). The answer is that to a token nobody has: it tells nothing."""
    with transaction.atomic():
        shown = [Token.objects.by_value(value) for value in request.POST.getlist("token")]
        mine = {_client_id(request)}
        owners = {owner for found in shown for owner in found.values_list("client_id", flat=True)}
        answer: HttpResponseBase = provider.revoke(request)
        transaction.set_rollback(bool(owners - mine))
    return answer


def _limited(
    request: HttpRequest, door: Callable[[HttpRequest], HttpResponseBase]
) -> HttpResponseBase:
    """Counted before the door opens, or many at once would all find it open."""
    taken = {key: quotas.take(key, limit=limit) for key, limit in _keys(request).items()}
    tightest = min(taken.values(), key=lambda one: (one.left, -one.reset_s))
    if tightest.left < 0:
        answer: HttpResponseBase = _wait(tightest)
    elif "\x00" in _client_id(request):  # PostgreSQL has no such text, and the provider asks it
        answer = JsonResponse({"error": "invalid_client"}, status=401)
    else:
        answer = door(request)
        if answer.status_code < 400:
            for key in taken:
                quotas.give_back(key)
            return answer
    for name, value in quotas.headers(tightest).items():
        answer[name] = value
    return answer


def _keys(request: HttpRequest) -> dict[str, int]:
    """What this request is counted under, and how often that may fail in a minute."""
    found = {f"{quotas.ADDRESS}{address_of(request)}": FROM_AN_ADDRESS}
    client_id = _client_id(request)
    # A client that does not exist costs no hash, and anybody could make up any number of them.
    if CLIENT_ID.fullmatch(client_id) and Client.objects.filter(pk=client_id).exists():
        found[f"{quotas.CLIENT}{client_id}"] = AT_A_CLIENT
    return found


def _client_id(request: HttpRequest) -> str:
    """Read where the provider reads it."""
    named, secret = httpkit.extract_basic_auth(request.headers)
    return str((named if named or secret else request.POST.get("client_id")) or "")


def _wait(quota: quotas.Quota) -> HttpResponse:
    words = "Too many requests failed. Wait as many seconds as Retry-After says."
    body = {"error": "temporarily_unavailable", "error_description": words}
    answer = JsonResponse(body, status=429)
    answer["Retry-After"] = str(quota.reset_s)
    answer["Cache-Control"] = "no-store"
    return answer
