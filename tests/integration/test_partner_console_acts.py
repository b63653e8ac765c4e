"""What an operator does to a partner's client: end its tokens, suspend it, say what it may."""

from typing import Any

import pytest
from allauth.idp.oidc.models import Client, Token
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from base import clock
from partners import posting
from partners.models import PartnerClient, Post
from partners.operations import clients
from partners.who import EVENTS, READ, WEBHOOKS
from people.models import ActivityEntry
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.partner_calls import Caller
from tests.partner_hooks import hook
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> clients.Credentials:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    cast.program()
    return clients.create(
        name="Leap", slugs=["summer-peak"], read_only=False, actor=Actor("user:test"),
        now=cast.MORNING, real_now=timezone.now(),
    )  # fmt: skip


@pytest.fixture
def olga(made: clients.Credentials) -> Browser:
    browser = Browser()
    browser.force_login(cast.operator(), BACKEND)
    return browser


def token(made: clients.Credentials, scope: str = READ) -> Any:
    form = {"grant_type": "client_credentials", "scope": scope}
    secret = {"client_id": made.client_id, "client_secret": made.secret}
    return Browser().post("/identity/o/api/token", form | secret)


def good(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    return str(answer.json()["access_token"])


def opens(value: str) -> int:
    return Browser().get("/api/v1/programs/", HTTP_AUTHORIZATION=f"Bearer {value}").status_code


def act(browser: Browser, made: clients.Credentials, name: str, **fields: Any) -> str:
    answer = browser.post(reverse("partner_act", args=[made.client_id, name]), fields, follow=True)
    return str(answer.content.decode())


def verbs() -> list[str]:
    return list(ActivityEntry.objects.order_by("id").values_list("verb", flat=True))[2:]


def test_all_tokens_end_and_the_secret_fetches_new_ones(
    olga: Browser, made: clients.Credentials
) -> None:
    first = good(token(made))
    act(olga, made, "end-tokens")
    assert (opens(first), opens(good(token(made)))) == (401, 200)
    assert verbs() == ["partner-end-tokens"]


def test_a_suspended_client_gets_nothing_until_it_is_resumed(
    olga: Browser, made: clients.Credentials
) -> None:
    first = good(token(made))
    kept = Token.objects.get()
    assert "Suspended" in act(olga, made, "suspend")
    assert opens(first) == 401
    kept.save(force_insert=True)  # one that was being issued meanwhile
    assert opens(first) == 401
    no = token(made)
    assert (no.status_code, no.json()) == (401, {"error": "invalid_client"})
    assert "This client is suspended already." in act(olga, made, "suspend")
    act(olga, made, "resume")
    assert opens(good(token(made))) == 200
    assert "This client is not suspended." in act(olga, made, "resume")
    assert verbs() == ["partner-suspend", "partner-resume"]


def test_scopes_and_requests_a_minute_are_changed(olga: Browser, made: clients.Credentials) -> None:
    reading, planning = good(token(made)), good(token(made, f"{READ} {EVENTS}"))
    seen = clients.allowed_mark(Client.objects.get().get_scopes(), None)
    page = act(olga, made, "allow", scope=[WEBHOOKS], requests_per_minute="1200", seen=seen)
    assert "1,200" in page
    assert Client.objects.get().get_scopes() == [READ, WEBHOOKS]
    assert PartnerClient.objects.get().requests_per_minute == 1200
    assert (opens(reading), opens(planning)) == (200, 401)
    assert token(made, EVENTS).json()["error"] == "invalid_scope"
    seen = clients.allowed_mark([READ, WEBHOOKS], 1200)
    act(olga, made, "allow", scope=[EVENTS], requests_per_minute="", seen=seen)
    assert Client.objects.get().get_scopes() == [READ, EVENTS]
    assert PartnerClient.objects.get().requests_per_minute is None
    assert verbs() == ["partner-allow", "partner-allow"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"requests_per_minute": "many"}, "as a whole number"),
        ({"requests_per_minute": "0"}, "between 1 and 100000"),
        ({"requests_per_minute": "100001"}, "between 1 and 100000"),
        ({"scope": ["offpeak.everything"]}, "There is no scope offpeak.everything."),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    olga: Browser, made: clients.Credentials, fields: dict[str, Any], words: str
) -> None:
    before = Client.objects.get().get_scopes()
    assert words in act(olga, made, "allow", **fields)
    assert Client.objects.get().get_scopes() == before
    assert PartnerClient.objects.get().requests_per_minute is None
    assert verbs() == []


