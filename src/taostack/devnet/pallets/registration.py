"""Registering a hotkey on a subnet: price, uid, and who has to leave.

The price (``Burn``) rises by ``BurnIncreaseMult`` with every registration and
falls by half every ``BurnHalfLife`` blocks (the fall is part of the block step).
What is paid buys the subnet's alpha, and that alpha is burned. A full subnet
gives the place of the weakest neuron. Spec page, section 7.5.
"""

from taostack.devnet.pallets.access import associate_hotkey
from taostack.devnet.pallets.balances import spendable
from taostack.devnet.pallets.dispatch import Context, call, on_initialize
from taostack.devnet.pallets.neurons import (
    append_neuron,
    column,
    exists,
    replace_neuron,
    size,
    subnets,
    uid_of,
)
from taostack.devnet.pallets.registration_rules import Candidate, bump_burn, choose_uid_to_prune
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import burn_tao_for_alpha
from taostack.devnet.store import Reader, State

ROOT_NETUID = 0
ROOT_INTERVAL_FACTOR = 3
_COUNTERS = ("RegistrationsThisInterval", "BurnRegistrationsThisInterval", "POWRegistrationsThisInterval")


@call("SubtensorModule.burned_register")
def burned_register(ctx: Context, netuid: int, hotkey: str) -> None:
    """Register ``hotkey`` on a subnet; the signing coldkey pays the burn."""
    if netuid == ROOT_NETUID:
        ctx.fail(SUBTENSOR, "RegistrationNotPermittedOnRootSubnet")
    _register(ctx, ctx.signed(), netuid, hotkey)


@call("SubtensorModule.register_limit")
def register_limit(ctx: Context, netuid: int, hotkey: str, limit_price: int) -> None:
    """Register like ``burned_register``, but not for more than ``limit_price`` rao."""
    if netuid == ROOT_NETUID:
        ctx.fail(SUBTENSOR, "RegistrationNotPermittedOnRootSubnet")
    if exists(ctx.state, netuid) and ctx.state.get(SUBTENSOR, "Burn", netuid) > limit_price:
        ctx.fail(SUBTENSOR, "RegistrationPriceLimitExceeded")
    _register(ctx, ctx.signed(), netuid, hotkey)


@call("SubtensorModule.register")
def register(ctx: Context, netuid: int, block_number: int, nonce: int, work: bytes, hotkey: str, coldkey: str) -> None:
    """The old proof-of-work call: its work is ignored, the signer pays the burn."""
    who = ctx.signed()
    if netuid == ROOT_NETUID:
        ctx.fail(SUBTENSOR, "RegistrationNotPermittedOnRootSubnet")
    if who != coldkey:
        ctx.fail_with("BadOrigin")
    _register(ctx, who, netuid, hotkey)


def _register(ctx: Context, coldkey: str, netuid: int, hotkey: str) -> None:
    state = ctx.state
    if not exists(state, netuid):
        ctx.fail(SUBTENSOR, "SubnetNotExists")
    if not state.get(SUBTENSOR, "NetworkRegistrationAllowed", netuid):
        ctx.fail(SUBTENSOR, "SubNetRegistrationDisabled")
    if uid_of(state, netuid, hotkey) is not None:
        ctx.fail(SUBTENSOR, "HotKeyAlreadyRegisteredInSubNet")
    price = state.get(SUBTENSOR, "Burn", netuid)
    if spendable(state, coldkey) < price:
        ctx.fail(SUBTENSOR, "NotEnoughBalanceToStake")
    if state.has(SUBTENSOR, "Owner", hotkey) and state.get(SUBTENSOR, "Owner", hotkey) != coldkey:
        ctx.fail(SUBTENSOR, "NonAssociatedColdKey")
    uid_to_prune = None
    if size(state, netuid) >= state.get(SUBTENSOR, "MaxAllowedUids", netuid):
        uid_to_prune = find_uid_to_prune(state, netuid, ctx.block)
        if uid_to_prune is None:
            ctx.fail(SUBTENSOR, "NoNeuronIdAvailable")
    burn_tao_for_alpha(ctx, coldkey, netuid, price)
    associate_hotkey(ctx, coldkey, hotkey)
    _seat(ctx, netuid, hotkey, uid_to_prune)
    raise_price(state, netuid)
    state.mutate(SUBTENSOR, "RAORecycledForRegistration", netuid, fn=lambda total: total + price)


def _seat(ctx: Context, netuid: int, hotkey: str, uid_to_prune: int | None) -> int:
    state = ctx.state
    if uid_to_prune is None:
        uid = append_neuron(state, netuid, hotkey, ctx.block)
    else:
        uid = uid_to_prune
        replace_neuron(state, netuid, uid, hotkey, ctx.block)
    for item in ("RegistrationsThisBlock", "RegistrationsThisInterval", "BurnRegistrationsThisInterval"):
        state.mutate(SUBTENSOR, item, netuid, fn=lambda count: count + 1)
    ctx.emit(SUBTENSOR, "NeuronRegistered", netuid, uid, hotkey)
    return uid


def raise_price(state: State, netuid: int) -> None:
    """The price after one more registration, kept between MinBurn and MaxBurn."""
    raised = bump_burn(
        state.get(SUBTENSOR, "Burn", netuid),
        state.get(SUBTENSOR, "BurnIncreaseMult", netuid)["bits"],
        state.get(SUBTENSOR, "MinBurn", netuid),
        state.get(SUBTENSOR, "MaxBurn", netuid),
    )
    state.put(SUBTENSOR, "Burn", netuid, value=raised)


