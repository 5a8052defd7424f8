"""Developer calls that stand in for the drand beacon."""

from typing import Any

from taostack.devnet.pallets.dispatch import Context, DispatchFailed, dev_method
from taostack.devnet.pallets.weights.timelocked import Payload, apply_payload, take_pending


@dev_method("dev_revealCommit")
def dev_reveal_commit(
    ctx: Context,
    netuid: int,
    hotkey: str,
    uids: list[int],
    weights: list[int],
    version_key: int = 0,
    mechanism: int = 0,
) -> dict[str, Any]:
    """Open the oldest waiting timelocked commit of ``hotkey`` with the plaintext the caller gives.

    The vector passes the same checks as a revealed one. Answers ``revealed``, the
    ``commit_block``, and as ``error`` the name of the rule that refused the vector.
    """
    commit = take_pending(ctx, netuid, mechanism, hotkey)
    if commit is None:
        return {"revealed": False, "commit_block": None, "error": "NoWeightsCommitFound"}
    try:
        apply_payload(ctx, netuid, mechanism, hotkey, Payload(hotkey, list(uids), list(weights), version_key))
    except DispatchFailed as failure:
        return {"revealed": False, "commit_block": commit.block, "error": failure.name.partition(".")[2]}
    return {"revealed": True, "commit_block": commit.block, "error": None}
