"""The uids of a subnet: adding, replacing, clearing.

A uid's state lies in columns (one vector per subnet), in maps by uid and in maps
by hotkey. Everything that changes who sits on a uid goes through here, so that a
new neuron never inherits anything from the one before it.
"""

from collections.abc import Callable
from typing import Any

from taostack.devnet.pallets.mechanisms import storage_index, storage_indices
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.store import Reader, State

ZERO_ACCOUNT = "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"
"""The account of 32 zero bytes: "nobody" in Default storage items."""

# Columns of a subnet and what a fresh neuron has in them.
_SUBNET_COLUMNS: tuple[tuple[str, Any], ...] = (
    ("Active", True),
    ("Emission", 0),
    ("Consensus", 0),
    ("Dividends", 0),
    ("ValidatorTrust", 0),
    ("ValidatorPermit", False),
    ("StakeWeight", 0),
)
_MATRICES = ("Weights", "Bonds")
_BY_HOTKEY = ("Axons", "NeuronCertificates", "Prometheus")


def uid_of(state: Reader, netuid: int, hotkey: str) -> int | None:
    """The uid of ``hotkey`` on a subnet, or None when it is not registered there."""
    uid: int | None = state.get(SUBTENSOR, "Uids", netuid, hotkey)
    return uid


def size(state: Reader, netuid: int) -> int:
    """How many uids the subnet has."""
    return int(state.get(SUBTENSOR, "SubnetworkN", netuid))


def hotkeys(state: Reader, netuid: int) -> list[str]:
    """The hotkeys of a subnet in uid order."""
    by_uid = {key[0]: hotkey for key, hotkey in state.items(SUBTENSOR, "Keys", netuid)}
    return [by_uid.get(uid, ZERO_ACCOUNT) for uid in range(size(state, netuid))]


def subnets(state: Reader) -> list[int]:
    """All netuids in ascending order, root included."""
    return sorted(key[0] for key, added in state.items(SUBTENSOR, "NetworksAdded") if added)


def exists(state: Reader, netuid: int) -> bool:
    """True when the subnet exists."""
    return bool(state.get(SUBTENSOR, "NetworksAdded", netuid))


def set_column(state: State, item: str, key: int, uid: int, value: Any, default: Any) -> None:
    """Set one element of a column; a column that is too short is filled up with ``default``."""

    def change(column: list[Any]) -> list[Any]:
        grown = list(column) + [default] * (uid + 1 - len(column))
        grown[uid] = value
        return grown

    state.mutate(SUBTENSOR, item, key, fn=change)


def column(state: Reader, item: str, key: int, count: int, default: Any) -> list[Any]:
    """A column of exactly ``count`` elements, filled up with ``default``."""
    values = list(state.get(SUBTENSOR, item, key))[:count]
    return values + [default] * (count - len(values))


def append_neuron(state: State, netuid: int, hotkey: str, block: int) -> int:
    """Give ``hotkey`` the next free uid; the caller has checked that there is room."""
    uid = size(state, netuid)
    state.put(SUBTENSOR, "SubnetworkN", netuid, value=uid + 1)
    _reset_columns(state, netuid, uid, block)
    _seat(state, netuid, uid, hotkey, block)
    return uid


def replace_neuron(state: State, netuid: int, uid: int, hotkey: str, block: int) -> str:
    """Put ``hotkey`` in the place of whoever holds ``uid``; returns the hotkey that left."""
    old: str = state.get(SUBTENSOR, "Keys", netuid, uid)
    unseat(state, netuid, uid)
    _reset_columns(state, netuid, uid, block)
    _seat(state, netuid, uid, hotkey, block)
    return old


def unseat(state: State, netuid: int, uid: int) -> None:
    """Remove a uid's holder and everything that the holder left behind."""
    old: str = state.get(SUBTENSOR, "Keys", netuid, uid)
    state.delete(SUBTENSOR, "Uids", netuid, old)
    state.delete(SUBTENSOR, "Keys", netuid, uid)
    state.delete(SUBTENSOR, "IsNetworkMember", old, netuid)
    state.delete(SUBTENSOR, "AssociatedEvmAddress", netuid, uid)
    for item in _BY_HOTKEY:
        state.delete(SUBTENSOR, item, netuid, old)
    for index in storage_indices(state, netuid):
        state.delete(SUBTENSOR, "WeightCommits", index, old)
        for item in _MATRICES:
            state.delete(SUBTENSOR, item, index, uid)


def _seat(state: State, netuid: int, uid: int, hotkey: str, block: int) -> None:
    state.put(SUBTENSOR, "Keys", netuid, uid, value=hotkey)
    state.put(SUBTENSOR, "Uids", netuid, hotkey, value=uid)
    state.put(SUBTENSOR, "IsNetworkMember", hotkey, netuid, value=True)
    state.put(SUBTENSOR, "BlockAtRegistration", netuid, uid, value=block)


