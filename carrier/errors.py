"""What went wrong, named by what the caller does next.

The status codes are those of contract section 2.3; what each does to a write that may or may not
have taken effect follows from section 4.7, point 5: a POST is not known to be idempotent, so
"perhaps" is a result of its own (`OutcomeUnknown`) and never a reason to send again.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRY_AFTER_CAP_S = 3600.0
"""Longest wait a server may impose, in seconds: a typo there must not park a system for a year."""

_WAIT_STATUSES = frozenset({408, 425, 429, 503})


class CarrierError(Exception):
    """A call that did not end in a usable answer.

    `status` is the HTTP status where one arrived, `allow` the `Allow` header of a 405,
    `retry_after_s` the server's wish in seconds. `detail` is a sentence for logs and operators: it
    is written by us, never copied from a header, a body or a URL, so it holds no secret.
    """

    def __init__(
        self,
        detail: str = "",
        *,
        status: int | None = None,
        allow: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.allow = allow
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.detail if self.status is None else f"{self.detail} (HTTP {self.status})"


class TryLater(CarrierError):
    """No effect, and the same call may succeed later: wait `retry_after_s` or back off."""


class FixRequest(CarrierError):
    """400: no effect, and the same bytes will fail again. Keep the body, alert (section 2.3)."""


class Reauthorize(CarrierError):
    """401, or the refresh token was refused: the token no longer opens the door."""


class NoAccess(CarrierError):
    """403: the token is good and this resource is not for it. No refresh, no repeat."""


class Gone(CarrierError):
    """404: no such user, location, system or (optional) equipment."""


class ClientBug(CarrierError):
    """No effect, and a person has to look: 405, 406 in both media, a redirect, our credentials."""


class OutcomeUnknown(CarrierError):
    """The write may or may not have happened. Look (GET) before anything is sent again."""


def classify(
    status: int,
    *,
    write: bool,
    allow: str | None = None,
    retry_after: str | None = None,
    now: datetime | None = None,
) -> CarrierError | None:
    """Turn a complete answer's status into the error to raise, or None for any 2xx (section 2.3).

    `write` is True for calls whose repetition could do harm (POST, PUT). `now` is an aware moment
    and only serves a `Retry-After` given as a date; it defaults to the clock.
    """
    if 200 <= status < 300:
        return None
    wait = retry_after_seconds(retry_after, now or datetime.now(UTC))
    if status in _WAIT_STATUSES:
        return TryLater("the server asks to wait", status=status, retry_after_s=wait)
    if status >= 500:
        if write:
            return OutcomeUnknown("the server failed during a write", status=status)
        return TryLater("the server failed", status=status, retry_after_s=wait)
    if status == 400:
        return FixRequest("the server calls the request malformed", status=status)
    if status == 401:
        return Reauthorize("the access token was not accepted", status=status)
    if status == 403:
        return NoAccess("the token gives no access to this resource", status=status)
    if status == 404:
        return Gone("there is no such resource", status=status)
    if status == 405:
        return ClientBug("the server does not support this method here", status=status, allow=allow)
    if status == 406:
        return ClientBug("the server cannot answer in the media type asked for", status=status)
    if 300 <= status < 400:
        return ClientBug("the server redirects, and redirects are not followed", status=status)
    return ClientBug("the server gave an undocumented answer", status=status)


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Read a `Retry-After` header: seconds to wait from `now` (aware), at most `RETRY_AFTER_CAP_S`.

    A date in the past is 0.0 (go ahead). Absent, negative or unreadable is None: the server
    expressed no usable wish, so the caller's own back-off decides.
    """
    text = (value or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return _seconds_until(text, now)
    if math.isnan(seconds) or seconds < 0:
        return None
    return min(seconds, RETRY_AFTER_CAP_S)


def _seconds_until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000": HTTP dates are GMT by definition
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), RETRY_AFTER_CAP_S)
