"""The endpoint book: where each hotkey can be reached, and whether it is worth trying now.

An address comes from the chain's axon record, or from a commitment of the form
``ep1|btauth|203.0.113.7:8091`` which overrides it (it can be changed more often, and
can name the protocol). The book remembers how peers behaved and holds a failing one
back for a growing while; what it remembers is bound to the address, so a peer that
publishes a new one starts fresh.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Literal

from taostack.chain.metagraph import UNSERVED_ADDRESSES, AxonInfo, Metagraph
from taostack.chain.records import Commitment
from taostack.process.clock import Clock
from taostack.process.tasks import backoff_seconds

Protocol = Literal["btauth", "v10"]

V10_VERSIONS = range(7_000_000, 11_000_000)
"""What the axons of SDKs 7 to 10 publish as version (major*1e6 + minor*1e3 + patch); all of them speak the v10 wire.

SDK 11 has no axon; who serves with it publishes 1 by default, and speaks btauth.
"""

COMMITMENT_PREFIX = b"ep1|"
"""How a commitment that holds an endpoint begins."""

_PROTOCOLS: Mapping[str, Protocol] = {"btauth": "btauth", "v10": "v10"}


@dataclass(frozen=True, slots=True)
class PublishedEndpoint:
    """Where a hotkey can be reached. ``host`` is an IP address, ``source`` where it came from."""

    hotkey: str
    host: str
    port: int
    protocol: Protocol
    source: Literal["axon", "commitment"] = "axon"


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint has behaved: failures in a row, and the monotonic second until which it is left alone."""

    failures: int = 0
    held_until: float = 0.0
    last_code: str = ""


_FRESH = Health()


def wire_protocol(axon: AxonInfo) -> Protocol:
    """The wire protocol that an axon's published version stands for."""
    return "v10" if axon.version in V10_VERSIONS else "btauth"


def encode_endpoint(host: str, port: int, protocol: Protocol = "btauth") -> bytes:
    """The commitment that publishes an endpoint. Raises ValueError when ``host`` is no IP address."""
    address = ip_address(host)
    shown = f"[{address}]" if address.version == 6 else str(address)
    return COMMITMENT_PREFIX + f"{protocol}|{shown}:{port}".encode()


def decode_endpoint(hotkey: str, data: bytes) -> PublishedEndpoint | None:
    """The endpoint that a commitment publishes, or None when it is about something else or malformed."""
    if not data.startswith(COMMITMENT_PREFIX):
        return None
    try:
        kind, _, place = data[len(COMMITMENT_PREFIX) :].decode("ascii").partition("|")
        host, _, port_text = place.rpartition(":")
        address = ip_address(host.removeprefix("[").removesuffix("]"))
        # int() would also take signs, blanks and underscores.
        port = int(port_text) if port_text.isdecimal() else 0
    except ValueError:
        return None
    protocol = _PROTOCOLS.get(kind)
    if protocol is None or not 1 <= port <= 65_535 or str(address) in UNSERVED_ADDRESSES:
        return None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return None  # a scope names an interface of the reader's machine
    return PublishedEndpoint(hotkey, str(address), port, protocol, "commitment")


def published_endpoints(
    metagraph: Metagraph, commitments: Mapping[str, Commitment] | None = None
) -> dict[str, PublishedEndpoint]:
    """Each registered hotkey's endpoint; hotkeys that serve nothing are absent."""
    found: dict[str, PublishedEndpoint] = {}
    for hotkey, axon in zip(metagraph.hotkeys, metagraph.axons, strict=True):
        note = (commitments or {}).get(hotkey)
        override = decode_endpoint(hotkey, note.data) if note is not None else None
        if override is not None:
            found[hotkey] = override
        elif axon is not None:
            found[hotkey] = PublishedEndpoint(hotkey, axon.ip, axon.port, wire_protocol(axon))
    return found


class EndpointBook:
    """Endpoints of one subnet with their health.

    A failing endpoint is held back after ``patience`` failures in a row, for
    ``base_seconds`` doubling to ``cap_seconds`` (full jitter); one success clears it.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        rng: random.Random,
        patience: int = 2,
        base_seconds: float = 5.0,
        cap_seconds: float = 600.0,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._patience = patience
        self._base_seconds = base_seconds
        self._cap_seconds = cap_seconds
        self._endpoints: dict[str, PublishedEndpoint] = {}
        self._health: dict[str, Health] = {}

    def __len__(self) -> int:
        return len(self._endpoints)

    def update(self, metagraph: Metagraph, commitments: Mapping[str, Commitment] | None = None) -> None:
        """Take over what the chain says now; the health of unchanged endpoints stays."""
        fresh = published_endpoints(metagraph, commitments)
        self._health = {
            hotkey: health
            for hotkey, health in self._health.items()
            if self._endpoints.get(hotkey) == fresh.get(hotkey)
        }
        self._endpoints = fresh

    def endpoint_of(self, hotkey: str) -> PublishedEndpoint | None:
        """Where ``hotkey`` says it can be reached, healthy or not."""
        return self._endpoints.get(hotkey)

    def health_of(self, hotkey: str) -> Health:
        """How its endpoint has behaved so far."""
        return self._health.get(hotkey, _FRESH)

    def available(self, hotkeys: Iterable[str] | None = None) -> list[PublishedEndpoint]:
        """The endpoints worth trying now, in the order of ``hotkeys`` (default: of uids)."""
        now = self._clock.monotonic()
        wanted = self._endpoints if hotkeys is None else hotkeys
        return [
            self._endpoints[hotkey]
            for hotkey in wanted
            if hotkey in self._endpoints and self.health_of(hotkey).held_until <= now
        ]

    def succeeded(self, hotkey: str) -> None:
        """The endpoint answered."""
        self._health.pop(hotkey, None)

    def failed(self, hotkey: str, code: str = "") -> Health:
        """The endpoint did not answer as it should; ``code`` says how. Returns its health now."""
        if hotkey not in self._endpoints:
            return _FRESH
        failures = self.health_of(hotkey).failures + 1
        held_until = 0.0
        if failures >= self._patience:
            pause = backoff_seconds(failures - self._patience, self._base_seconds, self._cap_seconds, self._rng)
            held_until = self._clock.monotonic() + pause
        self._health[hotkey] = health = Health(failures, held_until, code)
        return health
