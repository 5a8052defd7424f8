"""Dissolving a subnet: stakers get the pool's TAO, and every trace of the subnet goes."""

from taostack.devnet.pallets import balances
from taostack.devnet.pallets.dispatch import Context
from taostack.devnet.pallets.mechanisms import MECHANISM_STRIDE, storage_indices
from taostack.devnet.pallets.neurons import hotkeys
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import add_tao, decrease_alpha, stakers
from taostack.devnet.store import State

_BY_MECHANISM = ("Incentive", "LastUpdate", "ConsensusByMechanism")
_MAPS_BY_MECHANISM = ("Weights", "Bonds", "WeightCommits", "TimelockedWeightCommits")
_MAPS_BY_NETUID = (
    "Uids",
    "Keys",
    "BlockAtRegistration",
    "Axons",
    "NeuronCertificates",
    "Prometheus",
    "AlphaDividendsPerSubnet",
    "RootAlphaDividendsPerSubnet",
    "PendingChildKeys",
    "AssociatedEvmAddress",
    "AssociatedUidsByEvmAddress",
    "VotingPower",
    "HotkeySuccessor",
    "HotkeyRoot",
    "LastHotkeySwapOnNetuid",
)
_BY_HOTKEY_AND_NETUID = ("ChildKeys", "ParentKeys", "ChildkeyTake", "TotalHotkeyAlphaLastEpoch")
_KEPT = frozenset({"RegisteredSubnetCounter"})


def dissolve(ctx: Context, netuid: int) -> None:
    """Pay the stakers out of the pool in proportion to their alpha, then remove the subnet."""
    _pay_stakers(ctx, netuid)
    _clear(ctx.state, netuid)
    ctx.emit(SUBTENSOR, "NetworkRemoved", netuid)


def _pay_stakers(ctx: Context, netuid: int) -> None:
    state = ctx.state
    held = [key[0] for key, _ in state.items(SUBTENSOR, "TotalHotkeyAlpha") if key[1] == netuid]
    positions = [each for hotkey in held for each in stakers(state, hotkey, netuid) if each.alpha]
    pot = int(state.get(SUBTENSOR, "SubnetTAO", netuid))
    total = sum(each.alpha for each in positions)
    paid = 0
    for each in positions:
        share = pot * each.alpha // total
        decrease_alpha(state, each.hotkey, each.coldkey, netuid, each.alpha)
        if share >= balances.EXISTENTIAL_DEPOSIT:
            balances.deposit(ctx, each.coldkey, share)
            paid += share
    add_tao(state, netuid, -pot)
    # What nobody is entitled to (no stakers, dust) leaves issuance.
    if pot > paid:
        balances.change_issuance(state, paid - pot)


def _clear(state: State, netuid: int) -> None:
    members = hotkeys(state, netuid)
    for index in [*storage_indices(state, netuid), *(m * MECHANISM_STRIDE + netuid for m in (0, 1))]:
        for item in _BY_MECHANISM:
            state.delete(SUBTENSOR, item, index)
        for item in _MAPS_BY_MECHANISM:
            state.delete_prefix(SUBTENSOR, item, index)
    for hotkey in members:
        state.delete(SUBTENSOR, "IsNetworkMember", hotkey, netuid)
    for item in _MAPS_BY_NETUID:
        state.delete_prefix(SUBTENSOR, item, netuid)
    for item in _BY_HOTKEY_AND_NETUID:
        for key in [key for key, _ in state.items(SUBTENSOR, item) if key[1] == netuid]:
            state.delete(SUBTENSOR, item, *key)
    for item in ("CommitmentOf", "LastCommitment", "LastBondsReset", "RevealedCommitments", "UsedSpaceOf"):
        state.delete_prefix("Commitments", item, netuid)
    for item in subnet_items(state):
        state.delete(SUBTENSOR, item, netuid)
    state.mutate(SUBTENSOR, "TotalNetworks", fn=lambda count: max(0, count - 1))


def subnet_items(state: State) -> list[str]:
    """The storage items that are keyed by a netuid alone."""
    codec = state.codec
    netuid_type = codec.item(SUBTENSOR, "Tempo").key_types
    pallets = codec.runtime.metadata_ir()["pallets"]
    names = [each["name"] for pallet in pallets if pallet["name"] == SUBTENSOR for each in pallet["storage"]]
    return [name for name in names if name not in _KEPT and codec.item(SUBTENSOR, name).key_types == netuid_type]
