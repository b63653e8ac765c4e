"""Window to the receivers of webhooks: the only room that calls an address a partner chose.

What it may reach is checked when an address is saved, and again on the address that is really
dialled: names change their mind. No redirects, no proxies, ten seconds in all, 64 KiB of answer.
"""

import io
import logging
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from random import random

import pycurl
from django.conf import settings

from base import clock
from base.refusal import Refused
from enrollments.tokens import CannotOpen
from partners import lookups
from partners.models import Post, Webhook
from partners.operations import hooks
from partners.operations.posts import Tried, claim, settle
from partners.queries import news
from partners.rules import addresses, signing

log = logging.getLogger(__name__)
TOTAL_S = 10.0
CONNECT_S = 5.0
MOST_BYTES = 64 * 1024
# Receivers talked with at once, and the posts each gets while its first ones go well: enough for a
# quick one, or an event's news would wait for minutes behind that of a thousand homes.
AT_ONCE, IN_A_ROW, ROUND_S = 16, 100, 5.0


@dataclass(frozen=True, slots=True)
class Watch:
    """Real time by the database's clock, for threads that have no connection to ask it: waits and
    leases are compared with it, whatever this host's clock says."""

    started_at: datetime
    _started: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return self.started_at + timedelta(seconds=time.monotonic() - self._started)


def check_address(url: str) -> None:
    """May a webhook have this address? Raises Refused with a sentence; code ``lookup`` when nobody
    can say now. It asks name servers for up to three seconds: not inside a transaction."""
    host, port = addresses.host_and_port(url, inner_allowed=settings.WEBHOOK_INNER_HOSTS)
    if f"{host}:{port}" in settings.WEBHOOK_INNER_HOSTS:
        return
    addresses.check_resolved(lookups.addresses_of(host, port))


def post_due(*, only_healthy: bool = False) -> int:
    """Post what is due, to several receivers at once, for about fifteen seconds at most; how many
    tries were made. ``only_healthy``: to nobody who failed last time."""
    watch = Watch(clock.real_now())
    due = claim(real_now=watch.started_at, limit=AT_ONCE, only_healthy=only_healthy)
    work = [(watch, hook, *_prepared(hook, watch.now())) for hook in due]
    made = 0
    # Threads talk, this one alone writes: they hold no connection to the database.
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        for (_, hook, *_), tries in zip(work, pool.map(lambda one: _talk(*one), work), strict=True):
            settle(hook_id=hook.pk, tries=tries, dice=random())  # noqa: S311 - spreads load
            made += len(tries)
    return made


def _prepared(hook: Webhook, real_now: datetime) -> tuple[list[Post], dict[str, str]]:
    posts = news.posts_of(hook, real_now=real_now, limit=IN_A_ROW)
    try:
        return posts, hooks.secrets_of(hook, real_now=real_now)
    except CannotOpen:
        log.error("webhook %s: its secret cannot be opened with TOKEN_KEYS", hook.pk)
        return posts, {}


def _talk(watch: Watch, hook: Webhook, posts: list[Post], secrets: dict[str, str]) -> list[Tried]:
    """Post them in order, until one fails or the round is over."""
    tries: list[Tried] = []
    until = time.monotonic() + ROUND_S
    for post in posts:
        tries.append(_try(watch, hook.url, post, secrets))
        if tries[-1].trouble or time.monotonic() >= until:
            break
    return tries


def _try(watch: Watch, url: str, post: Post, secrets: dict[str, str]) -> Tried:
    began, status, excerpt = time.monotonic(), None, b""
    try:
        if not secrets:
            raise Refused("The secret cannot be opened; rotate it.")
        status, excerpt = _send(url, post, secrets, int(watch.now().timestamp()))
        trouble = "" if 200 <= status < 300 else f"It answered {status}."
    except Refused as no:
        trouble = str(no)
    except pycurl.error as error:
        trouble = _words(int(error.args[0]))
    except Exception as error:  # a thread's trouble must not stop the others
        log.exception("webhook post %s", post.pk)
        trouble = type(error).__name__
    text = excerpt[:500].decode("utf-8", "replace").replace("\x00", "")
    elapsed_ms = (time.monotonic() - began) * 1000
    return Tried(post.pk, status, trouble, text, elapsed_ms, watch.now())


