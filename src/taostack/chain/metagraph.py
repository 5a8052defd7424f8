"""The state of one subnet at one block, as columns.

A ``Metagraph`` is a snapshot: frozen, read from one block, never updated. Row
``i`` of every column is uid ``i``. Amounts are integers in rao (of the subnet's
alpha, but ``tao_stake_rao`` of the root network's TAO); scores are fractions
0..1 as the chain publishes them (u16 / 65535). Who needs fresher numbers asks
``Chain.metagraph`` again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taostack.process.clock import Clock

U16_MAX = 65_535
"""The chain's scores and weights are fractions of this."""

UNSERVED_ADDRESSES = frozenset({"0.0.0.0", "::"})  # noqa: S104 - values to detect, nothing binds to them
"""Addresses that mean "serves nothing", whatever the port says."""


@dataclass(frozen=True, slots=True)
class AxonInfo:
    """The endpoint that a neuron published on chain.

    ``version`` and ``protocol`` are the two numbers its owner chose in
    ``serve_axon``; ``taostack.chain.endpoints`` reads the wire protocol from them.
    """

    ip: str
    port: int
    version: int = 0
    protocol: int = 4

    @property
    def host(self) -> str:
        """The address as a URL has it: IPv6 in brackets."""
        return f"[{self.ip}]" if ":" in self.ip else self.ip


class Standing(NamedTuple):
    """What a gate wants to know of a caller."""

    uid: int
    stake_rao: int
    permit: bool


