"""A mail server for tests: speaks SMTP over a real socket and misbehaves on request."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from pytest_django import Settings


class PostOffice(socketserver.ThreadingTCPServer):
    """``answers``: what it says to a verb instead of 250, per address where it is about one."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.port = int(self.server_address[1])
        self.got: list[EmailMessage] = []
        self.visits = 0
        self.answers: dict[str, str] = {}
        self.before_greeting: Callable[[], Any] = lambda: None
        self.hangs_up_after_data = False
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}).start()

    @property
    def addressees(self) -> list[str]:
        return [str(message["To"]) for message in self.got]


class _Talk(socketserver.StreamRequestHandler):
    server: PostOffice

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.server.visits += 1
        self.server.before_greeting()
        self.say("220 post office")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "DATA":
                self.say("354 go on")
                self.keep()
                if self.server.hangs_up_after_data:
                    return
            to = line.partition("<")[2].partition(">")[0]
            told = self.server.answers.get(to) if verb == "RCPT" else None
            self.say(told or self.server.answers.get(verb) or "250 fine")
            if verb == "QUIT":
                return

    def keep(self) -> None:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.server.got.append(message)


@contextmanager
def open_post_office(settings: Settings) -> Iterator[PostOffice]:
    """The product's own settings point here, with Django's own SMTP backend."""
    office = PostOffice()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", office.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 0.5
    try:
        yield office
    finally:
        office.shutdown()
        office.server_close()
