"""The console's pages about partners, and the doors of the identity provider that partners use;
its other pages stay shut.

Our clients hold nothing but client credentials: nobody signs in to Offpeak with Offpeak.
"""

from django.urls import include, path, re_path

from partners import doors, views

SHUT = ("authorize", "device", "logout", "api/userinfo", "api/device/code")


CLIENT = r"^console/partners/(?P<client_id>[-A-Za-z0-9_]{1,100})/"
HOOK = CLIENT + r"webhooks/(?P<hook_id>[0-9a-f-]{36})/"

urlpatterns = [
    path("console/partners/", views.console_partners, name="console_partners"),
    path("console/partners/new/", views.partner_make, name="partner_make"),
    re_path(CLIENT + "$", views.console_partner, name="console_partner"),
    re_path(
        CLIENT + "(?P<act>grant|revoke|rotate|end-old-secret|end-tokens|suspend|resume|allow)/$",
        views.partner_act,
        name="partner_act",
    ),
    re_path(CLIENT + "webhooks/$", views.webhook_make, name="webhook_make"),
    re_path(HOOK + "$", views.console_webhook, name="console_webhook"),
    re_path(
        HOOK + "(?P<act>change|test|pause|resume|rotate|end-old-secret|remove)/$",
        views.webhook_act,
        name="webhook_act",
    ),
    re_path(
        HOOK + "posts/(?P<post_id>[0-9a-f-]{36})/$", views.webhook_replay, name="webhook_replay"
    ),
    path("identity/o/api/token", doors.token, name="partner-token"),
    path("identity/o/api/revoke", doors.revoke, name="partner-revoke"),
    *(path(f"identity/o/{door}", doors.shut) for door in SHUT),
    path("", include("allauth.idp.urls")),
]
