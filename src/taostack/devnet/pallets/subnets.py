"""A subnet's life: created for a lock, started by its owner, dissolved in the end."""

from typing import Any

from taostack.devnet.pallets import rate_limits
from taostack.devnet.pallets.access import associate_hotkey, ensure_owner, ensure_owner_or_root, ensure_subnet
from taostack.devnet.pallets.balances import spendable, withdraw
from taostack.devnet.pallets.dispatch import Context, PoolRejection, call, guard
from taostack.devnet.pallets.identity import check_subnet_identity
from taostack.devnet.pallets.neurons import append_neuron, exists, subnets
from taostack.devnet.pallets.schedule import SUBTENSOR, epoch_clock
from taostack.devnet.pallets.stake_ledger import add_alpha_in, add_tao, alpha_price
from taostack.devnet.pallets.subnet_defaults import RAO, init_subnet, median, network_cost
from taostack.devnet.pallets.subnet_removal import dissolve
from taostack.devnet.pallets.symbols import next_symbol
from taostack.devnet.store import Reader

ROOT_NETUID = 0
DYNAMIC_MECHANISM = 1
RATE_LIMIT_EXCEEDED = 6
LAST_LOCK_BLOCK = "NetworkLastRegistered"


@call("SubtensorModule.register_network")
def register_network(ctx: Context, hotkey: str) -> None:
    """Create a subnet that the signer owns; the lock becomes the pool's TAO."""
    _create(ctx, ctx.signed(), hotkey, None)


@call("SubtensorModule.register_network_with_identity")
def register_network_with_identity(ctx: Context, hotkey: str, identity: dict[str, Any] | None) -> None:
    """Create a subnet and name it at once."""
    _create(ctx, ctx.signed(), hotkey, identity)


def _create(ctx: Context, coldkey: str, hotkey: str, identity: dict[str, Any] | None) -> int:
    state = ctx.state
    if state.has(SUBTENSOR, "Owner", hotkey) and state.get(SUBTENSOR, "Owner", hotkey) != coldkey:
        ctx.fail(SUBTENSOR, "NonAssociatedColdKey")
    if ctx.block < state.get(SUBTENSOR, "NetworkRegistrationStartBlock"):
        ctx.fail(SUBTENSOR, "SubNetRegistrationDisabled")
    if not rate_limits.may_register_network(state, ctx.block):
        ctx.fail(SUBTENSOR, "NetworkTxRateLimitExceeded")
    cost = lock_cost(state, ctx.block)
    if spendable(state, coldkey) < cost:
        ctx.fail(SUBTENSOR, "CannotAffordLockCost")
    if identity is not None:
        check_subnet_identity(ctx, identity)
    price = median([alpha_price(state, each) for each in subnets(state) if each != ROOT_NETUID])
    netuid = _free_netuid(ctx)
    withdraw(ctx, coldkey, cost)
    state.put(SUBTENSOR, "NetworkLastLockCost", value=cost)
    rate_limits.note_limited(state, rate_limits.NETWORK_REGISTERED, ctx.block)
    init_subnet(state, netuid, ctx.constant(SUBTENSOR, "InitialTempo"), ctx.block)
    associate_hotkey(ctx, coldkey, hotkey)
    append_neuron(state, netuid, hotkey, ctx.block)
    state.put(SUBTENSOR, "SubnetMechanism", netuid, value=DYNAMIC_MECHANISM)
    state.put(SUBTENSOR, "NetworkRegisteredAt", netuid, value=ctx.block)
    state.put(SUBTENSOR, "TokenSymbol", netuid, value=next_symbol(state, netuid).encode())
    state.put(SUBTENSOR, "SubnetOwner", netuid, value=coldkey)
    state.put(SUBTENSOR, "SubnetOwnerHotkey", netuid, value=hotkey)
    state.put(SUBTENSOR, "SubnetLocked", netuid, value=cost)
    state.mutate(SUBTENSOR, "RegisteredSubnetCounter", netuid, fn=lambda count: count + 1)
    _seed_pool(ctx, netuid, cost, price)
    if identity is not None:
        state.put(SUBTENSOR, "SubnetIdentitiesV3", netuid, value=identity)
        ctx.emit(SUBTENSOR, "SubnetIdentitySet", netuid)
    ctx.emit(SUBTENSOR, "NetworkAdded", netuid, DYNAMIC_MECHANISM)
    return netuid


