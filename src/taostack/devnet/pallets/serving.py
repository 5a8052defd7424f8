"""Publishing endpoints: ``serve_axon``, ``serve_axon_tls``, ``serve_prometheus``.

The chain refuses an address that nobody else could reach (loopback 127.0.0.1
and the broadcast address), port 0, an unknown address family, and a neuron that
publishes again too soon. Address 0 takes an axon off the air. Other addresses of 127/8 pass, on
the chain as here: neurons on one machine listen on 127.0.0.2 and up.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from taostack.devnet.pallets.dispatch import Context, PoolRejection, call, guard
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.store import Reader

_CUSTOM = {
    "HotKeyNotRegisteredInNetwork": 10,
    "InvalidIpAddress": 11,
    "InvalidIpType": 11,
    "ServingRateLimitExceeded": 12,
    "InvalidPort": 13,
}
_CERTIFICATE_BYTES = 65


@dataclass(frozen=True, slots=True)
class Served:
    """What a neuron published about one service."""

    block: int
    version: int
    ip: int
    port: int
    ip_type: int


def ip_is_valid(ip: int, ip_type: int, *, allow_zero: bool = False) -> bool:
    """False for addresses that no other machine could reach; 0 means "not served".

    >>> ip_is_valid(int(IPv4Address("127.0.0.1")), 4), ip_is_valid(int(IPv4Address("127.0.0.2")), 4)
    (False, True)
    """
    if ip == 0:
        return allow_zero
    if ip_type == 4:
        forbidden = (IPv4Address("255.255.255.255"), IPv4Address("127.0.0.1"))
        return ip <= int(forbidden[0]) and ip not in [int(each) for each in forbidden]
    if ip_type == 6:
        return ip <= 2**128 - 1 and ip not in (2**128 - 1, int(IPv6Address("::1")))
    return False


def refusal(state: Reader, netuid: int, hotkey: str, item: str, served: Served) -> str | None:
    """The name of the error with which the chain refuses an endpoint, or None.

    ``item`` is the storage map whose former entry the rate limit counts from.
    """
    if not any(state.get(SUBTENSOR, "IsNetworkMember", hotkey, each) for each in _netuids_of(state, hotkey)):
        return "HotKeyNotRegisteredInNetwork"
    if served.ip_type not in (4, 6):
        return "InvalidIpType"
    if not ip_is_valid(served.ip, served.ip_type, allow_zero=item == "Axons"):
        return "InvalidIpAddress"
    before = state.get(SUBTENSOR, item, netuid, hotkey)
    limit = state.get(SUBTENSOR, "ServingRateLimit", netuid)
    if before is not None and limit and before["block"] and served.block - before["block"] < limit:
        return "ServingRateLimitExceeded"
    return "InvalidPort" if served.port == 0 else None


def _netuids_of(state: Reader, hotkey: str) -> list[int]:
    return [key[0] for key, _ in state.items(SUBTENSOR, "IsNetworkMember", hotkey)]


@call("SubtensorModule.serve_axon")
def serve_axon(
    ctx: Context,
    netuid: int,
    version: int,
    ip: int,
    port: int,
    ip_type: int,
    protocol: int,
    placeholder1: int,
    placeholder2: int,
) -> None:
    """Publish the signer's axon on a subnet."""
    hotkey = ctx.signed()
    served = Served(ctx.block, version, ip, port, ip_type)
    error = refusal(ctx.state, netuid, hotkey, "Axons", served)
    if error is not None:
        ctx.fail(SUBTENSOR, error)
    entry: dict[str, Any] = {
        "block": ctx.block,
        "version": version,
        "ip": ip,
        "port": port,
        "ip_type": ip_type,
        "protocol": protocol,
        "placeholder1": placeholder1,
        "placeholder2": placeholder2,
    }
    ctx.state.put(SUBTENSOR, "Axons", netuid, hotkey, value=entry)
    ctx.emit(SUBTENSOR, "AxonServed", netuid, hotkey)


@call("SubtensorModule.serve_axon_tls")
def serve_axon_tls(ctx: Context, netuid: int, certificate: bytes, **axon: int) -> None:
    """Publish the signer's axon together with the public key of its certificate."""
    if not 2 <= len(certificate) <= _CERTIFICATE_BYTES:
        ctx.fail(SUBTENSOR, "InvalidValue")
    serve_axon(ctx, netuid, **axon)
    value = {"public_key": certificate[1:], "algorithm": certificate[0]}
    ctx.state.put(SUBTENSOR, "NeuronCertificates", netuid, ctx.signed(), value=value)


@call("SubtensorModule.serve_prometheus")
def serve_prometheus(ctx: Context, netuid: int, version: int, ip: int, port: int, ip_type: int) -> None:
    """Publish the signer's metrics endpoint on a subnet."""
    hotkey = ctx.signed()
    served = Served(ctx.block, version, ip, port, ip_type)
    error = refusal(ctx.state, netuid, hotkey, "Prometheus", served)
    if error is not None:
        ctx.fail(SUBTENSOR, error)
    entry = {"block": ctx.block, "version": version, "ip": ip, "port": port, "ip_type": ip_type}
    ctx.state.put(SUBTENSOR, "Prometheus", netuid, hotkey, value=entry)
    ctx.emit(SUBTENSOR, "PrometheusServed", netuid, hotkey)


@guard("SubtensorModule.serve_axon", "SubtensorModule.serve_axon_tls")
def guard_serve(ctx: Context, netuid: int, version: int, ip: int, port: int, ip_type: int, **_: object) -> None:
    """An endpoint that would be refused does not enter the pool."""
    error = refusal(ctx.state, netuid, ctx.signed(), "Axons", Served(ctx.block, version, ip, port, ip_type))
    if error is not None:
        raise PoolRejection.custom(_CUSTOM[error])
