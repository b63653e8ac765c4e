"""The console's forms about partners: of two at once the second is told, and twice is once."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.idp.oidc.models import Client
from django.test import Client as Browser
from django.urls import reverse

from base import clock
from partners.models import PartnerClient, Webhook
from partners.operations import client_secrets, clients, hooks
from partners.who import EVENTS, READ, WEBHOOKS
from people.models import ActivityEntry
from tests import cast
from tests.integration.test_partner_console import DESK, make, olga, summer
from tests.receiver import Receiver

__all__ = ["olga", "summer"]  # fixtures

pytestmark = pytest.mark.django_db


def done(verb: str) -> int:
    return ActivityEntry.objects.filter(verb=verb).count()


def test_what_a_client_may_do_is_changed_by_one_at_a_time(olga: Browser, summer: Any) -> None:
    made = make()
    address = reverse("partner_act", args=[made.client_id, "allow"])
    seen = clients.allowed_mark(Client.objects.get().get_scopes(), None)
    theirs = {"scope": [EVENTS], "requests_per_minute": "600", "seen": seen}
    mine = {"scope": [WEBHOOKS], "requests_per_minute": "50", "seen": seen}
    for _ in range(2):
        olga.post(address, theirs)
    assert done("partner-allow") == 1
    text = olga.post(address, mine).content.decode()
    assert "Somebody changed what this client may do meanwhile" in text
    assert 'value="50"' in text, "what was typed stays"
    assert Client.objects.get().get_scopes() == [READ, EVENTS]
    assert done("partner-allow") == 1
    now = clients.allowed_mark([READ, EVENTS], 600)
    assert f'name="seen" value="{now}"' in text, "saved again, it takes their place"
    olga.post(address, mine | {"seen": now})
    assert Client.objects.get().get_scopes() == [READ, WEBHOOKS]


def test_a_webhook_is_changed_by_one_at_a_time(olga: Browser, receiver: Receiver) -> None:
    made = make()
    old, theirs, mine = (f"http://{receiver.host}/{one}" for one in ("old", "theirs", "mine"))
    olga.post(reverse("webhook_make", args=[made.client_id]), {"url": old})
    hook = Webhook.objects.get()
    address = reverse("webhook_act", args=[made.client_id, hook.pk, "change"])
    seen = hooks.mark(hook)
    for _ in range(2):
        olga.post(address, {"url": theirs, "kind": ["event.cancelled"], "seen": seen})
    assert done("webhook-change") == 1
    text = olga.post(address, {"url": mine, "seen": seen}).content.decode()
    assert "Somebody changed this webhook meanwhile, and nothing was saved." in text
    assert f'value="{mine}"' in text
    hook.refresh_from_db()
    assert (hook.url, hook.kinds) == (theirs, ["event.cancelled"])
    assert done("webhook-change") == 1
    olga.post(address, {"url": mine, "seen": hooks.mark(hook)})
    hook.refresh_from_db()
    assert (hook.url, hook.kinds) == (mine, [])


def test_a_client_and_a_webhook_are_made_once(olga: Browser, receiver: Receiver) -> None:
    form = {"name": "Leap", "program": "summer-peak"}
    olga.post(reverse("partner_make"), form)
    again = olga.post(reverse("partner_make"), form, follow=True).content.decode()
    assert "This client was made a moment ago" in again
    made = Client.objects.get()
    address, hook = reverse("webhook_make", args=[made.pk]), {"url": f"http://{receiver.host}/in"}
    olga.post(address, hook)
    answer = olga.post(address, hook)
    assert answer.status_code == 400
    assert "It was added a moment ago" in answer.content.decode()
    assert Webhook.objects.count() == 1
    olga.post(address, {"url": f"http://{receiver.host}/other"})
    assert Webhook.objects.count() == 2


def test_what_was_refused_may_be_asked_again_at_once(olga: Browser, summer: Any) -> None:
    form = {"name": "Leap", "program": "nowhere"}
    for _ in range(2):
        text = olga.post(reverse("partner_make"), form, follow=True).content.decode()
        assert "There is no program nowhere." in text
    assert not Client.objects.exists()


@pytest.mark.parametrize("leaked", [{}, {"leaked": "1"}])
def test_a_new_secret_is_made_once(olga: Browser, summer: Any, leaked: dict[str, str]) -> None:
    """The button pressed twice, or the page with the secret loaded again later: the secret that was
    shown stays good."""
    made = make()
    page = reverse("console_partner", args=[made.client_id])
    address = reverse("partner_act", args=[made.client_id, "rotate"])
    form = leaked | {"seen": olga.get(page).context["secret_now"]}
    first = olga.post(address, form).context["credentials"].secret
    kept = PartnerClient.objects.values().get()
    again = olga.post(address, form, follow=True)
    assert "A new secret was made after this page was opened" in again.content.decode()
    assert "credentials" not in again.context
    assert done("partner-rotate") == 1
    assert PartnerClient.objects.values().get() == kept
    assert client_secrets.check_secret(Client.objects.get(), first)
    assert client_secrets.check_secret(Client.objects.get(), made.secret) is not bool(leaked)
    assert ("it is replaced, and the old one goes on" in again.content.decode()) != bool(leaked)
    meant = leaked | {"seen": again.context["secret_now"]}
    text = olga.post(address, meant, follow=True).content.decode()
    assert ("Client secret" in text) == bool(leaked), "the one that was shown is in use by now"
    assert ("the one before still goes on" in text) != bool(leaked)


def test_beside_one_that_takes_the_place_of_a_lost_one_the_old_goes_on_as_long_as_said(
    summer: Any,
) -> None:
    """The second is made in the last hour of the old one."""
    old = make()
    who: Any = {"client_id": old.client_id, "actor": DESK, "now": cast.MORNING}
    made_at = clock.real_now()
    lost = client_secrets.rotate(**who, real_now=made_at - timedelta(hours=71))
    found = client_secrets.rotate(**who, real_now=made_at)
    assert PartnerClient.objects.get().old_secret_ends_at == made_at + timedelta(hours=72)
    client = Client.objects.get()
    good = [client_secrets.check_secret(client, one.secret) for one in (old, lost, found)]
    assert good == [True, False, True]


def test_a_form_without_what_it_was_filled_in_from_makes_no_secret(
    olga: Browser, summer: Any
) -> None:
    made = make()
    olga.post(reverse("partner_act", args=[made.client_id, "rotate"]), {"leaked": "1"})
    assert client_secrets.check_secret(Client.objects.get(), made.secret)
    assert done("partner-rotate") == 0
