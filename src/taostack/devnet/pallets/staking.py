"""Adding and removing stake, with the chain's checks in the chain's order.

Every call that trades comes in two forms: at any price, and with a limit price
(rao of TAO per alpha) which either fills in part or fails with
``SlippageTooHigh``. Moves between hotkeys, coldkeys and subnets are in
``stake_moves``.
"""

from typing import Final

from taostack.devnet.economics.pools import MAX_INPUT_RATIO, Market, Pool
from taostack.devnet.pallets.access import ensure_owns_hotkey, ensure_registered, ensure_subnet
from taostack.devnet.pallets.balances import spendable
from taostack.devnet.pallets.dispatch import Context, call
from taostack.devnet.pallets.neurons import subnets
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import (
    ROOT_NETUID,
    alpha_of,
    bring_into_subnet,
    burn_alpha,
    coldkey_total,
    decrease_alpha,
    market,
    recycle_alpha,
    stake_into_subnet,
    take_out_of_subnet,
    unstake_from_subnet,
)
from taostack.devnet.store import Reader

MIN_STAKE: Final = 2_000_000
"""Rao of TAO that a staking operation must move, beside the fee (``InitialMinStake``)."""
EVERYTHING: Final = (1 << 64) - 1
"""As an amount of alpha: the whole position."""
STAKE_WEIGHT: Final = 340_000_000


# --- adding -----------------------------------------------------------------------------------------


@call("SubtensorModule.add_stake", weight=STAKE_WEIGHT)
def add_stake(ctx: Context, hotkey: str, netuid: int, amount_staked: int) -> None:
    """Stake ``amount_staked`` rao of TAO at any price."""
    coldkey = ctx.signed()
    check_add(ctx, coldkey, hotkey, netuid, amount_staked)
    _stake(ctx, hotkey, coldkey, netuid, amount_staked)


@call("SubtensorModule.add_stake_limit", weight=STAKE_WEIGHT)
def add_stake_limit(
    ctx: Context, hotkey: str, netuid: int, amount_staked: int, limit_price: int, allow_partial: bool
) -> None:
    """Stake while the price does not exceed the limit."""
    coldkey = ctx.signed()
    ensure_subnet(ctx, netuid)
    amount = _within_limit(ctx, amount_staked, market(ctx.state, netuid).buyable_at(limit_price), allow_partial)
    check_add(ctx, coldkey, hotkey, netuid, amount)
    _stake(ctx, hotkey, coldkey, netuid, amount)


@call("SubtensorModule.add_stake_burn", weight=STAKE_WEIGHT)
def add_stake_burn(ctx: Context, hotkey: str, netuid: int, amount: int, limit: int | None) -> None:
    """Buy alpha with the signer's TAO and burn it at once."""
    coldkey = ctx.signed()
    ensure_subnet(ctx, netuid)
    if netuid == ROOT_NETUID:
        ctx.fail(SUBTENSOR, "CannotBurnOrRecycleOnRootSubnet")
    if limit is not None:
        _within_limit(ctx, amount, market(ctx.state, netuid).buyable_at(limit), allow_partial=False)
    check_add(ctx, coldkey, hotkey, netuid, amount)
    alpha = _stake(ctx, hotkey, coldkey, netuid, amount)
    _destroy(ctx, coldkey, hotkey, netuid, alpha, recycle=False)
    ctx.emit(SUBTENSOR, "AddStakeBurn", netuid=netuid, hotkey=hotkey, amount=amount, alpha=alpha)


def check_add(ctx: Context, coldkey: str, hotkey: str, netuid: int, tao: int) -> None:
    """Everything that can be wrong with staking ``tao``."""
    ensure_subnet(ctx, netuid)
    ensure_tradable(ctx, netuid)
    exchange = market(ctx.state, netuid)
    if tao < MIN_STAKE + exchange.buy(tao).fee:
        ctx.fail(SUBTENSOR, "AmountTooLow")
    if spendable(ctx.state, coldkey) < tao:
        ctx.fail(SUBTENSOR, "NotEnoughBalanceToStake")
    ensure_hotkey_account(ctx, hotkey)
    if not fits(exchange, tao=tao):
        ctx.fail(SUBTENSOR, "InsufficientLiquidity")


