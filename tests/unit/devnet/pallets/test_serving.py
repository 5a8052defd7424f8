from ipaddress import IPv4Address, IPv6Address

import pytest

from taostack.devnet.pallets.serving import ip_is_valid
from tests.support.ledger_chain import SUBTENSOR, address
from tests.support.subnet_chain import SubnetChain

SERVE = f"{SUBTENSOR}.serve_axon"


def axon(ip: str = "127.0.0.2", port: int = 8091, ip_type: int = 4) -> dict[str, int]:
    return {
        "version": 1,
        "ip": int(IPv4Address(ip)),
        "port": port,
        "ip_type": ip_type,
        "protocol": 4,
        "placeholder1": 0,
        "placeholder2": 0,
    }


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


@pytest.fixture
def netuid(chain: SubnetChain) -> int:
    netuid = chain.subnet()
    chain.join(netuid, "miner")
    return netuid


def test_an_axon_is_published_under_its_hotkey(chain: SubnetChain, netuid: int) -> None:
    assert chain.pool_code(address("miner"), SERVE, netuid=netuid, **axon()) is None
    assert chain.event_ids(address("miner"), SERVE, netuid=netuid, **axon()) == ["AxonServed"]
    served = chain.get("Axons", netuid, address("miner"))
    assert served == {"block": chain.block + 1, **axon()}


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"ip": "127.0.0.1"}, "InvalidIpAddress", 11),
        ({"ip": "255.255.255.255"}, "InvalidIpAddress", 11),
        ({"ip_type": 5}, "InvalidIpType", 11),
        ({"port": 0}, "InvalidPort", 13),
    ],
)
def test_an_axon_that_nobody_could_reach_is_refused(
    chain: SubnetChain, netuid: int, change: dict[str, object], error: str, code: int
) -> None:
    arguments = axon(**change)  # type: ignore[arg-type]
    assert chain.refused(address("miner"), SERVE, netuid=netuid, **arguments) == error
    assert chain.pool_code(address("miner"), SERVE, netuid=netuid, **arguments) == code


def test_an_unknown_hotkey_may_not_serve(chain: SubnetChain, netuid: int) -> None:
    assert chain.refused(address("nobody"), SERVE, netuid=netuid, **axon()) == "HotKeyNotRegisteredInNetwork"
    assert chain.pool_code(address("nobody"), SERVE, netuid=netuid, **axon()) == 10


def test_serving_again_must_wait(chain: SubnetChain, netuid: int) -> None:
    chain.put("ServingRateLimit", netuid, value=3)
    chain.run(address("miner"), SERVE, netuid=netuid, **axon())
    assert chain.refused(address("miner"), SERVE, netuid=netuid, **axon(port=1)) == "ServingRateLimitExceeded"
    assert chain.pool_code(address("miner"), SERVE, netuid=netuid, **axon(port=1)) == 12
    chain.mine(3)
    chain.run(address("miner"), SERVE, netuid=netuid, **axon(port=1))
    assert chain.get("Axons", netuid, address("miner"))["port"] == 1


def test_address_zero_takes_an_axon_off_the_air(chain: SubnetChain, netuid: int) -> None:
    chain.run(address("miner"), SERVE, netuid=netuid, **axon("0.0.0.0", 1))
    assert chain.get("Axons", netuid, address("miner"))["ip"] == 0


def test_a_certificate_is_kept_beside_the_axon(chain: SubnetChain, netuid: int) -> None:
    call = f"{SUBTENSOR}.serve_axon_tls"
    assert chain.refused(address("miner"), call, netuid=netuid, certificate=b"\x01", **axon()) == "InvalidValue"
    chain.run(address("miner"), call, netuid=netuid, certificate=b"\x01" + b"\xee" * 32, **axon())
    kept = chain.get("NeuronCertificates", netuid, address("miner"))
    assert kept == {"public_key": "0x" + "ee" * 32, "algorithm": 1}


def test_metrics_endpoints_follow_the_same_rules(chain: SubnetChain, netuid: int) -> None:
    call = f"{SUBTENSOR}.serve_prometheus"
    endpoint = {name: axon()[name] for name in ("version", "ip", "port", "ip_type")}
    assert chain.event_ids(address("miner"), call, netuid=netuid, **endpoint) == ["PrometheusServed"]
    assert chain.refused(address("miner"), call, netuid=netuid, **endpoint) == "ServingRateLimitExceeded"
    assert chain.refused(address("miner"), call, netuid=netuid, **{**endpoint, "ip": 0}) == "InvalidIpAddress"


def test_loopback_of_version_6_and_foreign_families_are_invalid() -> None:
    assert not ip_is_valid(int(IPv6Address("::1")), 6)
    assert not ip_is_valid(2**128 - 1, 6)
    assert ip_is_valid(int(IPv6Address("2001:db8::1")), 6)
    assert not ip_is_valid(2**33, 4)
    assert not ip_is_valid(5, 7)
    assert ip_is_valid(0, 4, allow_zero=True)
