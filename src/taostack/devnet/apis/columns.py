"""What a subnet knows of its neurons, column by column, read fast.

A metagraph of 256 uids touches about 2,500 storage entries. Going through typed
reads would take 30 ms, so the keys are put together here by hand (all of them
are ``prefix ++ netuid`` and ``blake2_128(account) ++ account`` in some order) and
the fixed-width values are read from their bytes. The store stays the one truth.
"""

import functools
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from taostack.devnet.codec import ss58_encode
from taostack.devnet.economics.fixed import I64F64, U96F32
from taostack.devnet.pallets.mechanisms import storage_index
from taostack.devnet.pallets.neurons import column
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import inherited, tao_weight
from taostack.devnet.store import Reader

ROOT_NETUID = 0
NO_PRUNING_SCORE = 65_535
"""Ranks, trusts and pruning scores are no longer kept; clients get 0, 0 and this."""

_AXON = struct.Struct("<QI16sHBBBB")
_PROMETHEUS = struct.Struct("<QI16sHB")
_NOBODY = bytes(32)
_AXON_FIELDS = ("block", "version", "ip", "port", "ip_type", "protocol", "placeholder1", "placeholder2")
NO_AXON: dict[str, int] = dict.fromkeys(_AXON_FIELDS, 0)
NO_PROMETHEUS: dict[str, int] = dict.fromkeys(_AXON_FIELDS[:5], 0)


@functools.lru_cache(maxsize=65_536)
def hashed(account: bytes) -> bytes:
    """An account as a map key: blake2-128 and the account itself."""
    return hashlib.blake2b(account, digest_size=16).digest() + account


@dataclass(frozen=True, slots=True)
class Stakes:
    """Rao per uid: alpha, TAO on root, and what both weigh together."""

    alpha: list[int]
    tao: list[int]
    total: list[int]


class Columns:
    """The neurons of one subnet in one state."""

    def __init__(self, state: Reader, netuid: int, mechanism: int = 0) -> None:
        self.state = state
        self.netuid = netuid
        self.index = storage_index(netuid, mechanism)
        self.count = int(state.get(SUBTENSOR, "SubnetworkN", netuid))
        self._netuid_key = netuid.to_bytes(2, "little")
        keys = self._prefix("Keys") + self._netuid_key
        self.hotkeys = [state.raw(keys + uid.to_bytes(2, "little")) or _NOBODY for uid in range(self.count)]

    def _prefix(self, item: str) -> bytes:
        return self.state.codec.item(SUBTENSOR, item).prefix

    # -- columns that are stored as vectors ----------------------------------------------------

    def of_subnet(self, item: str, default: Any) -> list[Any]:
        """A column that a subnet has once."""
        return column(self.state, item, self.netuid, self.count, default)

    def of_mechanism(self, item: str, default: Any) -> list[Any]:
        """A column that each mechanism has."""
        return column(self.state, item, self.index, self.count, default)

    # -- entries by uid and by account ---------------------------------------------------------

    def registered(self) -> list[int]:
        """Block of each uid's registration."""
        prefix = self._prefix("BlockAtRegistration") + self._netuid_key
        raw = self.state.raw
        return [int.from_bytes(raw(prefix + uid.to_bytes(2, "little")) or b"", "little") for uid in range(self.count)]

    def coldkeys(self) -> list[bytes]:
        """The owner of each hotkey, as 32 bytes."""
        prefix, raw = self._prefix("Owner"), self.state.raw
        return [raw(prefix + hashed(hotkey)) or _NOBODY for hotkey in self.hotkeys]

    def axons(self) -> list[dict[str, int]]:
        """What each neuron serves."""
        return self._served("Axons", _AXON, NO_AXON)

    def prometheus(self) -> list[dict[str, int]]:
        """Where each neuron's metrics are."""
        return self._served("Prometheus", _PROMETHEUS, NO_PROMETHEUS)

    def _served(self, item: str, shape: struct.Struct, nothing: dict[str, int]) -> list[dict[str, int]]:
        prefix, raw = self._prefix(item) + self._netuid_key, self.state.raw
        served = []
        for hotkey in self.hotkeys:
            data = raw(prefix + hashed(hotkey))
            if data is None:
                served.append(nothing)
                continue
            block, version, ip, *rest = shape.unpack(data)
            values = (block, version, int.from_bytes(ip, "little"), *rest)
            served.append(dict(zip(_AXON_FIELDS, values, strict=False)))
        return served

    def identities(self, coldkeys: list[bytes]) -> list[dict[str, Any] | None]:
        """The identity of each coldkey."""
        item = self.state.codec.item(SUBTENSOR, "IdentitiesV2")
        if not self.state.keys(item.prefix):
            return [None] * self.count
        found = (self.state.raw(item.prefix + hashed(coldkey)) for coldkey in coldkeys)
        return [None if data is None else self.state.codec.decode(item.value_type, data) for data in found]

    def amounts_by_hotkey(self, item: str) -> list[int]:
        """A u64 map (netuid, hotkey), read for every neuron."""
        prefix, raw = self._prefix(item) + self._netuid_key, self.state.raw
        return [int.from_bytes(raw(prefix + hashed(hotkey)) or b"", "little") for hotkey in self.hotkeys]

    def collateral(self, coldkeys: list[bytes]) -> tuple[list[int], list[int], list[int]]:
        """Locked, least and earned collateral of each miner (rao of alpha)."""
        item = self.state.codec.item(SUBTENSOR, "MinerCollateral")
        locked, least, earned = [0] * self.count, [0] * self.count, [0] * self.count
        if self.state.keys(item.prefix + self._netuid_key):
            for uid, (hotkey, coldkey) in enumerate(zip(self.hotkeys, coldkeys, strict=True)):
                data = self.state.raw(item.prefix + self._netuid_key + hashed(hotkey) + hashed(coldkey))
                if data is not None:
                    entry = self.state.codec.decode(item.value_type, data)
                    locked[uid], least[uid], earned[uid] = entry["locked"], entry["min_locked"], entry["earned"]
        return locked, least, earned

    def stakes(self) -> Stakes:
        """Alpha, TAO and weighed stake of each neuron, parents and children counted."""
        weight = I64F64.convert(tao_weight(self.state), U96F32)
        related = self._has_relatives()
        prefix, raw = self._prefix("TotalHotkeyAlpha"), self.state.raw
        root_key = ROOT_NETUID.to_bytes(2, "little")
        alpha, tao = [], []
        for hotkey in self.hotkeys:
            if related(hotkey):
                address = ss58_encode(hotkey)
                alpha.append(inherited(self.state, address, self.netuid))
                tao.append(inherited(self.state, address, self.netuid, of_netuid=ROOT_NETUID))
                continue
            key = prefix + hashed(hotkey)
            alpha.append(int.from_bytes(raw(key + self._netuid_key) or b"", "little"))
            tao.append(int.from_bytes(raw(key + root_key) or b"", "little"))
        total = [own + (root * weight >> I64F64.fraction) for own, root in zip(alpha, tao, strict=True)]
        return Stakes(alpha, tao, total)

    def _has_relatives(self) -> Callable[[bytes], bool]:
        """A test whether a hotkey has parents or children on this subnet."""
        prefixes = [prefix for item in ("ChildKeys", "ParentKeys") if self.state.keys(prefix := self._prefix(item))]
        raw, netuid = self.state.raw, self._netuid_key
        return lambda hotkey: any(raw(prefix + hashed(hotkey) + netuid) is not None for prefix in prefixes)