def _stake(ctx: Context, hotkey: str, coldkey: str, netuid: int, tao: int) -> int:
    alpha = stake_into_subnet(ctx, hotkey, coldkey, netuid, tao)
    note_root_stake(ctx, coldkey, hotkey, netuid)
    return alpha


# --- removing ---------------------------------------------------------------------------------------


@call("SubtensorModule.remove_stake", weight=STAKE_WEIGHT)
def remove_stake(ctx: Context, hotkey: str, netuid: int, amount_unstaked: int) -> None:
    """Sell alpha of a position at any price; an amount above the position means all of it."""
    coldkey = ctx.signed()
    amount = check_remove(ctx, coldkey, hotkey, netuid, amount_unstaked)
    _unstake(ctx, hotkey, coldkey, netuid, amount)


@call("SubtensorModule.remove_stake_limit", weight=STAKE_WEIGHT)
def remove_stake_limit(
    ctx: Context, hotkey: str, netuid: int, amount_unstaked: int, limit_price: int, allow_partial: bool
) -> None:
    """Sell alpha while the price does not fall below the limit."""
    coldkey = ctx.signed()
    amount = check_remove(ctx, coldkey, hotkey, netuid, amount_unstaked)
    reach = market(ctx.state, netuid).sellable_at(limit_price)
    filled = _within_limit(ctx, amount, reach, allow_partial)
    if filled < amount:
        filled = check_remove(ctx, coldkey, hotkey, netuid, filled)
    _unstake(ctx, hotkey, coldkey, netuid, filled)


@call("SubtensorModule.remove_stake_full_limit", weight=STAKE_WEIGHT)
def remove_stake_full_limit(ctx: Context, hotkey: str, netuid: int, limit_price: int | None) -> None:
    """Sell a whole position, if asked only while the price does not fall below the limit."""
    if limit_price is None:
        remove_stake(ctx, hotkey, netuid, EVERYTHING)
    else:
        remove_stake_limit(ctx, hotkey, netuid, EVERYTHING, limit_price, allow_partial=False)


@call("SubtensorModule.unstake_all", weight=STAKE_WEIGHT)
def unstake_all(ctx: Context, hotkey: str) -> None:
    """Sell the signer's positions on ``hotkey`` in every subnet where that is possible."""
    coldkey = ctx.signed()
    ensure_hotkey_account(ctx, hotkey)
    for netuid in subnets(ctx.state):
        amount = sellable(ctx, coldkey, hotkey, netuid)
        if amount:
            _unstake(ctx, hotkey, coldkey, netuid, amount)


@call("SubtensorModule.unstake_all_alpha", weight=STAKE_WEIGHT)
def unstake_all_alpha(ctx: Context, hotkey: str) -> None:
    """Sell the signer's positions on ``hotkey`` in every subnet but root, and stake the TAO on root."""
    coldkey = ctx.signed()
    ensure_hotkey_account(ctx, hotkey)
    tao = 0
    for netuid in subnets(ctx.state):
        amount = sellable(ctx, coldkey, hotkey, netuid) if netuid != ROOT_NETUID else 0
        if amount:
            tao += take_out_of_subnet(ctx, hotkey, coldkey, netuid, amount)
    if tao < MIN_STAKE:
        ctx.fail(SUBTENSOR, "AmountTooLow")
    bring_into_subnet(ctx, hotkey, coldkey, ROOT_NETUID, tao)
    note_root_stake(ctx, coldkey, hotkey, ROOT_NETUID)


def check_remove(ctx: Context, coldkey: str, hotkey: str, netuid: int, alpha: int) -> int:
    """The amount of alpha to sell (at most the position); fails when that cannot be done."""
    ensure_subnet(ctx, netuid)
    ensure_tradable(ctx, netuid)
    ensure_hotkey_account(ctx, hotkey)
    held = alpha_of(ctx.state, hotkey, coldkey, netuid)
    if held == 0:
        ctx.fail(SUBTENSOR, "NotEnoughStakeToWithdraw")
    amount = min(alpha, held)
    exchange = market(ctx.state, netuid)
    received = exchange.sell(amount).received
    left = exchange.sell(held - amount).received
    if received == 0 or (amount < held and (received < MIN_STAKE or left < MIN_STAKE)):
        ctx.fail(SUBTENSOR, "AmountTooLow")
    if not fits(exchange, alpha=amount):
        ctx.fail(SUBTENSOR, "InsufficientLiquidity")
    ensure_available(ctx, coldkey, netuid, amount)
    ensure_root_unlocked(ctx, coldkey, hotkey, netuid)
    return amount