def _seed_pool(ctx: Context, netuid: int, lock: int, price: int) -> None:
    """The whole lock as TAO, and as much alpha as it is worth at the median price of all subnets."""
    add_tao(ctx.state, netuid, lock)
    add_alpha_in(ctx.state, netuid, lock * RAO // (price or RAO))
    ctx.state.put(SUBTENSOR, "SubnetMovingPrice", netuid, value={"bits": 0})


def _free_netuid(ctx: Context) -> int:
    """The lowest unused netuid; at the limit, that of the subnet which is dissolved for the new one."""
    state = ctx.state
    present = set(subnets(state))
    if len(present - {ROOT_NETUID}) >= state.get(SUBTENSOR, "SubnetLimit"):
        pruned = subnet_to_prune(state, ctx.block)
        if pruned is None:
            ctx.fail(SUBTENSOR, "SubnetLimitReached")
        dissolve(ctx, pruned)
        return pruned
    return next(each for each in range(1, len(present) + 2) if each not in present)


def lock_cost(state: Reader, block: int) -> int:
    """Rao that ``register_network`` takes in ``block``."""
    return network_cost(
        state.get(SUBTENSOR, "NetworkLastLockCost"),
        rate_limits.last_limited(state, rate_limits.NETWORK_REGISTERED),
        block,
        state.get(SUBTENSOR, "NetworkLockReductionInterval"),
        state.get(SUBTENSOR, "NetworkMinLockCost"),
    )


def subnet_to_prune(state: Reader, block: int) -> int | None:
    """The subnet with the lowest moving price that is past its immunity; None when there is none."""
    period = state.get(SUBTENSOR, "NetworkImmunityPeriod")
    candidates = []
    for netuid in subnets(state):
        registered = state.get(SUBTENSOR, "NetworkRegisteredAt", netuid)
        if netuid != ROOT_NETUID and block >= registered + period:
            candidates.append((state.get(SUBTENSOR, "SubnetMovingPrice", netuid)["bits"], registered, netuid))
    return min(candidates)[2] if candidates else None


@guard("SubtensorModule.register_network", "SubtensorModule.register_network_with_identity")
def guard_register_network(ctx: Context, **_: object) -> None:
    """Too soon after the last new subnet: refused in the pool."""
    if not rate_limits.may_register_network(ctx.state, ctx.block):
        raise PoolRejection.custom(RATE_LIMIT_EXCEEDED)


# --- owner's calls --------------------------------------------------------------------------------


@call("SubtensorModule.start_call")
def start_call(ctx: Context, netuid: int) -> None:
    """Start the subnet: its alpha may be traded, and emission begins with the next block."""
    state = ctx.state
    ensure_subnet(ctx, netuid)
    ensure_owner(ctx, netuid)
    if state.has(SUBTENSOR, "FirstEmissionBlockNumber", netuid):
        ctx.fail(SUBTENSOR, "FirstEmissionBlockNumberAlreadySet")
    registered = state.get(SUBTENSOR, "NetworkRegisteredAt", netuid)
    if ctx.block < registered + state.get(SUBTENSOR, "StartCallDelay"):
        ctx.fail(SUBTENSOR, "NeedWaitingMoreBlocksToStarCall")
    state.put(SUBTENSOR, "FirstEmissionBlockNumber", netuid, value=ctx.block + 1)
    state.put(SUBTENSOR, "SubtokenEnabled", netuid, value=True)
    ctx.emit(SUBTENSOR, "FirstEmissionBlockNumberSet", netuid, ctx.block + 1)


@call("SubtensorModule.set_tempo")
def set_tempo(ctx: Context, netuid: int, tempo: int) -> None:
    """A call that upstream keeps for its index only: it takes its fee and changes nothing."""
    ctx.signed()


@call("SubtensorModule.set_activity_cutoff_factor")
def set_activity_cutoff_factor(ctx: Context, netuid: int, factor_milli: int) -> None:
    """A call that upstream keeps for its index only: it takes its fee and changes nothing."""
    ctx.signed()


@call("SubtensorModule.trigger_epoch")
def trigger_epoch(ctx: Context, netuid: int) -> None:
    """The owner asks for an epoch after the freeze window, ahead of its time."""
    who = ensure_owner_or_root(ctx, netuid)
    state = ctx.state
    ensure_subnet(ctx, netuid)
    if state.get(SUBTENSOR, "CommitRevealWeightsEnabled", netuid):
        ctx.fail(SUBTENSOR, "DynamicTempoBlockedByCommitReveal")
    clock = epoch_clock(state, netuid)
    window = state.get(SUBTENSOR, "AdminFreezeWindow")
    if clock.pending_at:
        ctx.fail(SUBTENSOR, "EpochTriggerAlreadyPending")
    remaining = clock.remaining(ctx.block)
    if remaining is not None and remaining <= window:
        ctx.fail(SUBTENSOR, "AutoEpochAlreadyImminent")
    if who is not None:
        key = rate_limits.owner_hyperparameter_key(netuid, "TriggerEpoch")
        blocks = rate_limits.owner_hyperparameter_blocks(state, netuid)
        if not rate_limits.passes(blocks, ctx.block, rate_limits.last_limited(state, key)):
            ctx.fail(SUBTENSOR, "TxRateLimitExceeded")
        rate_limits.note_limited(state, key, ctx.block)
    fires_at = ctx.block + max(1, window)
    state.put(SUBTENSOR, "PendingEpochAt", netuid, value=fires_at)
    by = who if who is not None else state.get("Sudo", "Key")
    ctx.emit(SUBTENSOR, "EpochTriggered", netuid=netuid, by=by, fires_at=fires_at)


@call("SubtensorModule.dissolve_network")
def dissolve_network(ctx: Context, coldkey: str, netuid: int) -> None:
    """Dissolve a subnet in its owner's name (root)."""
    ctx.root()
    ensure_subnet(ctx, netuid)
    if ctx.state.get(SUBTENSOR, "SubnetOwner", netuid) != coldkey:
        ctx.fail(SUBTENSOR, "NotSubnetOwner")
    dissolve(ctx, netuid)


@call("SubtensorModule.root_dissolve_network")
def root_dissolve_network(ctx: Context, netuid: int) -> None:
    """Dissolve a subnet (root)."""
    ctx.root()
    if netuid == ROOT_NETUID or not exists(ctx.state, netuid):
        ctx.fail(SUBTENSOR, "SubnetNotExists")
    dissolve(ctx, netuid)
