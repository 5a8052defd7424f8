"""From the state to a Yuma epoch and back: reads what consensus needs, stores what it found.

A subnet with several mechanisms runs one epoch per mechanism; incentive, bonds
and consensus are kept for each, what there is only once is their average,
weighted as the emission is split.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from taostack.devnet.economics.split import Scores, mechanism_shares
from taostack.devnet.economics.yuma import EpochInputs, EpochOutputs, LiquidAlpha, Rows, epoch
from taostack.devnet.economics.yuma.model import NEVER, Ints
from taostack.devnet.pallets.dispatch import Context
from taostack.devnet.pallets.mechanisms import storage_index
from taostack.devnet.pallets.neurons import column, hotkeys, size
from taostack.devnet.pallets.schedule import SUBTENSOR, epoch_clock
from taostack.devnet.pallets.stake_ledger import stake_weights
from taostack.devnet.store import Reader, State

_BLOCKS_PER_FACTOR = 1_000


class Mechanism(NamedTuple):
    """One mechanism's epoch."""

    emission: int
    outputs: EpochOutputs


def run(ctx: Context, netuid: int, emission: int) -> list[Scores]:
    """Run the epoch of all mechanisms over ``emission`` rao, store its results, return each uid's part."""
    state = ctx.state
    count = state.get(SUBTENSOR, "MechanismCountCurrent", netuid)
    shares = mechanism_shares(count, state.get(SUBTENSOR, "MechanismEmissionSplit", netuid), emission)
    stake = stake_weights(state, netuid).total
    done = []
    for number, share in enumerate(shares):
        index = storage_index(netuid, number)
        outputs = epoch(read_inputs(state, netuid, index, stake, ctx.block, share))
        _store_mechanism(state, index, outputs)
        done.append(Mechanism(share, outputs))
        ctx.emit(SUBTENSOR, "IncentiveAlphaEmittedToMiners", netuid=index, emissions=list(outputs.server_emission))
    names = hotkeys(state, netuid)
    _store_subnet(state, netuid, names, done)
    return [
        Scores(
            hotkey,
            sum(each.outputs.server_emission[uid] for each in done),
            sum(each.outputs.validator_emission[uid] for each in done),
        )
        for uid, hotkey in enumerate(names)
    ]


# --- reading --------------------------------------------------------------------------------------


def read_inputs(state: Reader, netuid: int, index: int, stake: Sequence[int], block: int, emission: int) -> EpochInputs:
    """Everything one mechanism's epoch depends on; ``stake`` is I64F64 bits by uid."""

    def of_subnet(item: str) -> Any:
        return state.get(SUBTENSOR, item, netuid)

    count, tempo = size(state, netuid), of_subnet("Tempo")
    liquid = None
    if of_subnet("LiquidAlphaOn"):
        low, high = of_subnet("AlphaValues")
        liquid = LiquidAlpha(low, high, of_subnet("AlphaSigmoidSteepness"))
    owner: int | None = state.get(SUBTENSOR, "Uids", netuid, of_subnet("SubnetOwnerHotkey"))
    return EpochInputs(
        block=block,
        tempo=tempo,
        activity_cutoff=activity_cutoff(tempo, of_subnet("ActivityCutoffFactorMilli")),
        stake=stake,
        last_update=np.array(column(state, "LastUpdate", index, count, 0), np.int64),
        registered=_registered(state, netuid, count),
        permits=np.array(column(state, "ValidatorPermit", netuid, count, False), np.bool_),
        weights=_matrix(state, "Weights", index, count),
        bonds=_matrix(state, "Bonds", index, count),
        max_validators=of_subnet("MaxAllowedValidators"),
        min_stake=state.get(SUBTENSOR, "StakeThreshold"),
        owner_uid=owner,
        commit_blocks=commit_blocks(state, netuid, index, block) if of_subnet("CommitRevealWeightsEnabled") else None,
        kappa=of_subnet("Kappa"),
        bonds_penalty=of_subnet("BondsPenalty"),
        bonds_moving_average=of_subnet("BondsMovingAverage"),
        yuma3=of_subnet("Yuma3On"),
        liquid_alpha=liquid,
        last_step=of_subnet("LastMechansimStepBlock"),
        rao_emission=emission,
    )


