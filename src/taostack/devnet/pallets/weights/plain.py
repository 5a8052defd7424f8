"""``set_weights`` and ``set_mechanism_weights``: every check in the chain's order."""

from collections.abc import Sequence

from taostack.devnet.pallets.access import ensure_registered, ensure_subnet
from taostack.devnet.pallets.dispatch import Context, PoolRejection, call, guard
from taostack.devnet.pallets.mechanisms import storage_index
from taostack.devnet.pallets.neurons import exists, set_column, size, uid_of
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import stake_weight
from taostack.devnet.pallets.weights.vector import U16_MAX, is_self_weight, max_upscale, within_limit
from taostack.devnet.store import Reader

STAKE_TOO_LOW, SUBNET_MISSING, RATE_LIMITED, UID_NOT_FOUND = 1, 3, 6, 19
"""Numbers of ``Custom error: N`` with which the pool refuses weights."""


@call("SubtensorModule.set_weights")
def set_weights(ctx: Context, netuid: int, dests: Sequence[int], weights: Sequence[int], version_key: int) -> None:
    """Set the signer's weights in mechanism 0."""
    set_mechanism_weights(ctx, netuid, 0, dests, weights, version_key)


@call("SubtensorModule.set_mechanism_weights")
def set_mechanism_weights(
    ctx: Context, netuid: int, mecid: int, dests: Sequence[int], weights: Sequence[int], version_key: int
) -> None:
    """Set the signer's weights in one mechanism of a subnet."""
    # Off the record of a subnet that does not exist, and on root, the flag reads as its default: on.
    known = netuid != 0 and exists(ctx.state, netuid)
    if known and ctx.state.get(SUBTENSOR, "CommitRevealWeightsEnabled", netuid):
        ctx.fail(SUBTENSOR, "CommitRevealEnabled")
    store_weights(ctx, ctx.signed(), netuid, mecid, dests, weights, version_key)


def store_weights(
    ctx: Context,
    hotkey: str,
    netuid: int,
    mechanism: int,
    uids: Sequence[int],
    values: Sequence[int],
    version_key: int,
) -> None:
    """Check and store a weight vector of ``hotkey`` (plain, or just revealed)."""
    state = ctx.state
    index = storage_index(netuid, mechanism)
    if netuid == 0:
        ctx.fail(SUBTENSOR, "CanNotSetRootNetworkWeights")
    if len(uids) != len(values):
        ctx.fail(SUBTENSOR, "WeightVecNotEqualSize")
    ensure_mechanism(ctx, netuid, mechanism)
    count = size(state, netuid)
    if len(uids) > count:
        ctx.fail(SUBTENSOR, "UidsLengthExceedUidsInSubNet")
    uid = ensure_registered(ctx, netuid, hotkey)
    if not has_min_stake(state, netuid, hotkey):
        ctx.fail(SUBTENSOR, "NotEnoughStakeToSetWeights")
    required = state.get(SUBTENSOR, "WeightsVersionKey", netuid)
    if required and version_key < required:
        ctx.fail(SUBTENSOR, "IncorrectWeightVersionKey")
    hidden = state.get(SUBTENSOR, "CommitRevealWeightsEnabled", netuid)
    if not hidden and not may_set_again(state, netuid, index, uid, ctx.block):
        ctx.fail(SUBTENSOR, "SettingWeightsTooFast")
    itself = is_self_weight(uid, uids)
    if not itself and not may_judge(state, netuid, uid, hotkey):
        ctx.fail(SUBTENSOR, "NeuronNoValidatorPermit")
    if len(set(uids)) != len(uids):
        ctx.fail(SUBTENSOR, "DuplicateUids")
    if any(each >= count for each in uids):
        ctx.fail(SUBTENSOR, "UidVecContainInvalidOne")
    if not itself and len(uids) < min(state.get(SUBTENSOR, "MinAllowedWeights", netuid), count):
        ctx.fail(SUBTENSOR, "WeightVecLengthIsLow")
    scaled = max_upscale(values)
    limit = state.get(SUBTENSOR, "MaxWeightsLimit", netuid)
    if not itself and limit != U16_MAX and not within_limit(scaled, limit):
        ctx.fail(SUBTENSOR, "MaxWeightExceeded")
    state.put(SUBTENSOR, "Weights", index, uid, value=list(zip(uids, scaled, strict=True)))
    if not hidden:
        note_update(ctx, index, uid)
    ctx.emit(SUBTENSOR, "WeightsSet", index, uid)


def ensure_mechanism(ctx: Context, netuid: int, mechanism: int) -> None:
    """SubnetNotExists or MechanismDoesNotExist unless both exist."""
    ensure_subnet(ctx, netuid)
    if mechanism >= ctx.state.get(SUBTENSOR, "MechanismCountCurrent", netuid):
        ctx.fail(SUBTENSOR, "MechanismDoesNotExist")


def has_min_stake(state: Reader, netuid: int, hotkey: str) -> bool:
    """True when the hotkey's stake weight reaches the threshold; the subnet's own hotkey always may."""
    threshold = state.get(SUBTENSOR, "StakeThreshold")
    if threshold == 0 or state.get(SUBTENSOR, "SubnetOwnerHotkey", netuid) == hotkey:
        return True
    return bool(stake_weight(state, hotkey, netuid) >= threshold)


def may_set_again(state: Reader, netuid: int, index: int, uid: int, block: int) -> bool:
    """True when the weights rate limit has gone by for this uid."""
    updates = state.get(SUBTENSOR, "LastUpdate", index)
    last = updates[uid] if uid < len(updates) else 0
    return bool(last == 0 or block - last >= state.get(SUBTENSOR, "WeightsSetRateLimit", netuid))


def may_judge(state: Reader, netuid: int, uid: int, hotkey: str) -> bool:
    """True for a uid with a validator permit, and for the subnet owner's hotkey."""
    if state.get(SUBTENSOR, "SubnetOwnerHotkey", netuid) == hotkey:
        return True
    permits = state.get(SUBTENSOR, "ValidatorPermit", netuid)
    return uid < len(permits) and bool(permits[uid])


def note_update(ctx: Context, index: int, uid: int) -> None:
    """Remember that the uid updated its weights (or committed to them) in this block."""
    set_column(ctx.state, "LastUpdate", index, uid, ctx.block, 0)


def check_pool(ctx: Context, netuid: int, mechanism: int, *, rate_limited: bool = True) -> None:
    """Refuse in the pool what can't be applied: unknown hotkey, too little stake, too soon."""
    hotkey = ctx.signed()
    if not exists(ctx.state, netuid):
        raise PoolRejection.custom(SUBNET_MISSING)
    uid = uid_of(ctx.state, netuid, hotkey)
    if uid is None:
        raise PoolRejection.custom(UID_NOT_FOUND)
    if not has_min_stake(ctx.state, netuid, hotkey):
        raise PoolRejection.custom(STAKE_TOO_LOW)
    index = storage_index(netuid, mechanism)
    if rate_limited and not may_set_again(ctx.state, netuid, index, uid, ctx.block):
        raise PoolRejection.custom(RATE_LIMITED)


@guard("SubtensorModule.set_weights", "SubtensorModule.set_mechanism_weights")
def guard_set(ctx: Context, netuid: int, mecid: int = 0, **_: object) -> None:
    """A plain vector is refused before it costs a block's space."""
    hidden = ctx.state.get(SUBTENSOR, "CommitRevealWeightsEnabled", netuid)
    check_pool(ctx, netuid, mecid, rate_limited=not hidden)