def find_uid_to_prune(state: Reader, netuid: int, block: int) -> int | None:
    """The uid that has to leave a full subnet, or None when nobody may be removed."""
    count = size(state, netuid)
    immortal = immortal_uids(state, netuid)
    emission = column(state, "Emission", netuid, count, 0)
    period = state.get(SUBTENSOR, "ImmunityPeriod", netuid)
    candidates = []
    for uid in range(count):
        registered = state.get(SUBTENSOR, "BlockAtRegistration", netuid, uid)
        immune = block - registered < period
        candidates.append(Candidate(uid, emission[uid], registered, immune, uid in immortal))
    return choose_uid_to_prune(candidates, state.get(SUBTENSOR, "MinNonImmuneUids", netuid))


def immortal_uids(state: Reader, netuid: int) -> set[int]:
    """Uids that are never pruned: the owner's oldest ones up to a limit, and the subnet's own hotkey."""
    owner = state.get(SUBTENSOR, "SubnetOwner", netuid)
    owned = sorted(
        (state.get(SUBTENSOR, "BlockAtRegistration", netuid, uid), uid)
        for hotkey in state.get(SUBTENSOR, "OwnedHotkeys", owner)
        if (uid := uid_of(state, netuid, hotkey)) is not None
    )
    immortal = {uid for _, uid in owned[: state.get(SUBTENSOR, "ImmuneOwnerUidsLimit", netuid)]}
    own = uid_of(state, netuid, state.get(SUBTENSOR, "SubnetOwnerHotkey", netuid))
    return immortal if own is None else immortal | {own}


# --- root -----------------------------------------------------------------------------------------


@call("SubtensorModule.root_register")
def root_register(ctx: Context, hotkey: str) -> None:
    """Take a seat on root; the price is recycled, a full root gives the seat with the least stake."""
    coldkey, state = ctx.signed(), ctx.state
    if not exists(state, ROOT_NETUID):
        ctx.fail(SUBTENSOR, "RootNetworkDoesNotExist")
    if state.get(SUBTENSOR, "RegistrationsThisBlock", ROOT_NETUID) >= state.get(
        SUBTENSOR, "MaxRegistrationsPerBlock", ROOT_NETUID
    ):
        ctx.fail(SUBTENSOR, "TooManyRegistrationsThisBlock")
    target = state.get(SUBTENSOR, "TargetRegistrationsPerInterval", ROOT_NETUID)
    if state.get(SUBTENSOR, "RegistrationsThisInterval", ROOT_NETUID) >= target * ROOT_INTERVAL_FACTOR:
        ctx.fail(SUBTENSOR, "TooManyRegistrationsThisInterval")
    if uid_of(state, ROOT_NETUID, hotkey) is not None:
        ctx.fail(SUBTENSOR, "HotKeyAlreadyRegisteredInSubNet")
    if state.has(SUBTENSOR, "Owner", hotkey) and state.get(SUBTENSOR, "Owner", hotkey) != coldkey:
        ctx.fail(SUBTENSOR, "NonAssociatedColdKey")
    price = state.get(SUBTENSOR, "Burn", ROOT_NETUID)
    if spendable(state, coldkey) < price:
        ctx.fail(SUBTENSOR, "NotEnoughBalanceToStake")
    uid_to_prune = None
    if size(state, ROOT_NETUID) >= state.get(SUBTENSOR, "MaxAllowedUids", ROOT_NETUID):
        uid_to_prune = find_root_seat_to_prune(state, ctx.block)
        if uid_to_prune is None:
            ctx.fail(SUBTENSOR, "NoNeuronIdAvailable")
    burn_tao_for_alpha(ctx, coldkey, ROOT_NETUID, price)
    associate_hotkey(ctx, coldkey, hotkey)
    _seat(ctx, ROOT_NETUID, hotkey, uid_to_prune)
    raise_price(state, ROOT_NETUID)
    if not state.has(SUBTENSOR, "Delegates", hotkey):
        state.put(SUBTENSOR, "Delegates", hotkey, value=state.get(SUBTENSOR, "MaxDelegateTake"))


def find_root_seat_to_prune(state: Reader, block: int) -> int | None:
    """The root seat with the least stake among those that are not immune; None when all are."""
    period = state.get(SUBTENSOR, "ImmunityPeriod", ROOT_NETUID)
    seats = []
    for uid in range(size(state, ROOT_NETUID)):
        registered = state.get(SUBTENSOR, "BlockAtRegistration", ROOT_NETUID, uid)
        if block - registered >= period:
            hotkey = state.get(SUBTENSOR, "Keys", ROOT_NETUID, uid)
            seats.append((state.get(SUBTENSOR, "TotalHotkeyAlpha", hotkey, ROOT_NETUID), registered, uid))
    return min(seats)[2] if seats else None


# --- counters -------------------------------------------------------------------------------------


@on_initialize(order=20)
def reset_counters(ctx: Context) -> None:
    """Registrations are counted per block and per adjustment interval."""
    state = ctx.state
    for netuid in subnets(state):
        if state.get(SUBTENSOR, "RegistrationsThisBlock", netuid):
            state.put(SUBTENSOR, "RegistrationsThisBlock", netuid, value=0)
        interval = state.get(SUBTENSOR, "AdjustmentInterval", netuid)
        if ctx.block - state.get(SUBTENSOR, "LastAdjustmentBlock", netuid) >= interval:
            state.put(SUBTENSOR, "LastAdjustmentBlock", netuid, value=ctx.block)
            for item in _COUNTERS:
                if state.get(SUBTENSOR, item, netuid):
                    state.put(SUBTENSOR, item, netuid, value=0)
