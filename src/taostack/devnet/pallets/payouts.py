"""Paying an epoch's alpha out as stake: owner, miners, validators, parents, stakers, root.

What cannot be paid (rounding, or nobody to receive it) is recycled: it leaves
issuance and is emitted again. Incentive of the subnet owner's own miners is
withheld, burned or recycled as the subnet chose, and remembered in
``MinerBurned``, which lowers the subnet's share in TAO emission.
"""

from collections.abc import Sequence

from taostack.devnet.economics.fixed import U16_MAX, U96F32
from taostack.devnet.economics.split import Backing, Parent, Payout, Pots, Scores, pay
from taostack.devnet.pallets.dispatch import Context
from taostack.devnet.pallets.neurons import ZERO_ACCOUNT
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import (
    ROOT_NETUID,
    add_alpha_out,
    add_tao,
    burn_alpha,
    increase_alpha,
    increase_for_stakers,
    inherited,
    market,
    owner_of,
    recycle_alpha,
    sell_alpha,
    tao_weight,
    total_alpha,
)
from taostack.devnet.store import Reader, State

_FULL_SHARE = (1 << 64) - 1


def distribute(ctx: Context, netuid: int, pots: Pots, owner_cut: int, scores: Sequence[Scores]) -> Payout:
    """Credit everybody's part; together with what is burned or recycled it is exactly pots and owner cut."""
    state = ctx.state
    payout = divide(state, netuid, pots, scores)
    _pay_owner(state, netuid, owner_cut)
    _pay_miners(ctx, netuid, payout.incentive)
    _pay_stakers(state, netuid, payout.alpha_dividends)
    _pay_root(state, netuid, payout.root_dividends)
    recycle_alpha(state, netuid, payout.undistributed)
    return payout


def divide(state: Reader, netuid: int, pots: Pots, scores: Sequence[Scores]) -> Payout:
    """Who gets what of the pots, from stakes, parents and takes as they are now."""
    weight = tao_weight(state)
    parents = {each.hotkey: _parents(state, each.hotkey, netuid, weight) for each in scores if each.validator}
    involved = {each.hotkey for each in scores if each.validator}
    involved |= {parent.hotkey for found in parents.values() for parent in found}
    return pay(
        pots,
        scores,
        backing={hotkey: _backing(state, hotkey, netuid, weight) for hotkey in involved},
        parents=parents,
        own_contribution={hotkey: _own(state, hotkey, netuid, weight) for hotkey in parents if parents[hotkey]},
        child_take={
            hotkey: int(state.get(SUBTENSOR, "ChildkeyTake", hotkey, netuid)) for hotkey in parents if parents[hotkey]
        },
    )


def _backing(state: Reader, hotkey: str, netuid: int, weight: int) -> Backing:
    root = U96F32.mul(U96F32.of(inherited(state, hotkey, netuid, of_netuid=ROOT_NETUID)), weight)
    return Backing(U96F32.of(inherited(state, hotkey, netuid)), root)


def _lent(state: Reader, hotkey: str, netuid: int, weight: int, share: int) -> int:
    """Stake weight (rao) of ``share`` (of 2^64 - 1) of all that is staked on ``hotkey``."""
    alpha = total_alpha(state, hotkey, netuid) * share // _FULL_SHARE
    root = total_alpha(state, hotkey, ROOT_NETUID) * share // _FULL_SHARE
    return alpha + U96F32.whole(U96F32.mul(U96F32.of(root), weight))


def _own(state: Reader, hotkey: str, netuid: int, weight: int) -> int:
    given = sum(share for share, _ in state.get(SUBTENSOR, "ChildKeys", hotkey, netuid))
    return _lent(state, hotkey, netuid, weight, max(0, _FULL_SHARE - given))


