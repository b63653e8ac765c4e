"""Addresses of the partner API. The last slash may be left out: a redirect loses a POST's body."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, path
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from partners.api import (
    desk,
    event_acts,
    events,
    figures,
    homes,
    one_event,
    openapi,
    practice,
    webhooks,
)


class Nowhere(desk.PartnerView):
    """An address that does not exist answers like an id that does not exist."""

    schema = None  # type: ignore[assignment]

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound


def _both(route: str, view: type[desk.PartnerView], name: str) -> Iterator[URLPattern]:
    """With the last slash, as documented and linked to, and without it."""
    serve: Any = view.as_view()
    yield path(route.rstrip("/"), serve)
    yield path(route, serve, name=name)


urlpatterns = [
    path("openapi.json", openapi.document_view, name="api-openapi"),
    path("reference/", openapi.reference_view, name="api-reference"),
    *_both("programs/", homes.Programs, "api-programs"),
    *_both("programs/<slug:slug>/", homes.OneProgram, "api-program"),
    *_both("programs/<slug:slug>/groups/", homes.Groups, "api-groups"),
    *_both("programs/<slug:slug>/limits/", figures.ProgramLimits, "api-program-limits"),
    *_both("systems/", homes.Systems, "api-systems"),
    *_both("systems/<slug:serial>/", homes.OneSystem, "api-system"),
    *_both("systems/<slug:serial>/limits/", figures.SystemLimits, "api-system-limits"),
    *_both("enrollments/", homes.Enrollments, "api-enrollments"),
    *_both("events/", events.Events, "api-events"),
    *_both("events/preview/", events.Preview, "api-preview"),
    *_both("events/<slug:event_id>/", one_event.OneEvent, "api-event"),
    *_both("events/<slug:event_id>/submit/", one_event.Submit, "api-submit"),
    *_both("events/<slug:event_id>/cancel/", event_acts.Cancel, "api-cancel"),
    *_both("events/<slug:event_id>/opt-outs/", event_acts.OptOuts, "api-opt-outs"),
    *_both("events/<slug:event_id>/deliveries/", events.Deliveries, "api-deliveries"),
    *_both("events/<slug:event_id>/results/", events.Results, "api-results"),
    *_both("events/<slug:event_id>/results/intervals/", figures.ByInterval, "api-intervals"),
    *_both("events/<slug:event_id>/results/homes/", figures.ByHome, "api-home-results"),
    *_both("events/<slug:event_id>/notices/", figures.Notices, "api-notices"),
    *_both("practice/runs/", practice.Runs, "api-runs"),
    *_both("practice/runs/<slug:run_id>/", practice.OneRun, "api-run"),
    *_both("webhooks/", webhooks.AllWebhooks, "api-webhooks"),
    *_both("webhooks/<slug:hook_id>/", webhooks.OneWebhook, "api-webhook"),
    *_both("webhooks/<slug:hook_id>/test/", webhooks.Test, "api-webhook-test"),
    *_both("webhooks/<slug:hook_id>/rotate/", webhooks.Rotate, "api-webhook-rotate"),
    *_both("webhooks/<slug:hook_id>/end-old-secret/", webhooks.EndOldSecret, "api-webhook-end-old"),
    *_both("webhooks/<slug:hook_id>/pause/", webhooks.Pause, "api-webhook-pause"),
    *_both("webhooks/<slug:hook_id>/resume/", webhooks.Resume, "api-webhook-resume"),
    *_both("webhooks/<slug:hook_id>/messages/", webhooks.Messages, "api-messages"),
    path("<path:nowhere>", Nowhere.as_view()),
    path("", Nowhere.as_view()),
]
