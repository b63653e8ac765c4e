from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from carrier.config import CarrierConfig
from tests.unit.carrier.servers import Handler, Server

TOKEN = "tok-canary-7f3a"
SECRET = "secret-canary-91bc"


@pytest.fixture
def serve() -> Iterator[Callable[[Handler], Server]]:
    """Starts servers, and stops them after the test."""
    with ExitStack() as stack:
        yield lambda handler: stack.enter_context(Server(handler))


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