def sellable(ctx: Context, coldkey: str, hotkey: str, netuid: int) -> int:
    """The whole position if it can be sold now, else 0."""
    state = ctx.state
    held = alpha_of(state, hotkey, coldkey, netuid)
    if not held or not is_tradable(state, netuid):
        return 0
    exchange = market(state, netuid)
    free = coldkey_total(state, coldkey, netuid) - locked(state, coldkey, netuid)
    if free < held or not exchange.sell(held).received or not fits(exchange, alpha=held):
        return 0
    return held


def _unstake(ctx: Context, hotkey: str, coldkey: str, netuid: int, alpha: int) -> None:
    unstake_from_subnet(ctx, hotkey, coldkey, netuid, alpha)
    note_root_stake(ctx, coldkey, hotkey, netuid)


# --- destroying -------------------------------------------------------------------------------------


@call("SubtensorModule.burn_alpha", weight=STAKE_WEIGHT)
def burn_staked_alpha(ctx: Context, hotkey: str, amount: int, netuid: int) -> None:
    """Destroy staked alpha; it still counts as issued."""
    _destroy_own(ctx, hotkey, amount, netuid, recycle=False)


@call("SubtensorModule.recycle_alpha", weight=STAKE_WEIGHT)
def recycle_staked_alpha(ctx: Context, hotkey: str, amount: int, netuid: int) -> None:
    """Destroy staked alpha and take it out of issuance, so that it is emitted again."""
    _destroy_own(ctx, hotkey, amount, netuid, recycle=True)


def _destroy_own(ctx: Context, hotkey: str, amount: int, netuid: int, *, recycle: bool) -> None:
    coldkey = ctx.signed()
    ensure_owns_hotkey(ctx, coldkey, hotkey)
    ensure_subnet(ctx, netuid)
    if netuid == ROOT_NETUID:
        ctx.fail(SUBTENSOR, "CannotBurnOrRecycleOnRootSubnet")
    ensure_tradable(ctx, netuid)
    held = alpha_of(ctx.state, hotkey, coldkey, netuid)
    if held == 0:
        ctx.fail(SUBTENSOR, "NotEnoughStakeToWithdraw")
    if recycle and ctx.state.get(SUBTENSOR, "SubnetAlphaOut", netuid) < min(amount, held):
        ctx.fail(SUBTENSOR, "NotEnoughAlphaOutToRecycle")
    ensure_available(ctx, coldkey, netuid, min(amount, held))
    _destroy(ctx, coldkey, hotkey, netuid, min(amount, held), recycle=recycle)


def _destroy(ctx: Context, coldkey: str, hotkey: str, netuid: int, alpha: int, *, recycle: bool) -> None:
    decrease_alpha(ctx.state, hotkey, coldkey, netuid, alpha)
    if recycle:
        recycle_alpha(ctx.state, netuid, alpha)
    else:
        burn_alpha(ctx.state, netuid, alpha)
    ctx.emit(SUBTENSOR, "AlphaRecycled" if recycle else "AlphaBurned", coldkey, hotkey, alpha, netuid)


# --- where incentive goes ---------------------------------------------------------------------------


