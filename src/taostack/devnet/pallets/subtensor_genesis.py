"""Block 0 of the Subtensor pallet: root and subnet 1, as upstream's local network has them.

Differences from upstream, each because a chain on a laptop would be unusable
without it, are in ``subnet_defaults.LAPTOP_DIFFERENCES``.
"""

from typing import Any

from taostack.devnet.pallets.dispatch import Context, genesis
from taostack.devnet.pallets.neurons import ZERO_ACCOUNT, append_neuron
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import add_alpha_in, add_alpha_out, add_tao, increase_alpha
from taostack.devnet.pallets.symbols import SYMBOLS

ROOT_NETUID, FIRST_NETUID = 0, 1
GENESIS_TEMPO = 100
POOL_RAO = 10_000_000_000
STAKE_RAO = 1_000_000_000

_ROOT: tuple[tuple[str, Any], ...] = (
    ("NetworksAdded", True),
    ("SubnetworkN", 0),
    ("MaxAllowedUids", 64),
    ("MaxAllowedValidators", 64),
    ("MinAllowedWeights", 0),
    ("MaxWeightsLimit", 65_535),
    ("Tempo", GENESIS_TEMPO),
    ("NetworkRegistrationAllowed", True),
    ("TargetRegistrationsPerInterval", 1),
    ("TokenSymbol", SYMBOLS[ROOT_NETUID].encode()),
)
_FIRST: tuple[tuple[str, Any], ...] = (
    ("SubnetMechanism", 1),
    ("NetworksAdded", True),
    ("SubnetworkN", 0),
    ("MaxAllowedUids", 256),
    ("MaxAllowedValidators", 64),
    ("MinAllowedWeights", 0),
    ("MaxWeightsLimit", 65_535),
    ("Tempo", GENESIS_TEMPO),
    ("NetworkRegistrationAllowed", True),
    ("SubnetOwner", ZERO_ACCOUNT),
    ("SubnetLocked", 1),
    ("CommitRevealWeightsEnabled", False),
    ("TokenSymbol", SYMBOLS[FIRST_NETUID].encode()),
)


@genesis(order=50)
def build(ctx: Context) -> None:
    """Root (netuid 0, empty) and subnet 1 (one neuron of the zero account, not started)."""
    state = ctx.state
    for item, value in _ROOT:
        state.put(SUBTENSOR, item, ROOT_NETUID, value=value)
    for item, value in _FIRST:
        state.put(SUBTENSOR, item, FIRST_NETUID, value=value)
    for netuid in (ROOT_NETUID, FIRST_NETUID):
        # Stored, though it is the default: clients list prices by reading the map.
        state.put(SUBTENSOR, "Burn", netuid, value=ctx.constant(SUBTENSOR, "InitialBurn"))
    state.put(SUBTENSOR, "TotalNetworks", value=2)
    state.put(SUBTENSOR, "LargestLocked", value=1)
    state.put(SUBTENSOR, "Owner", ZERO_ACCOUNT, value=ZERO_ACCOUNT)
    add_tao(state, FIRST_NETUID, POOL_RAO)
    add_alpha_in(state, FIRST_NETUID, POOL_RAO)
    add_alpha_out(state, FIRST_NETUID, STAKE_RAO)
    increase_alpha(state, ZERO_ACCOUNT, ZERO_ACCOUNT, FIRST_NETUID, STAKE_RAO)
    append_neuron(state, FIRST_NETUID, ZERO_ACCOUNT, 0)
    # Upstream's values are in LAPTOP_DIFFERENCES.
    state.put(SUBTENSOR, "AdminFreezeWindow", value=0)
    state.put(SUBTENSOR, "NetworkRateLimit", value=0)


@genesis(order=90)
def count_issuance(ctx: Context) -> None:
    """What is in the accounts and in the pools is issued, in the books of both pallets."""
    state = ctx.state
    total = state.get("Balances", "TotalIssuance") + state.get(SUBTENSOR, "TotalStake")
    state.put("Balances", "TotalIssuance", value=total)
    state.put(SUBTENSOR, "TotalIssuance", value=total)
