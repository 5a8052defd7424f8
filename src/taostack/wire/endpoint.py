"""Where a neuron answers, and whether that can be called at all."""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Dialect = Literal["btauth", "v10"]

_KNOWN_HOSTS = 8192


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A neuron's address: ``hotkey`` must sign its replies, ``protocol`` tells which dialect it speaks."""

    hotkey: str
    host: str
    port: int
    protocol: Dialect = "btauth"

    @property
    def authority(self) -> str:
        """``host:port`` as it stands in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def defect(self) -> str | None:
        """Why this endpoint cannot be called, or ``None``.

        Miners that serve nothing are published as ``0.0.0.0`` or port 0;
        calling those would reach this very machine.
        """
        if not 0 < self.port < 65536:
            return f"port {self.port} is not a port"
        if not (self.hotkey.isascii() and self.hotkey.isalnum()):
            return "hotkey is not an address"  # and would not be fit for a header
        return _host_defect(self.host)


@lru_cache(maxsize=_KNOWN_HOSTS)
def _host_defect(host: str) -> str | None:
    """Cached: parsing an address costs as much as signing a request."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None if _is_host_name(host) else "host is neither an address nor a name"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    if address.is_unspecified:
        return "address is unspecified (0.0.0.0): the neuron serves nothing"
    if address.is_multicast or address == ipaddress.IPv4Address("255.255.255.255"):
        return "address is multicast or broadcast"
    return None


def _is_host_name(host: str) -> bool:
    labels = host.rstrip(".").split(".")
    return 0 < len(host) <= 253 and all(
        0 < len(label) <= 63 and label.isascii() and label.replace("-", "").replace("_", "").isalnum()
        for label in labels
    )
