"""Swapping a coldkey: announced by hash, carried out after a delay, disputed or withdrawn in between."""

from typing import Any

from taostack.devnet.codec import blake2_256, ss58_decode
from taostack.devnet.pallets.balances import spendable, transfer
from taostack.devnet.pallets.dispatch import Context, PoolRejection, call, guard
from taostack.devnet.pallets.neurons import subnets
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import (
    ROOT_NETUID,
    burn_tao_for_alpha,
    decrease_alpha,
    increase_alpha,
    positions,
)
from taostack.devnet.store import State

SWAP_ANNOUNCED, SWAP_DISPUTED = 0, 21
_FORBIDDEN = (
    "Balances.transfer_allow_death",
    "Balances.transfer_keep_alive",
    "Balances.transfer_all",
    "SubtensorModule.add_stake",
    "SubtensorModule.add_stake_limit",
    "SubtensorModule.remove_stake",
    "SubtensorModule.remove_stake_limit",
    "SubtensorModule.unstake_all",
    "SubtensorModule.unstake_all_alpha",
    "SubtensorModule.move_stake",
    "SubtensorModule.swap_stake",
    "SubtensorModule.transfer_stake",
    "SubtensorModule.burned_register",
    "SubtensorModule.register_network",
    "SubtensorModule.swap_hotkey",
)
"""Calls that move value or names; an account whose swap is announced may make none of them."""


@call("SubtensorModule.announce_coldkey_swap")
def announce_coldkey_swap(ctx: Context, new_coldkey_hash: str) -> None:
    """Announce that the signer's coldkey will be swapped for the one with that blake2-256 hash."""
    who, state = ctx.signed(), ctx.state
    announced = state.get(SUBTENSOR, "ColdkeySwapAnnouncements", who)
    if announced is None:
        _pay(ctx, who)
    elif ctx.block < announced[0] + state.get(SUBTENSOR, "ColdkeySwapReannouncementDelay"):
        ctx.fail(SUBTENSOR, "ColdkeySwapReannouncedTooEarly")
    due = ctx.block + state.get(SUBTENSOR, "ColdkeySwapAnnouncementDelay")
    state.put(SUBTENSOR, "ColdkeySwapAnnouncements", who, value=(due, new_coldkey_hash))
    ctx.emit(SUBTENSOR, "ColdkeySwapAnnounced", who=who, new_coldkey_hash=new_coldkey_hash)


@call("SubtensorModule.swap_coldkey_announced")
def swap_coldkey_announced(ctx: Context, new_coldkey: str) -> None:
    """Carry out an announced swap once its delay is over."""
    who, state = ctx.signed(), ctx.state
    if state.has(SUBTENSOR, "ColdkeySwapDisputes", who):
        ctx.fail(SUBTENSOR, "ColdkeySwapDisputed")
    announced = state.get(SUBTENSOR, "ColdkeySwapAnnouncements", who)
    if announced is None:
        ctx.fail(SUBTENSOR, "ColdkeySwapAnnouncementNotFound")
    if announced[1] != "0x" + blake2_256(ss58_decode(new_coldkey)).hex():
        ctx.fail(SUBTENSOR, "AnnouncedColdkeyHashDoesNotMatch")
    if ctx.block < announced[0]:
        ctx.fail(SUBTENSOR, "ColdkeySwapTooEarly")
    state.delete(SUBTENSOR, "ColdkeySwapAnnouncements", who)
    swap(ctx, who, new_coldkey)


@call("SubtensorModule.swap_coldkey")
def swap_coldkey(ctx: Context, old_coldkey: str, new_coldkey: str, swap_cost: int) -> None:
    """Swap a coldkey at once (root)."""
    ctx.root()
    if swap_cost:
        if spendable(ctx.state, old_coldkey) < swap_cost:
            ctx.fail(SUBTENSOR, "NotEnoughBalanceToPaySwapColdKey")
        burn_tao_for_alpha(ctx, old_coldkey, ROOT_NETUID, swap_cost)
    swap(ctx, old_coldkey, new_coldkey)


@call("SubtensorModule.dispute_coldkey_swap")
def dispute_coldkey_swap(ctx: Context) -> None:
    """Stop an announced swap of the signer's coldkey until root decides."""
    who, state = ctx.signed(), ctx.state
    if not state.has(SUBTENSOR, "ColdkeySwapAnnouncements", who):
        ctx.fail(SUBTENSOR, "ColdkeySwapAnnouncementNotFound")
    if state.has(SUBTENSOR, "ColdkeySwapDisputes", who):
        ctx.fail(SUBTENSOR, "ColdkeySwapAlreadyDisputed")
    state.put(SUBTENSOR, "ColdkeySwapDisputes", who, value=ctx.block)
    ctx.emit(SUBTENSOR, "ColdkeySwapDisputed", coldkey=who)


