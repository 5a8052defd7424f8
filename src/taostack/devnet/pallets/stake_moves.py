"""Moving stake: to another hotkey, another coldkey, another subnet, or several at once.

Within a subnet alpha changes hands and no pool is touched. Between subnets it is
sold and bought again; one fee is paid, not two: that of the sale, or, coming from
root where a sale is free, that of the purchase.
"""

from typing import NamedTuple

from taostack.devnet.economics.pools import RAO
from taostack.devnet.pallets.access import associate_hotkey, ensure_subnet
from taostack.devnet.pallets.dispatch import Context, call
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import (
    ROOT_NETUID,
    alpha_of,
    alpha_price,
    bring_into_subnet,
    decrease_alpha,
    increase_alpha,
    market,
    take_out_of_subnet,
)
from taostack.devnet.pallets.staking import (
    EVERYTHING,
    MIN_STAKE,
    STAKE_WEIGHT,
    ensure_available,
    ensure_hotkey_account,
    ensure_root_unlocked,
    ensure_tradable,
    fits,
    note_root_stake,
)
from taostack.devnet.store import Reader


class Place(NamedTuple):
    """Where stake lies."""

    coldkey: str
    hotkey: str
    netuid: int


@call("SubtensorModule.move_stake", weight=STAKE_WEIGHT)
def move_stake(
    ctx: Context,
    origin_hotkey: str,
    destination_hotkey: str,
    origin_netuid: int,
    destination_netuid: int,
    alpha_amount: int,
) -> None:
    """To another hotkey, on the same or another subnet."""
    coldkey = ctx.signed()
    source, target = (
        Place(coldkey, origin_hotkey, origin_netuid),
        Place(coldkey, destination_hotkey, destination_netuid),
    )
    tao = _move(ctx, source, target, alpha_amount)
    ctx.emit(
        SUBTENSOR, "StakeMoved", coldkey, origin_hotkey, origin_netuid, destination_hotkey, destination_netuid, tao
    )


@call("SubtensorModule.move_stake_limit", weight=STAKE_WEIGHT)
def move_stake_limit(
    ctx: Context,
    origin_hotkey: str,
    destination_hotkey: str,
    origin_netuid: int,
    destination_netuid: int,
    alpha_amount: int,
    limit_price: int,
    allow_partial: bool,
) -> None:
    """To another hotkey, while origin's price over destination's does not fall below the limit."""
    coldkey = ctx.signed()
    source, target = (
        Place(coldkey, origin_hotkey, origin_netuid),
        Place(coldkey, destination_hotkey, destination_netuid),
    )
    tao = _move(ctx, source, target, alpha_amount, limit=limit_price, allow_partial=allow_partial)
    ctx.emit(
        SUBTENSOR, "StakeMoved", coldkey, origin_hotkey, origin_netuid, destination_hotkey, destination_netuid, tao
    )


@call("SubtensorModule.swap_stake", weight=STAKE_WEIGHT)
def swap_stake(ctx: Context, hotkey: str, origin_netuid: int, destination_netuid: int, alpha_amount: int) -> None:
    """To another subnet, on the same hotkey."""
    coldkey = ctx.signed()
    tao = _move(ctx, Place(coldkey, hotkey, origin_netuid), Place(coldkey, hotkey, destination_netuid), alpha_amount)
    ctx.emit(SUBTENSOR, "StakeSwapped", coldkey, hotkey, origin_netuid, destination_netuid, tao)


@call("SubtensorModule.swap_stake_limit", weight=STAKE_WEIGHT)
def swap_stake_limit(
    ctx: Context,
    hotkey: str,
    origin_netuid: int,
    destination_netuid: int,
    alpha_amount: int,
    limit_price: int,
    allow_partial: bool,
) -> None:
    """To another subnet, while origin's price over destination's does not fall below the limit."""
    coldkey = ctx.signed()
    source, target = Place(coldkey, hotkey, origin_netuid), Place(coldkey, hotkey, destination_netuid)
    tao = _move(ctx, source, target, alpha_amount, limit=limit_price, allow_partial=allow_partial)
    ctx.emit(SUBTENSOR, "StakeSwapped", coldkey, hotkey, origin_netuid, destination_netuid, tao)


@call("SubtensorModule.transfer_stake", weight=STAKE_WEIGHT)
def transfer_stake(
    ctx: Context,
    destination_coldkey: str,
    hotkey: str,
    origin_netuid: int,
    destination_netuid: int,
    alpha_amount: int,
) -> None:
    """To another coldkey, on the same hotkey, if both subnets allow transfers."""
    coldkey = ctx.signed()
    source, target = Place(coldkey, hotkey, origin_netuid), Place(destination_coldkey, hotkey, destination_netuid)
    tao = _move(ctx, source, target, alpha_amount, transfer=True)
    ctx.emit(
        SUBTENSOR, "StakeTransferred", coldkey, destination_coldkey, hotkey, origin_netuid, destination_netuid, tao
    )


