"""Where stake is kept, and the only place that changes it.

Per subnet and hotkey the chain stores one amount of alpha (``TotalHotkeyAlpha``)
and, per coldkey, shares of it (``AlphaV2``, ``TotalHotkeySharesV2``). Beside
them stand the pool (``SubnetTAO``, ``SubnetAlphaIn``), the alpha outside it
(``SubnetAlphaOut``), the sums ``TotalAlphaStaked`` and ``TotalStake``, and the
lists ``StakingHotkeys`` by which a coldkey's positions are found. All of them
change together here, and nowhere else.

On root (netuid 0) alpha is TAO: the exchange is one to one.

Invariants, held by every function below:
``TotalStake`` is the sum of ``SubnetTAO`` over all subnets;
``TotalAlphaStaked[netuid]`` is the sum of ``TotalHotkeyAlpha`` over its hotkeys;
``Balances.TotalIssuance`` is all accounts plus ``TotalStake``.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from taostack.devnet.economics.fixed import I64F64, U64_MAX, U96F32
from taostack.devnet.economics.pools import DEFAULT_FEE_RATE, Market, Pool, Stable, Trade
from taostack.devnet.economics.shares import ZERO, SafeFloat, SharePool
from taostack.devnet.pallets import balances
from taostack.devnet.pallets.dispatch import Context
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.store import Reader, State

ROOT_NETUID: Final = 0
STABLE_MECHANISM: Final = 0

# --- positions ----------------------------------------------------------------------------------


class Position(NamedTuple):
    """One coldkey's alpha (rao) on one hotkey of one subnet."""

    hotkey: str
    coldkey: str
    netuid: int
    alpha: int


def total_alpha(state: Reader, hotkey: str, netuid: int) -> int:
    """All alpha (rao) staked on ``hotkey`` by anyone."""
    return int(state.get(SUBTENSOR, "TotalHotkeyAlpha", hotkey, netuid))


def alpha_of(state: Reader, hotkey: str, coldkey: str, netuid: int) -> int:
    """The alpha (rao) that ``coldkey`` has on ``hotkey``."""
    held = _shares_of(state, hotkey, coldkey, netuid)
    return _share_pool(state, hotkey, netuid).worth(held) if held.mantissa else 0


def stakers(state: Reader, hotkey: str, netuid: int) -> list[Position]:
    """Every coldkey's position on ``hotkey``, in key order."""
    pool = _share_pool(state, hotkey, netuid)
    return [
        Position(hotkey, coldkey, netuid, pool.worth(SafeFloat(shares["mantissa"], shares["exponent"])))
        for (coldkey, of_netuid), shares in state.items(SUBTENSOR, "AlphaV2", hotkey)
        if of_netuid == netuid
    ]


def positions(state: Reader, coldkey: str) -> Iterator[Position]:
    """Every position of ``coldkey``, by hotkey in order of first stake, then by netuid."""
    for hotkey in state.get(SUBTENSOR, "StakingHotkeys", coldkey):
        for netuid in sorted(key[0] for key, _ in state.items(SUBTENSOR, "AlphaV2", hotkey, coldkey)):
            alpha = alpha_of(state, hotkey, coldkey, netuid)
            if alpha:
                yield Position(hotkey, coldkey, netuid, alpha)


def coldkey_total(state: Reader, coldkey: str, netuid: int) -> int:
    """All alpha (rao) of ``coldkey`` on one subnet, over its hotkeys."""
    return sum(each.alpha for each in positions(state, coldkey) if each.netuid == netuid)


def increase_alpha(state: State, hotkey: str, coldkey: str, netuid: int, amount: int) -> None:
    """Credit ``amount`` alpha to ``coldkey`` on ``hotkey``."""
    if amount <= 0:
        return
    before = _shares_of(state, hotkey, coldkey, netuid)
    pool, held = _share_pool(state, hotkey, netuid).deposit(before, amount)
    _store(state, hotkey, netuid, pool)
    _store_shares(state, hotkey, coldkey, netuid, held)
    _count_staked(state, netuid, amount)
    if before == ZERO:  # who has a position on the hotkey already has the hotkey in the list
        staking = state.get(SUBTENSOR, "StakingHotkeys", coldkey)
        if hotkey not in staking:
            state.put(SUBTENSOR, "StakingHotkeys", coldkey, value=[*staking, hotkey])


