from __future__ import annotations

from datetime import UTC, datetime

import pytest

from carrier.config import CarrierConfig
from carrier.errors import (
    ClientBug,
    FixRequest,
    Gone,
    NoAccess,
    OutcomeUnknown,
    Reauthorize,
    TryLater,
    classify,
    retry_after_seconds,
)

NOW = datetime(2025, 7, 15, 20, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("Tue, 15 Jul 2025 20:02:00 GMT", 120.0),
        ("Tue, 15 Jul 2025 20:02:00 -0000", 120.0),
        ("Tue, 15 Jul 2025 19:00:00 GMT", 0.0),
        ("Wed, 15 Jul 2099 20:00:00 GMT", 3600.0),
        ("99999999999999999999", 3600.0),
        ("inf", 3600.0),
        ("-5", None),
        ("nan", None),
        ("soon", None),
        ("Tue, 99 Jul 2025 20:02:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_reads_seconds_and_dates_and_nothing_absurd(value, seconds):
    assert retry_after_seconds(value, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "on_read", "on_write"),
    [
        (301, ClientBug, ClientBug),
        (304, ClientBug, ClientBug),
        (400, FixRequest, FixRequest),
        (401, Reauthorize, Reauthorize),
        (403, NoAccess, NoAccess),
        (404, Gone, Gone),
        (405, ClientBug, ClientBug),
        (406, ClientBug, ClientBug),
        (408, TryLater, TryLater),
        (409, ClientBug, ClientBug),
        (425, TryLater, TryLater),
        (429, TryLater, TryLater),
        (500, TryLater, OutcomeUnknown),
        (502, TryLater, OutcomeUnknown),
        (503, TryLater, TryLater),
        (504, TryLater, OutcomeUnknown),
    ],
)
def test_every_status_says_what_to_do_next(status, on_read, on_write):
    assert type(classify(status, write=False)) is on_read
    assert type(classify(status, write=True)) is on_write


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(status):
    assert classify(status, write=True) is None


def test_the_error_carries_what_the_server_said_in_its_headers():
    wait = classify(429, write=True, retry_after="7", now=NOW)
    assert wait is not None
    assert (wait.status, wait.retry_after_s, wait.allow) == (429, 7.0, None)
    wrong = classify(405, write=True, allow="GET")
    assert wrong is not None
    assert (wrong.status, wrong.allow) == (405, "GET")
    assert str(wrong) == "the server does not support this method here (HTTP 405)"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example",
        "http://127.0.0.1.evil.example",
        "ftp://127.0.0.1",
        "//127.0.0.1",
        "",
        "https://user:pass@api.example",
    ],
)
def test_an_address_that_would_show_a_token_is_refused(settings, url):
    with pytest.raises(ValueError, match=r"^base_url must be"):
        settings("https://api.example", base_url=url)


def test_plain_http_is_for_the_loopback_and_for_named_hosts(settings):
    for url in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"):
        assert settings(url).base_url == url
    assert settings("http://sandbox:1", plain_http_hosts=("sandbox",)).base_url


def test_the_client_secret_is_in_no_repr(settings):
    config: CarrierConfig = settings("https://api.example")
    assert config.client_secret == "secret-canary-91bc"
    assert "canary" not in repr(config)
