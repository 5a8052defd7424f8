"""Commit-reveal by hash (v2): commit ``blake2_256(vector and salt)``, reveal it later.

A commit made in epoch e may be revealed in epoch ``e + RevealPeriodEpochs`` only.
An entry of ``WeightCommits`` is (hash, block of the commit, its epoch, epoch of its
reveal): epoch numbers instead of block numbers, because epochs are counted and
tempo may change in between.
"""

from collections.abc import Sequence

from taostack.devnet.codec import blake2_256, ss58_decode
from taostack.devnet.metadata import compact
from taostack.devnet.pallets.access import ensure_registered
from taostack.devnet.pallets.dispatch import Context, PoolRejection, call, guard
from taostack.devnet.pallets.mechanisms import storage_index
from taostack.devnet.pallets.schedule import SUBTENSOR, epoch_clock
from taostack.devnet.pallets.weights.plain import (
    check_pool,
    ensure_mechanism,
    may_set_again,
    note_update,
    store_weights,
)

MAX_UNREVEALED = 10
COMMIT_NOT_FOUND, NOT_IN_REVEAL_RANGE = 16, 17

Commit = tuple[str, int, int, int]


def commit_hash(
    who: str, index: int, uids: Sequence[int], values: Sequence[int], salt: Sequence[int], version_key: int
) -> str:
    """The hash that commits to a vector: blake2-256 over the SCALE of all six, as ``0x`` hex."""

    def u16s(numbers: Sequence[int]) -> bytes:
        return compact(len(numbers)) + b"".join(number.to_bytes(2, "little") for number in numbers)

    data = ss58_decode(who) + index.to_bytes(2, "little") + u16s(uids) + u16s(values) + u16s(salt)
    return "0x" + blake2_256(data + version_key.to_bytes(8, "little")).hex()


@call("SubtensorModule.commit_weights")
def commit_weights(ctx: Context, netuid: int, commit_hash: str) -> None:
    """Commit to weights in mechanism 0."""
    commit_mechanism_weights(ctx, netuid, 0, commit_hash)


@call("SubtensorModule.commit_mechanism_weights")
def commit_mechanism_weights(ctx: Context, netuid: int, mecid: int, commit_hash: str) -> None:
    """Commit to weights in one mechanism."""
    who, state = ctx.signed(), ctx.state
    ensure_mechanism(ctx, netuid, mecid)
    if not state.get(SUBTENSOR, "CommitRevealWeightsEnabled", netuid):
        ctx.fail(SUBTENSOR, "CommitRevealDisabled")
    uid = ensure_registered(ctx, netuid, who)
    index = storage_index(netuid, mecid)
    if not may_set_again(state, netuid, index, uid, ctx.block):
        ctx.fail(SUBTENSOR, "CommittingWeightsTooFast")
    epoch = epoch_clock(state, netuid).index_at(ctx.block)
    commits = [each for each in _commits(ctx, index, who) if each[3] >= epoch]
    if len(commits) >= MAX_UNREVEALED:
        ctx.fail(SUBTENSOR, "TooManyUnrevealedCommits")
    due = epoch + state.get(SUBTENSOR, "RevealPeriodEpochs", netuid)
    commits.append((_hex(commit_hash), ctx.block, epoch, due))
    state.put(SUBTENSOR, "WeightCommits", index, who, value=commits)
    note_update(ctx, index, uid)
    ctx.emit(SUBTENSOR, "WeightsCommitted", who, index, _hex(commit_hash))


@call("SubtensorModule.reveal_weights")
def reveal_weights(
    ctx: Context, netuid: int, uids: Sequence[int], values: Sequence[int], salt: Sequence[int], version_key: int
) -> None:
    """Reveal weights that were committed in mechanism 0."""
    reveal_mechanism_weights(ctx, netuid, 0, uids, values, salt, version_key)


@call("SubtensorModule.reveal_mechanism_weights")
def reveal_mechanism_weights(
    ctx: Context,
    netuid: int,
    mecid: int,
    uids: Sequence[int],
    values: Sequence[int],
    salt: Sequence[int],
    version_key: int,
) -> None:
    """Reveal weights that were committed in one mechanism; earlier commits are dropped with it."""
    who, state = ctx.signed(), ctx.state
    if not state.get(SUBTENSOR, "CommitRevealWeightsEnabled", netuid):
        ctx.fail(SUBTENSOR, "CommitRevealDisabled")
    index = storage_index(netuid, mecid)
    given = commit_hash(who, index, uids, values, salt, version_key)
    position = _position(ctx, netuid, index, who, given)
    kept = _live(ctx, netuid, index, who)[position + 1 :]
    if kept:
        state.put(SUBTENSOR, "WeightCommits", index, who, value=kept)
    else:
        state.delete(SUBTENSOR, "WeightCommits", index, who)
    store_weights(ctx, who, netuid, mecid, uids, values, version_key)
    ctx.emit(SUBTENSOR, "WeightsRevealed", who, index, given)


def _position(ctx: Context, netuid: int, index: int, who: str, given: str) -> int:
    """Where the commit stands among those that may still be revealed; fails as the chain does."""
    stored = _commits(ctx, index, who)
    if not stored:
        ctx.fail(SUBTENSOR, "NoWeightsCommitFound")
    live = _live(ctx, netuid, index, who)
    hashes = [each[0] for each in live]
    if given not in hashes:
        if given in [each[0] for each in stored]:
            ctx.fail(SUBTENSOR, "ExpiredWeightCommit")
        ctx.fail(SUBTENSOR, "InvalidRevealCommitHashNotMatch" if live else "NoWeightsCommitFound")
    position = hashes.index(given)
    if live[position][3] != epoch_clock(ctx.state, netuid).index_at(ctx.block):
        ctx.fail(SUBTENSOR, "RevealTooEarly")
    return position


def _commits(ctx: Context, index: int, who: str) -> list[Commit]:
    return [tuple(each) for each in ctx.state.get(SUBTENSOR, "WeightCommits", index, who) or ()]


def _live(ctx: Context, netuid: int, index: int, who: str) -> list[Commit]:
    """Commits whose reveal epoch has not passed."""
    epoch = epoch_clock(ctx.state, netuid).index_at(ctx.block)
    return [each for each in _commits(ctx, index, who) if each[3] >= epoch]


def _hex(value: str | bytes) -> str:
    return value if isinstance(value, str) else "0x" + value.hex()


@guard("SubtensorModule.commit_weights", "SubtensorModule.commit_mechanism_weights")
def guard_commit(ctx: Context, netuid: int, mecid: int = 0, **_: object) -> None:
    """A commit by an unknown hotkey, with too little stake, or too soon is refused."""
    check_pool(ctx, netuid, mecid)


@guard("SubtensorModule.reveal_weights", "SubtensorModule.reveal_mechanism_weights")
def guard_reveal(
    ctx: Context,
    netuid: int,
    uids: Sequence[int],
    values: Sequence[int],
    salt: Sequence[int],
    version_key: int,
    mecid: int = 0,
) -> None:
    """A reveal without its commit, or outside its epoch, is refused."""
    check_pool(ctx, netuid, mecid, rate_limited=False)
    who, index = ctx.signed(), storage_index(netuid, mecid)
    given = commit_hash(who, index, uids, values, salt, version_key)
    due = [each[3] for each in _commits(ctx, index, who) if each[0] == given]
    if not due:
        raise PoolRejection.custom(COMMIT_NOT_FOUND)
    if epoch_clock(ctx.state, netuid).index_at(ctx.block) not in due:
        raise PoolRejection.custom(NOT_IN_REVEAL_RANGE)
