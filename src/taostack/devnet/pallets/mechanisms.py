"""Storage indices of a subnet's mechanisms.

Incentive, LastUpdate, Weights, Bonds and the weight commits exist once per
mechanism, under ``mechanism * 4096 + netuid``; mechanism 0 has the netuid itself.
"""

from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.store import Reader

MECHANISM_STRIDE = 4096
U16_MAX = 65_535


def storage_index(netuid: int, mechanism: int = 0) -> int:
    """The storage index of one mechanism of a subnet; it ends at the greatest u16, as the chain's saturates."""
    return min(mechanism * MECHANISM_STRIDE + netuid, U16_MAX)


def storage_indices(state: Reader, netuid: int) -> list[int]:
    """The storage indices of all present mechanisms of a subnet."""
    return [storage_index(netuid, each) for each in range(state.get(SUBTENSOR, "MechanismCountCurrent", netuid))]
