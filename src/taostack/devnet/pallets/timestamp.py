"""Timestamp: the inherent that tells the block its time, in milliseconds since 1970, UTC."""

from taostack.devnet.pallets.dispatch import Context, call, genesis


@genesis(order=1)
def start(ctx: Context) -> None:
    """Block 0 has no time of its own, so that its hash is the same on every start."""
    ctx.state.put("Timestamp", "Now", value=0)


@call("Timestamp.set", weight=213_816_000, proof_size=5_691, dispatch_class="Mandatory")
def set_now(ctx: Context, now: int) -> None:
    """Set the block's time; only the author may, once in each block."""
    if ctx.origin.kind != "none":
        ctx.fail_with("BadOrigin")
    ctx.state.put("Timestamp", "Now", value=now)
