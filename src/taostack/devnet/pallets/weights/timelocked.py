"""Commit-reveal under a timelock (v4): the chain itself opens what was committed.

A client encrypts its vector to a future round of the drand beacon. The commit
is kept under the epoch in which it was made, and opened when epoch
``e + RevealPeriodEpochs`` begins and the round's signature is known
(``Drand.Pulses``). Without a network nobody knows that signature: then the
developer gives it (``dev_addDrandPulse``) or the plaintext (``dev_revealCommit``).
"""

from collections.abc import Sequence
from typing import NamedTuple

from taostack.devnet.codec import blake2_256, byte_string, ss58_decode, ss58_encode
from taostack.devnet.metadata import read_compact
from taostack.devnet.pallets.access import ensure_registered
from taostack.devnet.pallets.dispatch import Context, DispatchFailed, PoolRejection, call, guard, on_initialize
from taostack.devnet.pallets.drand import open_timelock
from taostack.devnet.pallets.mechanisms import storage_index
from taostack.devnet.pallets.neurons import subnets
from taostack.devnet.pallets.schedule import SUBTENSOR, epoch_clock
from taostack.devnet.pallets.weights.hashed import MAX_UNREVEALED
from taostack.devnet.pallets.weights.plain import (
    check_pool,
    ensure_mechanism,
    may_set_again,
    note_update,
    store_weights,
)
from taostack.process.logs import get_logger

MAX_COMMIT_BYTES = 5_000
INVALID_REVEAL_ROUND = 15

_log = get_logger(__name__)


class Pending(NamedTuple):
    """One commit that waits: who, block of the commit, ciphertext, drand round."""

    who: str
    block: int
    ciphertext: bytes
    round: int


class Payload(NamedTuple):
    """What a commit hides."""

    hotkey: str | None
    uids: list[int]
    values: list[int]
    version_key: int


# --- the calls ------------------------------------------------------------------------------------


@call("SubtensorModule.commit_timelocked_weights")
def commit_timelocked_weights(
    ctx: Context, netuid: int, commit: bytes, reveal_round: int, commit_reveal_version: int
) -> None:
    """Commit under a timelock in mechanism 0."""
    commit_timelocked_mechanism_weights(ctx, netuid, 0, commit, reveal_round, commit_reveal_version)


@call("SubtensorModule.commit_crv3_mechanism_weights")
def commit_crv3_mechanism_weights(ctx: Context, netuid: int, mecid: int, commit: bytes, reveal_round: int) -> None:
    """The older form of the same call, without a version."""
    version = ctx.state.get(SUBTENSOR, "CommitRevealWeightsVersion")
    commit_timelocked_mechanism_weights(ctx, netuid, mecid, commit, reveal_round, version)


@call("SubtensorModule.commit_timelocked_mechanism_weights")
def commit_timelocked_mechanism_weights(
    ctx: Context, netuid: int, mecid: int, commit: bytes, reveal_round: int, commit_reveal_version: int
) -> None:
    """Commit under a timelock in one mechanism."""
    who, state = ctx.signed(), ctx.state
    if commit_reveal_version != state.get(SUBTENSOR, "CommitRevealWeightsVersion"):
        ctx.fail(SUBTENSOR, "IncorrectCommitRevealVersion")
    ensure_mechanism(ctx, netuid, mecid)
    if not state.get(SUBTENSOR, "CommitRevealWeightsEnabled", netuid):
        ctx.fail(SUBTENSOR, "CommitRevealDisabled")
    if len(commit) > MAX_COMMIT_BYTES:
        ctx.fail(SUBTENSOR, "CommitPayloadTooLarge")
    uid = ensure_registered(ctx, netuid, who)
    index = storage_index(netuid, mecid)
    if not may_set_again(state, netuid, index, uid, ctx.block):
        ctx.fail(SUBTENSOR, "CommittingWeightsTooFast")
    epoch = epoch_clock(state, netuid).index_at(ctx.block)
    waiting = pending(ctx, index, epoch)
    if sum(each.who == who for each in waiting) >= MAX_UNREVEALED:
        ctx.fail(SUBTENSOR, "TooManyUnrevealedCommits")
    _store(ctx, index, epoch, [*waiting, Pending(who, ctx.block, commit, reveal_round)])
    note_update(ctx, index, uid)
    ctx.emit(SUBTENSOR, "TimelockedWeightsCommitted", who, index, "0x" + blake2_256(commit).hex(), reveal_round)


@guard(
    "SubtensorModule.commit_timelocked_weights",
    "SubtensorModule.commit_timelocked_mechanism_weights",
    "SubtensorModule.commit_crv3_mechanism_weights",
)
def guard_commit(ctx: Context, netuid: int, reveal_round: int, mecid: int = 0, **_: object) -> None:
    """Refuse a round that is over. The rate limit is no pool rule here: it comes back as a module error."""
    check_pool(ctx, netuid, mecid, rate_limited=False)
    if reveal_round < ctx.state.get("Drand", "LastStoredRound"):
        raise PoolRejection.custom(INVALID_REVEAL_ROUND)


# --- revealing ------------------------------------------------------------------------------------


@on_initialize(order=40)
def reveal_due_commits(ctx: Context) -> None:
    """Open every commit whose epoch has come and whose round is known; drop those that were missed."""
    if not ctx.state.keys(ctx.state.codec.key(SUBTENSOR, "TimelockedWeightCommits", ())):
        return
    for netuid in subnets(ctx.state):
        due = epoch_clock(ctx.state, netuid).index_at(ctx.block) - ctx.state.get(
            SUBTENSOR, "RevealPeriodEpochs", netuid
        )
        for mechanism in range(ctx.state.get(SUBTENSOR, "MechanismCountCurrent", netuid)):
            _reveal_mechanism(ctx, netuid, mechanism, due)


