"""Proxy: accounts that act for others within limits, and accounts without a key.

Delays and announcements are not modelled: a proxy that was added with a delay
exists but cannot act.
"""

from collections.abc import Mapping
from typing import Any

from taostack.devnet.codec import blake2_256, ss58_decode, ss58_encode
from taostack.devnet.pallets import balances
from taostack.devnet.pallets.dispatch import (
    Context,
    Origin,
    call,
    call_name,
    dispatch_result,
    module_failure,
)
from taostack.devnet.pallets.transaction_payment import nested_calls

_WEIGHT = 50_000_000
_PURE = b"modlpy/proxy____"
_SMALL_TRANSFER_RAO = 500_000_000

_TRANSFERS = frozenset(
    {
        "Balances.transfer_keep_alive",
        "Balances.transfer_allow_death",
        "Balances.transfer_all",
        "SubtensorModule.transfer_stake",
    }
)
_STAKING = frozenset(
    f"SubtensorModule.{name}"
    for name in (
        "add_stake",
        "add_stake_limit",
        "remove_stake",
        "remove_stake_limit",
        "remove_stake_full_limit",
        "unstake_all",
        "unstake_all_alpha",
        "swap_stake",
        "swap_stake_limit",
        "move_stake",
    )
)
_REGISTRATION = frozenset({"SubtensorModule.burned_register", "SubtensorModule.register"})
_CHILD_KEYS = frozenset({"SubtensorModule.set_children", "SubtensorModule.set_childkey_take"})
_CRITICAL = frozenset(
    {
        "SubtensorModule.dissolve_network",
        "SubtensorModule.root_register",
        "SubtensorModule.burned_register",
    }
)
_KEY_SWAPS = frozenset(
    {"SubtensorModule.swap_hotkey", "SubtensorModule.swap_hotkey_v2", "SubtensorModule.swap_coldkey"}
)
_OWNER = frozenset(
    {"SubtensorModule.set_subnet_identity", "SubtensorModule.update_symbol", "SubtensorModule.start_call"}
)
_ONLY: dict[str, frozenset[str]] = {
    "Staking": _STAKING,
    "Registration": _REGISTRATION,
    "Transfer": _TRANSFERS,
    "ChildKeys": _CHILD_KEYS,
    "SwapHotkey": frozenset({"SubtensorModule.swap_hotkey", "SubtensorModule.swap_hotkey_v2"}),
    "RootClaim": frozenset({"SubtensorModule.claim_root"}),
    "BasketTrading": frozenset({"SubtensorModule.swap_basket"}),
}
"""Proxy types that allow exactly these calls."""


def allows(proxy_type: str, decoded: Mapping[str, Any]) -> bool:
    """Whether a proxy of this type may make the call, with all calls that it carries."""
    inner = nested_calls(decoded)
    if call_name(decoded).startswith("Utility.") and inner:
        return all(allows(proxy_type, each) for each in inner)
    return _allows_one(proxy_type, decoded)


def _allows_one(proxy_type: str, decoded: Mapping[str, Any]) -> bool:
    name = call_name(decoded)
    if proxy_type == "Any":
        return True
    if proxy_type in _ONLY:
        return name in _ONLY[proxy_type]
    if proxy_type == "SmallTransfer":
        return name in _TRANSFERS and name != "Balances.transfer_all" and _amount(decoded) < _SMALL_TRANSFER_RAO
    if proxy_type == "NonTransfer":
        return not name.startswith("Balances.") and name not in _TRANSFERS | _KEY_SWAPS
    if proxy_type == "NonFungible":
        forbidden = _TRANSFERS | _STAKING | _REGISTRATION | _KEY_SWAPS | _CRITICAL
        return not name.startswith("Balances.") and name not in forbidden
    if proxy_type == "NonCritical":
        return not name.startswith("Sudo.") and name not in _CRITICAL
    if proxy_type in ("Owner", "SubnetLeaseBeneficiary"):
        return name in _OWNER or (name.startswith("AdminUtils.") and name != "AdminUtils.sudo_set_sn_owner_hotkey")
    return False  # types that the runtime keeps for its history only


def _amount(decoded: Mapping[str, Any]) -> int:
    return max((each["value"] for each in decoded["call_args"] if isinstance(each["value"], int)), default=0)


def _proxies(ctx: Context, real: str) -> tuple[list[dict[str, Any]], int]:
    entries, deposit = ctx.state.get("Proxy", "Proxies", real)
    return [dict(each) for each in entries], int(deposit)


def _store(ctx: Context, real: str, payer: str, entries: list[dict[str, Any]], held: int) -> None:
    base, factor = int(ctx.constant("Proxy", "ProxyDepositBase")), int(ctx.constant("Proxy", "ProxyDepositFactor"))
    due = base + factor * len(entries) if entries else 0
    if due > held:
        balances.reserve(ctx, payer, due - held)
    elif due < held:
        balances.unreserve(ctx, payer, held - due)
    if entries:
        ctx.state.put("Proxy", "Proxies", real, value=(entries, due))
    else:
        ctx.state.delete("Proxy", "Proxies", real)


