"""One libcurl easy handle, used again and again, and what is known about the request on it.

libcurl repeats a request by itself when a kept-alive connection turns out dead before the first
byte of an answer, up to five times, POSTs included, and no option switches that off. A server that
took the POST and then closed the connection would get it twice. CURLOPT_PREREQFUNCTION is called
every time a request is about to leave, on a new connection or a kept one, after TCP and TLS are
up: the second call for one POST answers "abort". The first call is also the proof that decides
what a failure means. Before it nothing can have left; after it, anything can.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pycurl
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from .permits import Permits
from .transport import USER_AGENT

METHODS = frozenset({"GET", "POST"})

LOOK_AGAIN_S = 0.1
"""A last look older than this, in seconds, is repeated when the connection is ready at last."""

# An idle connection older than this, in seconds, is not used again: the longer it lies, the more
# likely the server has just closed it, and a POST on a dying connection ends UNKNOWN.
MAX_IDLE_S = 30


class Outcome(enum.Enum):
    """What is known about the effect of one request."""

    ANSWERED = "answered"  # a complete answer came back, whatever its status
    NOT_SENT = "not sent"  # provably nothing left: DNS, refused, connect limit, TLS handshake
    UNKNOWN = "unknown"  # bytes may have left and no complete answer came back
    REFUSED = "refused"  # the caller's last look said no, or the request cannot be put on a wire


@dataclass(slots=True)
class Outgoing:
    """One request. `key` is the caller's; `headers` are whole lines such as "Accept: x/y"."""

    key: int
    method: str
    url: str
    headers: list[str] = field(repr=False)  # the bearer is one of them
    body: bytes | None


