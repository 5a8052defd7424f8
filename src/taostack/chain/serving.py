"""Publishing an endpoint: once, correctly, and no more often than the chain allows.

The chain refuses loopback and broadcast addresses, port 0, and a second
publication within ``ServingRateLimit`` blocks (``subnets/serving.rs``); it does not
mind that nothing has changed, but takes a fee for it. So the publisher looks first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, Literal, Self

from bittensor import calls

from taostack.chain.errors import EndpointInvalidError, NotRegisteredError, RateLimitedError
from taostack.chain.metagraph import AxonInfo
from taostack.process.logs import get_logger

if TYPE_CHECKING:
    from taostack.chain.client import Chain
    from taostack.chain.wallet import Wallet

_log = get_logger(__name__)

DEFAULT_PROTOCOL = 4
"""What every axon has published since SDK 5."""

OUR_VERSION = 11_003_000
"""SDK-style number (major·10⁶ + minor·10³ + patch): from 11 on, an endpoint speaks btauth."""

_REFUSED = frozenset({"127.0.0.1", "::1", "0.0.0.0", "::", "255.255.255.255"})  # noqa: S104 - values to refuse

ServeStatus = Literal["published", "unchanged", "too-soon"]


@dataclass(frozen=True, slots=True)
class AxonRecord:
    """What the chain stores for an endpoint; ``block`` is when it was published."""

    info: AxonInfo
    block: int

    @classmethod
    def read(cls, record: Any) -> Self | None:
        """A decoded ``Axons`` entry, or None when there is none."""
        if not isinstance(record, Mapping):
            return None
        number = int(record["ip"])
        address = IPv6Address(number) if int(record["ip_type"]) == 6 else IPv4Address(number)
        info = AxonInfo(str(address), int(record["port"]), int(record["version"]), int(record["protocol"]))
        return cls(info, int(record["block"]))


@dataclass(frozen=True, slots=True)
class ServingState:
    """A hotkey's endpoint at one block: the record, the rate limit in blocks, and its uid."""

    block: int
    record: AxonRecord | None
    rate_limit: int
    uid: int | None

    @property
    def allowed_at(self) -> int:
        """The first block at which the chain takes a publication."""
        if self.record is None or self.record.block == 0 or self.rate_limit == 0:
            return self.block
        return max(self.block, self.record.block + self.rate_limit)


@dataclass(frozen=True, slots=True)
class ServeOutcome:
    """What a call of ``serve`` led to.

    ``published``: the chain took it in ``block``. ``unchanged``: it had it already.
    ``too-soon``: try again at ``retry_at_block``; the old endpoint stays published.
    """

    status: ServeStatus
    endpoint: AxonInfo
    block: int
    retry_at_block: int | None = None

    @property
    def is_live(self) -> bool:
        """Whether the chain now shows this endpoint."""
        return self.status != "too-soon"


def checked_endpoint(ip: str, port: int) -> tuple[IPv4Address | IPv6Address, int]:
    """The address as the chain takes it. Raises EndpointInvalidError for what it refuses."""
    try:
        address = ip_address(ip)
    except ValueError as error:
        raise EndpointInvalidError(
            f"{ip!r} is no IP address", remedy="the chain stores IPv4 or IPv6 addresses, no names"
        ) from error
    if str(address) in _REFUSED or getattr(address, "scope_id", None) is not None:
        raise EndpointInvalidError(
            f"the chain refuses to publish {address}",
            remedy="publish the address that peers reach (--axon.external_ip); on one machine use 127.0.0.2 and up",
        )
    if not 1 <= port <= 65_535:
        raise EndpointInvalidError(f"port {port} cannot be published")
    return address, port


async def publish(
    chain: "Chain",
    netuid: int,
    *,
    ip: str,
    port: int,
    wallet: "Wallet",
    protocol: int | None = None,
    version: int | None = None,
) -> ServeOutcome:
    """Publish an endpoint for the wallet's hotkey unless the chain already has it.

    ``version`` and ``protocol`` default to what says "speaks btauth and v10".
    Raises EndpointInvalidError before anything is sent, NotRegisteredError, or what
    ``Chain.submit`` raises.
    """
    address, checked_port = checked_endpoint(ip, port)
    wanted = AxonInfo(
        str(address),
        checked_port,
        OUR_VERSION if version is None else version,
        DEFAULT_PROTOCOL if protocol is None else protocol,
    )
    state = await chain.serving_state(netuid, wallet.hotkey_address)
    if state.uid is None:
        raise NotRegisteredError(f"hotkey {wallet.hotkey_address} is not registered on subnet {netuid}")
    if state.record is not None and state.record.info == wanted:
        return ServeOutcome("unchanged", wanted, state.block)
    if state.allowed_at > state.block:
        return ServeOutcome("too-soon", wanted, state.block, retry_at_block=state.allowed_at)
    call = calls.SubtensorModule.serve_axon(
        netuid=netuid,
        version=wanted.version,
        ip=int(address),
        port=wanted.port,
        ip_type=address.version,
        protocol=wanted.protocol,
        placeholder1=0,
        placeholder2=0,
    )
    try:
        receipt = await chain.submit(f"serve endpoint on subnet {netuid}", call, wallet.hotkey)
    except RateLimitedError:
        # Another process of this hotkey published between our look and our call.
        state = await chain.serving_state(netuid, wallet.hotkey_address)
        if state.record is not None and state.record.info == wanted:
            return ServeOutcome("unchanged", wanted, state.block)
        return ServeOutcome("too-soon", wanted, state.block, retry_at_block=max(state.allowed_at, state.block + 1))
    _log.info("chain.endpoint_published", netuid=netuid, endpoint=f"{wanted.host}:{wanted.port}", block=receipt.block)
    return ServeOutcome("published", wanted, receipt.block)
