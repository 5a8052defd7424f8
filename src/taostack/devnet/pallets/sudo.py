"""Sudo: one key, //Alice at genesis, may make calls as root."""

from collections.abc import Mapping
from typing import Any

from taostack.devnet.genesis import SUDO_ACCOUNT
from taostack.devnet.pallets.dispatch import ROOT, Context, Origin, Post, call, dispatch_result, genesis

SUDO_WEIGHT = 130_000_000


@genesis(order=3)
def start(ctx: Context) -> None:
    """//Alice holds the key."""
    ctx.state.put("Sudo", "Key", value=SUDO_ACCOUNT)


def _require_key(ctx: Context) -> str:
    who = ctx.signed()
    if ctx.state.get("Sudo", "Key") != who:
        ctx.fail("Sudo", "RequireSudo")
    return who


@call("Sudo.sudo", weight=SUDO_WEIGHT)
def sudo(ctx: Context, call: Mapping[str, Any]) -> Post:
    """Make ``call`` as root; its failure is reported in ``Sudid``, not raised, and there is no fee."""
    _require_key(ctx)
    ctx.emit("Sudo", "Sudid", dispatch_result(ctx.attempt(call, ROOT)))
    return Post(pays_fee=False)


@call("Sudo.sudo_unchecked_weight", weight=SUDO_WEIGHT)
def sudo_unchecked_weight(ctx: Context, call: Mapping[str, Any], weight: Any) -> Post:
    """Like ``sudo``, with a weight of the caller's choice."""
    return sudo(ctx, call)  # type: ignore[no-any-return]


@call("Sudo.sudo_as", weight=SUDO_WEIGHT)
def sudo_as(ctx: Context, who: Any, call: Mapping[str, Any]) -> Post:
    """Make ``call`` as any account."""
    _require_key(ctx)
    ctx.emit("Sudo", "SudoAsDone", dispatch_result(ctx.attempt(call, Origin.signed_by(str(who)))))
    return Post(pays_fee=False)


@call("Sudo.set_key", weight=SUDO_WEIGHT)
def set_key(ctx: Context, new: Any) -> Post:
    """Hand the key over."""
    old = _require_key(ctx)
    ctx.state.put("Sudo", "Key", value=str(new))
    ctx.emit("Sudo", "KeyChanged", old, str(new))
    return Post(pays_fee=False)


@call("Sudo.remove_key", weight=SUDO_WEIGHT)
def remove_key(ctx: Context) -> Post:
    """Give the key up for good."""
    _require_key(ctx)
    ctx.state.delete("Sudo", "Key")
    ctx.emit("Sudo", "KeyRemoved")
    return Post(pays_fee=False)