def activity_cutoff(tempo: int, factor_milli: int) -> int:
    """Blocks without a weight update after which a validator is inactive: a number of tempos, at least one block."""
    return max(1, factor_milli * tempo // _BLOCKS_PER_FACTOR)


def _registered(state: Reader, netuid: int, count: int) -> Ints:
    blocks = np.zeros(count, np.int64)
    for (uid,), block in state.items(SUBTENSOR, "BlockAtRegistration", netuid):
        if uid < count:
            blocks[uid] = block
    return blocks


def _matrix(state: Reader, item: str, index: int, count: int) -> Rows:
    return Rows.of({uid: row for (uid,), row in state.items(SUBTENSOR, item, index)}, count)


def commit_blocks(state: Reader, netuid: int, index: int, block: int) -> Ints:
    """Per uid the block of its earliest weight commit that can still be revealed (``NEVER`` for none)."""
    blocks = np.full(size(state, netuid), NEVER, np.int64)
    present = epoch_clock(state, netuid).index_at(block)
    oldest = present - int(state.get(SUBTENSOR, "RevealPeriodEpochs", netuid))

    def note(who: str, made: int) -> None:
        uid: int | None = state.get(SUBTENSOR, "Uids", netuid, who)
        if uid is not None and uid < len(blocks):
            blocks[uid] = min(int(blocks[uid]), made)

    for (who,), commits in state.items(SUBTENSOR, "WeightCommits", index):
        for _, made, _, reveal_epoch in commits:
            if reveal_epoch >= present:
                note(who, made)
    for (epoch_number,), commits in state.items(SUBTENSOR, "TimelockedWeightCommits", index):
        if epoch_number >= oldest:
            for who, made, *_ in commits:
                note(who, made)
    return blocks


# --- storing --------------------------------------------------------------------------------------


def _store_mechanism(state: State, index: int, outputs: EpochOutputs) -> None:
    state.put(SUBTENSOR, "Incentive", index, value=outputs.incentive.tolist())
    state.put(SUBTENSOR, "ConsensusByMechanism", index, value=outputs.consensus.tolist())
    rows = {uid: pairs for uid, pairs in outputs.bonds.pairs().items() if pairs}
    for (uid,), _ in state.items(SUBTENSOR, "Bonds", index):
        if uid not in rows:
            state.delete(SUBTENSOR, "Bonds", index, uid)
    for uid, pairs in rows.items():
        state.put(SUBTENSOR, "Bonds", index, uid, value=pairs)


def _store_subnet(state: State, netuid: int, names: Sequence[str], done: Sequence[Mechanism]) -> None:
    average = _averager(done)
    first = done[0].outputs
    emission = [sum(parts) for parts in zip(*(each.outputs.emission for each in done), strict=True)]
    columns: dict[str, list[Any]] = {
        "Active": first.active.tolist(),
        "StakeWeight": first.stake_weight.tolist(),
        "ValidatorPermit": first.permits.tolist(),
        "Consensus": average(lambda outputs: outputs.consensus),
        "Dividends": average(lambda outputs: outputs.dividends),
        "ValidatorTrust": average(lambda outputs: outputs.validator_trust),
        "Emission": emission,
    }
    for mechanism in done[1:]:
        columns["Active"] = [a or b for a, b in zip(columns["Active"], mechanism.outputs.active.tolist(), strict=True)]
    for item, values in columns.items():
        state.put(SUBTENSOR, item, netuid, value=values)
    for hotkey, earned in zip(names, emission, strict=True):
        if earned or state.has(SUBTENSOR, "LastHotkeyEmissionOnNetuid", hotkey, netuid):
            state.put(SUBTENSOR, "LastHotkeyEmissionOnNetuid", hotkey, netuid, value=earned)


def _averager(done: Sequence[Mechanism]) -> Callable[[Callable[[EpochOutputs], Ints]], list[int]]:
    """Averages of u16 columns, weighted by the mechanisms' emission (equally when there is none)."""
    weights = [each.emission for each in done] if any(each.emission for each in done) else [1] * len(done)
    total = sum(weights)

    def average(of: Callable[[EpochOutputs], Ints]) -> list[int]:
        columns = [of(each.outputs).tolist() for each in done]
        return [
            sum(weight * value for weight, value in zip(weights, values, strict=True)) // total
            for values in zip(*columns, strict=True)
        ]

    return average
