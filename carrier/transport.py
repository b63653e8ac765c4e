"""One bounded HTTP call over requests: every limit holds for the whole call, whoever makes it.

requests' own timeouts are per read, so a server that sends a byte now and then is never late; it
follows redirects, reads bodies of any size and takes proxies and passwords from the environment.
Here an adapter closes all of that, which also covers the calls requests-oauthlib makes on its own.

The one fact that decides what a failure means is whether the request had begun to leave. The
connection classes note it just before the first byte is written; a failure before that point
provably had no effect.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .config import CarrierConfig
from .errors import CarrierError, OutcomeUnknown, TryLater, classify

USER_AGENT = "offpeak-carrier"

_READ_SIZE = 16_384
_WRITES = frozenset({"POST", "PUT", "PATCH"})
_FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,  # closed files and broken chunk sizes surface as ValueError here and there
)


class _Watch:
    """One call: whether its bytes may have left, and the socket to cut when its time is up."""

    def __init__(self) -> None:
        self.departed = False
        self.expired = False
        self._socket: socket.socket | None = None
        self._own: socket.socket | None = None
        self._lock = threading.Lock()

    def hold(self, sock: socket.socket, *, own: bool = False) -> None:
        """Cut this socket when time is up; `own` marks a duplicate that is ours to close."""
        with self._lock:
            self._let_go()
            self._socket = sock
            self._own = sock if own else None
            if self.expired:
                _cut(sock)

    def expire(self) -> None:
        with self._lock:
            self.expired = True
            if self._socket is not None:
                _cut(self._socket)

    def release(self) -> None:
        """Forget the socket: it goes back to the pool, and a late timer must not cut it there."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._own is not None:
            self._own.close()
        self._socket = self._own = None


def _cut(sock: socket.socket) -> None:
    # The plain socket's method on purpose: SSLSocket.shutdown would also drop the TLS state under
    # the thread that is reading from it.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Current(threading.local):
    watch: _Watch | None = None


_current = _Current()


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _held(super()._new_conn())

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _departs(self.sock)
        super().send(data)


class _TLSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _held(super()._new_conn())

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _departs(self.sock)
        super().send(data)


def _held(sock: socket.socket) -> socket.socket:
    # A duplicate, because the TLS handshake that follows takes the original's descriptor over.
    if _current.watch is not None:
        _current.watch.hold(sock.dup(), own=True)
    return sock


def _departs(sock: socket.socket | None) -> None:
    watch = _current.watch
    if watch is not None and sock is not None:
        watch.hold(sock)
        watch.departed = True


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class BoundedAdapter(HTTPAdapter):
    """Sends one request within a connect limit, a total limit and a size limit; never redirects.

    Raises `TryLater` when nothing left or a read failed, `OutcomeUnknown` when a write was
    interrupted, `ClientBug` for a redirect. Every other answer is returned, whatever its status.
    `as_http` sends addresses that read https over plain http: see `oauth.py`.
    """

    def __init__(self, config: CarrierConfig, *, as_http: bool = False) -> None:
        self._config = config
        self._as_http = as_http
        super().__init__(pool_connections=2, pool_maxsize=4, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TLSPool}

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        config = self._config
        if self._as_http and request.url:
            request.url = "http://" + request.url.removeprefix("https://")
        watch = _Watch()
        timer = threading.Timer(config.total_timeout_s, watch.expire)
        timer.daemon = True
        timer.start()
        _current.watch = watch
        try:
            response = super().send(
                request,
                stream=True,
                # The read limit is only a backstop for the watch, which counts the whole call.
                timeout=(config.connect_timeout_s, config.total_timeout_s + 1.0),
                verify=config.ca_bundle or True,
            )
            _read_body(response, config.max_body_bytes)
            if watch.expired:  # http.client takes a connection cut inside the headers for their end
                raise _Expired
        except _FAILURES as failure:
            raise _interrupted(request, watch, failure) from None
        finally:
            timer.cancel()
            watch.release()
            _current.watch = None
        if 300 <= response.status_code < 400:
            error = classify(response.status_code, write=False)
            assert error is not None  # noqa: S101 - no 3xx is a success
            raise error
        return response


class _TooLarge(ValueError):
    pass


class _Expired(ValueError):
    pass


def _read_body(response: requests.Response, cap: int) -> None:
    """Read the decoded body into the response; stop at the cap (a small gzip can be gigabytes)."""
    body = bytearray()
    try:
        for piece in response.raw.stream(_READ_SIZE, decode_content=True):
            body += piece
            if len(body) > cap:
                raise _TooLarge
    except BaseException:
        response.raw.close()
        raise
    response._content = bytes(body)
    response._content_consumed = True  # type: ignore[attr-defined]
    response.raw.release_conn()


def _interrupted(
    request: requests.PreparedRequest, watch: _Watch, failure: Exception
) -> CarrierError:
    # Only the failure's class name is told: its text can hold addresses and header values.
    if watch.expired:
        what = "no complete answer within the total time limit"
    elif isinstance(failure, _TooLarge):
        what = "the answer is larger than the limit"
    else:
        what = f"the connection failed ({type(failure).__name__})"
    if not watch.departed:
        return TryLater(f"{what}; nothing was sent")
    if request.method in _WRITES:
        return OutcomeUnknown(f"{what}; the request may have taken effect")
    return TryLater(what)


def harden(session: requests.Session, config: CarrierConfig) -> None:
    """Put the limits on a session, ours or requests-oauthlib's."""
    session.trust_env = False  # no proxies, no .netrc password over our bearer header
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = USER_AGENT
    adapter = BoundedAdapter(config)
    session.mount("https://", adapter)
    session.mount("http://", adapter)


def open_session(config: CarrierConfig) -> requests.Session:
    """A keep-alive session with the limits on."""
    session = requests.Session()
    harden(session, config)
    return session


def call(
    session: requests.Session,
    method: str,
    url: str,
    *,
    headers: dict[str, str],
    body: bytes | None = None,
) -> requests.Response:
    """Make one call. The answer is complete; any status but 3xx is returned (see the adapter)."""
    return session.request(method, url, headers=headers, data=body)