@call("Proxy.proxy", weight=_WEIGHT)
def proxy(ctx: Context, real: Any, force_proxy_type: str | None, call: Mapping[str, Any]) -> None:
    """Make a call as ``real``; its failure is told in ``ProxyExecuted``."""
    delegate, real = ctx.signed(), str(real)
    entry = next(
        (
            each
            for each in _proxies(ctx, real)[0]
            if each["delegate"] == delegate and force_proxy_type in (None, each["proxy_type"])
        ),
        None,
    )
    if entry is None:
        ctx.fail("Proxy", "NotProxy")
    if entry["delay"]:
        ctx.fail("Proxy", "Unannounced")
    if allows(entry["proxy_type"], call):
        failure = ctx.attempt(call, Origin.signed_by(real))
    else:
        failure = module_failure(ctx.profile, "System", "CallFiltered")
    result = dispatch_result(failure)
    ctx.state.put("Proxy", "LastCallResult", real, value=result)
    ctx.emit("Proxy", "ProxyExecuted", result)


@call("Proxy.add_proxy", weight=_WEIGHT)
def add_proxy(ctx: Context, delegate: Any, proxy_type: str, delay: int) -> None:
    """Let ``delegate`` act for the sender; a deposit is set aside."""
    who, delegate = ctx.signed(), str(delegate)
    if delegate == who:
        ctx.fail("Proxy", "NoSelfProxy")
    entries, held = _proxies(ctx, who)
    entry = {"delegate": delegate, "proxy_type": proxy_type, "delay": delay}
    if entry in entries:
        ctx.fail("Proxy", "Duplicate")
    if len(entries) >= int(ctx.constant("Proxy", "MaxProxies")):
        ctx.fail("Proxy", "TooMany")
    _store(ctx, who, who, [*entries, entry], held)
    ctx.emit("Proxy", "ProxyAdded", who, delegate, proxy_type, delay)


@call("Proxy.remove_proxy", weight=_WEIGHT)
def remove_proxy(ctx: Context, delegate: Any, proxy_type: str, delay: int) -> None:
    """End one relation; the deposit comes back."""
    who, delegate = ctx.signed(), str(delegate)
    entries, held = _proxies(ctx, who)
    entry = {"delegate": delegate, "proxy_type": proxy_type, "delay": delay}
    if entry not in entries:
        ctx.fail("Proxy", "NotFound")
    entries.remove(entry)
    _store(ctx, who, who, entries, held)
    ctx.emit("Proxy", "ProxyRemoved", who, delegate, proxy_type, delay)


@call("Proxy.remove_proxies", weight=_WEIGHT)
def remove_proxies(ctx: Context) -> None:
    """End all relations."""
    who = ctx.signed()
    _store(ctx, who, who, [], _proxies(ctx, who)[1])


def pure_account(who: str, proxy_type_index: int, index: int, height: int, extrinsic: int) -> str:
    """The address of the account without a key that ``who`` made at that place of the chain."""
    place = height.to_bytes(4, "little") + extrinsic.to_bytes(4, "little")
    kind = bytes((proxy_type_index,)) + index.to_bytes(2, "little")
    return ss58_encode(blake2_256(_PURE + ss58_decode(who) + place + kind))


def _type_index(ctx: Context, proxy_type: str) -> int:
    """The number of a proxy type, from the encoding of an entry of that type."""
    codec = ctx.profile.codec
    entry = {"delegate": ss58_encode(bytes(32)), "proxy_type": proxy_type, "delay": 0}
    encoded = codec.encode(codec.item("Proxy", "Proxies").value_type, ([entry], 0))
    return encoded[1 + 32]


@call("Proxy.create_pure", weight=_WEIGHT)
def create_pure(ctx: Context, proxy_type: str, delay: int, index: int) -> None:
    """Make an account that only the sender can act for."""
    who = ctx.signed()
    pure = pure_account(who, _type_index(ctx, proxy_type), index, ctx.block, ctx.events.extrinsic_index)
    if ctx.state.has("Proxy", "Proxies", pure):
        ctx.fail("Proxy", "Duplicate")
    _store(ctx, pure, who, [{"delegate": who, "proxy_type": proxy_type, "delay": delay}], 0)
    ctx.emit("Proxy", "PureCreated", pure, who, proxy_type, index)


@call("Proxy.kill_pure", weight=_WEIGHT)
def kill_pure(ctx: Context, spawner: Any, proxy_type: str, index: int, height: int, ext_index: int) -> None:
    """An account without a key ends itself; the spawner gets the deposit back."""
    who, spawner = ctx.signed(), str(spawner)
    if pure_account(spawner, _type_index(ctx, proxy_type), index, height, ext_index) != who:
        ctx.fail("Proxy", "NoPermission")
    _store(ctx, who, spawner, [], _proxies(ctx, who)[1])
    ctx.emit("Proxy", "PureKilled", who, spawner, proxy_type, index)
