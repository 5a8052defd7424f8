"""What a new subnet starts with, and the pure price of creating one.

Values are upstream's ``init_new_network``; the differences that make a chain on
a laptop usable are named in ``LAPTOP_DIFFERENCES``.
"""

from typing import Any

from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.store import State

RAO = 10**9

SUBNET_DEFAULTS: tuple[tuple[str, Any], ...] = (
    ("NetworkRegistrationAllowed", True),
    ("NetworkPowRegistrationAllowed", False),
    ("MaxAllowedUids", 256),
    ("MaxAllowedValidators", 64),
    ("MinAllowedWeights", 1),
    ("MaxWeightsLimit", 65_535),
    ("AdjustmentInterval", 360),
    ("TargetRegistrationsPerInterval", 1),
    ("AdjustmentAlpha", 17_893_341_751_498_265_066),
    ("ImmunityPeriod", 5_000),
    ("MinDifficulty", 2**64 - 1),
    ("MaxDifficulty", 2**64 - 1),
    ("Difficulty", 10_000_000),
    ("Kappa", 32_767),
    ("ActivityCutoff", 5_000),
    ("Burn", RAO),
    ("Yuma3On", True),
    ("SubnetEmissionEnabled", False),
    ("RegistrationsThisInterval", 0),
    ("POWRegistrationsThisInterval", 0),
    ("BurnRegistrationsThisInterval", 0),
    ("CommitRevealWeightsEnabled", False),
)
"""Stored values of a fresh subnet."""

LAPTOP_DIFFERENCES: dict[str, str] = {
    "CommitRevealWeightsEnabled": "off at first (upstream: on), because no drand signature reaches a devnet by itself",
    "AdminFreezeWindow": "0 blocks (upstream: 10), because an epoch of 10 blocks would be frozen throughout",
    "NetworkRateLimit": "0 blocks (upstream: 7200), so that subnets can be created one after the other",
}
"""Storage items whose start value differs from upstream's, and why."""


def init_subnet(state: State, netuid: int, tempo: int, block: int) -> None:
    """Create an empty subnet with explicit defaults."""
    state.put(SUBTENSOR, "SubnetworkN", netuid, value=0)
    state.put(SUBTENSOR, "NetworksAdded", netuid, value=True)
    state.put(SUBTENSOR, "Tempo", netuid, value=tempo)
    state.mutate(SUBTENSOR, "TotalNetworks", fn=lambda count: count + 1)
    for item, value in SUBNET_DEFAULTS:
        state.put(SUBTENSOR, item, netuid, value=value)
    state.put(SUBTENSOR, "LastEpochBlock", netuid, value=first_epoch_base(netuid, tempo, block))


def first_epoch_base(netuid: int, tempo: int, block: int) -> int:
    """``LastEpochBlock`` of a new subnet: epochs of different subnets are staggered."""
    return max(0, block - netuid % tempo) if tempo else block


def network_cost(last_cost: int, last_block: int, block: int, interval: int, floor: int) -> int:
    """Rao that creating a subnet costs: twice the last price, falling linearly to the floor.

    ``last_block`` 0 means that none was ever created, then there is no doubling.
    """
    factor = 2 if last_block else 1
    fallen = last_cost // interval * (block - last_block) if interval else 0
    return max(floor, last_cost * factor - fallen)


def median(values: list[int]) -> int:
    """The middle of ``values`` (mean of both middles, rounded down); 0 for none."""
    ordered = sorted(values)
    if not ordered:
        return 0
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) // 2
