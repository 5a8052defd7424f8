"""Setters of AdminUtils that do more than check and store one value."""

from collections.abc import Sequence

from taostack.devnet.pallets import rate_limits
from taostack.devnet.pallets.access import ensure_limit, ensure_outside_freeze_window, ensure_transaction_limit
from taostack.devnet.pallets.admin_utils.apply import ensure_admin_subnet, note_owner, owner_may
from taostack.devnet.pallets.admin_utils.checks import ADMIN, ALPHA_MIN, U16_MAX, UIDS_TIMES_MECHANISMS
from taostack.devnet.pallets.dispatch import Context, call
from taostack.devnet.pallets.neurons import column, drop_mechanism, rebuild, set_mechanism_columns, size
from taostack.devnet.pallets.rate_limits import Kind
from taostack.devnet.pallets.registration import immortal_uids
from taostack.devnet.pallets.schedule import SUBTENSOR

_PERCENT = 100


@call("AdminUtils.sudo_set_weights_version_key")
def set_weights_version_key(ctx: Context, netuid: int, weights_version_key: int) -> None:
    """The least version key that weights must carry; an owner may change it every few epochs."""
    state = ctx.state
    owner = owner_may(ctx, netuid, None)
    if owner is not None:
        blocks = state.get(SUBTENSOR, "Tempo", netuid) * state.get(SUBTENSOR, "WeightsVersionKeyRateLimit")
        ensure_transaction_limit(ctx, owner, netuid, Kind.SET_WEIGHTS_VERSION_KEY, blocks)
        rate_limits.note_transaction(state, owner, netuid, Kind.SET_WEIGHTS_VERSION_KEY, ctx.block)
    ensure_admin_subnet(ctx, netuid)
    state.put(SUBTENSOR, "WeightsVersionKey", netuid, value=weights_version_key)
    ctx.emit(SUBTENSOR, "WeightsVersionKeySet", netuid, weights_version_key)


@call("AdminUtils.sudo_set_tempo")
def set_tempo(ctx: Context, netuid: int, tempo: int) -> None:
    """Blocks per epoch. An owner stays within bounds and waits between changes; the epoch starts anew."""
    state = ctx.state
    owner = owner_may(ctx, netuid, None)
    ensure_outside_freeze_window(ctx, netuid)
    ensure_admin_subnet(ctx, netuid)
    if owner is not None:
        low, high = ctx.constant(SUBTENSOR, "MinTempo"), ctx.constant(SUBTENSOR, "MaxTempo")
        if not low <= tempo <= high:
            ctx.fail(SUBTENSOR, "TempoOutOfBounds")
        ensure_transaction_limit(ctx, owner, netuid, Kind.TEMPO, low)
        rate_limits.note_transaction(state, owner, netuid, Kind.TEMPO, ctx.block)
    state.put(SUBTENSOR, "Tempo", netuid, value=tempo)
    state.put(SUBTENSOR, "LastEpochBlock", netuid, value=ctx.block)
    ctx.emit(SUBTENSOR, "TempoSet", netuid, tempo)


@call("AdminUtils.sudo_set_alpha_values")
def set_alpha_values(ctx: Context, netuid: int, alpha_low: int, alpha_high: int) -> None:
    """The range of liquid alpha."""
    owner = owner_may(ctx, netuid, "AlphaValues")
    if not ctx.state.get(SUBTENSOR, "LiquidAlphaOn", netuid):
        ctx.fail(SUBTENSOR, "LiquidAlphaDisabled")
    if alpha_high < ALPHA_MIN:
        ctx.fail(SUBTENSOR, "AlphaHighTooLow")
    if not ALPHA_MIN <= alpha_low <= alpha_high:
        ctx.fail(SUBTENSOR, "AlphaLowOutOfRange")
    ctx.state.put(SUBTENSOR, "AlphaValues", netuid, value=(alpha_low, alpha_high))
    note_owner(ctx, owner, netuid, "AlphaValues")


@call("AdminUtils.sudo_set_sn_owner_hotkey")
def set_owner_hotkey(ctx: Context, netuid: int, hotkey: str) -> None:
    """The hotkey that stands for the subnet's owner; once a week."""
    owner = owner_may(ctx, netuid, None)
    ensure_admin_subnet(ctx, netuid)
    key = rate_limits.owner_hotkey_key(netuid)
    if owner is not None:
        ensure_limit(ctx, key, rate_limits.OWNER_HOTKEY_BLOCKS)
    rate_limits.note_limited(ctx.state, key, ctx.block)
    ctx.state.put(SUBTENSOR, "SubnetOwnerHotkey", netuid, value=hotkey)
    ctx.emit(SUBTENSOR, "SubnetOwnerHotkeySet", netuid, hotkey)


@call("AdminUtils.sudo_set_mechanism_count")
def set_mechanism_count(ctx: Context, netuid: int, mechanism_count: int) -> None:
    """How many mechanisms a subnet has; those beyond the count are forgotten."""
    state = ctx.state
    owner = owner_may(ctx, netuid, None)
    _limited(ctx, owner, netuid, Kind.MECHANISM_COUNT)
    ensure_admin_subnet(ctx, netuid)
    if not 1 <= mechanism_count <= state.get(SUBTENSOR, "MaxMechanismCount"):
        ctx.fail(SUBTENSOR, "InvalidValue")
    if state.get(SUBTENSOR, "MaxAllowedUids", netuid) * mechanism_count > UIDS_TIMES_MECHANISMS:
        ctx.fail(SUBTENSOR, "TooManyUIDsPerMechanism")
    before = state.get(SUBTENSOR, "MechanismCountCurrent", netuid)
    for mechanism in range(mechanism_count, before):
        drop_mechanism(state, netuid, mechanism)
    state.put(SUBTENSOR, "MechanismCountCurrent", netuid, value=mechanism_count)
    for mechanism in range(before, mechanism_count):
        set_mechanism_columns(state, netuid, mechanism)
    state.delete(SUBTENSOR, "MechanismEmissionSplit", netuid)


