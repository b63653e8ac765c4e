"""Every address of the product starts here."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from portal import views

# The back office's own sign-in page knows neither the limits nor the second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("", include("people.urls")),
    path("accounts/", include("allauth.urls")),
    path("", include("partners.urls")),
    path("", include("enrollments.urls")),
    path("", include("dr_events.urls")),
    path("api/v1/", include("portal.api_urls")),
    path("admin/", admin.site.urls),
]
