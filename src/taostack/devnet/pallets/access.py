"""Who may change a subnet, and when: owner, root, freeze window, rate limits."""

from typing import Any

from taostack.devnet.pallets import rate_limits
from taostack.devnet.pallets.dispatch import Context
from taostack.devnet.pallets.neurons import exists
from taostack.devnet.pallets.schedule import SUBTENSOR, epoch_clock


def ensure_subnet(ctx: Context, netuid: int) -> None:
    """SubnetNotExists unless the subnet exists."""
    if not exists(ctx.state, netuid):
        ctx.fail(SUBTENSOR, "SubnetNotExists")


def ensure_registered(ctx: Context, netuid: int, hotkey: str) -> int:
    """The uid of ``hotkey``; HotKeyNotRegisteredInSubNet when it has none."""
    uid: int | None = ctx.state.get(SUBTENSOR, "Uids", netuid, hotkey)
    if uid is None:
        ctx.fail(SUBTENSOR, "HotKeyNotRegisteredInSubNet")
    return uid


def ensure_owner(ctx: Context, netuid: int) -> str:
    """The signer, who must own the subnet; BadOrigin otherwise."""
    who = ctx.signed()
    if not exists(ctx.state, netuid) or ctx.state.get(SUBTENSOR, "SubnetOwner", netuid) != who:
        ctx.fail_with("BadOrigin")
    return who


def ensure_owner_or_root(ctx: Context, netuid: int) -> str | None:
    """The owner's account, or None for root; BadOrigin for anyone else."""
    return None if ctx.origin.kind == "root" else ensure_owner(ctx, netuid)


def ensure_owns_hotkey(ctx: Context, coldkey: str, hotkey: str) -> None:
    """HotKeyAccountNotExists or NonAssociatedColdKey unless ``coldkey`` owns ``hotkey``."""
    if not ctx.state.has(SUBTENSOR, "Owner", hotkey):
        ctx.fail(SUBTENSOR, "HotKeyAccountNotExists")
    if ctx.state.get(SUBTENSOR, "Owner", hotkey) != coldkey:
        ctx.fail(SUBTENSOR, "NonAssociatedColdKey")


def ensure_outside_freeze_window(ctx: Context, netuid: int) -> None:
    """AdminActionProhibitedDuringWeightsWindow in the last blocks before an epoch."""
    remaining = epoch_clock(ctx.state, netuid).remaining(ctx.block)
    if remaining is not None and remaining < ctx.state.get(SUBTENSOR, "AdminFreezeWindow"):
        ctx.fail(SUBTENSOR, "AdminActionProhibitedDuringWeightsWindow")


def ensure_limit(ctx: Context, key: Any, blocks: int) -> None:
    """TxRateLimitExceeded unless ``blocks`` have gone by since the thing under ``key`` was done."""
    if not rate_limits.passes(blocks, ctx.block, rate_limits.last_limited(ctx.state, key)):
        ctx.fail(SUBTENSOR, "TxRateLimitExceeded")


def ensure_transaction_limit(ctx: Context, account: str, netuid: int, kind: rate_limits.Kind, blocks: int) -> None:
    """TxRateLimitExceeded unless the account may do that kind of thing again."""
    last = rate_limits.last_transaction(ctx.state, account, netuid, kind)
    if not rate_limits.passes(blocks, ctx.block, last):
        ctx.fail(SUBTENSOR, "TxRateLimitExceeded")


def associate_hotkey(ctx: Context, coldkey: str, hotkey: str) -> None:
    """Make ``coldkey`` the owner of ``hotkey`` unless it has one already."""
    state = ctx.state
    if state.has(SUBTENSOR, "Owner", hotkey):
        return
    state.put(SUBTENSOR, "Owner", hotkey, value=coldkey)
    for item in ("StakingHotkeys", "OwnedHotkeys"):
        known = state.get(SUBTENSOR, item, coldkey)
        if hotkey not in known:
            state.put(SUBTENSOR, item, coldkey, value=[*known, hotkey])
