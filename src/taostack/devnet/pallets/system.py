"""System: block numbers and hashes, remarks, and root's direct writes to storage."""

from typing import Any

from taostack.devnet.codec import blake2_256, byte_string
from taostack.devnet.pallets.dispatch import Context, call, genesis, on_initialize

_REMARK_BASE_WEIGHT = 12_000_000
_WEIGHT_PER_BYTE = 400


@genesis(order=0)
def start(ctx: Context) -> None:
    """Block 0 and the version that the state was written by."""
    version = {"spec_version": ctx.profile.spec_version, "spec_name": ctx.profile.spec_name}
    ctx.state.put("System", "LastRuntimeUpgrade", value=version)
    ctx.state.put("System", "UpgradedToU32RefCount", value=True)
    ctx.state.put("System", "UpgradedToTripleRefCount", value=True)
    ctx.state.put("System", "Number", value=0)


@on_initialize(order=0)
def enter_block(ctx: Context) -> None:
    """Forget the block hash that is too old for any era."""
    oldest = ctx.block - int(ctx.constant("System", "BlockHashCount")) - 1
    if oldest > 0:
        ctx.state.delete("System", "BlockHash", oldest)


def _remark_weight(arguments: Any) -> int:
    return _REMARK_BASE_WEIGHT + _WEIGHT_PER_BYTE * len(arguments["remark"])


@call("System.remark", weight=_remark_weight)
def remark(ctx: Context, remark: bytes) -> None:
    """Leave a note in the block; anyone may."""


@call("System.remark_with_event", weight=_remark_weight)
def remark_with_event(ctx: Context, remark: bytes) -> None:
    """Leave a note and an event with its hash."""
    ctx.emit("System", "Remarked", ctx.signed(), "0x" + blake2_256(remark).hex())


@call("System.set_storage", weight=100_000_000, dispatch_class="Operational")
def set_storage(ctx: Context, items: list[tuple[Any, Any]]) -> None:
    """Root writes raw entries."""
    ctx.root()
    for key, value in items:
        ctx.state.write(byte_string(key), byte_string(value))


@call("System.kill_storage", weight=100_000_000, dispatch_class="Operational")
def kill_storage(ctx: Context, keys: list[Any]) -> None:
    """Root removes raw entries."""
    ctx.root()
    for key in keys:
        ctx.state.write(byte_string(key), None)


@call("System.kill_prefix", weight=100_000_000, dispatch_class="Operational")
def kill_prefix(ctx: Context, prefix: bytes, subkeys: int) -> None:
    """Root removes every entry under a prefix."""
    ctx.root()
    for key in list(ctx.state.keys(prefix)):
        ctx.state.write(key, None)