def _reset_columns(state: State, netuid: int, uid: int, block: int) -> None:
    for item, fresh in _SUBNET_COLUMNS:
        set_column(state, item, netuid, uid, fresh, fresh)
    for index in storage_indices(state, netuid):
        set_column(state, "Incentive", index, uid, 0, 0)
        set_column(state, "LastUpdate", index, uid, block, 0)
        if state.has(SUBTENSOR, "ConsensusByMechanism", index):
            set_column(state, "ConsensusByMechanism", index, uid, 0, 0)


def rebuild(state: State, netuid: int, kept: list[int]) -> None:
    """Keep only the uids in ``kept`` (ascending) and number them anew from 0.

    Rows and columns of the weight and bond matrices follow; entries that point
    to a removed uid are dropped.
    """
    moved = {old: new for new, old in enumerate(kept)}
    count = size(state, netuid)
    holders = [(state.get(SUBTENSOR, "Keys", netuid, uid), uid) for uid in range(count)]
    registered = {uid: state.get(SUBTENSOR, "BlockAtRegistration", netuid, uid) for uid in kept}
    for _, uid in holders:
        if uid not in moved:
            unseat(state, netuid, uid)
            state.delete(SUBTENSOR, "BlockAtRegistration", netuid, uid)
    _pack_columns(state, netuid, kept, count)
    for index in storage_indices(state, netuid):
        for item in _MATRICES:
            _pack_matrix(state, item, index, count, moved)
    for _, uid in holders:
        if uid in moved:
            state.delete(SUBTENSOR, "Keys", netuid, uid)
            state.delete(SUBTENSOR, "BlockAtRegistration", netuid, uid)
    for hotkey, uid in holders:
        if uid in moved:
            _seat(state, netuid, moved[uid], hotkey, registered[uid])
    state.put(SUBTENSOR, "SubnetworkN", netuid, value=len(kept))


def _pack_columns(state: State, netuid: int, kept: list[int], count: int) -> None:
    def pack(item: str, key: int, default: Any) -> None:
        values = column(state, item, key, count, default)
        state.put(SUBTENSOR, item, key, value=[values[uid] for uid in kept])

    for item, fresh in _SUBNET_COLUMNS:
        pack(item, netuid, fresh)
    for index in storage_indices(state, netuid):
        pack("Incentive", index, 0)
        pack("LastUpdate", index, 0)
        if state.has(SUBTENSOR, "ConsensusByMechanism", index):
            pack("ConsensusByMechanism", index, 0)


def _pack_matrix(state: State, item: str, index: int, count: int, moved: dict[int, int]) -> None:
    rows = {uid: state.get(SUBTENSOR, item, index, uid) for uid in range(count)}
    for uid in rows:
        state.delete(SUBTENSOR, item, index, uid)
    for uid, row in rows.items():
        packed = [(moved[target], value) for target, value in row if target in moved]
        if uid in moved and packed:
            state.put(SUBTENSOR, item, index, moved[uid], value=packed)


def set_mechanism_columns(state: State, netuid: int, mechanism: int) -> None:
    """Start a new mechanism with empty columns for the neurons that are there."""
    index, count = storage_index(netuid, mechanism), size(state, netuid)
    state.put(SUBTENSOR, "Incentive", index, value=[0] * count)
    state.put(SUBTENSOR, "LastUpdate", index, value=[0] * count)


def drop_mechanism(state: State, netuid: int, mechanism: int) -> None:
    """Forget all that a mechanism stored."""
    index = storage_index(netuid, mechanism)
    for item in ("Incentive", "LastUpdate", "ConsensusByMechanism"):
        state.delete(SUBTENSOR, item, index)
    for item in ("Weights", "Bonds", "WeightCommits", "TimelockedWeightCommits"):
        state.delete_prefix(SUBTENSOR, item, index)


def rename_hotkey(state: State, netuid: int, old: str, new: str, carry: Callable[[str, str, str], None]) -> None:
    """Let ``new`` take over the uid of ``old`` with all its state on one subnet.

    ``carry(item, old, new)`` moves what a caller keeps by hotkey besides.
    """
    uid = uid_of(state, netuid, old)
    if uid is None:
        return
    state.delete(SUBTENSOR, "Uids", netuid, old)
    state.delete(SUBTENSOR, "IsNetworkMember", old, netuid)
    state.put(SUBTENSOR, "Uids", netuid, new, value=uid)
    state.put(SUBTENSOR, "Keys", netuid, uid, value=new)
    state.put(SUBTENSOR, "IsNetworkMember", new, netuid, value=True)
    for item in _BY_HOTKEY:
        carry(item, old, new)
