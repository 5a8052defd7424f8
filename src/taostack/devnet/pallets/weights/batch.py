"""Weights of several subnets in one call."""

from collections.abc import Callable, Sequence

from taostack.devnet.pallets.dispatch import Context, DispatchFailed, PoolRejection, call, guard
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.weights.hashed import (
    COMMIT_NOT_FOUND,
    commit_hash,
    commit_mechanism_weights,
    reveal_mechanism_weights,
)
from taostack.devnet.pallets.weights.plain import check_pool, set_mechanism_weights

INPUT_LENGTHS_UNEQUAL = 18


@call("SubtensorModule.batch_set_weights")
def batch_set_weights(
    ctx: Context,
    netuids: Sequence[int],
    weights: Sequence[Sequence[tuple[int, int]]],
    version_keys: Sequence[int],
) -> None:
    """Set weights on every listed subnet; one that fails does not stop the others."""
    if not len(netuids) == len(weights) == len(version_keys):
        ctx.fail(SUBTENSOR, "InputLengthsUnequal")

    def one(position: int) -> None:
        pairs = weights[position]
        uids, values = [uid for uid, _ in pairs], [value for _, value in pairs]
        set_mechanism_weights(ctx, netuids[position], 0, uids, values, version_keys[position])

    _each(ctx, netuids, one)


@call("SubtensorModule.batch_commit_weights")
def batch_commit_weights(ctx: Context, netuids: Sequence[int], commit_hashes: Sequence[str]) -> None:
    """Commit to weights on every listed subnet; one that fails does not stop the others."""
    if len(netuids) != len(commit_hashes):
        ctx.fail(SUBTENSOR, "InputLengthsUnequal")
    _each(ctx, netuids, lambda each: commit_mechanism_weights(ctx, netuids[each], 0, commit_hashes[each]))


def _each(ctx: Context, netuids: Sequence[int], one: Callable[[int], None]) -> None:
    failed = False
    for position, netuid in enumerate(netuids):
        try:
            with ctx.transaction():
                one(position)
        except DispatchFailed as failure:
            failed = True
            ctx.emit(SUBTENSOR, "BatchWeightItemFailed", netuid, failure.error)
    if failed:
        ctx.emit(SUBTENSOR, "BatchCompletedWithErrors")
    else:
        ctx.emit(SUBTENSOR, "BatchWeightsCompleted", list(netuids), ctx.signed())


@call("SubtensorModule.batch_reveal_weights")
def batch_reveal_weights(
    ctx: Context,
    netuid: int,
    uids_list: Sequence[Sequence[int]],
    values_list: Sequence[Sequence[int]],
    salts_list: Sequence[Sequence[int]],
    version_keys: Sequence[int],
) -> None:
    """Reveal several commits of one subnet, in the order of the commits; all or none."""
    if not len(uids_list) == len(values_list) == len(salts_list) == len(version_keys):
        ctx.fail(SUBTENSOR, "InputLengthsUnequal")
    who = ctx.signed()
    hashes = []
    for uids, values, salt, key in zip(uids_list, values_list, salts_list, version_keys, strict=True):
        hashes.append(commit_hash(who, netuid, uids, values, salt, key))
        reveal_mechanism_weights(ctx, netuid, 0, uids, values, salt, key)
    ctx.emit(SUBTENSOR, "WeightsBatchRevealed", who, netuid, hashes)


@guard("SubtensorModule.batch_set_weights", "SubtensorModule.batch_commit_weights")
def guard_batch(ctx: Context, netuids: Sequence[int], **_: object) -> None:
    """Every subnet of the batch must accept the sender; rates are judged one by one when it runs."""
    for netuid in netuids:
        check_pool(ctx, netuid, 0, rate_limited=False)


@guard("SubtensorModule.batch_reveal_weights")
def guard_batch_reveal(
    ctx: Context,
    netuid: int,
    uids_list: Sequence[Sequence[int]],
    values_list: Sequence[Sequence[int]],
    salts_list: Sequence[Sequence[int]],
    version_keys: Sequence[int],
) -> None:
    """Unequal lists, or a vector nobody committed to, are refused."""
    check_pool(ctx, netuid, 0, rate_limited=False)
    if not len(uids_list) == len(values_list) == len(salts_list) == len(version_keys):
        raise PoolRejection.custom(INPUT_LENGTHS_UNEQUAL)
    who = ctx.signed()
    known = {each[0] for each in ctx.state.get(SUBTENSOR, "WeightCommits", netuid, who) or ()}
    for uids, values, salt, key in zip(uids_list, values_list, salts_list, version_keys, strict=True):
        if commit_hash(who, netuid, uids, values, salt, key) not in known:
            raise PoolRejection.custom(COMMIT_NOT_FOUND)
