"""The command ``partner_client``: what the console's page does, from a shell."""

from io import StringIO

import pytest
from allauth.idp.oidc.models import Client
from django.core.management import CommandError, call_command

from enrollments.models import PartnerGrant
from partners.operations import clients
from people.models import ActivityEntry
from tests import cast
from tests.integration.test_partner_tokens import ask, programs

pytestmark = pytest.mark.django_db


def command(*words):
    out, err = StringIO(), StringIO()
    call_command("partner_client", *words, stdout=out, stderr=err)
    return [line.split()[-1] for line in out.getvalue().splitlines()]


def test_command_makes_rotates_and_grants():
    cast.program()
    cast.program("Winter Peak")
    client_id, secret = command("create", "Leap", "--program", "summer-peak")
    first = clients.Credentials(client_id, secret)
    token = ask(first).json()["access_token"]
    assert [one["slug"] for one in programs(token).json()["items"]] == ["summer-peak"]

    command("grant", client_id, "--program", "winter-peak", "--program", "summer-peak")
    slugs = [one["slug"] for one in programs(token).json()["items"]]
    assert slugs == ["summer-peak", "winter-peak"]

    _, lost = command("rotate", client_id)
    assert lost != secret
    assert ask(first).status_code == 200  # for three more days
    _, middle = command("rotate", client_id)  # nobody has used the last one: it is replaced
    assert ask(clients.Credentials(client_id, lost)).status_code == 401
    assert ask(first).status_code == 200
    assert ask(clients.Credentials(client_id, middle)).status_code == 200
    with pytest.raises(CommandError, match="the one before still goes on"):
        command("rotate", client_id)
    assert ask(first).status_code == 200
    _, new = command("rotate", client_id, "--at-once")
    assert new != middle
    assert ask(first).status_code == 401
    assert ask(clients.Credentials(client_id, middle)).status_code == 401
    assert ask(clients.Credentials(client_id, new)).status_code == 200
    assert programs(token).status_code == 200  # work that runs is not torn down

    command("rotate", client_id, "--end-tokens")
    assert programs(token).status_code == 401
    entries = list(ActivityEntry.objects.order_by("id"))
    assert [entry.verb for entry in entries] == [
        "partner-create",
        "partner-grant",
        "partner-grant",
        "partner-rotate",
        "partner-rotate",
        "partner-rotate",
        "partner-rotate",
    ]
    assert {entry.subject for entry in entries} == {f"client:{client_id}"}
    assert secret not in str([entry.detail for entry in entries])


def test_command_suspends_resumes_and_takes_away():
    cast.program()
    client_id, secret = command("create", "Leap", "--program", "summer-peak")
    leap = clients.Credentials(client_id, secret)
    token = ask(leap).json()["access_token"]
    command("suspend", client_id)
    assert (programs(token).status_code, ask(leap).status_code) == (401, 401)
    with pytest.raises(CommandError, match="suspended already"):
        command("suspend", client_id)
    command("resume", client_id)
    token = ask(leap).json()["access_token"]
    command("revoke", client_id, "--program", "summer-peak")
    assert programs(token).json()["items"] == []
    command("end-tokens", client_id)
    assert (programs(token).status_code, ask(leap).status_code) == (401, 200)
    _, new = command("rotate", client_id)
    command("end-old-secret", client_id)
    assert ask(leap).status_code == 401
    assert ask(clients.Credentials(client_id, new)).status_code == 200
    with pytest.raises(CommandError, match="no old secret"):
        command("end-old-secret", client_id)
    verbs = ActivityEntry.objects.order_by("id").values_list("verb", flat=True)
    assert list(verbs)[2:] == [
        "partner-suspend",
        "partner-resume",
        "partner-revoke",
        "partner-end-tokens",
        "partner-rotate",
        "partner-end-old-secret",
    ]


def test_command_says_no_and_makes_nothing():
    with pytest.raises(CommandError, match="There is no program nowhere"):
        command("create", "Leap", "--program", "nowhere")
    for act in ("rotate", "suspend", "resume", "end-tokens", "end-old-secret"):
        with pytest.raises(CommandError, match="There is no client nobody"):
            command(act, "nobody")
    assert Client.objects.count() == PartnerGrant.objects.count() == 0


def test_read_only_client_gets_no_other_scope():
    cast.program()
    client_id, secret = command("create", "Meter", "--program", "summer-peak", "--read-only")
    assert ask(clients.Credentials(client_id, secret)).json()["error"] == "invalid_scope"
