"""The doors of the identity provider that partners use; its other pages stay shut.

Our clients hold nothing but client credentials: nobody signs in to Offpeak with Offpeak.
"""

from allauth.idp.oidc import views as provider
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

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


urlpatterns = [
    path("identity/o/api/token", token, name="partner-token"),
    *(path(f"identity/o/{door}", shut) for door in SHUT),
    path("", include("allauth.idp.urls")),
]
