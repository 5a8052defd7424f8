"""Storage indices of a subnet's mechanisms.

Incentive, LastUpdate, Weights, Bonds and the weight commits exist once per
mechanism, under ``mechanism * 4096 + netuid``; mechanism 0 has the netuid itself.
"""

from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.store import Reader

MECHANISM_STRIDE = 4096


def storage_index(netuid: int, mechanism: int = 0) -> int:
    """The storage index of one mechanism of a subnet."""
    return mechanism * MECHANISM_STRIDE + netuid


def storage_indices(state: Reader, netuid: int) -> list[int]:
    """The storage indices of all present mechanisms of a subnet."""
    return [storage_index(netuid, each) for each in range(state.get(SUBTENSOR, "MechanismCountCurrent", netuid))]
