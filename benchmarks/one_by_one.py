"""The design as commonly written: one Celery task per system, requests-oauthlib and the ORM.

Same broker, same settings, same vault, same rows; eight pool processes. Compared with, not shipped.
"""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("one-by-one")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_default_queue = os.environ.get("ONE_BY_ONE_QUEUE", "one-by-one")
if os.environ.get("ONE_BY_ONE_KEEP"):
    app.conf["CELERY_DB_REUSE_MAX"] = 1000


@app.task(name="benchmarks.one_by_one.post")
def post(dispatch_id: int, message: str) -> None:
    from django.conf import settings
    from django.utils import timezone
    from requests_oauthlib import OAuth2Session

    from carrier.wire import events_url
    from dr_events.models import Dispatch
    from dr_events.states import Delivery
    from enrollments.tokens import vault

    row = Dispatch.objects.select_related("event", "system__grant").get(id=dispatch_id)
    grant = row.system.grant
    row.delivery, row.sent_at, row.attempts = Delivery.SENDING, timezone.now(), row.attempts + 1
    row.save()
    token = vault().open(bytes(grant.access_sealed or b""), bound_to=grant.bound_to("access"))
    session = OAuth2Session(token={"access_token": token, "token_type": "Bearer"})
    answer = session.post(
        events_url(settings.CARRIER["base_url"], row.system.serial),
        data=message.encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        timeout=20,
        verify=settings.CARRIER["ca_bundle"] or True,
    )
    row.http_status = answer.status_code
    if answer.status_code == 200:
        row.delivery, row.accepted_at = Delivery.ACCEPTED, timezone.now()
    row.save()