@dataclass(frozen=True, slots=True)
class Metagraph:
    """One subnet at one block; build it with ``Chain.metagraph`` or ``Metagraph.build``.

    Columns have one entry a uid: ``hotkeys``, ``coldkeys``, ``axons`` are tuples,
    the others read-only numpy arrays (int64, float64 or bool).
    """

    netuid: int
    block: int
    block_hash: str
    taken_at_ms: int
    tempo: int
    owner_hotkey: str
    owner_coldkey: str
    max_uids: int
    last_step: int
    hotkeys: tuple[str, ...]
    coldkeys: tuple[str, ...]
    axons: tuple[AxonInfo | None, ...]
    uids: NDArray[np.int64]
    stake_rao: NDArray[np.int64]
    alpha_stake_rao: NDArray[np.int64]
    tao_stake_rao: NDArray[np.int64]
    permit: NDArray[np.bool_]
    active: NDArray[np.bool_]
    last_update: NDArray[np.int64]
    registered_at: NDArray[np.int64]
    incentive: NDArray[np.float64]
    dividends: NDArray[np.float64]
    consensus: NDArray[np.float64]
    trust: NDArray[np.float64]
    emission_rao: NDArray[np.int64]
    _index: Mapping[str, int] = field(repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.hotkeys)

    def __eq__(self, other: object) -> bool:
        """Two snapshots are equal when they hold the same block of the same subnet."""
        if not isinstance(other, Metagraph):
            return NotImplemented
        return (self.netuid, self.block, self.block_hash, self.hotkeys) == (
            other.netuid,
            other.block,
            other.block_hash,
            other.hotkeys,
        )

    def __hash__(self) -> int:
        return hash((self.netuid, self.block, self.block_hash))

    def uid_of(self, hotkey: str) -> int | None:
        """The uid that ``hotkey`` (ss58) holds, or None when it is not registered."""
        return self._index.get(hotkey)

    def age_ms(self, clock: Clock) -> int:
        """Milliseconds since the snapshot was read (never negative)."""
        return max(0, clock.now_ms() - self.taken_at_ms)

    def standing(self, hotkey: str) -> Standing | None:
        """Uid, stake and permit of ``hotkey``, or None when it is not registered."""
        uid = self._index.get(hotkey)
        if uid is None:
            return None
        return Standing(uid, int(self.stake_rao[uid]), bool(self.permit[uid]))

    def identity_of(self, uid: int) -> tuple[str, int]:
        """(hotkey, registration block): the key under which state about a neuron is kept.

        A recycled uid has another identity, so it inherits nothing.
        """
        return self.hotkeys[uid], int(self.registered_at[uid])

    def serving(self) -> tuple[int, ...]:
        """Uids with a published endpoint."""
        return tuple(uid for uid, axon in enumerate(self.axons) if axon is not None)

    def validators(self) -> tuple[int, ...]:
        """Uids with a validator permit."""
        return tuple(int(uid) for uid in np.flatnonzero(self.permit))

    @classmethod
    def build(
        cls,
        netuid: int,
        hotkeys: Sequence[str],
        *,
        block: int = 0,
        block_hash: str = "0x" + "00" * 32,
        taken_at_ms: int = 0,
        tempo: int = 360,
        owner_hotkey: str = "",
        owner_coldkey: str = "",
        max_uids: int = 256,
        last_step: int = 0,
        coldkeys: Sequence[str] | None = None,
        axons: Sequence[AxonInfo | None] | None = None,
        stake_rao: ArrayLike | None = None,
        alpha_stake_rao: ArrayLike | None = None,
        tao_stake_rao: ArrayLike | None = None,
        permit: ArrayLike | None = None,
        active: ArrayLike | None = None,
        last_update: ArrayLike | None = None,
        registered_at: ArrayLike | None = None,
        incentive: ArrayLike | None = None,
        dividends: ArrayLike | None = None,
        consensus: ArrayLike | None = None,
        trust: ArrayLike | None = None,
        emission_rao: ArrayLike | None = None,
    ) -> "Metagraph":
        """Make a snapshot from columns; a column not given is zero (``active``: true).

        Raises ValueError when a column's length is not the number of hotkeys.
        """
        size = len(hotkeys)

        def integers(name: str, values: ArrayLike | None) -> NDArray[np.int64]:
            return _column(name, values, size, np.dtype(np.int64))

        def fractions(name: str, values: ArrayLike | None) -> NDArray[np.float64]:
            return _column(name, values, size, np.dtype(np.float64))

        def flags(name: str, values: ArrayLike | None, default: bool) -> NDArray[np.bool_]:
            return _column(name, np.full(size, default) if values is None else values, size, np.dtype(np.bool_))

        return cls(
            netuid=netuid,
            block=block,
            block_hash=block_hash,
            taken_at_ms=taken_at_ms,
            tempo=tempo,
            owner_hotkey=owner_hotkey,
            owner_coldkey=owner_coldkey,
            max_uids=max_uids,
            last_step=last_step,
            hotkeys=tuple(hotkeys),
            coldkeys=_row_tuple("coldkeys", coldkeys, size, ""),
            axons=_row_tuple("axons", axons, size, None),
            uids=integers("uids", np.arange(size)),
            stake_rao=integers("stake_rao", stake_rao),
            alpha_stake_rao=integers("alpha_stake_rao", alpha_stake_rao),
            tao_stake_rao=integers("tao_stake_rao", tao_stake_rao),
            permit=flags("permit", permit, default=False),
            active=flags("active", active, default=True),
            last_update=integers("last_update", last_update),
            registered_at=integers("registered_at", registered_at),
            incentive=fractions("incentive", incentive),
            dividends=fractions("dividends", dividends),
            consensus=fractions("consensus", consensus),
            trust=fractions("trust", trust),
            emission_rao=integers("emission_rao", emission_rao),
            _index={hotkey: uid for uid, hotkey in enumerate(hotkeys)},
        )

    @classmethod
    def from_runtime(
        cls, netuid: int, record: Mapping[str, Any], *, block: int, block_hash: str, taken_at_ms: int
    ) -> "Metagraph":
        """Make a snapshot from a decoded answer of ``SubnetInfoRuntimeApi.get_metagraph``.

        Raises KeyError or ValueError when the record has not the fields this
        version knows: the runtime has changed and the library must follow.
        """
        hotkeys = [str(hotkey) for hotkey in record["hotkeys"]]

        def ratio(key: str) -> NDArray[np.float64] | None:
            values = record.get(key)
            return np.asarray(values, dtype=np.float64) / U16_MAX if values else None

        return cls.build(
            netuid,
            hotkeys,
            block=block,
            block_hash=block_hash,
            taken_at_ms=taken_at_ms,
            tempo=int(record["tempo"]),
            owner_hotkey=str(record["owner_hotkey"]),
            owner_coldkey=str(record["owner_coldkey"]),
            max_uids=int(record["max_uids"]),
            last_step=int(record["last_step"]),
            coldkeys=[str(coldkey) for coldkey in record["coldkeys"]],
            axons=[_axon_info(axon) for axon in record["axons"]],
            stake_rao=record["total_stake"],
            alpha_stake_rao=record["alpha_stake"],
            tao_stake_rao=record["tao_stake"],
            permit=record["validator_permit"],
            active=record["active"],
            last_update=record["last_update"],
            registered_at=record["block_at_registration"],
            incentive=ratio("incentives"),
            dividends=ratio("dividends"),
            consensus=ratio("consensus"),
            trust=ratio("trust"),
            emission_rao=record["emission"],
        )


def _column(name: str, values: ArrayLike | None, size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A read-only array of ``size`` entries, whatever it was made from."""
    array = np.zeros(size, dtype=dtype) if values is None else np.array(values, dtype=dtype)
    if array.shape != (size,):
        raise ValueError(f"column {name} has shape {array.shape}, expected ({size},)")
    array.setflags(write=False)
    return array


def _row_tuple(name: str, values: Iterable[Any] | None, size: int, default: Any) -> tuple[Any, ...]:
    rows = (default,) * size if values is None else tuple(values)
    if len(rows) != size:
        raise ValueError(f"column {name} has {len(rows)} entries, expected {size}")
    return rows


def _axon_info(axon: Any) -> AxonInfo | None:
    """The chain's axon record (ip as an integer) as an endpoint, or None when nothing is served."""
    if not isinstance(axon, Mapping):
        return None
    number = int(axon.get("ip") or 0)
    port = int(axon.get("port") or 0)
    if number == 0 or port == 0:
        return None
    address = IPv6Address(number) if int(axon.get("ip_type") or 4) == 6 else IPv4Address(number)
    if str(ip_address(address)) in UNSERVED_ADDRESSES:
        return None
    return AxonInfo(
        ip=str(address), port=port, version=int(axon.get("version") or 0), protocol=int(axon.get("protocol") or 0)
    )
