"""A partner's webhook receiver, as good or as bad as a test wants it: a real server on loopback."""

import socket
import ssl
import threading
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Got:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers what ``answer`` holds; ``hang`` never answers, ``drip`` and ``flood`` never end."""

    answer: bytes = OK
    manner: str = "plain"
    tls: ssl.SSLContext | None = None
    got: list[Got] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        self._over.set()
        self._socket.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        try:
            with self.tls.wrap_socket(line, server_side=True) if self.tls else line as talk:
                talk.settimeout(30)
                self.got.append(_read(talk))
                self._answer(talk)
        except OSError:
            return

    def _answer(self, talk: socket.socket) -> None:
        if self.manner == "hang":
            self._over.wait(30)
        elif self.manner == "drip":
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 60:
                talk.sendall(bytes([byte]))
                if self._over.wait(0.5):
                    return
        elif self.manner == "flood":
            talk.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not self._over.is_set():
                talk.sendall(b"x" * 65536)
        elif self.manner != "hang up":
            talk.sendall(self.answer)


def _read(talk: socket.socket) -> Got:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(talk)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += _some(talk)
    return Got(first.split()[1], headers, body)


def _some(talk: socket.socket) -> bytes:
    found = talk.recv(65536)
    if not found:
        raise OSError("hung up")
    return found
