"""The endpoint book: addresses from two sources, and health per address."""

import random

import pytest

from taostack.chain.endpoints import (
    EndpointBook,
    PublishedEndpoint,
    decode_endpoint,
    encode_endpoint,
    published_endpoints,
    wire_protocol,
)
from taostack.chain.metagraph import AxonInfo, Metagraph
from taostack.chain.records import Commitment
from taostack.process.clock import ManualClock

V10 = AxonInfo("203.0.113.5", 8091, version=10_005_000)
OURS = AxonInfo("203.0.113.6", 8091, version=11_003_000)


def graph(*axons):
    return Metagraph.build(1, [f"hk{uid}" for uid in range(len(axons))], axons=axons)


def note(hotkey, data):
    return Commitment(hotkey, 0, 1, data, "plain")


def book(clock):
    return EndpointBook(clock=clock, rng=random.Random(1), patience=2, base_seconds=10.0, cap_seconds=100.0)


@pytest.mark.parametrize(
    ("version", "protocol"),
    [
        (0, "btauth"),
        (1, "btauth"),
        (7_002_000, "v10"),
        (9_012_002, "v10"),
        (10_005_000, "v10"),
        (11_000_000, "btauth"),
        (11_003_000, "btauth"),
    ],
)
def test_the_published_version_decides_the_wire_protocol(version, protocol):
    assert wire_protocol(AxonInfo("10.0.0.1", 1, version=version)) == protocol


def test_hotkeys_that_serve_nothing_are_not_in_the_book():
    found = published_endpoints(graph(V10, None, OURS))
    assert set(found) == {"hk0", "hk2"}
    assert found["hk0"] == PublishedEndpoint("hk0", "203.0.113.5", 8091, "v10")
    assert found["hk2"].protocol == "btauth"


def test_a_commitment_overrides_the_axon_and_serves_where_none_is():
    notes = {"hk0": note("hk0", b"ep1|btauth|198.51.100.9:7000"), "hk1": note("hk1", b"ep1|v10|[2001:db8::1]:7001")}
    found = published_endpoints(graph(V10, None), notes)
    assert found["hk0"] == PublishedEndpoint("hk0", "198.51.100.9", 7000, "btauth", "commitment")
    assert found["hk1"] == PublishedEndpoint("hk1", "2001:db8::1", 7001, "v10", "commitment")


def test_commitments_about_other_things_change_nothing():
    assert published_endpoints(graph(V10), {"hk0": note("hk0", b"model:abc")})["hk0"].host == "203.0.113.5"


@pytest.mark.parametrize("host", ["203.0.113.7", "2001:db8::7"])
def test_an_encoded_endpoint_decodes_to_itself(host):
    assert decode_endpoint("hk", encode_endpoint(host, 8091)) == PublishedEndpoint(
        "hk", host, 8091, "btauth", "commitment"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"ep1|",
        b"ep1|btauth",
        b"ep1|btauth|host.example:80",
        b"ep1|btauth|203.0.113.7:0",
        b"ep1|btauth|203.0.113.7:65536",
        b"ep1|btauth|203.0.113.7:+80",
        b"ep1|btauth|203.0.113.7:8_0",
        b"ep1|btauth|0.0.0.0:80",
        b"ep1|smtp|203.0.113.7:80",
        b"ep1|btauth|\xff\xfe:80",
        b"ep2|btauth|203.0.113.7:80",
    ],
)
def test_malformed_commitments_are_no_endpoints(data):
    assert decode_endpoint("hk", data) is None


def test_an_endpoint_is_held_back_after_repeated_failures_and_tried_again_later():
    clock = ManualClock()
    endpoints = book(clock)
    endpoints.update(graph(V10, OURS))
    assert endpoints.failed("hk0", "timeout").held_until == 0.0
    assert [found.hotkey for found in endpoints.available()] == ["hk0", "hk1"]
    health = endpoints.failed("hk0", "timeout")
    assert (health.failures, health.last_code) == (2, "timeout")
    assert 0 < health.held_until <= 10.0
    assert [found.hotkey for found in endpoints.available()] == ["hk1"]
    assert [found.hotkey for found in endpoints.available(["hk1", "hk0", "stranger"])] == ["hk1"]
    clock._elapsed_ns = 11 * 10**9
    assert len(endpoints.available()) == 2


def test_the_pause_grows_but_not_beyond_the_cap():
    clock = ManualClock()
    endpoints = book(clock)
    endpoints.update(graph(V10))
    pauses = [endpoints.failed("hk0").held_until for _ in range(30)]
    assert max(pauses) <= 100.0
    assert max(pauses[10:]) > 20.0


def test_one_success_clears_the_record():
    endpoints = book(ManualClock())
    endpoints.update(graph(V10))
    endpoints.failed("hk0")
    endpoints.failed("hk0")
    endpoints.succeeded("hk0")
    assert endpoints.health_of("hk0").failures == 0
    assert len(endpoints.available()) == 1


def test_a_new_address_starts_fresh_and_an_unchanged_one_does_not():
    endpoints = book(ManualClock())
    endpoints.update(graph(V10, OURS))
    for hotkey in ("hk0", "hk1"):
        endpoints.failed(hotkey)
        endpoints.failed(hotkey)
    endpoints.update(graph(AxonInfo("203.0.113.99", 8091), OURS))
    assert [found.hotkey for found in endpoints.available()] == ["hk0"]
    assert endpoints.endpoint_of("hk0") == PublishedEndpoint("hk0", "203.0.113.99", 8091, "btauth")


def test_a_failure_of_an_unknown_hotkey_is_forgotten():
    endpoints = book(ManualClock())
    endpoints.update(graph(V10))
    assert endpoints.failed("stranger").failures == 0
    assert len(endpoints) == 1
