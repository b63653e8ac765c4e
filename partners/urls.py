"""The console's pages about partners, and the doors of the identity provider that partners use;
its other pages stay shut.

Our clients hold nothing but client credentials: nobody signs in to Offpeak with Offpeak.
"""

from allauth.idp.oidc import views as provider
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from partners import views

SHUT = ("authorize", "device", "logout", "api/userinfo", "api/device/code")


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> HttpResponseBase:
    """The provider's token door; it lets a malformed ``resource`` through as a 500."""
    try:
        answer: HttpResponseBase = provider.token(request)
    except ValidationError:
        return JsonResponse({"error": "invalid_target"}, status=400)
    return answer


def shut(request: HttpRequest) -> HttpResponse:
    raise Http404


CLIENT = r"^console/partners/(?P<client_id>[-A-Za-z0-9_]{1,100})/"
HOOK = CLIENT + r"webhooks/(?P<hook_id>[0-9a-f-]{36})/"

urlpatterns = [
    path("console/partners/", views.console_partners, name="console_partners"),
    path("console/partners/new/", views.partner_make, name="partner_make"),
    re_path(CLIENT + "$", views.console_partner, name="console_partner"),
    re_path(
        CLIENT + "(?P<act>grant|revoke|rotate|end-old-secret)/$",
        views.partner_act,
        name="partner_act",
    ),
    re_path(CLIENT + "webhooks/$", views.webhook_make, name="webhook_make"),
    re_path(HOOK + "$", views.console_webhook, name="console_webhook"),
    re_path(
        HOOK + "(?P<act>change|test|pause|resume|rotate|remove)/$",
        views.webhook_act,
        name="webhook_act",
    ),
    re_path(
        HOOK + "posts/(?P<post_id>[0-9a-f-]{36})/$", views.webhook_replay, name="webhook_replay"
    ),
    path("identity/o/api/token", token, name="partner-token"),
    *(path(f"identity/o/{door}", shut) for door in SHUT),
    path("", include("allauth.idp.urls")),
]
