"""What a validator keeps of its stakers' dividends: delegate take and childkey take."""

from taostack.devnet.pallets import rate_limits
from taostack.devnet.pallets.access import associate_hotkey, ensure_owns_hotkey
from taostack.devnet.pallets.dispatch import Context, PoolRejection, call, guard
from taostack.devnet.pallets.rate_limits import Kind
from taostack.devnet.pallets.schedule import SUBTENSOR

TAKE_TOO_LOW, TAKE_TOO_HIGH = 26, 27


@call("SubtensorModule.try_associate_hotkey")
def try_associate_hotkey(ctx: Context, hotkey: str) -> None:
    """Make the signer the owner of a hotkey that has none; nothing happens when it has one."""
    associate_hotkey(ctx, ctx.signed(), hotkey)


@call("SubtensorModule.increase_take")
def increase_take(ctx: Context, hotkey: str, take: int) -> None:
    """Raise the delegate take (of 65535), not too often."""
    coldkey, state = ctx.signed(), ctx.state
    ensure_owns_hotkey(ctx, coldkey, hotkey)
    if state.has(SUBTENSOR, "Delegates", hotkey) and take <= state.get(SUBTENSOR, "Delegates", hotkey):
        ctx.fail(SUBTENSOR, "DelegateTakeTooLow")
    if take > state.get(SUBTENSOR, "MaxDelegateTake"):
        ctx.fail(SUBTENSOR, "DelegateTakeTooHigh")
    key = {"LastTxBlockDelegateTake": hotkey}
    limit = state.get(SUBTENSOR, "TxDelegateTakeRateLimit")
    if limit and not rate_limits.passes(limit + 1, ctx.block, rate_limits.last_limited(state, key)):
        ctx.fail(SUBTENSOR, "DelegateTxRateLimitExceeded")
    rate_limits.note_limited(state, key, ctx.block)
    state.put(SUBTENSOR, "Delegates", hotkey, value=take)
    ctx.emit(SUBTENSOR, "TakeIncreased", coldkey, hotkey, take)


@call("SubtensorModule.decrease_take")
def decrease_take(ctx: Context, hotkey: str, take: int) -> None:
    """Lower the delegate take (of 65535)."""
    coldkey, state = ctx.signed(), ctx.state
    ensure_owns_hotkey(ctx, coldkey, hotkey)
    if take >= state.get(SUBTENSOR, "Delegates", hotkey) or take < state.get(SUBTENSOR, "MinDelegateTake"):
        ctx.fail(SUBTENSOR, "DelegateTakeTooLow")
    rate_limits.note_limited(state, {"LastTxBlockDelegateTake": hotkey}, ctx.block)
    state.put(SUBTENSOR, "Delegates", hotkey, value=take)
    ctx.emit(SUBTENSOR, "TakeDecreased", coldkey, hotkey, take)


@guard("SubtensorModule.increase_take", "SubtensorModule.decrease_take")
def guard_take(ctx: Context, hotkey: str, take: int) -> None:
    """A take that no delegate may have is refused in the pool."""
    if take > ctx.state.get(SUBTENSOR, "MaxDelegateTake"):
        raise PoolRejection.custom(TAKE_TOO_HIGH)
    if take < ctx.state.get(SUBTENSOR, "MinDelegateTake"):
        raise PoolRejection.custom(TAKE_TOO_LOW)


@call("SubtensorModule.set_childkey_take")
def set_childkey_take(ctx: Context, hotkey: str, netuid: int, take: int) -> None:
    """What a child hotkey keeps of its parents' dividends on one subnet (of 65535)."""
    coldkey, state = ctx.signed(), ctx.state
    ensure_owns_hotkey(ctx, coldkey, hotkey)
    least = max(state.get(SUBTENSOR, "MinChildkeyTake"), state.get(SUBTENSOR, "MinChildkeyTakePerSubnet", netuid))
    if not least <= take <= state.get(SUBTENSOR, "MaxChildkeyTake"):
        ctx.fail(SUBTENSOR, "InvalidChildkeyTake")
    if take > state.get(SUBTENSOR, "ChildkeyTake", hotkey, netuid):
        limit = state.get(SUBTENSOR, "TxChildkeyTakeRateLimit")
        last = rate_limits.last_transaction(state, hotkey, netuid, Kind.SET_CHILDKEY_TAKE)
        if not rate_limits.passes(limit, ctx.block, last):
            ctx.fail(SUBTENSOR, "TxChildkeyTakeRateLimitExceeded")
    rate_limits.note_transaction(state, hotkey, netuid, Kind.SET_CHILDKEY_TAKE, ctx.block)
    state.put(SUBTENSOR, "ChildkeyTake", hotkey, netuid, value=take)
    ctx.emit(SUBTENSOR, "ChildKeyTakeSet", hotkey, take)


@call("SubtensorModule.sudo_set_tx_childkey_take_rate_limit")
def set_tx_childkey_take_rate_limit(ctx: Context, tx_rate_limit: int) -> None:
    """Blocks between two increases of a childkey take (root)."""
    ctx.root()
    ctx.state.put(SUBTENSOR, "TxChildkeyTakeRateLimit", value=tx_rate_limit)
    ctx.emit(SUBTENSOR, "TxChildKeyTakeRateLimitSet", tx_rate_limit)


@call("SubtensorModule.sudo_set_min_childkey_take")
def set_min_childkey_take(ctx: Context, take: int) -> None:
    """The least childkey take of the chain (root)."""
    ctx.root()
    ctx.state.put(SUBTENSOR, "MinChildkeyTake", value=take)
    ctx.emit(SUBTENSOR, "MinChildKeyTakeSet", take)


@call("SubtensorModule.sudo_set_max_childkey_take")
def set_max_childkey_take(ctx: Context, take: int) -> None:
    """The greatest childkey take of the chain (root)."""
    ctx.root()
    ctx.state.put(SUBTENSOR, "MaxChildkeyTake", value=take)
    ctx.emit(SUBTENSOR, "MaxChildKeyTakeSet", take)


@call("SubtensorModule.set_auto_parent_delegation_enabled")
def set_auto_parent_delegation_enabled(ctx: Context, hotkey: str, enabled: bool) -> None:
    """Whether a root validator lends its stake to subnet owners by itself."""
    ensure_owns_hotkey(ctx, ctx.signed(), hotkey)
    ctx.state.put(SUBTENSOR, "AutoParentDelegationEnabled", hotkey, value=enabled)
    ctx.emit(SUBTENSOR, "AutoParentDelegationEnabledSet", hotkey=hotkey, enabled=enabled)