@call("SubtensorModule.set_coldkey_auto_stake_hotkey")
def set_coldkey_auto_stake_hotkey(ctx: Context, netuid: int, hotkey: str) -> None:
    """Let the incentive of all the signer's miners on a subnet be staked on ``hotkey``."""
    coldkey, state = ctx.signed(), ctx.state
    ensure_subnet(ctx, netuid)
    ensure_registered(ctx, netuid, hotkey)
    before = state.get(SUBTENSOR, "AutoStakeDestination", coldkey, netuid)
    if before == hotkey:
        ctx.fail(SUBTENSOR, "SameAutoStakeHotkeyAlreadySet")
    if before is not None:
        others = [
            each for each in state.get(SUBTENSOR, "AutoStakeDestinationColdkeys", before, netuid) if each != coldkey
        ]
        state.put(SUBTENSOR, "AutoStakeDestinationColdkeys", before, netuid, value=others)
    state.put(SUBTENSOR, "AutoStakeDestination", coldkey, netuid, value=hotkey)
    known = state.get(SUBTENSOR, "AutoStakeDestinationColdkeys", hotkey, netuid)
    state.put(SUBTENSOR, "AutoStakeDestinationColdkeys", hotkey, netuid, value=[*known, coldkey])
    ctx.emit(SUBTENSOR, "AutoStakeDestinationSet", coldkey=coldkey, netuid=netuid, hotkey=hotkey)


# --- shared checks ----------------------------------------------------------------------------------


def is_tradable(state: Reader, netuid: int) -> bool:
    """True when a subnet's alpha may be bought and sold; root's always may."""
    return netuid == ROOT_NETUID or bool(state.get(SUBTENSOR, "SubtokenEnabled", netuid))


def ensure_tradable(ctx: Context, netuid: int) -> None:
    """SubtokenDisabled until the subnet was started."""
    if not is_tradable(ctx.state, netuid):
        ctx.fail(SUBTENSOR, "SubtokenDisabled")


def ensure_hotkey_account(ctx: Context, hotkey: str) -> None:
    """HotKeyAccountNotExists unless somebody owns the hotkey."""
    if not ctx.state.has(SUBTENSOR, "Owner", hotkey):
        ctx.fail(SUBTENSOR, "HotKeyAccountNotExists")


def fits(exchange: Market, *, tao: int = 0, alpha: int = 0) -> bool:
    """False when the pool is too small for the trade."""
    if not isinstance(exchange, Pool):
        return True
    if tao > exchange.tao * MAX_INPUT_RATIO or alpha > exchange.alpha * MAX_INPUT_RATIO:
        return False
    trade = exchange.buy(tao) if tao else exchange.sell(alpha)
    return trade.received > 0


def locked(state: Reader, coldkey: str, netuid: int) -> int:
    """Alpha (rao) of a coldkey that a conviction lock holds back on a subnet."""
    return sum(int(lock["locked_mass"]) for _, lock in state.items(SUBTENSOR, "Lock", coldkey, netuid))


def ensure_available(ctx: Context, coldkey: str, netuid: int, alpha: int) -> None:
    """StakeUnavailable when removing ``alpha`` would touch what is locked."""
    held_back = locked(ctx.state, coldkey, netuid)
    if held_back and coldkey_total(ctx.state, coldkey, netuid) - alpha < held_back:
        ctx.fail(SUBTENSOR, "StakeUnavailable")


def ensure_root_unlocked(ctx: Context, coldkey: str, hotkey: str, netuid: int) -> None:
    """RootStakeLocked when root stake was touched less than ``RootStakeUnlockInterval`` blocks ago."""
    interval = ctx.state.get(SUBTENSOR, "RootStakeUnlockInterval")
    if netuid != ROOT_NETUID or not interval:
        return
    last = ctx.state.get(SUBTENSOR, "LastColdkeyHotkeyStakeBlock", coldkey, hotkey)
    if last is not None and ctx.block - last < interval:
        ctx.fail(SUBTENSOR, "RootStakeLocked")


def note_root_stake(ctx: Context, coldkey: str, hotkey: str, netuid: int) -> None:
    """Remember the block of a change of root stake."""
    if netuid == ROOT_NETUID:
        ctx.state.put(SUBTENSOR, "LastColdkeyHotkeyStakeBlock", coldkey, hotkey, value=ctx.block)


def _within_limit(ctx: Context, amount: int, reach: int, allow_partial: bool) -> int:
    """``amount``, or as much of it as the limit price allows; SlippageTooHigh."""
    if amount <= reach:
        return amount
    if not allow_partial or reach == 0:
        ctx.fail(SUBTENSOR, "SlippageTooHigh")
    return reach
