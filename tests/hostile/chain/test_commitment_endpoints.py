"""Commitments are written by strangers: nothing they write may raise or reach further than an address."""

from ipaddress import ip_address

from hypothesis import example, given
from hypothesis import strategies as st

from taostack.chain.endpoints import COMMITMENT_PREFIX, decode_endpoint

pieces = st.sampled_from(
    ["btauth", "v10", "|", ":", "[", "]", "0", "1", ".", "::", "127.0.0.1", "٣", "%eth0", "\n", "@", "/"]
)


@given(st.binary(max_size=128))
@example(b"ep1|btauth|[fe80::1%eth0]:80")
@example(b"ep1|btauth|1.2.3.4:80\n")
@example("ep1|btauth|1.2.3.4:٨٠".encode())
def test_any_bytes_are_an_endpoint_or_nothing(data):
    check(data)


@given(st.lists(pieces, max_size=12).map("".join))
def test_near_misses_are_an_endpoint_or_nothing(text):
    check(COMMITMENT_PREFIX + text.encode())


def check(data: bytes) -> None:
    found = decode_endpoint("hk", data)
    if found is not None:
        assert str(ip_address(found.host)) == found.host
        assert "%" not in found.host
        assert 1 <= found.port <= 65_535
        assert found.protocol in ("btauth", "v10")
