"""What the weight setter reads from the chain, and the calls it sends."""

from dataclasses import dataclass
from typing import Any

import bittensor_core
from bittensor import calls, runtime_api, storage

from taostack.chain.client import Chain
from taostack.chain.connection import together
from taostack.chain.errors import SubnetUnknownError
from taostack.chain.metagraph import Metagraph
from taostack.chain.schedule import EpochSchedule
from taostack.chain.sdk import substrate_of
from taostack.chain.vector import WeightVector
from taostack.chain.wallet import Signer
from taostack.chain.weight_rules import WeightRules

COMMIT_REVEAL_VERSION = 4
"""The version of timelocked commits that the runtime takes (``CommitRevealWeightsVersion``)."""

_MODULE = storage.SubtensorModule


async def read_rules(chain: Chain, netuid: int, hotkey: str) -> WeightRules:
    """A subnet's rules and the hotkey's standing, all at one block. Raises SubnetUnknownError."""

    async def ask(client: Any) -> WeightRules:
        at = await client.at()
        (
            record,
            block_hash,
            commit_reveal,
            rate_limit,
            min_weights,
            max_limit,
            version_key,
            threshold,
            reveal_period,
            tempo,
            last_epoch,
            epoch_index,
            pending,
            since_step,
            consensus,
            seconds,
        ) = await together(
            at.runtime(runtime_api.SubnetInfoRuntimeApi.get_metagraph, [netuid]),
            substrate_of(client).block_hash(at.block),
            at.query(_MODULE.CommitRevealWeightsEnabled, [netuid]),
            at.query(_MODULE.WeightsSetRateLimit, [netuid]),
            at.query(_MODULE.MinAllowedWeights, [netuid]),
            at.query(_MODULE.MaxWeightsLimit, [netuid]),
            at.query(_MODULE.WeightsVersionKey, [netuid]),
            at.query(_MODULE.StakeThreshold),
            at.query(_MODULE.RevealPeriodEpochs, [netuid]),
            at.query(_MODULE.Tempo, [netuid]),
            at.query(_MODULE.LastEpochBlock, [netuid]),
            at.query(_MODULE.SubnetEpochIndex, [netuid]),
            at.query(_MODULE.PendingEpochAt, [netuid]),
            at.query(_MODULE.BlocksSinceLastStep, [netuid]),
            at.query(_MODULE.SubnetEpochConsensus, [netuid]),
            client.block_time(),
        )
        if not isinstance(record, dict):
            raise SubnetUnknownError(f"there is no subnet {netuid} at block {at.block}")
        metagraph = Metagraph.from_runtime(
            netuid, record, block=at.block, block_hash=block_hash, taken_at_ms=chain.clock.now_ms()
        )
        return WeightRules(
            metagraph=metagraph,
            hotkey=hotkey,
            commit_reveal=bool(commit_reveal),
            rate_limit=int(rate_limit or 0),
            min_allowed_weights=int(min_weights or 0),
            max_weight_limit=int(max_limit),
            version_key=int(version_key or 0),
            stake_threshold_rao=int(threshold or 0),
            reveal_period_epochs=int(reveal_period or 1),
            schedule=EpochSchedule(
                netuid,
                block=at.block,
                tempo=int(tempo),
                last_epoch_block=int(last_epoch or 0),
                epoch_index=int(epoch_index or 0),
                pending_epoch_at=int(pending or 0) or None,
                blocks_since_last_step=int(since_step or 0),
            ),
            block_seconds=float(seconds),
            single_permit=consensus == "Null" or (isinstance(consensus, dict) and "Null" in consensus),
        )

    return await chain.read(f"weight rules of subnet {netuid}", ask)


def plain_call(netuid: int, vector: WeightVector, version_key: int) -> Any:
    """The call that sets a vector in the open."""
    return calls.SubtensorModule.set_mechanism_weights(
        netuid=netuid, mecid=0, dests=list(vector.uids), weights=list(vector.weights), version_key=version_key
    )


@dataclass(frozen=True, slots=True)
class Sealed:
    """A vector encrypted to a drand round: only the chain opens it, when the round is published."""

    call: Any
    commit: bytes
    reveal_round: int


def sealed_call(rules: WeightRules, vector: WeightVector, version_key: int, signer: Signer) -> Sealed:
    """The call that commits a vector, to be revealed by the chain ``reveal_period_epochs`` later.

    The drand round follows from the subnet's epoch state and the chain's block time;
    the arithmetic is the runtime's own, in ``bittensor_core``.
    """
    schedule = rules.schedule
    commit, reveal_round = bittensor_core.get_encrypted_commit_v2(
        uids=list(vector.uids),
        weights=list(vector.weights),
        version_key=version_key,
        last_epoch_block=schedule.last_epoch_block,
        pending_epoch_at=schedule.pending_epoch_at or 0,
        subnet_epoch_index=schedule.epoch_index,
        tempo=schedule.tempo,
        blocks_since_last_step=schedule.blocks_since_last_step,
        current_block=schedule.block,
        subnet_reveal_period_epochs=rules.reveal_period_epochs,
        block_time=rules.block_seconds,
        hotkey=bytes(signer.public_key),
    )
    call = calls.SubtensorModule.commit_timelocked_mechanism_weights(
        netuid=rules.metagraph.netuid,
        mecid=0,
        commit=bytes(commit),
        reveal_round=int(reveal_round),
        commit_reveal_version=COMMIT_REVEAL_VERSION,
    )
    return Sealed(call, bytes(commit), int(reveal_round))


async def read_row(chain: Chain, netuid: int, uid: int, block: int | None = None) -> WeightVector:
    """The vector that the chain holds for a validator."""
    row = await chain.read(
        f"weights of uid {uid} on subnet {netuid}",
        lambda client: client.query(_MODULE.Weights, [netuid, uid], block=block),
    )
    return WeightVector.from_row(row or ())


@dataclass(frozen=True, slots=True)
class HeldCommit:
    """A timelocked commit as the chain holds it, under the epoch in which it was made."""

    epoch: int
    hotkey: str
    block: int
    commit: bytes
    reveal_round: int


async def read_commits(chain: Chain, netuid: int, hotkey: str, block: int | None = None) -> list[HeldCommit]:
    """The hotkey's commits that the chain has not revealed yet, oldest first."""
    rows = await chain.read(
        f"weight commits of subnet {netuid}",
        lambda client: client.query_map(_MODULE.TimelockedWeightCommits, [netuid], block=block),
    )
    return sorted(
        (
            HeldCommit(int(epoch), str(who), int(at), _as_bytes(commit), int(reveal_round))
            for epoch, entries in rows
            for who, at, commit, reveal_round in entries or ()
            if str(who) == hotkey
        ),
        key=lambda held: (held.epoch, held.block),
    )


def _as_bytes(value: Any) -> bytes:
    """A byte string as the codec gives it: 0x-hex, text where it happens to be UTF-8, or a list of numbers."""
    if isinstance(value, str):
        return bytes.fromhex(value[2:]) if value.startswith("0x") else value.encode()
    return bytes(value)
