"""Swapping a hotkey for a new one, everywhere or on one subnet."""

from taostack.devnet.pallets import rate_limits
from taostack.devnet.pallets.balances import spendable
from taostack.devnet.pallets.children import rename_relative
from taostack.devnet.pallets.dispatch import Context, call
from taostack.devnet.pallets.mechanisms import storage_indices
from taostack.devnet.pallets.neurons import rename_hotkey, subnets, uid_of
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import burn_tao_for_alpha, decrease_alpha, increase_alpha, stakers
from taostack.devnet.store import State

ROOT_NETUID = 0
_BY_HOTKEY_AND_NETUID = ("ChildkeyTake", "TotalHotkeyAlphaLastEpoch", "LastHotkeyEmissionOnNetuid")
_BY_NETUID_AND_HOTKEY = ("AlphaDividendsPerSubnet", "RootAlphaDividendsPerSubnet", "VotingPower")
_COMMITMENTS = ("CommitmentOf", "LastCommitment", "RevealedCommitments", "UsedSpaceOf", "LastBondsReset")


@call("SubtensorModule.swap_hotkey")
def swap_hotkey(ctx: Context, hotkey: str, new_hotkey: str, netuid: int | None) -> None:
    """Let ``new_hotkey`` take the place of ``hotkey``; None for all subnets."""
    _swap(ctx, hotkey, new_hotkey, netuid, keep_stake=False)


@call("SubtensorModule.swap_hotkey_v2")
def swap_hotkey_v2(ctx: Context, hotkey: str, new_hotkey: str, netuid: int | None, keep_stake: bool) -> None:
    """The same, with the choice to leave the stake where it is."""
    _swap(ctx, hotkey, new_hotkey, netuid, keep_stake=keep_stake)


def _swap(ctx: Context, old: str, new: str, netuid: int | None, *, keep_stake: bool) -> None:
    coldkey, state = ctx.signed(), ctx.state
    if state.get(SUBTENSOR, "Owner", old) != coldkey:
        ctx.fail(SUBTENSOR, "NonAssociatedColdKey")
    if old == new:
        ctx.fail(SUBTENSOR, "NewHotKeyIsSameWithOld")
    if state.has(SUBTENSOR, "Owner", new) and state.get(SUBTENSOR, "Owner", new) != coldkey:
        ctx.fail(SUBTENSOR, "NonAssociatedColdKey")
    concerned = subnets(state) if netuid is None else [netuid]
    if netuid is None:
        key = {"LastTxBlock": coldkey}
        limit = state.get(SUBTENSOR, "TxRateLimit")
        if limit and not rate_limits.passes(limit + 1, ctx.block, rate_limits.last_limited(state, key)):
            ctx.fail(SUBTENSOR, "HotKeySetTxRateLimitExceeded")
        rate_limits.note_limited(state, key, ctx.block)
    else:
        _check_interval(ctx, coldkey, netuid)
    if any(uid_of(state, each, new) is not None for each in concerned):
        ctx.fail(SUBTENSOR, "HotKeyAlreadyRegisteredInSubNet")
    _pay(ctx, coldkey, ctx.constant(SUBTENSOR, "KeySwapCost" if netuid is None else "KeySwapOnSubnetCost"))
    _take_ownership(state, coldkey, old, new, everywhere=netuid is None)
    for each in concerned:
        _swap_on(state, old, new, each, keep_stake=keep_stake)
    if netuid is None:
        ctx.emit(SUBTENSOR, "HotkeySwapped", coldkey=coldkey, old_hotkey=old, new_hotkey=new)
    else:
        ctx.emit(SUBTENSOR, "HotkeySwappedOnSubnet", coldkey=coldkey, old_hotkey=old, new_hotkey=new, netuid=netuid)


def _check_interval(ctx: Context, coldkey: str, netuid: int) -> None:
    last = ctx.state.get(SUBTENSOR, "LastHotkeySwapOnNetuid", netuid, coldkey)
    if last and ctx.block < last + ctx.constant(SUBTENSOR, "HotkeySwapOnSubnetInterval"):
        ctx.fail(SUBTENSOR, "HotKeySwapOnSubnetIntervalNotPassed")
    ctx.state.put(SUBTENSOR, "LastHotkeySwapOnNetuid", netuid, coldkey, value=ctx.block)


def _pay(ctx: Context, coldkey: str, cost: int) -> None:
    if spendable(ctx.state, coldkey) < cost:
        ctx.fail(SUBTENSOR, "NotEnoughBalanceToPaySwapHotKey")
    burn_tao_for_alpha(ctx, coldkey, ROOT_NETUID, cost)  # on root: recycled


def _take_ownership(state: State, coldkey: str, old: str, new: str, *, everywhere: bool) -> None:
    state.put(SUBTENSOR, "Owner", new, value=coldkey)
    owned = [each for each in state.get(SUBTENSOR, "OwnedHotkeys", coldkey) if each != new]
    if everywhere:
        owned = [each for each in owned if each != old]
        state.delete(SUBTENSOR, "Owner", old)
    state.put(SUBTENSOR, "OwnedHotkeys", coldkey, value=[*owned, new])
    if state.has(SUBTENSOR, "Delegates", old):
        state.put(SUBTENSOR, "Delegates", new, value=state.get(SUBTENSOR, "Delegates", old))
        if everywhere:
            state.delete(SUBTENSOR, "Delegates", old)


def _swap_on(state: State, old: str, new: str, netuid: int, *, keep_stake: bool) -> None:
    def carry(item: str, source: str, target: str) -> None:
        _move(state, SUBTENSOR, item, (netuid, source), (netuid, target))

    rename_hotkey(state, netuid, old, new, carry)
    if state.get(SUBTENSOR, "SubnetOwnerHotkey", netuid) == old:
        state.put(SUBTENSOR, "SubnetOwnerHotkey", netuid, value=new)
    for item in _BY_NETUID_AND_HOTKEY:
        carry(item, old, new)
    for item in _BY_HOTKEY_AND_NETUID:
        _move(state, SUBTENSOR, item, (old, netuid), (new, netuid))
    for index in storage_indices(state, netuid):
        _move(state, SUBTENSOR, "WeightCommits", (index, old), (index, new))
        for (epoch,), commits in state.items(SUBTENSOR, "TimelockedWeightCommits", index):
            renamed = [(new if who == old else who, *rest) for who, *rest in commits]
            state.put(SUBTENSOR, "TimelockedWeightCommits", index, epoch, value=renamed)
    for item in _COMMITMENTS:
        _move(state, "Commitments", item, (netuid, old), (netuid, new))
    rename_relative(state, old, new, netuid)
    if not keep_stake:
        for each in stakers(state, old, netuid):
            decrease_alpha(state, old, each.coldkey, netuid, each.alpha)
            increase_alpha(state, new, each.coldkey, netuid, each.alpha)


def _move(state: State, pallet: str, item: str, source: tuple[object, ...], target: tuple[object, ...]) -> None:
    """Carry the exact bytes of an entry to another key."""
    data = state.raw(state.codec.key(pallet, item, source))
    if data is not None:
        state.delete(pallet, item, *source)
        state.write(state.codec.key(pallet, item, target), data)
