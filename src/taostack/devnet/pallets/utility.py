"""Utility: several calls in one, and calls under another origin."""

from collections.abc import Mapping, Sequence
from typing import Any

from taostack.devnet.codec import blake2_256, ss58_decode, ss58_encode
from taostack.devnet.pallets.dispatch import NONE, ROOT, Context, DispatchFailed, Origin, call, dispatch_result

_DERIVED = b"modlpy/utilisuba"
_WEIGHT = 5_000_000

Call = Mapping[str, Any]


def derived_account(who: str, index: int) -> str:
    """The sub-account number ``index`` of ``who``."""
    return ss58_encode(blake2_256(_DERIVED + ss58_decode(who) + index.to_bytes(2, "little")))


def _check_size(ctx: Context, calls: Sequence[Call]) -> None:
    if len(calls) > int(ctx.constant("Utility", "batched_calls_limit")):
        ctx.fail("Utility", "TooManyCalls")


@call("Utility.batch", weight=_WEIGHT)
def batch(ctx: Context, calls: Sequence[Call]) -> None:
    """Make calls in order until one fails; those before it stand."""
    _check_size(ctx, calls)
    for index, each in enumerate(calls):
        failure = ctx.attempt(each, ctx.origin)
        if failure is not None:
            ctx.emit("Utility", "BatchInterrupted", index, failure.error)
            return
        ctx.emit("Utility", "ItemCompleted")
    ctx.emit("Utility", "BatchCompleted")


@call("Utility.batch_all", weight=_WEIGHT)
def batch_all(ctx: Context, calls: Sequence[Call]) -> None:
    """Make all calls or none."""
    _check_size(ctx, calls)
    for each in calls:
        ctx.dispatch(each, ctx.origin)
        ctx.emit("Utility", "ItemCompleted")
    ctx.emit("Utility", "BatchCompleted")


@call("Utility.force_batch", weight=_WEIGHT)
def force_batch(ctx: Context, calls: Sequence[Call]) -> None:
    """Make all calls, whichever fail."""
    _check_size(ctx, calls)
    failed = False
    for each in calls:
        failure = ctx.attempt(each, ctx.origin)
        if failure is None:
            ctx.emit("Utility", "ItemCompleted")
        else:
            failed = True
            ctx.emit("Utility", "ItemFailed", failure.error)
    ctx.emit("Utility", "BatchCompletedWithErrors" if failed else "BatchCompleted")


@call("Utility.as_derivative", weight=_WEIGHT)
def as_derivative(ctx: Context, index: int, call: Call) -> None:
    """Make a call as one's own sub-account."""
    ctx.dispatch(call, Origin.signed_by(derived_account(ctx.signed(), index)))


@call("Utility.dispatch_as", weight=_WEIGHT)
def dispatch_as(ctx: Context, as_origin: Any, call: Call) -> None:
    """Root makes a call under any origin; a failure is told in the event."""
    ctx.root()
    ctx.emit("Utility", "DispatchedAs", dispatch_result(ctx.attempt(call, _origin(ctx, as_origin))))


@call("Utility.dispatch_as_fallible", weight=_WEIGHT)
def dispatch_as_fallible(ctx: Context, as_origin: Any, call: Call) -> None:
    """Root makes a call under any origin; its failure is this call's."""
    ctx.root()
    ctx.dispatch(call, _origin(ctx, as_origin))
    ctx.emit("Utility", "DispatchedAs", dispatch_result(None))


@call("Utility.with_weight", weight=_WEIGHT)
def with_weight(ctx: Context, call: Call, weight: Any) -> None:
    """Root makes a call with a weight of its choice."""
    ctx.root()
    ctx.dispatch(call, ROOT)


@call("Utility.if_else", weight=_WEIGHT)
def if_else(ctx: Context, main: Call, fallback: Call) -> None:
    """Make ``main``, or, when it fails, ``fallback``."""
    failure = ctx.attempt(main, ctx.origin)
    if failure is None:
        ctx.emit("Utility", "IfElseMainSuccess")
        return
    try:
        ctx.dispatch(fallback, ctx.origin)
    except DispatchFailed as second:
        raise DispatchFailed(second.error, second.name) from failure
    ctx.emit("Utility", "IfElseFallbackCalled", failure.error)


def _origin(ctx: Context, value: Any) -> Origin:
    """The origin that an ``OriginCaller`` value names."""
    inner = value.get("system") if isinstance(value, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("Signed"), str):
        return Origin.signed_by(inner["Signed"])
    if inner == "Root" or (isinstance(inner, dict) and "Root" in inner):
        return ROOT
    if inner == "None" or (isinstance(inner, dict) and "None" in inner):
        return NONE
    return ctx.fail_with("BadOrigin")