@pytest.mark.parametrize("name", ["end-tokens", "suspend", "resume", "allow"])
def test_who_may_not_operate_may_not_do_it(made: clients.Credentials, name: str) -> None:
    browser = Browser()
    browser.force_login(cast.operator("v@x.example", Role.VIEWER), BACKEND)
    first = good(token(made))
    answer = browser.post(reverse("partner_act", args=[made.client_id, name]))
    assert answer.status_code == 403
    assert (opens(first), verbs()) == (200, [])


@pytest.mark.parametrize("odd", ["-" * 36, "a" * 36])
def test_an_id_that_is_none_is_not_found(
    olga: Browser, made: clients.Credentials, odd: str
) -> None:
    ours, _ = hook(made.client_id, "https://hooks.leap.example/in")
    at = f"/console/partners/{made.client_id}/webhooks/"
    assert olga.get(f"{at}{odd}/").status_code == 404
    assert olga.post(f"{at}{odd}/test/").status_code == 404
    assert olga.post(f"{at}{ours.pk}/posts/{odd}/").status_code == 404
    assert not Post.objects.exists()


def test_a_nul_byte_is_no_failure_of_ours(olga: Browser, made: clients.Credentials) -> None:
    assert "There is no program a." in act(olga, made, "grant", program="a\x00")
    assert "not granted this program" in act(olga, made, "revoke", program="a\x00")
    olga.post(reverse("partner_make"), {"name": "Vol\x00tus", "program": "summer-peak\x00"})
    assert Client.objects.latest("created_at").name == "Voltus"


def test_a_refused_client_keeps_what_was_typed(olga: Browser, made: clients.Credentials) -> None:
    form = {"name": "Vol<tus", "program": "summer-peak", "is_practice": "1", "read_only": "1"}
    answer = olga.post(reverse("partner_make"), form)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "A practice client works on made-up homes only." in page
    assert 'value="Vol&lt;tus"' in page
    for field in (
        'name="program" value="summer-peak"',
        'name="read_only" value="1"',
        'name="is_practice" value="1"',
    ):
        assert f"{field} checked" in page
    assert (Client.objects.count(), verbs()) == (1, [])


def test_a_test_of_a_paused_webhook_says_that_it_waits(
    made: clients.Credentials, olga: Browser, receiver: Receiver
) -> None:
    ours, _ = hook(made.client_id, f"http://{receiver.host}/in")
    address = reverse("console_webhook", args=[made.client_id, ours.pk])

    def press(act: str) -> str:
        at = reverse("webhook_act", args=[made.client_id, ours.pk, act])
        return olga.post(at, follow=True).content.decode()

    assert "a test waits" not in olga.get(address).content.decode()
    assert "The test is kept" not in press("test")
    assert posting.post_due() == 1
    press("pause")
    text = press("test")
    kept = "The test is kept: the webhook is paused, and it is posted once somebody resumes it."
    assert kept in text
    assert "It is paused: a test waits until somebody resumes it." in text
    assert text.count("It waits until the webhook is resumed.") == 1, "the delivered one does not"
    assert "It is tried now." not in text
    assert (posting.post_due(), len(receiver.got)) == (0, 1)
    press("resume")
    assert (posting.post_due(), len(receiver.got)) == (1, 2)


def test_the_answer_to_a_partners_own_test_says_that_the_webhook_is_paused(
    made: clients.Credentials, receiver: Receiver
) -> None:
    leap = Caller("summer-peak")
    ours, _ = hook(leap.client_id, f"http://{receiver.host}/in")
    for state, before in (("ACTIVE", "test/"), ("PAUSED", "pause/")):
        assert leap.post(f"webhooks/{ours.pk}/{before}").json()["state"] == state
    assert leap.post(f"webhooks/{ours.pk}/test/").json()["state"] == "PAUSED"
    assert (posting.post_due(), Post.objects.filter(state="WAITING").count()) == (0, 2)
