"""Addresses of the partner API. The last slash may be left out: a redirect loses a POST's body."""

from django.urls import path, re_path
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from dr_events import api as events
from enrollments.api import desk
from enrollments.api import views as homes


class Nowhere(desk.PartnerView):
    """An address that does not exist answers like an id that does not exist."""

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound


SLUG = r"(?P<slug>[-a-zA-Z0-9_]{1,50})"
EVENT = r"events/(?P<event_id>[-a-zA-Z0-9]{1,64})"

urlpatterns = [
    re_path(r"^programs/?$", homes.Programs.as_view(), name="api-programs"),
    re_path(rf"^programs/{SLUG}/?$", homes.OneProgram.as_view(), name="api-program"),
    re_path(r"^systems/?$", homes.Systems.as_view(), name="api-systems"),
    re_path(r"^enrollments/?$", homes.Enrollments.as_view(), name="api-enrollments"),
    re_path(r"^events/?$", events.Events.as_view(), name="api-events"),
    re_path(rf"^{EVENT}/?$", events.OneEvent.as_view(), name="api-event"),
    re_path(rf"^{EVENT}/cancel/?$", events.Cancel.as_view(), name="api-cancel"),
    re_path(rf"^{EVENT}/deliveries/?$", events.Deliveries.as_view(), name="api-deliveries"),
    re_path(rf"^{EVENT}/results/?$", events.Results.as_view(), name="api-results"),
    path("<path:nowhere>", Nowhere.as_view()),
    path("", Nowhere.as_view()),
]
