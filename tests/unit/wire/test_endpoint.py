"""Endpoints that can be called, and those that cannot."""

import pytest

from taostack.wire import Endpoint


@pytest.mark.parametrize("host", ["127.0.0.2", "203.0.113.5", "10.0.0.1", "::1", "2001:db8::1", "miner-1.example.org"])
def test_an_address_or_name_can_be_called(host: str) -> None:
    assert Endpoint("5x", host, 8091).defect() is None


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("0.0.0.0", 8091),
        ("::", 8091),
        ("::ffff:0.0.0.0", 8091),
        ("255.255.255.255", 8091),
        ("224.0.0.1", 8091),
        ("ff02::1", 8091),
        ("127.0.0.2", 0),
        ("127.0.0.2", 65536),
        ("127.0.0.2", -1),
        ("", 8091),
        ("a b", 8091),
        ("a@b", 8091),
        ("host/path", 8091),
        ("host?x", 8091),
        ("-" * 300, 8091),
        ("999.1.1.1:80", 8091),
    ],
)
def test_what_leads_nowhere_or_to_ourselves_is_named(host: str, port: int) -> None:
    assert Endpoint("5x", host, port).defect() is not None


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert Endpoint("5x", "2001:db8::1", 80).authority == "[2001:db8::1]:80"
    assert Endpoint("5x", "203.0.113.5", 80).authority == "203.0.113.5:80"