def _reveal_mechanism(ctx: Context, netuid: int, mechanism: int, due: int) -> None:
    index = storage_index(netuid, mechanism)
    epochs = [key[0] for key, _ in ctx.state.items(SUBTENSOR, "TimelockedWeightCommits", index)]
    for epoch in epochs:
        if epoch < due:
            ctx.state.delete(SUBTENSOR, "TimelockedWeightCommits", index, epoch)
    if due not in epochs:
        return
    unknown = [each for each in pending(ctx, index, due) if not _reveal(ctx, netuid, mechanism, each)]
    _store(ctx, index, due, unknown)


def _reveal(ctx: Context, netuid: int, mechanism: int, commit: Pending) -> bool:
    """Open one commit and set its weights; False when its round is not known yet."""
    try:
        plain = open_timelock(ctx.state, commit.ciphertext, commit.round)
        if plain is None:
            return False
        payload = decode_payload(plain)
    except ValueError as error:
        _log.warning("a timelocked commit cannot be opened", netuid=netuid, hotkey=commit.who, reason=str(error))
        return True
    if payload.hotkey is not None and payload.hotkey != commit.who:
        _log.warning("a timelocked commit names another hotkey", netuid=netuid, hotkey=commit.who)
        return True
    try:
        apply_payload(ctx, netuid, mechanism, commit.who, payload)
    except DispatchFailed as failure:
        _log.warning("revealed weights were refused", netuid=netuid, hotkey=commit.who, reason=failure.name)
    return True


def apply_payload(ctx: Context, netuid: int, mechanism: int, who: str, payload: Payload) -> None:
    """Set revealed weights in the name of ``who``; DispatchFailed when a rule of weights forbids it."""
    with ctx.transaction():
        store_weights(ctx, who, netuid, mechanism, payload.uids, payload.values, payload.version_key)
        ctx.emit(SUBTENSOR, "TimelockedWeightsRevealed", storage_index(netuid, mechanism), who)


def decode_payload(plain: bytes) -> Payload:
    """The vector inside a commit; ValueError when the bytes are none.

    Layout: Vec<u8> hotkey, Vec<u16> uids, Vec<u16> values, u64 version key. Older
    clients leave the hotkey out.
    """
    errors: list[str] = []
    for with_hotkey in (True, False):
        try:
            return _decode(plain, with_hotkey=with_hotkey)
        except (ValueError, IndexError) as error:
            errors.append(str(error))
    raise ValueError("; ".join(errors))


def _decode(plain: bytes, *, with_hotkey: bool) -> Payload:
    at, hotkey = 0, None
    if with_hotkey:
        length, at = read_compact(plain, 0)
        if length != 32:
            raise ValueError(f"a hotkey has 32 bytes, was {length}")
        hotkey = ss58_encode(plain[at : at + 32])
        at += 32
    uids, at = _u16s(plain, at)
    values, at = _u16s(plain, at)
    if len(plain) - at != 8 or len(uids) != len(values):
        raise ValueError("the bytes are not a weights payload")
    return Payload(hotkey, uids, values, int.from_bytes(plain[at:], "little"))


def _u16s(data: bytes, at: int) -> tuple[list[int], int]:
    count, at = read_compact(data, at)
    end = at + 2 * count
    if end > len(data):
        raise ValueError("the vector is longer than the bytes")
    return [int.from_bytes(data[each : each + 2], "little") for each in range(at, end, 2)], end


def encode_payload(hotkey: str, uids: Sequence[int], values: Sequence[int], version_key: int) -> bytes:
    """The plaintext of a commit, as clients write it."""
    from taostack.devnet.metadata import compact

    def u16s(numbers: Sequence[int]) -> bytes:
        return compact(len(numbers)) + b"".join(number.to_bytes(2, "little") for number in numbers)

    return compact(32) + ss58_decode(hotkey) + u16s(uids) + u16s(values) + version_key.to_bytes(8, "little")


# --- storage --------------------------------------------------------------------------------------


def pending(ctx: Context, index: int, epoch: int) -> list[Pending]:
    """The commits that were made in ``epoch`` and wait."""
    return [
        Pending(who, block, byte_string(ciphertext), drand_round)
        for who, block, ciphertext, drand_round in ctx.state.get(SUBTENSOR, "TimelockedWeightCommits", index, epoch)
    ]


def _store(ctx: Context, index: int, epoch: int, commits: Sequence[Pending]) -> None:
    if commits:
        ctx.state.put(SUBTENSOR, "TimelockedWeightCommits", index, epoch, value=[tuple(each) for each in commits])
    else:
        ctx.state.delete(SUBTENSOR, "TimelockedWeightCommits", index, epoch)


def take_pending(ctx: Context, netuid: int, mechanism: int, who: str) -> Pending | None:
    """Remove and return the oldest waiting commit of ``who``, or None when there is none."""
    index = storage_index(netuid, mechanism)
    for epoch in sorted(key[0] for key, _ in ctx.state.items(SUBTENSOR, "TimelockedWeightCommits", index)):
        waiting = pending(ctx, index, epoch)
        for each in waiting:
            if each.who == who:
                waiting.remove(each)
                _store(ctx, index, epoch, waiting)
                return each
    return None
