from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from carrier.client import CarrierClient
from carrier.config import CarrierConfig
from carrier.fanout import Fanout
from tests.unit.carrier.servers import Server, reply

TOKEN = "tok-canary-7f3a"
SECRET = "secret-canary-91bc"
LOOPBACK = ipaddress.ip_address("127.0.0.1")


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers, and stops them after the test."""
    with ExitStack() as stack:
        yield lambda handler, tls=None: stack.enter_context(Server(handler, tls))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server context for 127.0.0.1, and the file that makes it trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "offpeak test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, str(folder / "cert.pem")


@pytest.fixture
def settings() -> Callable[..., CarrierConfig]:
    """A configuration for a server on the loopback, with limits short enough for tests."""

    def make(url: str, **changes: object) -> CarrierConfig:
        values: dict[str, object] = {
            "base_url": url,
            "authorize_url": f"{url}/authorize",
            "token_url": f"{url}/token",
            "revoke_url": f"{url}/revoke",
            "client_id": "offpeak",
            "client_secret": SECRET,
            "scopes": ("Read-User", "Read-System"),
            "redirect_uri": "https://portal.example/carrier/back",
            "connect_timeout_s": 2.0,
            "total_timeout_s": 5.0,
            "max_body_bytes": 65_536,
        }
        return CarrierConfig(**(values | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def fan() -> Iterator[Callable[..., Fanout]]:
    made: list[Fanout] = []

    def make(**settings: Any) -> Fanout:
        made.append(Fanout(**({"in_flight": 8, "total_timeout_s": 5.0} | settings)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def ask(serve: Any, settings: Any) -> Iterator[Callable[..., Any]]:
    """Calls a client against a server that answers everything with one body."""
    clients: list[CarrierClient] = []

    def call(do: Any, body: bytes, media: str = "application/json", status: int = 200) -> Any:
        server = serve(lambda _, conn: conn.send(reply(status, body, media)))
        clients.append(CarrierClient(settings(server.url), TOKEN))
        return do(clients[-1]), server.requests

    yield call
    for client in clients:
        client.close()