def _parents(state: Reader, hotkey: str, netuid: int, weight: int) -> list[Parent]:
    owner = owner_of(state, hotkey)
    return [
        Parent(parent, _lent(state, parent, netuid, weight, share), owner_of(state, parent) == owner)
        for share, parent in state.get(SUBTENSOR, "ParentKeys", hotkey, netuid)
    ]


def _pay_owner(state: State, netuid: int, amount: int) -> None:
    owner = str(state.get(SUBTENSOR, "SubnetOwner", netuid))
    hotkey = str(state.get(SUBTENSOR, "SubnetOwnerHotkey", netuid))
    if hotkey == ZERO_ACCOUNT:
        recycle_alpha(state, netuid, amount)
    else:
        increase_alpha(state, hotkey, owner, netuid, amount)


def _pay_miners(ctx: Context, netuid: int, incentive: dict[str, int]) -> None:
    state = ctx.state
    subnet_owner = str(state.get(SUBTENSOR, "SubnetOwner", netuid))
    owner_hotkey = str(state.get(SUBTENSOR, "SubnetOwnerHotkey", netuid))
    withheld = 0
    for hotkey, amount in incentive.items():
        coldkey = owner_of(state, hotkey)
        if hotkey == owner_hotkey or coldkey == subnet_owner:
            withheld += amount
            continue
        destination = state.get(SUBTENSOR, "AutoStakeDestination", coldkey, netuid)
        increase_alpha(state, destination or hotkey, coldkey, netuid, amount)
        if destination is not None:
            ctx.emit(
                SUBTENSOR,
                "AutoStakeAdded",
                netuid=netuid,
                destination=destination,
                hotkey=hotkey,
                owner=coldkey,
                incentive=amount,
            )
    if state.get(SUBTENSOR, "RecycleOrBurn", netuid) == "Recycle":
        recycle_alpha(state, netuid, withheld)
    else:
        burn_alpha(state, netuid, withheld)
    share = U96F32.ratio(withheld, sum(incentive.values()))
    state.put(SUBTENSOR, "MinerBurned", netuid, value={"bits": share})


def _pay_stakers(state: State, netuid: int, dividends: dict[str, int]) -> None:
    state.delete_prefix(SUBTENSOR, "AlphaDividendsPerSubnet", netuid)
    for hotkey, amount in dividends.items():
        take = _take(state, hotkey, amount)
        increase_alpha(state, hotkey, owner_of(state, hotkey), netuid, take)
        increase_for_stakers(state, hotkey, netuid, amount - take)
        state.put(SUBTENSOR, "AlphaDividendsPerSubnet", netuid, hotkey, value=amount)
        state.put(SUBTENSOR, "TotalHotkeyAlphaLastEpoch", hotkey, netuid, value=total_alpha(state, hotkey, netuid))


def _pay_root(state: State, netuid: int, dividends: dict[str, int]) -> None:
    """The validator's take stays alpha; the rest is sold for the hotkey's stakers on root."""
    state.delete_prefix(SUBTENSOR, "RootAlphaDividendsPerSubnet", netuid)
    earned = 0
    for hotkey, amount in dividends.items():
        take = _take(state, hotkey, amount)
        increase_alpha(state, hotkey, owner_of(state, hotkey), netuid, take)
        state.put(SUBTENSOR, "RootAlphaDividendsPerSubnet", netuid, hotkey, value=amount)
        rest = amount - take
        if market(state, netuid).sell(rest).received:
            tao = sell_alpha(state, netuid, rest).received
            add_tao(state, ROOT_NETUID, tao)
            increase_for_stakers(state, hotkey, ROOT_NETUID, tao)
            add_alpha_out(state, ROOT_NETUID, tao)
            earned += tao
        else:
            recycle_alpha(state, netuid, rest)
    state.put(SUBTENSOR, "SubnetRootSellTao", netuid, value=earned)


def _take(state: Reader, hotkey: str, amount: int) -> int:
    """The validator's part of its stakers' dividends."""
    return amount * int(state.get(SUBTENSOR, "Delegates", hotkey)) // U16_MAX
