"""The block step: what the chain does by itself in every block, before any extrinsic.

Order (spec page, section 7.1): registration prices fall, timelocked commits are
revealed (the weights pallet, at order 40), emission goes into pools and pots,
epochs that are due run and pay out, moving prices follow.

``TotalIssuance`` grows by exactly the TAO that entered pools in the block. That
is the block's emission, less rounding, less the shares of subnets whose pool
side is switched off (``SubnetEmissionEnabled``): such TAO is never created.
"""

from typing import Final

from taostack.devnet.economics import burn, emission
from taostack.devnet.economics.fixed import I96F32
from taostack.devnet.economics.split import Pots
from taostack.devnet.pallets import payouts, yuma_step
from taostack.devnet.pallets.dispatch import Context, on_initialize
from taostack.devnet.pallets.neurons import subnets
from taostack.devnet.pallets.schedule import SUBTENSOR, epoch_clock
from taostack.devnet.pallets.stake_ledger import (
    ROOT_NETUID,
    add_alpha_in,
    add_alpha_out,
    add_tao,
    alpha_issuance,
    buy_alpha,
    pool_of,
    recycle_alpha,
    tao_weight,
)
from taostack.devnet.store import Reader, State

_POTS: Final = ("PendingServerEmission", "PendingValidatorEmission", "PendingRootAlphaDivs", "PendingOwnerCut")


# --- prices of registration -------------------------------------------------------------------------


@on_initialize(order=30)
def lower_registration_prices(ctx: Context) -> None:
    """Each subnet's registration price falls by the factor of its half-life."""
    state = ctx.state
    for netuid in subnets(state):
        if netuid == ROOT_NETUID:
            continue
        price = state.get(SUBTENSOR, "Burn", netuid)
        lower = burn.decay(
            price,
            state.get(SUBTENSOR, "BurnHalfLife", netuid),
            state.get(SUBTENSOR, "MinBurn", netuid),
            state.get(SUBTENSOR, "MaxBurn", netuid),
        )
        if lower != price:
            state.put(SUBTENSOR, "Burn", netuid, value=lower)


# --- emission ---------------------------------------------------------------------------------------


@on_initialize(order=60)
def emit(ctx: Context) -> None:
    """Create this block's TAO and alpha, and put it where it belongs."""
    state = ctx.state
    dynamic = [netuid for netuid in subnets(state) if netuid != ROOT_NETUID]
    started = [netuid for netuid in dynamic if is_emitting(state, netuid, ctx.block)]
    block_emission = emission.block_emission(_take_over_issuance(state))
    state.put(SUBTENSOR, "BlockEmission", value=block_emission)
    demands = {
        netuid: emission.Demand(
            state.get(SUBTENSOR, "SubnetMovingPrice", netuid)["bits"],
            state.get(SUBTENSOR, "MinerBurned", netuid)["bits"],
        )
        for netuid in started
    }
    shares = emission.tao_shares(demands, block_emission)
    root_sells = sum(state.get(SUBTENSOR, "SubnetMovingPrice", netuid)["bits"] for netuid in dynamic) > I96F32.one
    for netuid in started:
        _emit_to(state, netuid, shares[netuid], root_sells=root_sells)


def is_emitting(state: Reader, netuid: int, block: int) -> bool:
    """True when a subnet was started, its alpha is traded, and it takes registrations."""
    first = state.get(SUBTENSOR, "FirstEmissionBlockNumber", netuid)
    return (
        first is not None
        and first <= block
        and bool(state.get(SUBTENSOR, "SubtokenEnabled", netuid))
        and bool(state.get(SUBTENSOR, "NetworkRegistrationAllowed", netuid))
    )


def _emit_to(state: State, netuid: int, tao: int, *, root_sells: bool) -> None:
    proportion = emission.root_proportion(
        int(state.get(SUBTENSOR, "SubnetTAO", ROOT_NETUID)), tao_weight(state), alpha_issuance(state, netuid)
    )
    state.put(SUBTENSOR, "RootProp", netuid, value={"bits": proportion})
    terms = emission.terms(
        tao,
        pool_of(state, netuid),
        alpha_emission=emission.block_emission(alpha_issuance(state, netuid)),
        root_proportion=proportion,
        pool_side=bool(state.get(SUBTENSOR, "SubnetEmissionEnabled", netuid)),
        owner_cut=state.get(SUBTENSOR, "SubnetOwnerCut") if state.get(SUBTENSOR, "OwnerCutEnabled", netuid) else 0,
    )
    _issue(state, terms.tao_in + terms.excess_tao)
    add_tao(state, netuid, terms.tao_in)
    add_alpha_in(state, netuid, terms.alpha_in)
    if terms.excess_tao:
        recycle_alpha(state, netuid, buy_alpha(state, netuid, terms.excess_tao).received)
    add_alpha_out(state, netuid, terms.alpha_out)
    root = terms.root
    if not root_sells:
        recycle_alpha(state, netuid, root)
        root = 0
    for item, amount in zip(_POTS, (terms.server, terms.validator, root, terms.owner_cut), strict=True):
        if amount:
            state.put(SUBTENSOR, item, netuid, value=int(state.get(SUBTENSOR, item, netuid)) + amount)
    for item, amount in (
        ("SubnetTaoInEmission", terms.tao_in),
        ("SubnetAlphaInEmission", terms.alpha_in),
        ("SubnetAlphaOutEmission", terms.alpha_out),
        ("SubnetExcessTao", terms.excess_tao),
    ):
        state.put(SUBTENSOR, item, netuid, value=amount)