@call("AdminUtils.sudo_set_mechanism_emission_split")
def set_mechanism_emission_split(ctx: Context, netuid: int, maybe_split: Sequence[int] | None) -> None:
    """The share (of 65535) of each mechanism; None splits evenly."""
    owner = owner_may(ctx, netuid, None)
    _limited(ctx, owner, netuid, Kind.MECHANISM_EMISSION)
    ensure_admin_subnet(ctx, netuid)
    if maybe_split is None:
        ctx.state.delete(SUBTENSOR, "MechanismEmissionSplit", netuid)
        return
    if len(maybe_split) > ctx.state.get(SUBTENSOR, "MechanismCountCurrent", netuid) or sum(maybe_split) != U16_MAX:
        ctx.fail(SUBTENSOR, "InvalidValue")
    ctx.state.put(SUBTENSOR, "MechanismEmissionSplit", netuid, value=list(maybe_split))


@call("AdminUtils.sudo_trim_to_max_allowed_uids")
def trim_to_max_allowed_uids(ctx: Context, netuid: int, max_n: int) -> None:
    """Keep the ``max_n`` best neurons and number them anew; immune ones stay."""
    state = ctx.state
    owner = owner_may(ctx, netuid, None)
    _limited(ctx, owner, netuid, Kind.TRIM_UIDS)
    ensure_admin_subnet(ctx, netuid)
    if not state.get(SUBTENSOR, "MinAllowedUids", netuid) <= max_n <= state.get(SUBTENSOR, "MaxAllowedUids", netuid):
        ctx.fail(SUBTENSOR, "InvalidValue")
    count = size(state, netuid)
    if max_n < count:
        kept = _kept_after_trim(ctx, netuid, count, max_n)
        rebuild(state, netuid, kept)
    state.put(SUBTENSOR, "MaxAllowedUids", netuid, value=max_n)
    ctx.emit(SUBTENSOR, "MaxAllowedUidsSet", netuid, max_n)


def _kept_after_trim(ctx: Context, netuid: int, count: int, max_n: int) -> list[int]:
    state = ctx.state
    period = state.get(SUBTENSOR, "ImmunityPeriod", netuid)
    protected = immortal_uids(state, netuid)
    for uid in range(count):
        if ctx.block - state.get(SUBTENSOR, "BlockAtRegistration", netuid, uid) < period:
            protected.add(uid)
    if len(protected) * _PERCENT >= max_n * ctx.constant(SUBTENSOR, "MaxImmuneUidsPercentage"):
        ctx.fail(SUBTENSOR, "TrimmingWouldExceedMaxImmunePercentage")
    emission = column(state, "Emission", netuid, count, 0)
    removable = sorted((uid for uid in range(count) if uid not in protected), key=lambda uid: (emission[uid], -uid))
    leaving = set(removable[: count - max_n])
    return [uid for uid in range(count) if uid not in leaving]


def _limited(ctx: Context, owner: str | None, netuid: int, kind: Kind) -> None:
    if owner is not None:
        ensure_transaction_limit(ctx, owner, netuid, kind, rate_limits.FAST_OWNER_BLOCKS)
        rate_limits.note_transaction(ctx.state, owner, netuid, kind, ctx.block)


@call("AdminUtils.sudo_set_total_issuance")
def set_total_issuance(ctx: Context, total_issuance: int) -> None:
    """A call that the runtime keeps for its index only."""
    ctx.fail(ADMIN, "Deprecated")


@call("AdminUtils.sudo_set_evm_chain_id")
def set_evm_chain_id(ctx: Context, chain_id: int) -> None:
    """The EVM's chain id (root)."""
    ctx.root()
    ctx.state.put("EVMChainId", "ChainId", value=chain_id)


@call("AdminUtils.sudo_toggle_evm_precompile")
def toggle_evm_precompile(ctx: Context, precompile_id: str, enabled: bool) -> None:
    """Remember whether an EVM precompile is on (root); the devnet has no EVM."""
    ctx.root()
    if ctx.state.get(ADMIN, "PrecompileEnable", precompile_id) != enabled:
        ctx.state.put(ADMIN, "PrecompileEnable", precompile_id, value=enabled)
        ctx.emit(ADMIN, "PrecompileUpdated", precompile_id=precompile_id, enabled=enabled)


@call("AdminUtils.sudo_set_basket_trading_frozen")
def set_basket_trading_frozen(ctx: Context, hotkey: str, frozen: bool) -> None:
    """Freeze or free one validator's basket (root)."""
    ctx.root()
    if frozen:
        ctx.state.put(SUBTENSOR, "BasketTradingFrozen", hotkey, value=())
    else:
        ctx.state.delete(SUBTENSOR, "BasketTradingFrozen", hotkey)
    ctx.emit(ADMIN, "BasketTradingFrozenSet", hotkey=hotkey, frozen=frozen)