def decrease_alpha(state: State, hotkey: str, coldkey: str, netuid: int, amount: int) -> None:
    """Debit ``amount`` alpha; ValueError when the position is smaller (the caller has checked)."""
    if amount <= 0:
        return
    pool, held = _share_pool(state, hotkey, netuid).withdraw(_shares_of(state, hotkey, coldkey, netuid), amount)
    _store(state, hotkey, netuid, pool)
    _store_shares(state, hotkey, coldkey, netuid, held)
    _count_staked(state, netuid, -amount)


def increase_for_stakers(state: State, hotkey: str, netuid: int, amount: int) -> None:
    """Credit ``amount`` alpha to all stakers of ``hotkey`` in proportion; to its owner when there is none."""
    if amount <= 0:
        return
    pool = _share_pool(state, hotkey, netuid)
    if pool.shares.mantissa == 0:
        increase_alpha(state, hotkey, owner_of(state, hotkey), netuid, amount)
        return
    _store(state, hotkey, netuid, pool.grow(amount))
    _count_staked(state, netuid, amount)


def owner_of(state: Reader, hotkey: str) -> str:
    """The coldkey that owns ``hotkey``."""
    return str(state.get(SUBTENSOR, "Owner", hotkey))


def _share_pool(state: Reader, hotkey: str, netuid: int) -> SharePool:
    shares = state.get(SUBTENSOR, "TotalHotkeySharesV2", hotkey, netuid)
    return SharePool(total_alpha(state, hotkey, netuid), SafeFloat(shares["mantissa"], shares["exponent"]))


def _shares_of(state: Reader, hotkey: str, coldkey: str, netuid: int) -> SafeFloat:
    shares = state.get(SUBTENSOR, "AlphaV2", hotkey, coldkey, netuid)
    return SafeFloat(shares["mantissa"], shares["exponent"])


def _store(state: State, hotkey: str, netuid: int, pool: SharePool) -> None:
    if pool.alpha:
        state.put(SUBTENSOR, "TotalHotkeyAlpha", hotkey, netuid, value=pool.alpha)
    else:
        state.delete(SUBTENSOR, "TotalHotkeyAlpha", hotkey, netuid)
    if pool.shares.mantissa:
        state.put(SUBTENSOR, "TotalHotkeySharesV2", hotkey, netuid, value=_encoded(pool.shares))
    else:
        state.delete(SUBTENSOR, "TotalHotkeySharesV2", hotkey, netuid)


def _store_shares(state: State, hotkey: str, coldkey: str, netuid: int, held: SafeFloat) -> None:
    if held == ZERO:
        state.delete(SUBTENSOR, "AlphaV2", hotkey, coldkey, netuid)
    else:
        state.put(SUBTENSOR, "AlphaV2", hotkey, coldkey, netuid, value=_encoded(held))


def _encoded(shares: SafeFloat) -> dict[str, int]:
    return {"mantissa": shares.mantissa, "exponent": shares.exponent}


def _count_staked(state: State, netuid: int, by: int) -> None:
    state.mutate(SUBTENSOR, "TotalAlphaStaked", netuid, fn=lambda total: max(0, int(total) + by))


# --- pools --------------------------------------------------------------------------------------


def market(state: Reader, netuid: int, *, fee: bool = True) -> Market:
    """The exchange of a subnet: its pool (without a fee when asked), or one to one (root, and mechanism 0)."""
    if netuid == ROOT_NETUID or state.get(SUBTENSOR, "SubnetMechanism", netuid) == STABLE_MECHANISM:
        return Stable()
    pool = pool_of(state, netuid)
    return pool if fee else replace(pool, fee_rate=0)


def pool_of(state: Reader, netuid: int) -> Pool:
    """The reserves and fee rate of a dynamic subnet."""
    rate = state.get("Swap", "FeeRate", netuid)
    return Pool(
        state.get(SUBTENSOR, "SubnetTAO", netuid),
        state.get(SUBTENSOR, "SubnetAlphaIn", netuid),
        DEFAULT_FEE_RATE if rate is None else int(rate),
    )


def alpha_price(state: Reader, netuid: int) -> int:
    """Rao of TAO per whole alpha."""
    return market(state, netuid).price


def add_tao(state: State, netuid: int, tao: int) -> None:
    """Change the TAO in a subnet's pool, and with it ``TotalStake``."""
    if tao:
        state.mutate(SUBTENSOR, "SubnetTAO", netuid, fn=lambda held: max(0, int(held) + tao))
        state.mutate(SUBTENSOR, "TotalStake", fn=lambda total: max(0, int(total) + tao))