def _take_over_issuance(state: State) -> int:
    """What is issued as Balances counts it: fees, dust and dissolved pools have left there since the last block."""
    issued = int(state.get("Balances", "TotalIssuance"))
    if issued != state.get(SUBTENSOR, "TotalIssuance"):
        state.put(SUBTENSOR, "TotalIssuance", value=issued)
    return issued


def _issue(state: State, tao: int) -> None:
    """Count new TAO in the books of both pallets."""
    if tao:
        for pallet in (SUBTENSOR, "Balances"):
            state.mutate(pallet, "TotalIssuance", fn=lambda issued: int(issued) + tao)


# --- epochs -----------------------------------------------------------------------------------------


@on_initialize(order=70)
def run_epochs(ctx: Context) -> None:
    """Run the epochs that are due, at most ``MaxEpochsPerBlock``; the others are put off by a block."""
    state = ctx.state
    room = int(state.get(SUBTENSOR, "MaxEpochsPerBlock"))
    for netuid in subnets(state):
        if netuid == ROOT_NETUID:
            continue
        if not epoch_clock(state, netuid).due(ctx.block):
            state.mutate(SUBTENSOR, "BlocksSinceLastStep", netuid, fn=lambda blocks: int(blocks) + 1)
        elif room > 0:
            room -= 1
            run_epoch(ctx, netuid)
        else:
            state.put(SUBTENSOR, "PendingEpochAt", netuid, value=ctx.block + 1)
            state.mutate(SUBTENSOR, "BlocksSinceLastStep", netuid, fn=lambda blocks: int(blocks) + 1)
            ctx.emit(SUBTENSOR, "EpochDeferred", netuid=netuid, from_block=ctx.block, to_block=ctx.block + 1)


def run_epoch(ctx: Context, netuid: int) -> None:
    """One epoch of a subnet: consensus over all that waited in its pots, then the payout."""
    state = ctx.state
    amounts = [int(state.get(SUBTENSOR, item, netuid)) for item in _POTS]
    for item in _POTS:
        state.put(SUBTENSOR, item, netuid, value=0)
    server, validator, root, owner_cut = amounts
    pots = Pots(server, validator, root)
    scores = yuma_step.run(ctx, netuid, pots.total)
    payouts.distribute(ctx, netuid, pots, owner_cut, scores)
    state.put(SUBTENSOR, "LastEpochBlock", netuid, value=ctx.block)
    state.put(SUBTENSOR, "LastMechansimStepBlock", netuid, value=ctx.block)
    state.put(SUBTENSOR, "BlocksSinceLastStep", netuid, value=0)
    state.put(SUBTENSOR, "PendingEpochAt", netuid, value=0)
    state.mutate(SUBTENSOR, "SubnetEpochIndex", netuid, fn=lambda index: int(index) + 1)


# --- moving prices ----------------------------------------------------------------------------------


@on_initialize(order=80)
def move_prices(ctx: Context) -> None:
    """Each started subnet's moving price takes a step towards its price."""
    state = ctx.state
    smoothing = state.get(SUBTENSOR, "SubnetMovingAlpha")["bits"]
    for netuid in subnets(state):
        first = state.get(SUBTENSOR, "FirstEmissionBlockNumber", netuid)
        if netuid == ROOT_NETUID or first is None or first > ctx.block:
            continue
        pool = pool_of(state, netuid)
        current = state.get(SUBTENSOR, "SubnetMovingPrice", netuid)["bits"]
        moved = emission.moving_price(
            current,
            I96F32.ratio(pool.tao, pool.alpha),
            smoothing=smoothing,
            blocks=ctx.block - first,
            halving_blocks=int(state.get(SUBTENSOR, "EMAPriceHalvingBlocks", netuid)),
        )
        if moved != current:
            state.put(SUBTENSOR, "SubnetMovingPrice", netuid, value={"bits": moved})