@dataclass(slots=True)
class Answer:
    """What became of one request.

    `status` can be set beside UNKNOWN: the answer began and broke off. `retry_after` and `allow`
    are those headers as they came, from 400 up. `error` never holds a header, a body or an address.
    """

    key: int
    outcome: Outcome
    status: int | None
    body: bytes
    content_type: str | None
    retry_after: str | None
    allow: str | None
    error: str
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of every request on a fan-out. Times in seconds, the body in bytes as received."""

    connect_timeout_s: float
    total_timeout_s: float
    max_body_bytes: int
    ca_bundle: str | None


def refused(key: int, reason: str) -> Answer:
    """The answer to a request that was not handed on."""
    return Answer(key, Outcome.REFUSED, None, b"", None, None, None, reason, 0.0)


def unsent(key: int, reason: str) -> Answer:
    """The answer to a request that never left the queue."""
    return Answer(key, Outcome.NOT_SENT, None, b"", None, None, None, reason, 0.0)


class Lane:
    """A handle with its limits set once; `load` puts a request on it, `answer` reads it off."""

    __slots__ = (
        "_body",
        "_chunks",
        "_lines",
        "_look",
        "_looked_at",
        "_permits",
        "_posting",
        "_refusal",
        "_started_at",
        "departed",
        "easy",
        "outgoing",
        "owner",
    )

    def __init__(self, limits: Limits, permits: Permits | None = None) -> None:
        self._permits = permits
        self.outgoing: Outgoing
        self.owner: Any = None
        self._look: Callable[[Outgoing], str | None]
        self._chunks: list[bytes] = []
        self._lines: list[bytes] = []
        self._body: bytes | None = None
        self._posting = False
        self.departed = False
        self._refusal: str | None = None
        self._started_at = self._looked_at = 0.0
        self.easy = easy = pycurl.Curl()
        easy.lane = self
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.PROXY, ""),  # not from the environment
            (pycurl.CAINFO, limits.ca_bundle or DEFAULT_CA_BUNDLE_PATH),
            (pycurl.CONNECTTIMEOUT_MS, round(limits.connect_timeout_s * 1000)),
            (pycurl.TIMEOUT_MS, round(limits.total_timeout_s * 1000)),
            (pycurl.MAXAGE_CONN, MAX_IDLE_S),
            # Since libcurl 8.4 also a limit on what really arrives, announced or not.
            (pycurl.MAXFILESIZE, limits.max_body_bytes),
            (pycurl.USERAGENT, USER_AGENT),
            (pycurl.WRITEFUNCTION, self._chunks.append),
            (pycurl.HEADERFUNCTION, self._lines.append),
            (pycurl.PREREQFUNCTION, self._depart),
        ):
            easy.setopt(option, value)

    def load(
        self, outgoing: Outgoing, look: Callable[[Outgoing], str | None], owner: Any, now: float
    ) -> None:
        """Put a request on the handle. Raises what pycurl raises for an address or header it
        cannot send (ValueError, TypeError, pycurl.error)."""
        self.outgoing = outgoing
        self.owner = owner
        self._look = look
        self.departed = False
        self._refusal = None
        self._started_at = self._looked_at = now
        self._chunks.clear()
        self._lines.clear()
        easy = self.easy
        easy.setopt(pycurl.URL, outgoing.url)
        easy.setopt(pycurl.HTTPHEADER, outgoing.headers)
        if outgoing.method == "POST":
            body = outgoing.body or b""
            # One event's body is the same object for thousands of systems.
            if body is not self._body or not self._posting:
                easy.setopt(pycurl.POSTFIELDS, body)
                self._body = body
                self._posting = True
        elif self._posting:
            easy.setopt(pycurl.HTTPGET, 1)
            self._posting = False

    def _depart(self, *_: object) -> int:
        """The connection is up and the next byte is the request's. Called by libcurl."""
        if self.departed:
            again = not self._posting and (self._permits is None or self._permits.leaves_again())
            return int(pycurl.PREREQFUNC_OK if again else pycurl.PREREQFUNC_ABORT)
        if time.monotonic() - self._looked_at > LOOK_AGAIN_S:
            self._refusal = last_look(self._look, self.outgoing)
            if self._refusal is not None:
                return int(pycurl.PREREQFUNC_ABORT)
        self.departed = True
        if self._permits is not None:
            self._permits.departed()
        return int(pycurl.PREREQFUNC_OK)

    def answer(self, code: int, now: float) -> Answer:
        """What became of the request; `code` is libcurl's result, 0 for a complete answer."""
        key = self.outgoing.key
        if self._refusal is not None:
            return refused(key, self._refusal)
        getinfo = self.easy.getinfo
        if not self.departed:
            answer = unsent(key, f"curl {code}: {_said(code)}; nothing was sent")
            answer.elapsed_s = now - self._started_at
            return answer
        status: int = getinfo(pycurl.RESPONSE_CODE)
        outcome, error = Outcome.ANSWERED, ""
        if code:
            outcome = Outcome.UNKNOWN
            error = f"curl {code}: {_said(code)}; the request may have taken effect"
        retry_after = allow = None
        if status >= 400:
            retry_after = _header(self._lines, b"retry-after")
            allow = _header(self._lines, b"allow")
        chunks = self._chunks
        return Answer(
            key,
            outcome,
            status or None,
            chunks[0] if len(chunks) == 1 else b"".join(chunks),
            getinfo(pycurl.CONTENT_TYPE),
            retry_after,
            allow,
            error,
            now - self._started_at,
        )

    def lost(self, reason: str, now: float) -> Answer:
        """The answer when the fan-out itself stops under the request."""
        outcome = Outcome.UNKNOWN if self.departed else Outcome.NOT_SENT
        elapsed_s = now - self._started_at
        return Answer(self.outgoing.key, outcome, None, b"", None, None, None, reason, elapsed_s)


def last_look(look: Callable[[Outgoing], str | None], outgoing: Outgoing) -> str | None:
    """The caller's last word; a look that fails is a no, because it can no longer say yes."""
    try:
        return look(outgoing)
    except Exception as trouble:
        return f"the last look failed ({type(trouble).__name__})"


_WORDS = {
    pycurl.E_COULDNT_RESOLVE_HOST: "the host name does not resolve",
    pycurl.E_COULDNT_CONNECT: "no connection",
    pycurl.E_OPERATION_TIMEDOUT: "out of time",
    pycurl.E_SSL_CONNECT_ERROR: "no TLS session",
    pycurl.E_PEER_FAILED_VERIFICATION: "the server's certificate is not trusted",
    pycurl.E_FILESIZE_EXCEEDED: "the answer is larger than the limit",
    pycurl.E_GOT_NOTHING: "the connection closed without an answer",
    pycurl.E_RECV_ERROR: "the connection broke while reading",
    pycurl.E_SEND_ERROR: "the connection broke while sending",
    pycurl.E_PARTIAL_FILE: "the answer broke off",
    pycurl.E_ABORTED_BY_CALLBACK: "the connection died and the request is not repeated",
}


def _said(code: int) -> str:
    # libcurl's own text names hosts and quotes what servers send.
    return _WORDS.get(code, "the transfer failed")


def _header(lines: list[bytes], name: bytes) -> str | None:
    for line in lines:
        field, colon, value = line.partition(b":")
        if colon and field.strip().lower() == name:
            return value.decode("latin-1").strip()[:200]
    return None
