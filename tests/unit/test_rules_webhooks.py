"""Pure rules of webhooks: addresses, signatures, waiting."""

from datetime import timedelta

import pytest

from base.refusal import Refused
from partners.rules import addresses, retries, signing

# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.partner.example/",
        "ftp://hooks.partner.example/",
        "https://127.0.0.1/",
        "https://8.8.8.8/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fd00:ec2::254]/",
        "https://0/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://127.1/",
        "https://169.254.169.254/latest/",
        "https://metadata.google.internal/",
        "https://localhost/",
        "https://a.localhost/",
        "https://printer.local/",
        "https://intranet/",
        "https://user@hooks.partner.example/",
        "https://user:word@hooks.partner.example/",
        "https://hooks.partner.example:6379/",
        "https://hooks.partner.example:5432/",
        "https://hooks.partner.example:22/",
        "https://hooks.partner.example:99999/",
        "https://hooks.partner.example/#part",
        "https://hooks.partner.example/a b",
        "https://hooks.partner.example\\@inner/",
        "https://hooks.pärtner.example/",
        "https://hooks.partner.example/\r\nHost: x",
        "https://" + "a" * 500 + ".example/",
        "https:///nothing",
        "hooks.partner.example",
        "",
    ],
)
def test_an_address_nobody_should_call(url):
    with pytest.raises(Refused) as no:
        addresses.host_and_port(url)
    assert (no.value.field, no.value.code) == ("url", "address")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://hooks.partner.example/offpeak?x=1", "hooks.partner.example", 443),
        ("https://HOOKS.partner.example:8443/", "hooks.partner.example", 8443),
        ("https://a-1.xn--bcher-kva.example/", "a-1.xn--bcher-kva.example", 443),
    ],
)
def test_an_address_on_the_internet(url, host, port):
    assert addresses.host_and_port(url) == (host, port)


def test_only_the_named_inner_receiver_is_let_through():
    allowed = ("127.0.0.1:9000",)
    assert addresses.host_and_port("http://127.0.0.1:9000/x", inner_allowed=allowed)[1] == 9000
    for url in ("http://127.0.0.1:9001/", "http://127.0.0.2:9000/", "file://127.0.0.1:9000/"):
        with pytest.raises(Refused):
            addresses.host_and_port(url, inner_allowed=allowed)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1",
        "::", "::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "fd00:ec2::254", "fe80::1",
        "fe80::1%eth0", "64:ff9b::a00:1", "2002:a00:1::", "2001::1", "ff02::1", "2001:db8::1",
        "::10.0.0.1", "nonsense", "",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not addresses.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111"])
def test_addresses_that_are(address):
    assert addresses.is_public(address)


def test_one_inner_address_among_public_ones_is_enough():
    addresses.check_resolved(["8.8.8.8", "2606:4700::1111"])
    for found in (["8.8.8.8", "fd00::1"], ["10.0.0.1"], []):
        with pytest.raises(Refused):
            addresses.check_resolved(found)


# --- signatures -----------------------------------------------------------------------------------
BODY = b'{"id":"1f0e","type":"test"}'


def test_the_signature_is_the_documented_one():
    # echo -n '1784059200.{"id":"1f0e","type":"test"}' | openssl dgst -sha256 -hmac secret
    assert signing.signature("secret", timestamp=1784059200, body=BODY) == (
        "939aa5b535b93a966a4e1fe7d3382a2e835100823c9cb31f7f6428baa3d3c374"
    )


def test_two_secrets_sign_during_a_rotation_and_either_is_enough():
    header = signing.header({"k2": "new", "k1": "old"}, timestamp=1000, body=BODY)
    assert [part.split("=")[0] for part in header.split(", ")] == ["k2", "k1"]
    for known in ({"k1": "old"}, {"k2": "new"}, {"k2": "new", "k9": "x"}):
        assert signing.is_genuine(header, known, timestamp="1000", body=BODY, now_s=1000)


@pytest.mark.parametrize(
    ("known", "timestamp", "body", "now_s"),
    [
        ({"k1": "other"}, "1000", BODY, 1000),
        ({"k9": "old"}, "1000", BODY, 1000),
        ({}, "1000", BODY, 1000),
        ({"k1": "old"}, "1001", BODY, 1000),
        ({"k1": "old"}, "1000", BODY + b" ", 1000),
        ({"k1": "old"}, "1000", BODY, 1301),
        ({"k1": "old"}, "1000", BODY, 699),
        ({"k1": "old"}, "-1000", BODY, 1000),
        ({"k1": "old"}, "", BODY, 1000),
    ],
)
def test_what_a_receiver_must_refuse(known, timestamp, body, now_s):
    header = signing.header({"k1": "old"}, timestamp=1000, body=BODY)
    assert not signing.is_genuine(header, known, timestamp=timestamp, body=body, now_s=now_s)


# --- waiting --------------------------------------------------------------------------------------


def test_waits_grow_and_spread_over_about_eight_hours():
    middle = [retries.wait(failures, dice=0.5) for failures in range(1, 11)]
    assert middle == list(retries.WAITS)
    assert middle == sorted(middle)
    assert retries.wait(99, dice=0.5) == middle[-1]
    assert retries.wait(1, dice=0.0) == timedelta(seconds=8)
    assert retries.wait(1, dice=0.999999) < timedelta(seconds=12)
    assert timedelta(hours=7) < sum(middle, timedelta()) < timedelta(hours=9)


@pytest.mark.parametrize(
    ("status", "is_ok"),
    [
        (200, True),
        (204, True),
        (299, True),
        (302, False),
        (100, False),
        (500, False),
        (None, False),
    ],
)
def test_only_2xx_is_a_thank_you(status, is_ok):
    assert retries.is_ok(status) is is_ok