def add_alpha_in(state: State, netuid: int, alpha: int) -> None:
    """Change the alpha in a subnet's pool."""
    if alpha:
        state.mutate(SUBTENSOR, "SubnetAlphaIn", netuid, fn=lambda held: max(0, int(held) + alpha))


def add_alpha_out(state: State, netuid: int, alpha: int) -> None:
    """Change the alpha outside a subnet's pool (staked, pending, or burned later)."""
    if alpha:
        state.mutate(SUBTENSOR, "SubnetAlphaOut", netuid, fn=lambda held: max(0, int(held) + alpha))


def alpha_issuance(state: Reader, netuid: int) -> int:
    """All alpha of a subnet: in the pool and outside it."""
    return int(state.get(SUBTENSOR, "SubnetAlphaIn", netuid)) + int(state.get(SUBTENSOR, "SubnetAlphaOut", netuid))


def buy_alpha(state: State, netuid: int, tao: int, *, fee: bool = True) -> Trade:
    """Pay ``tao`` into the pool; the alpha that comes out belongs to the caller's cause."""
    trade = market(state, netuid, fee=fee).buy(tao)
    add_tao(state, netuid, trade.paid)
    if isinstance(trade.market, Pool):
        add_alpha_in(state, netuid, -trade.received)
    add_alpha_out(state, netuid, trade.received)
    _count_volume(state, netuid, tao)
    return trade


def sell_alpha(state: State, netuid: int, alpha: int) -> Trade:
    """Pay ``alpha`` into the pool; the TAO that comes out belongs to the caller's cause."""
    trade = market(state, netuid).sell(alpha)
    add_tao(state, netuid, -trade.received)
    if isinstance(trade.market, Pool):
        add_alpha_in(state, netuid, trade.paid)
    add_alpha_out(state, netuid, -trade.paid)
    _count_volume(state, netuid, trade.received)
    return trade


def _count_volume(state: State, netuid: int, tao: int) -> None:
    state.mutate(SUBTENSOR, "SubnetVolume", netuid, fn=lambda volume: int(volume) + tao)


# --- staking ------------------------------------------------------------------------------------


def stake_into_subnet(ctx: Context, hotkey: str, coldkey: str, netuid: int, tao: int) -> int:
    """Swap ``tao`` of the coldkey's balance to alpha on ``hotkey``; returns the alpha (rao).

    Limits and minimums are the caller's business. Fails with a token error when
    the balance does not suffice, and with ``InsufficientLiquidity`` when the
    pool gives nothing for it. Emits ``StakeAdded``.
    """
    balances.withdraw(ctx, coldkey, tao)
    return bring_into_subnet(ctx, hotkey, coldkey, netuid, tao)


def bring_into_subnet(ctx: Context, hotkey: str, coldkey: str, netuid: int, tao: int, *, fee: bool = True) -> int:
    """Like ``stake_into_subnet`` for TAO that is in no account (it was just taken out of another pool)."""
    trade = buy_alpha(ctx.state, netuid, tao, fee=fee)
    if trade.received == 0:
        ctx.fail(SUBTENSOR, "InsufficientLiquidity")
    increase_alpha(ctx.state, hotkey, coldkey, netuid, trade.received)
    ctx.state.mutate(SUBTENSOR, "SubnetTaoFlow", netuid, fn=lambda flow: int(flow) + tao)
    ctx.emit(SUBTENSOR, "StakeAdded", coldkey, hotkey, tao, trade.received, netuid, trade.fee)
    return trade.received


def unstake_from_subnet(ctx: Context, hotkey: str, coldkey: str, netuid: int, alpha: int) -> int:
    """Swap ``alpha`` of a position to TAO for its coldkey; returns the TAO (rao). Emits ``StakeRemoved``."""
    tao = take_out_of_subnet(ctx, hotkey, coldkey, netuid, alpha)
    balances.deposit(ctx, coldkey, tao)
    return tao