_WORDS = {
    pycurl.E_COULDNT_CONNECT: "It could not be reached.",
    pycurl.E_OPERATION_TIMEDOUT: "It did not answer within 10 seconds.",
    pycurl.E_WRITE_ERROR: "Its answer was longer than 64 KiB.",
    pycurl.E_PEER_FAILED_VERIFICATION: "Its certificate is not valid for this name.",
    pycurl.E_GOT_NOTHING: "It hung up without an answer.",
    pycurl.E_RECV_ERROR: "It hung up without an answer.",
}


def _words(code: int) -> str:
    return _WORDS.get(code, f"The connection failed (libcurl {code}).")


def _send(url: str, post: Post, secrets: dict[str, str], timestamp: int) -> tuple[int, bytes]:
    """Status and beginning of the answer. Raises Refused, pycurl.error."""
    began = time.monotonic()
    host, port = addresses.host_and_port(url, inner_allowed=settings.WEBHOOK_INNER_HOSTS)
    is_inner_allowed = f"{host}:{port}" in settings.WEBHOOK_INNER_HOSTS
    refused: list[str] = []

    def dial(purpose: int, address: tuple[int, int, int, tuple[str | bytes, int]]) -> object:
        family, kind, protocol, (to, *_) = address
        name = to.decode() if isinstance(to, bytes) else to
        if not is_inner_allowed and not addresses.is_public(name):
            refused.append(name)
            return pycurl.SOCKET_BAD
        return socket.socket(family, kind, protocol)

    found = _resolved(host, port)
    answer, body = io.BytesIO(), post.body.encode()

    def read(chunk: bytes) -> int:
        if answer.tell() + len(chunk) > MOST_BYTES:
            return 0  # libcurl ends the talk with E_WRITE_ERROR
        return answer.write(chunk)

    curl = pycurl.Curl()
    try:
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS | (is_inner_allowed * pycurl.PROTO_HTTP))
        curl.setopt(pycurl.RESOLVE, found)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, dial)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(CONNECT_S * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, int((TOTAL_S - (time.monotonic() - began)) * 1000))
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.WRITEFUNCTION, read)
        curl.setopt(pycurl.POSTFIELDS, body)
        if settings.WEBHOOK_CA_BUNDLE:
            curl.setopt(pycurl.CAINFO, settings.WEBHOOK_CA_BUNDLE)
        curl.setopt(pycurl.HTTPHEADER, _headers(post, secrets, timestamp, body))
        curl.perform()
        return int(curl.getinfo(pycurl.RESPONSE_CODE)), answer.getvalue()
    except pycurl.error:
        if refused:
            raise Refused("Its name leads to an inner network; nothing was sent.") from None
        raise
    finally:
        curl.close()


def _resolved(host: str, port: int) -> list[str]:
    """The name's addresses for libcurl, which must ask nobody itself: it has no deadline for that
    either, and waits for its resolver when it is closed. Raises Refused."""
    with suppress(ValueError):
        ip_address(host)
        return []
    found = lookups.addresses_of(host, port)
    if not found:
        raise Refused("Its name is not known.")
    return [f"{host}:{port}:{','.join(f'[{one}]' if ':' in one else one for one in found)}"]


def _headers(post: Post, secrets: dict[str, str], timestamp: int, body: bytes) -> list[str]:
    return [
        "Content-Type: application/json",
        "User-Agent: Offpeak-Webhook/1",
        "Expect:",
        f"Offpeak-Delivery: {post.pk}",
        f"Offpeak-Timestamp: {timestamp}",
        f"Offpeak-Signature: {signing.header(secrets, timestamp=timestamp, body=body)}",
    ]
