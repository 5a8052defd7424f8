"""What the chain would refuse to publish is refused before it is sent."""

import pytest

from taostack.chain.errors import EndpointInvalidError
from taostack.chain.metagraph import AxonInfo
from taostack.chain.serving import AxonRecord, ServingState, checked_endpoint


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "0.0.0.0", "::", "255.255.255.255", "fe80::1%eth0"])
def test_addresses_that_no_peer_can_reach_are_refused(ip):
    with pytest.raises(EndpointInvalidError, match="refuses to publish") as error:
        checked_endpoint(ip, 8091)
    assert "127.0.0.2" in error.value.remedy


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_ports_that_do_not_exist_are_refused(port):
    with pytest.raises(EndpointInvalidError, match="port"):
        checked_endpoint("203.0.113.5", port)


def test_a_host_name_is_no_address():
    with pytest.raises(EndpointInvalidError, match="no IP address"):
        checked_endpoint("example.com", 8091)


@pytest.mark.parametrize("ip", ["127.0.0.2", "10.0.0.1", "203.0.113.5", "2001:db8::1"])
def test_private_and_public_addresses_are_fine(ip):
    address, port = checked_endpoint(ip, 65_535)
    assert (str(address), port) == (ip, 65_535)


def state(published_at, limit, block=100):
    record = None if published_at is None else AxonRecord(AxonInfo("10.0.0.1", 1), published_at)
    return ServingState(block, record, limit, 3)


@pytest.mark.parametrize(
    ("published_at", "limit", "allowed_at"),
    [(None, 50, 100), (0, 50, 100), (60, 50, 110), (50, 50, 100), (10, 50, 100), (99, 0, 100)],
)
def test_the_next_publication_is_allowed_when_the_rate_limit_has_passed(published_at, limit, allowed_at):
    assert state(published_at, limit).allowed_at == allowed_at


def test_a_record_of_the_chain_is_read_in_both_families():
    four = {"ip": 0x0A000001, "port": 7, "ip_type": 4, "version": 1, "protocol": 4, "block": 9}
    six = {"ip": 1, "port": 7, "ip_type": 6, "version": 1, "protocol": 4, "block": 9}
    assert AxonRecord.read(four) == AxonRecord(AxonInfo("10.0.0.1", 7, 1, 4), 9)
    found = AxonRecord.read(six)
    assert found is not None
    assert found.info.ip == "::1"
    assert AxonRecord.read(None) is None
