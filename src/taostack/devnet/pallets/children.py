"""Child hotkeys: a hotkey lends shares of its stake to others, one subnet at a time.

A change is announced, waits for a cooldown, and then takes effect at the start
of a block. A share is a part of u64::MAX; a hotkey has at most five children.
"""

from collections.abc import Sequence

from taostack.devnet.pallets import rate_limits
from taostack.devnet.pallets.access import ensure_subnet, ensure_transaction_limit
from taostack.devnet.pallets.dispatch import Context, call, on_initialize
from taostack.devnet.pallets.neurons import subnets
from taostack.devnet.pallets.rate_limits import Kind
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import stake_weight
from taostack.devnet.store import State

ROOT_NETUID = 0
MAX_CHILDREN = 5
_U64_MAX = 2**64 - 1

Shares = list[tuple[int, str]]
"""(share of u64::MAX, hotkey)."""


@call("SubtensorModule.set_children")
def set_children(ctx: Context, hotkey: str, netuid: int, children: Sequence[tuple[int, str]]) -> None:
    """Announce new children of a hotkey; an empty list takes all back."""
    coldkey, state = ctx.signed(), ctx.state
    if netuid == ROOT_NETUID:
        ctx.fail(SUBTENSOR, "RegistrationNotPermittedOnRootSubnet")
    ensure_transaction_limit(ctx, hotkey, netuid, Kind.SET_CHILDREN, rate_limits.SET_CHILDREN_BLOCKS)
    ensure_subnet(ctx, netuid)
    if state.get(SUBTENSOR, "Owner", hotkey) != coldkey:
        ctx.fail(SUBTENSOR, "NonAssociatedColdKey")
    wanted = [(int(share), child) for share, child in children]
    _check(ctx, hotkey, netuid, wanted)
    rate_limits.note_transaction(state, hotkey, netuid, Kind.SET_CHILDREN, ctx.block)
    due = ctx.block + state.get(SUBTENSOR, "PendingChildKeyCooldown")
    state.put(SUBTENSOR, "PendingChildKeys", netuid, hotkey, value=(wanted, due))
    ctx.emit(SUBTENSOR, "SetChildrenScheduled", hotkey, netuid, due, wanted)


def _check(ctx: Context, hotkey: str, netuid: int, wanted: Shares) -> None:
    names = [child for _, child in wanted]
    if len(wanted) > MAX_CHILDREN:
        ctx.fail(SUBTENSOR, "TooManyChildren")
    if hotkey in names:
        ctx.fail(SUBTENSOR, "InvalidChild")
    if sum(share for share, _ in wanted) > _U64_MAX:
        ctx.fail(SUBTENSOR, "ProportionOverflow")
    if len(set(names)) != len(names):
        ctx.fail(SUBTENSOR, "DuplicateChild")
    parents = {parent for _, parent in ctx.state.get(SUBTENSOR, "ParentKeys", hotkey, netuid)}
    if parents & set(names):
        ctx.fail(SUBTENSOR, "ChildParentInconsistency")
    threshold = ctx.state.get(SUBTENSOR, "StakeThreshold")
    if wanted and threshold and stake_weight(ctx.state, hotkey, netuid) < threshold:
        ctx.fail(SUBTENSOR, "NotEnoughStakeToSetChildkeys")


@call("SubtensorModule.set_pending_childkey_cooldown")
def set_pending_childkey_cooldown(ctx: Context, cooldown: int) -> None:
    """Blocks from an announcement to its effect (root)."""
    ctx.root()
    ctx.state.put(SUBTENSOR, "PendingChildKeyCooldown", value=cooldown)


@on_initialize(order=85)
def apply_pending_children(ctx: Context) -> None:
    """Let announced children take effect whose cooldown is over."""
    state = ctx.state
    if not state.keys(state.codec.key(SUBTENSOR, "PendingChildKeys", ())):
        return
    for netuid in subnets(state):
        for (hotkey,), (children, due) in state.items(SUBTENSOR, "PendingChildKeys", netuid):
            if due < ctx.block:
                state.delete(SUBTENSOR, "PendingChildKeys", netuid, hotkey)
                replace_children(state, hotkey, netuid, [(share, child) for share, child in children])
                ctx.emit(SUBTENSOR, "SetChildren", hotkey, netuid, children)


def replace_children(state: State, hotkey: str, netuid: int, children: Shares) -> None:
    """Set a hotkey's children on a subnet; the children's lists of parents follow."""
    for _, child in state.get(SUBTENSOR, "ChildKeys", hotkey, netuid):
        parents = state.get(SUBTENSOR, "ParentKeys", child, netuid)
        _store(state, "ParentKeys", child, netuid, [each for each in parents if each[1] != hotkey])
    _store(state, "ChildKeys", hotkey, netuid, children)
    for share, child in children:
        parents = state.get(SUBTENSOR, "ParentKeys", child, netuid)
        _store(state, "ParentKeys", child, netuid, [*parents, (share, hotkey)])


def rename_relative(state: State, old: str, new: str, netuid: int) -> None:
    """Let ``new`` take the place of ``old`` among parents and children of one subnet."""
    for mine, theirs in (("ChildKeys", "ParentKeys"), ("ParentKeys", "ChildKeys")):
        relatives = state.get(SUBTENSOR, mine, old, netuid)
        for _, relative in relatives:
            renamed = [
                (share, new if each == old else each) for share, each in state.get(SUBTENSOR, theirs, relative, netuid)
            ]
            _store(state, theirs, relative, netuid, renamed)
        _store(state, mine, old, netuid, [])
        _store(state, mine, new, netuid, relatives)
    pending = state.get(SUBTENSOR, "PendingChildKeys", netuid, old)
    if state.has(SUBTENSOR, "PendingChildKeys", netuid, old):
        state.delete(SUBTENSOR, "PendingChildKeys", netuid, old)
        state.put(SUBTENSOR, "PendingChildKeys", netuid, new, value=pending)


def _store(state: State, item: str, hotkey: str, netuid: int, shares: Sequence[tuple[int, str]]) -> None:
    if shares:
        state.put(SUBTENSOR, item, hotkey, netuid, value=list(shares))
    else:
        state.delete(SUBTENSOR, item, hotkey, netuid)
