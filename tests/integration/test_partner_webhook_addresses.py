"""Where a webhook may lead: what is dialled is checked again, whatever a name said before."""

import socket
import ssl

import pytest

from base import clock
from base.refusal import Refused
from benchmarks.certificate import make_certificate
from partners import posting
from partners.models import Post, Webhook
from partners.rules import addresses
from partners.states import PostState
from tests import cast
from tests.partner_hooks import client, hook, write
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


def test_a_redirect_is_not_followed(summer, receiver):
    inner = Receiver()
    receiver.answer = (
        f"HTTP/1.1 307 Go\r\nLocation: http://{inner.host}/\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    posting.post_due()
    inner.close()
    assert (Post.objects.get().trouble, inner.connections) == ("It answered 307.", 0)


def test_an_inner_address_is_refused_where_it_is_dialled(summer, receiver, settings):
    """As when a name that was public when it was saved leads inside now."""
    settings.WEBHOOK_INNER_HOSTS = ()
    hook(client(summer), "https://hooks.partner.example/")
    cast.enrolled(summer)
    write()
    for url in ("https://127.0.0.1:8443/", f"http://127.0.0.1:{receiver.port}/"):
        Webhook.objects.update(url=url, next_try_at=None)
        Post.objects.update(next_try_at=None)
        posting.post_due()
    assert receiver.connections == 0
    assert Post.objects.get().state == PostState.WAITING


def test_a_name_that_changed_its_mind_is_refused_by_the_address_dialled(
    summer, receiver, settings, monkeypatch
):
    settings.WEBHOOK_INNER_HOSTS = ()
    # The rules on names and ports are passed; by the time it is dialled the name is this machine.
    monkeypatch.setattr(
        addresses, "host_and_port", lambda url, inner_allowed: ("localhost", receiver.port)
    )
    says = iter(["93.184.215.14", "127.0.0.1"])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *a, **k: [(2, 1, 6, "", (next(says), receiver.port))]
    )
    url = f"https://localhost:{receiver.port}/"
    posting.check_address(url)
    hook(client(summer), url)
    cast.enrolled(summer)
    write()
    posting.post_due()
    assert receiver.connections == 0
    post = Post.objects.get()
    assert post.trouble == "Its name leads to an inner network; nothing was sent."


def test_names_are_looked_up_when_an_address_is_saved(monkeypatch):
    def lead_to(*found):
        rows = [(2, 1, 6, "", (address, 443)) for address in found]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: rows)

    lead_to("93.184.215.14")
    posting.check_address("https://hooks.partner.example/")
    for found in (["10.0.0.1"], ["93.184.215.14", "::1"], []):
        lead_to(*found)
        with pytest.raises(Refused):
            posting.check_address("https://hooks.partner.example/")


def test_a_receiver_with_a_wrong_certificate_gets_nothing(summer, receiver, tmp_path):
    receiver.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    receiver.tls.load_cert_chain(*make_certificate(tmp_path))
    hook(client(summer), f"https://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    posting.post_due()
    assert receiver.got == []
    assert "certificate" in Post.objects.get().trouble