@call("SubtensorModule.transfer_stake_and_hotkey", weight=STAKE_WEIGHT)
def transfer_stake_and_hotkey(
    ctx: Context,
    destination_coldkey: str,
    origin_hotkey: str,
    destination_hotkey: str,
    origin_netuid: int,
    destination_netuid: int,
    alpha_amount: int,
) -> None:
    """To another coldkey and another hotkey."""
    coldkey = ctx.signed()
    source = Place(coldkey, origin_hotkey, origin_netuid)
    target = Place(destination_coldkey, destination_hotkey, destination_netuid)
    tao = _move(ctx, source, target, alpha_amount, transfer=True)
    ctx.emit(
        SUBTENSOR,
        "StakeAndHotkeyTransferred",
        origin_coldkey=coldkey,
        destination_coldkey=destination_coldkey,
        origin_hotkey=origin_hotkey,
        destination_hotkey=destination_hotkey,
        origin_netuid=origin_netuid,
        destination_netuid=destination_netuid,
        amount=tao,
    )


def _move(
    ctx: Context,
    source: Place,
    target: Place,
    alpha: int,
    *,
    transfer: bool = False,
    limit: int | None = None,
    allow_partial: bool = False,
) -> int:
    """Check and carry out one move; returns its worth in rao of TAO."""
    if source == target:
        ctx.fail(SUBTENSOR, "SameNetuid")
    amount = _check(ctx, source, target, alpha, transfer=transfer)
    if limit is not None and source.netuid != target.netuid:
        reach = movable_at(ctx.state, source.netuid, target.netuid, limit, amount)
        if reach < amount:
            if not allow_partial or reach == 0:
                ctx.fail(SUBTENSOR, "SlippageTooHigh")
            amount = _check(ctx, source, target, reach, transfer=transfer)
    if source.netuid == target.netuid:
        tao = _hand_over(ctx, source, target, amount)
    else:
        tao = take_out_of_subnet(ctx, source.hotkey, source.coldkey, source.netuid, amount)
        from_root = source.netuid == ROOT_NETUID
        bring_into_subnet(ctx, target.hotkey, target.coldkey, target.netuid, tao, fee=from_root)
    for place in (source, target):
        note_root_stake(ctx, place.coldkey, place.hotkey, place.netuid)
    return tao


def _check(ctx: Context, source: Place, target: Place, alpha: int, *, transfer: bool) -> int:
    for place in (source, target):
        ensure_subnet(ctx, place.netuid)
    for place in (source, target):
        ensure_tradable(ctx, place.netuid)
    ensure_hotkey_account(ctx, source.hotkey)
    if transfer:
        associate_hotkey(ctx, target.coldkey, target.hotkey)
    ensure_hotkey_account(ctx, target.hotkey)
    held = alpha_of(ctx.state, source.hotkey, source.coldkey, source.netuid)
    amount = held if alpha == EVERYTHING else alpha
    if amount > held or held == 0:
        ctx.fail(SUBTENSOR, "NotEnoughStakeToWithdraw")
    exchange = market(ctx.state, source.netuid)
    if amount and not fits(exchange, alpha=amount):
        ctx.fail(SUBTENSOR, "InsufficientLiquidity")
    if exchange.sell(amount).received < MIN_STAKE:
        ctx.fail(SUBTENSOR, "AmountTooLow")
    if transfer and not all(ctx.state.get(SUBTENSOR, "TransferToggle", place.netuid) for place in (source, target)):
        ctx.fail(SUBTENSOR, "TransferDisallowed")
    if source.netuid != target.netuid or source.coldkey != target.coldkey:
        ensure_available(ctx, source.coldkey, source.netuid, amount)
    if source.netuid != target.netuid:
        ensure_root_unlocked(ctx, source.coldkey, source.hotkey, source.netuid)
    return amount


def _hand_over(ctx: Context, source: Place, target: Place, alpha: int) -> int:
    """Alpha changes its place within a subnet; its worth at the present price is only reported."""
    state = ctx.state
    decrease_alpha(state, source.hotkey, source.coldkey, source.netuid, alpha)
    increase_alpha(state, target.hotkey, target.coldkey, target.netuid, alpha)
    tao = alpha * alpha_price(state, source.netuid) // RAO
    ctx.emit(SUBTENSOR, "StakeRemoved", source.coldkey, source.hotkey, tao, alpha, source.netuid, 0)
    ctx.emit(SUBTENSOR, "StakeAdded", target.coldkey, target.hotkey, tao, alpha, target.netuid, 0)
    return tao


def movable_at(state: Reader, origin: int, destination: int, limit: int, most: int) -> int:
    """The most alpha (up to ``most``) that can be moved before the price ratio falls below ``limit``.

    The ratio is origin's price over destination's, times 10^9. It falls with the
    amount, so the amount is found by bisection.
    """
    here, there = market(state, origin), market(state, destination, fee=origin == ROOT_NETUID)

    def holds(alpha: int) -> bool:
        sale = here.sell(alpha)
        price = there.buy(sale.received).market.price
        return price > 0 and sale.market.price * RAO // price >= limit

    if holds(most):
        return most
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low
