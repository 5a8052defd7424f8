"""The Commitments pallet: a few bytes that a neuron publishes under its hotkey.

A commitment takes space; per (subnet, hotkey) and epoch at most ``MaxSpace``
bytes may be written, and a write counts at least 100 of them. A timelocked field
is opened like a timelocked weight commit, as soon as its round is known.
"""

from typing import Any

from taostack.devnet.codec import byte_string
from taostack.devnet.pallets.dispatch import Context, call, on_initialize
from taostack.devnet.pallets.drand import open_timelock
from taostack.devnet.pallets.neurons import uid_of
from taostack.devnet.pallets.schedule import epoch_clock
from taostack.process.logs import get_logger

PALLET = "Commitments"
MIN_SPACE = 100
MAX_REVEALED = 10
_HASH_BYTES = 32

_log = get_logger(__name__)


@call("Commitments.set_commitment")
def set_commitment(ctx: Context, netuid: int, info: dict[str, Any]) -> None:
    """Store the signer's commitment on a subnet where it is registered."""
    who, state = ctx.signed(), ctx.state
    fields = list(info["fields"])
    if uid_of(state, netuid, who) is None:
        ctx.fail(PALLET, "AccountNotAllowedCommit")
    if len(fields) > ctx.constant(PALLET, "MaxFields"):
        ctx.fail(PALLET, "TooManyFieldsInCommitmentInfo")
    if any(_kind(each) == "TimelockRevealFailed" for each in fields):
        ctx.fail(PALLET, "TimelockRevealFailedNotAllowed")
    _use_space(ctx, netuid, who, fields)
    entry = {"deposit": 0, "block": ctx.block, "info": {"fields": fields}}
    state.put(PALLET, "CommitmentOf", netuid, who, value=entry)
    state.put(PALLET, "LastCommitment", netuid, who, value=ctx.block)
    rounds = [each["TimelockEncrypted"]["reveal_round"] for each in fields if _kind(each) == "TimelockEncrypted"]
    _index(ctx, netuid, who, waiting=bool(rounds))
    if rounds:
        ctx.emit(PALLET, "TimelockCommitment", netuid=netuid, who=who, reveal_round=rounds[-1])
    else:
        ctx.emit(PALLET, "Commitment", netuid=netuid, who=who)


@call("Commitments.set_max_space")
def set_max_space(ctx: Context, new_limit: int) -> None:
    """Set how many bytes a neuron may write per epoch (root)."""
    ctx.root()
    ctx.state.put(PALLET, "MaxSpace", value=new_limit)


def space_of(fields: list[Any]) -> int:
    """Bytes that the content of ``fields`` takes."""
    return sum(_field_space(each) for each in fields)


def _field_space(field: Any) -> int:
    kind = _kind(field)
    if kind in ("None", "ResetBondsFlag"):
        return 0
    if kind in ("BlakeTwo256", "Sha256", "Keccak256", "ShaThree256"):
        return _HASH_BYTES
    if kind == "TimelockEncrypted":
        return len(byte_string(field[kind]["encrypted"]))
    if kind.startswith("Raw") and kind[3:].isdigit():
        return int(kind[3:])
    return len(byte_string(field[kind]))


def _kind(field: Any) -> str:
    return field if isinstance(field, str) else str(next(iter(field)))


def _use_space(ctx: Context, netuid: int, who: str, fields: list[Any]) -> None:
    epoch = epoch_clock(ctx.state, netuid).index
    usage = ctx.state.get(PALLET, "UsedSpaceOf", netuid, who)
    used = usage["used_space"] if usage is not None and usage["last_epoch"] == epoch else 0
    needed = max(MIN_SPACE, space_of(fields))
    if used + needed > ctx.state.get(PALLET, "MaxSpace"):
        ctx.fail(PALLET, "SpaceLimitExceeded")
    value = {"last_epoch": epoch, "used_space": used + needed}
    ctx.state.put(PALLET, "UsedSpaceOf", netuid, who, value=value)


def _index(ctx: Context, netuid: int, who: str, *, waiting: bool) -> None:
    known = [tuple(each) for each in ctx.state.get(PALLET, "TimelockedIndex")]
    entry = (netuid, who)
    if waiting != (entry in known):
        changed = sorted([*known, entry]) if waiting else [each for each in known if each != entry]
        ctx.state.put(PALLET, "TimelockedIndex", value=changed)


@on_initialize(order=45)
def reveal_commitments(ctx: Context) -> None:
    """Open timelocked fields whose drand round is known."""
    for netuid, who in [tuple(each) for each in ctx.state.get(PALLET, "TimelockedIndex")]:
        entry = ctx.state.get(PALLET, "CommitmentOf", netuid, who)
        if entry is None:
            _index(ctx, netuid, who, waiting=False)
            continue
        kept = [each for each in entry["info"]["fields"] if not _open_field(ctx, netuid, who, each)]
        if len(kept) == len(entry["info"]["fields"]):
            continue
        if kept:
            entry["info"]["fields"] = kept
            ctx.state.put(PALLET, "CommitmentOf", netuid, who, value=entry)
        else:
            ctx.state.delete(PALLET, "CommitmentOf", netuid, who)
        still = any(_kind(each) == "TimelockEncrypted" for each in kept)
        _index(ctx, netuid, who, waiting=still)


def _open_field(ctx: Context, netuid: int, who: str, field: Any) -> bool:
    """True when the field was a timelock that could be opened (and then was published)."""
    if _kind(field) != "TimelockEncrypted":
        return False
    lock = field["TimelockEncrypted"]
    try:
        plain = open_timelock(ctx.state, byte_string(lock["encrypted"]), lock["reveal_round"])
    except ValueError as error:
        _log.warning("a timelocked commitment cannot be opened", netuid=netuid, hotkey=who, reason=str(error))
        return False
    if plain is None:
        return False
    revealed = [
        (byte_string(data), block) for data, block in ctx.state.get(PALLET, "RevealedCommitments", netuid, who) or ()
    ]
    value = [*revealed, (plain, ctx.block)][-MAX_REVEALED:]
    ctx.state.put(PALLET, "RevealedCommitments", netuid, who, value=value)
    ctx.emit(PALLET, "CommitmentRevealed", netuid=netuid, who=who)
    return True
