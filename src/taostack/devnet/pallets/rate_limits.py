"""How often an account or a subnet may do a thing again.

Two stores, as on the chain: ``LastRateLimitedBlock`` under a key that says what
was limited, and ``TransactionKeyLastBlock`` under (account, netuid, kind). A
block of 0 means "never", so the first time always passes.
"""

from enum import IntEnum
from typing import Any

from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.store import Reader, State


class Kind(IntEnum):
    """What is limited per account; the number is part of the storage key."""

    SET_CHILDREN = 0
    SET_CHILDKEY_TAKE = 1
    SET_WEIGHTS_VERSION_KEY = 4
    MECHANISM_COUNT = 7
    MECHANISM_EMISSION = 8
    TRIM_UIDS = 9
    TEMPO = 12


SET_CHILDREN_BLOCKS = 150
OWNER_HOTKEY_BLOCKS = 50_400
FAST_OWNER_BLOCKS = 1
"""Mechanism count, mechanism split and trimming on a chain of fast blocks."""

NETWORK_REGISTERED = "NetworkLastRegistered"


def passes(limit: int, block: int, last: int) -> bool:
    """True when ``limit`` blocks have gone by since ``last`` (0 is never)."""
    return last == 0 or block - last >= limit


def owner_hyperparameter_key(netuid: int, hyperparameter: str) -> dict[str, Any]:
    """Key of an owner's change of one hyperparameter of one subnet."""
    return {"OwnerHyperparamUpdate": (netuid, hyperparameter)}


def owner_hotkey_key(netuid: int) -> dict[str, Any]:
    """Key of a change of the subnet owner's hotkey."""
    return {"SetSNOwnerHotkey": netuid}


def last_limited(state: Reader, key: Any) -> int:
    """Block at which the thing under ``key`` was last done; 0 is never."""
    return int(state.get(SUBTENSOR, "LastRateLimitedBlock", key))


def note_limited(state: State, key: Any, block: int) -> None:
    """Remember that the thing under ``key`` was done in ``block``."""
    state.put(SUBTENSOR, "LastRateLimitedBlock", key, value=block)


def last_transaction(state: Reader, account: str, netuid: int, kind: Kind) -> int:
    """Block of the account's last transaction of that kind on a subnet; 0 is never."""
    return int(state.get(SUBTENSOR, "TransactionKeyLastBlock", account, netuid, int(kind)))


def note_transaction(state: State, account: str, netuid: int, kind: Kind, block: int) -> None:
    """Remember the account's transaction of that kind on a subnet."""
    state.put(SUBTENSOR, "TransactionKeyLastBlock", account, netuid, int(kind), value=block)


def owner_hyperparameter_blocks(state: Reader, netuid: int) -> int:
    """Blocks between two changes of one hyperparameter by the owner."""
    return int(state.get(SUBTENSOR, "Tempo", netuid)) * int(state.get(SUBTENSOR, "OwnerHyperparamRateLimit"))


def may_register_network(state: Reader, block: int) -> bool:
    """True when the chain accepts another new subnet."""
    limit = state.get(SUBTENSOR, "NetworkRateLimit")
    return passes(limit, block, last_limited(state, NETWORK_REGISTERED))