def take_out_of_subnet(ctx: Context, hotkey: str, coldkey: str, netuid: int, alpha: int) -> int:
    """Like ``unstake_from_subnet``, but the TAO is left to the caller, who must put it somewhere."""
    decrease_alpha(ctx.state, hotkey, coldkey, netuid, alpha)
    trade = sell_alpha(ctx.state, netuid, alpha)
    ctx.state.mutate(SUBTENSOR, "SubnetTaoFlow", netuid, fn=lambda flow: int(flow) - trade.received)
    ctx.emit(SUBTENSOR, "StakeRemoved", coldkey, hotkey, trade.received, alpha, netuid, trade.fee)
    return trade.received


def burn_tao_for_alpha(ctx: Context, coldkey: str, netuid: int, tao: int) -> int:
    """Pay a registration: ``tao`` buys alpha, and the alpha is burned; returns the alpha (rao).

    The TAO stays in the pool. On root there is no pool: the TAO is recycled.
    """
    if netuid == ROOT_NETUID:
        balances.burn(ctx, coldkey, tao)
        return 0
    balances.withdraw(ctx, coldkey, tao)
    alpha = buy_alpha(ctx.state, netuid, tao).received
    burn_alpha(ctx.state, netuid, alpha)
    return alpha


def burn_alpha(state: State, netuid: int, alpha: int) -> None:
    """Put alpha that is outside the pool, and on no hotkey, out of reach for ever.

    Burned alpha stays in ``SubnetAlphaOut``, that is, in issuance; see ``recycle_alpha``.
    """
    if alpha:
        state.mutate("AlphaAssets", "AlphaBurned", netuid, fn=lambda burned: int(burned) + alpha)


def recycle_alpha(state: State, netuid: int, alpha: int) -> None:
    """Take alpha that is outside the pool, and on no hotkey, out of issuance, so that it is emitted again."""
    if alpha:
        add_alpha_out(state, netuid, -alpha)
        state.mutate("AlphaAssets", "AlphaRecycled", netuid, fn=lambda recycled: int(recycled) + alpha)


# --- stake weight -------------------------------------------------------------------------------


def tao_weight(state: Reader) -> int:
    """What one TAO on root weighs beside one alpha, as U96F32 bits."""
    return U96F32.ratio(state.get(SUBTENSOR, "TaoWeight"), U64_MAX)


def inherited(state: Reader, hotkey: str, netuid: int, *, of_netuid: int | None = None) -> int:
    """The alpha (rao) that counts for ``hotkey``: its own, less what it lends to children, plus its parents' part.

    ``of_netuid`` is whose stake is counted (root's for TAO); the relations are those of ``netuid``.
    """
    counted = netuid if of_netuid is None else of_netuid
    own = total_alpha(state, hotkey, counted)
    lent = sum(_part(own, share) for share, _ in state.get(SUBTENSOR, "ChildKeys", hotkey, netuid))
    borrowed = sum(
        _part(total_alpha(state, parent, counted), share)
        for share, parent in state.get(SUBTENSOR, "ParentKeys", hotkey, netuid)
    )
    return max(0, own - lent) + borrowed


def _part(amount: int, share: int) -> int:
    return amount * share // U64_MAX


class StakeWeights(NamedTuple):
    """Stake of a subnet's uids in I64F64 bits: ``total = alpha + tao`` (``tao`` already weighed)."""

    total: list[int]
    alpha: list[int]
    tao: list[int]


def stake_weights(state: Reader, netuid: int) -> StakeWeights:
    """What every uid's stake weighs in consensus, in uid order."""
    count = int(state.get(SUBTENSOR, "SubnetworkN", netuid))
    weight = I64F64.convert(tao_weight(state), U96F32)
    alpha, tao = [0] * count, [0] * count
    for (uid,), hotkey in state.items(SUBTENSOR, "Keys", netuid):
        if uid < count:
            alpha[uid] = I64F64.of(inherited(state, hotkey, netuid))
            root = I64F64.of(inherited(state, hotkey, netuid, of_netuid=ROOT_NETUID))
            tao[uid] = I64F64.mul(root, weight)
    return StakeWeights([I64F64.saturate(a + t) for a, t in zip(alpha, tao, strict=True)], alpha, tao)


def stake_weight(state: Reader, hotkey: str, netuid: int) -> int:
    """What one hotkey's stake weighs on a subnet, in rao (rounded down)."""
    weight = I64F64.convert(tao_weight(state), U96F32)
    root = I64F64.of(inherited(state, hotkey, netuid, of_netuid=ROOT_NETUID))
    return I64F64.whole(I64F64.of(inherited(state, hotkey, netuid)) + I64F64.mul(root, weight))