@call("SubtensorModule.clear_coldkey_swap_announcement")
def clear_coldkey_swap_announcement(ctx: Context) -> None:
    """Take back an announcement once its delay is over."""
    who, state = ctx.signed(), ctx.state
    announced = state.get(SUBTENSOR, "ColdkeySwapAnnouncements", who)
    if announced is None:
        ctx.fail(SUBTENSOR, "ColdkeySwapAnnouncementNotFound")
    if ctx.block < announced[0] + state.get(SUBTENSOR, "ColdkeySwapReannouncementDelay"):
        ctx.fail(SUBTENSOR, "ColdkeySwapClearTooEarly")
    state.delete(SUBTENSOR, "ColdkeySwapAnnouncements", who)
    ctx.emit(SUBTENSOR, "ColdkeySwapCleared", who=who)


@call("SubtensorModule.reset_coldkey_swap")
def reset_coldkey_swap(ctx: Context, coldkey: str) -> None:
    """Forget announcement and dispute of a coldkey (root)."""
    ctx.root()
    ctx.state.delete(SUBTENSOR, "ColdkeySwapAnnouncements", coldkey)
    ctx.state.delete(SUBTENSOR, "ColdkeySwapDisputes", coldkey)
    ctx.emit(SUBTENSOR, "ColdkeySwapReset", who=coldkey)


@call("SubtensorModule.schedule_swap_coldkey")
def schedule_swap_coldkey(ctx: Context, new_coldkey: str) -> None:
    """The old way of announcing; the runtime keeps it for its index only."""
    ctx.signed()
    ctx.fail(SUBTENSOR, "Deprecated")


def swap(ctx: Context, old: str, new: str) -> None:
    """Move everything that ``old`` owns to ``new``: subnets, stake, hotkeys, identity, balance."""
    state = ctx.state
    if state.get(SUBTENSOR, "StakingHotkeys", new):
        ctx.fail(SUBTENSOR, "ColdKeyAlreadyAssociated")
    if state.has(SUBTENSOR, "Owner", new):
        ctx.fail(SUBTENSOR, "NewColdKeyIsHotkey")
    for netuid in subnets(state):
        if state.get(SUBTENSOR, "SubnetOwner", netuid) == old:
            state.put(SUBTENSOR, "SubnetOwner", netuid, value=new)
    for each in list(positions(state, old)):
        decrease_alpha(state, each.hotkey, old, each.netuid, each.alpha)
        increase_alpha(state, each.hotkey, new, each.netuid, each.alpha)
    for hotkey in state.get(SUBTENSOR, "OwnedHotkeys", old):
        state.put(SUBTENSOR, "Owner", hotkey, value=new)
    for item in ("OwnedHotkeys", "StakingHotkeys"):
        _merge(state, item, old, new)
    identity = state.get(SUBTENSOR, "IdentitiesV2", old)
    if identity is not None:
        state.delete(SUBTENSOR, "IdentitiesV2", old)
        state.put(SUBTENSOR, "IdentitiesV2", new, value=identity)
    amount = spendable(state, old, keep_alive=False)
    if amount:
        transfer(ctx, old, new, amount, keep_alive=False)
    ctx.emit(SUBTENSOR, "ColdkeySwapped", old_coldkey=old, new_coldkey=new)


def _merge(state: State, item: str, old: str, new: str) -> None:
    moved = state.get(SUBTENSOR, item, old)
    known = state.get(SUBTENSOR, item, new)
    state.put(SUBTENSOR, item, new, value=[*known, *(each for each in moved if each not in known)])
    state.delete(SUBTENSOR, item, old)


def _pay(ctx: Context, who: str) -> None:
    cost = ctx.constant(SUBTENSOR, "KeySwapCost")
    if spendable(ctx.state, who) < cost:
        ctx.fail(SUBTENSOR, "NotEnoughBalanceToPaySwapColdKey")
    burn_tao_for_alpha(ctx, who, ROOT_NETUID, cost)  # on root: recycled


@guard(*_FORBIDDEN)
def guard_announced(ctx: Context, **_: Any) -> None:
    """An account whose swap is announced or disputed moves nothing."""
    who = ctx.signed()
    if ctx.state.has(SUBTENSOR, "ColdkeySwapDisputes", who):
        raise PoolRejection.custom(SWAP_DISPUTED)
    if ctx.state.has(SUBTENSOR, "ColdkeySwapAnnouncements", who):
        raise PoolRejection.custom(SWAP_ANNOUNCED)
