"""Multisig: calls that several keys must agree on."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from taostack.devnet.codec import multisig_account, ss58_decode
from taostack.devnet.pallets import balances
from taostack.devnet.pallets.dispatch import Context, Origin, call, dispatch_result

_WEIGHT = 60_000_000

Call = Mapping[str, Any]
Timepoint = Mapping[str, int]


def _everyone(ctx: Context, who: str, others: Sequence[str], threshold: int) -> list[str]:
    """All signatories in order; module errors for a list that is too short, too long, unsorted or double."""
    if threshold < 2:
        ctx.fail("Multisig", "MinimumThreshold")
    return _sorted_signatories(ctx, who, others)


def _sorted_signatories(ctx: Context, who: str, others: Sequence[str]) -> list[str]:
    if not others:
        ctx.fail("Multisig", "TooFewSignatories")
    if len(others) >= int(ctx.constant("Multisig", "MaxSignatories")):
        ctx.fail("Multisig", "TooManySignatories")
    keys = [ss58_decode(each) for each in others]
    if any(first >= second for first, second in itertools.pairwise(keys)):
        ctx.fail("Multisig", "SignatoriesOutOfOrder")
    if who in others:
        ctx.fail("Multisig", "SenderInSignatories")
    return sorted([who, *others], key=ss58_decode)


def _here(ctx: Context) -> dict[str, int]:
    return {"height": ctx.block, "index": ctx.events.extrinsic_index}


def _operate(
    ctx: Context, threshold: int, others: Sequence[str], timepoint: Timepoint | None, call_hash: str, inner: Call | None
) -> None:
    """Approve, and make the call when that was the last approval and the call is known."""
    who = ctx.signed()
    account = multisig_account(_everyone(ctx, who, others, threshold), threshold)
    operation = ctx.state.get("Multisig", "Multisigs", account, call_hash)
    if operation is None:
        if timepoint is not None:
            ctx.fail("Multisig", "UnexpectedTimepoint")
        deposit = int(ctx.constant("Multisig", "DepositBase")) + threshold * int(
            ctx.constant("Multisig", "DepositFactor")
        )
        balances.reserve(ctx, who, deposit)
        opened = {"when": _here(ctx), "deposit": deposit, "depositor": who, "approvals": [who]}
        ctx.state.put("Multisig", "Multisigs", account, call_hash, value=opened)
        ctx.emit("Multisig", "NewMultisig", who, account, call_hash)
        return
    _check_timepoint(ctx, operation, timepoint)
    approvals = list(operation["approvals"])
    if inner is not None and len(set(approvals) | {who}) >= threshold:
        ctx.state.delete("Multisig", "Multisigs", account, call_hash)
        balances.unreserve(ctx, operation["depositor"], int(operation["deposit"]))
        result = dispatch_result(ctx.attempt(inner, Origin.signed_by(account)))
        ctx.emit("Multisig", "MultisigExecuted", who, operation["when"], account, call_hash, result)
        return
    if who in approvals:
        ctx.fail("Multisig", "AlreadyApproved")
    operation["approvals"] = sorted([*approvals, who], key=ss58_decode)
    ctx.state.put("Multisig", "Multisigs", account, call_hash, value=operation)
    ctx.emit("Multisig", "MultisigApproval", who, operation["when"], account, call_hash)


def _check_timepoint(ctx: Context, operation: Mapping[str, Any], timepoint: Timepoint | None) -> None:
    if timepoint is None:
        ctx.fail("Multisig", "NoTimepoint")
    if dict(timepoint) != dict(operation["when"]):
        ctx.fail("Multisig", "WrongTimepoint")


@call("Multisig.as_multi", weight=_WEIGHT)
def as_multi(
    ctx: Context,
    threshold: int,
    other_signatories: Sequence[str],
    maybe_timepoint: Timepoint | None,
    call: Call,
    max_weight: Any,
) -> None:
    """Approve ``call``, and make it as the common account when enough have approved."""
    _operate(ctx, threshold, other_signatories, maybe_timepoint, call["call_hash"], call)


@call("Multisig.approve_as_multi", weight=_WEIGHT)
def approve_as_multi(
    ctx: Context,
    threshold: int,
    other_signatories: Sequence[str],
    maybe_timepoint: Timepoint | None,
    call_hash: str,
    max_weight: Any,
) -> None:
    """Approve a call by its hash."""
    _operate(ctx, threshold, other_signatories, maybe_timepoint, call_hash, None)


@call("Multisig.as_multi_threshold_1", weight=_WEIGHT)
def as_multi_threshold_1(ctx: Context, other_signatories: Sequence[str], call: Call) -> None:
    """Make a call as the common account of which any one signatory is enough."""
    everyone = _sorted_signatories(ctx, ctx.signed(), other_signatories)
    ctx.dispatch(call, Origin.signed_by(multisig_account(everyone, 1)))


@call("Multisig.cancel_as_multi", weight=_WEIGHT)
def cancel_as_multi(
    ctx: Context, threshold: int, other_signatories: Sequence[str], timepoint: Timepoint, call_hash: str
) -> None:
    """Whoever opened an operation gives it up and gets the deposit back."""
    who = ctx.signed()
    account = multisig_account(_everyone(ctx, who, other_signatories, threshold), threshold)
    operation = ctx.state.get("Multisig", "Multisigs", account, call_hash)
    if operation is None:
        ctx.fail("Multisig", "NotFound")
    if operation["depositor"] != who:
        ctx.fail("Multisig", "NotOwner")
    _check_timepoint(ctx, operation, timepoint)
    ctx.state.delete("Multisig", "Multisigs", account, call_hash)
    balances.unreserve(ctx, who, int(operation["deposit"]))
    ctx.emit("Multisig", "MultisigCancelled", who, operation["when"], account, call_hash)
