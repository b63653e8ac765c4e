"""C8: what the web server writes about requests holds no code, no state and no key from a mail."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.conf import settings

SECRET = "canary-4f1c"


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The product's own web server settings around an application that shows what it was asked."""
    port, log = free_port(), tmp_path_factory.mktemp("web") / "log"
    command = [
        sys.executable, "-m", "gunicorn", "-c", "portal/gunicorn.py", "-w", "1",
        "-b", f"127.0.0.1:{port}", "wsgiref.simple_server:demo_app",
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=out, stderr=out)
        try:
            yield f"http://127.0.0.1:{port}", log
        finally:
            process.terminate()
            process.wait(20)


def asked(address: str, headers: dict[str, str]) -> str:
    deadline = time.monotonic() + 20
    while True:
        try:
            return requests.get(address, headers=headers, timeout=10).text
        except requests.ConnectionError:
            assert time.monotonic() < deadline, "the server does not come up"
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/connect/callback/?code={SECRET}&state={SECRET}", "/connect/callback/"),
        (f"/connect/callback/?error=access_denied&state={SECRET}", "/connect/callback/"),
        (f"/o/{SECRET}/", "/o/-"),
        (f"/m/{SECRET}/", "/m/-"),
        (f"/calendar/{SECRET}.ics", "/calendar/-"),
    ],
)
def test_c8_no_key_is_in_the_access_log(server: tuple[str, Path], path: str, shown: str) -> None:
    address, log = server
    back = {"Referer": f"{address}/connect/callback/?code={SECRET}"}
    assert SECRET in asked(address + path, back), "the application gets it"
    deadline = time.monotonic() + 10
    while f'"GET {shown}" 200' not in (said := log.read_text()):
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
    assert SECRET not in said
