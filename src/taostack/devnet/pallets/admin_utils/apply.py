"""Turns the table of setters into calls."""

from typing import Any

from taostack.devnet.pallets import rate_limits
from taostack.devnet.pallets.access import (
    ensure_limit,
    ensure_outside_freeze_window,
    ensure_owner_or_root,
)
from taostack.devnet.pallets.admin_utils.checks import ADMIN
from taostack.devnet.pallets.admin_utils.table import SETTERS, Setter
from taostack.devnet.pallets.dispatch import Context, call
from taostack.devnet.pallets.neurons import exists


def owner_may(ctx: Context, netuid: int, hyperparameter: str | None) -> str | None:
    """Let a subnet's owner or root pass; returns the owner, or None for root.

    The owner is bound to the freeze window and, for counted hyperparameters, to
    one change per ``OwnerHyperparamRateLimit`` epochs; root to neither.
    """
    owner = ensure_owner_or_root(ctx, netuid)
    if owner is not None:
        ensure_outside_freeze_window(ctx, netuid)
        if hyperparameter is not None:
            key = rate_limits.owner_hyperparameter_key(netuid, hyperparameter)
            ensure_limit(ctx, key, rate_limits.owner_hyperparameter_blocks(ctx.state, netuid))
    return owner


def note_owner(ctx: Context, owner: str | None, netuid: int, hyperparameter: str | None) -> None:
    """Count an owner's change of a hyperparameter."""
    if owner is not None and hyperparameter is not None:
        rate_limits.note_limited(ctx.state, rate_limits.owner_hyperparameter_key(netuid, hyperparameter), ctx.block)


def root_may(ctx: Context, netuid: int) -> None:
    """Let root pass, outside the freeze window of the subnet."""
    ctx.root()
    ensure_outside_freeze_window(ctx, netuid)


def ensure_admin_subnet(ctx: Context, netuid: int) -> None:
    """AdminUtils.SubnetDoesNotExist unless the subnet exists."""
    if not exists(ctx.state, netuid):
        ctx.fail(ADMIN, "SubnetDoesNotExist")


def _set_of_subnet(ctx: Context, setter: Setter, netuid: int, value: Any) -> None:
    owner = None
    if setter.who == "owner":
        owner = owner_may(ctx, netuid, setter.limit)
    else:
        root_may(ctx, netuid)
    ensure_admin_subnet(ctx, netuid)
    if setter.check is not None:
        setter.check(ctx, netuid, value)
    ctx.state.put(setter.pallet, setter.item, netuid, value=value)
    note_owner(ctx, owner, netuid, setter.limit)
    _announce(ctx, setter, [netuid, value])


def _set_of_chain(ctx: Context, setter: Setter, value: Any) -> None:
    ctx.root()
    ctx.state.put(setter.pallet, setter.item, value=value)
    _announce(ctx, setter, [value])


def _announce(ctx: Context, setter: Setter, values: list[Any]) -> None:
    if setter.event is None:
        return
    pallet, name = setter.event
    if setter.fields:
        ctx.emit(pallet, name, **dict(zip(setter.fields, values, strict=True)))
    else:
        ctx.emit(pallet, name, *values)


def _register(setter: Setter) -> None:
    if setter.per_subnet:

        def of_subnet(ctx: Context, netuid: int, **arguments: Any) -> None:
            _set_of_subnet(ctx, setter, netuid, arguments[setter.argument])

        call(f"{ADMIN}.{setter.call}")(of_subnet)
    else:

        def of_chain(ctx: Context, **arguments: Any) -> None:
            _set_of_chain(ctx, setter, arguments[setter.argument])

        call(f"{ADMIN}.{setter.call}")(of_chain)


for _each in SETTERS:
    _register(_each)
