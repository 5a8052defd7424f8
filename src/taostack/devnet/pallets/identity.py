"""Names and links: of a coldkey, and of a subnet."""

from typing import Any

from taostack.devnet.codec import byte_string
from taostack.devnet.pallets.access import ensure_owner_or_root
from taostack.devnet.pallets.dispatch import Context, call
from taostack.devnet.pallets.schedule import SUBTENSOR

_IDENTITY_LIMITS = {
    "name": 256,
    "url": 256,
    "github_repo": 256,
    "image": 1024,
    "discord": 256,
    "description": 1024,
    "additional": 1024,
}
_SUBNET_LIMITS = {
    "subnet_name": 256,
    "github_repo": 1024,
    "subnet_contact": 1024,
    "subnet_url": 1024,
    "discord": 256,
    "description": 1024,
    "logo_url": 1024,
    "additional": 1024,
}


@call("SubtensorModule.set_identity")
def set_identity(ctx: Context, **fields: bytes) -> None:
    """Publish who the signing coldkey is; it must own a hotkey that is registered somewhere."""
    coldkey, state = ctx.signed(), ctx.state
    owned = state.get(SUBTENSOR, "OwnedHotkeys", coldkey)
    if not any(any(True for _ in state.items(SUBTENSOR, "IsNetworkMember", hotkey)) for hotkey in owned):
        ctx.fail(SUBTENSOR, "HotKeyNotRegisteredInNetwork")
    if not _fits(fields, _IDENTITY_LIMITS):
        ctx.fail(SUBTENSOR, "InvalidIdentity")
    state.put(SUBTENSOR, "IdentitiesV2", coldkey, value=fields)
    ctx.emit(SUBTENSOR, "ChainIdentitySet", coldkey)


@call("SubtensorModule.set_subnet_identity")
def set_subnet_identity(ctx: Context, netuid: int, **fields: bytes) -> None:
    """Publish what a subnet is (owner or root)."""
    ensure_owner_or_root(ctx, netuid)
    check_subnet_identity(ctx, fields)
    ctx.state.put(SUBTENSOR, "SubnetIdentitiesV3", netuid, value=fields)
    ctx.emit(SUBTENSOR, "SubnetIdentitySet", netuid)


def check_subnet_identity(ctx: Context, identity: dict[str, Any]) -> None:
    """InvalidIdentity when a field is too long."""
    if not _fits(identity, _SUBNET_LIMITS):
        ctx.fail(SUBTENSOR, "InvalidIdentity")


def _fits(fields: dict[str, Any], limits: dict[str, int]) -> bool:
    return all(len(byte_string(fields[name])) <= limit for name, limit in limits.items())
