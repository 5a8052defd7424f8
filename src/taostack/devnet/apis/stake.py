"""Positions of coldkeys: ``StakeInfoRuntimeApi``."""

from collections.abc import Sequence
from typing import Any

from taostack.devnet.pallets.dispatch import Context, runtime_api
from taostack.devnet.pallets.neurons import exists
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import (
    ROOT_NETUID,
    Position,
    alpha_of,
    market,
    positions,
)
from taostack.devnet.pallets.staking import locked
from taostack.devnet.store import Reader

Place = tuple[str, int]
"""Hotkey and netuid of one side of a stake operation; None is the free balance."""


@runtime_api("StakeInfoRuntimeApi.get_stake_info_for_coldkey")
def get_stake_info_for_coldkey(ctx: Context, coldkey_account: str) -> list[dict[str, Any]]:
    """Every position of one coldkey."""
    return [_info(ctx.state, each) for each in positions(ctx.state, coldkey_account)]


@runtime_api("StakeInfoRuntimeApi.get_stake_info_for_coldkeys")
def get_stake_info_for_coldkeys(
    ctx: Context, coldkey_accounts: Sequence[str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Every position of each coldkey."""
    return [(coldkey, get_stake_info_for_coldkey(ctx, coldkey)) for coldkey in coldkey_accounts]


@runtime_api("StakeInfoRuntimeApi.get_stake_info_for_hotkey_coldkey_netuid")
def get_stake_info_for_hotkey_coldkey_netuid(
    ctx: Context, hotkey_account: str, coldkey_account: str, netuid: int
) -> dict[str, Any] | None:
    """One position, of zero alpha when there is none; None when the subnet does not exist."""
    if not exists(ctx.state, netuid):
        return None
    alpha = alpha_of(ctx.state, hotkey_account, coldkey_account, netuid)
    return _info(ctx.state, Position(hotkey_account, coldkey_account, netuid, alpha))


@runtime_api("StakeInfoRuntimeApi.get_stake_availability_for_coldkeys")
def get_stake_availability_for_coldkeys(
    ctx: Context, coldkey_accounts: Sequence[str], netuids: Sequence[int] | None
) -> dict[str, dict[int, dict[str, int]]]:
    """Total, locked and free alpha of each coldkey on each subnet where it has any."""
    answer: dict[str, dict[int, dict[str, int]]] = {}
    for coldkey in coldkey_accounts:
        totals: dict[int, int] = {}
        for each in positions(ctx.state, coldkey):
            if netuids is None or each.netuid in netuids:
                totals[each.netuid] = totals.get(each.netuid, 0) + each.alpha
        answer[coldkey] = {
            netuid: _availability(total, locked(ctx.state, coldkey, netuid)) for netuid, total in sorted(totals.items())
        }
    return answer


def _availability(total: int, held_back: int) -> dict[str, int]:
    return {"total": total, "locked": min(held_back, total), "available": max(0, total - held_back)}


@runtime_api("StakeInfoRuntimeApi.get_stake_fee")
def get_stake_fee(
    ctx: Context,
    origin: Place | None,
    origin_coldkey_account: str,
    destination: Place | None,
    destination_coldkey_account: str,
    amount: int,
) -> int:
    """The fee (rao of what is paid in) of staking, unstaking or moving ``amount``."""
    if origin is not None and destination is not None and origin[1] == destination[1]:
        return 0
    if origin is not None and origin[1] != ROOT_NETUID:
        return market(ctx.state, origin[1]).sell(amount).fee
    if destination is not None:
        return market(ctx.state, destination[1]).buy(amount).fee
    return 0


@runtime_api("StakeInfoRuntimeApi.get_coldkey_lock")
def get_coldkey_lock(ctx: Context, coldkey: str, netuid: int) -> dict[str, Any] | None:
    """The conviction lock of a coldkey on a subnet, or None."""
    return next((lock for _, lock in ctx.state.items(SUBTENSOR, "Lock", coldkey, netuid)), None)


@runtime_api("StakeInfoRuntimeApi.get_hotkey_conviction")
def get_hotkey_conviction(ctx: Context, hotkey: str, netuid: int) -> dict[str, int]:
    """The conviction behind a hotkey (U64F64)."""
    lock = ctx.state.get(SUBTENSOR, "HotkeyLock", netuid, hotkey)
    return {"bits": 0} if lock is None else {"bits": int(lock["conviction"]["bits"])}


@runtime_api("StakeInfoRuntimeApi.get_most_convicted_hotkey_on_subnet")
def get_most_convicted_hotkey_on_subnet(ctx: Context, netuid: int) -> str | None:
    """The hotkey with the greatest conviction, or None when there is no lock."""
    found = [
        (int(lock["conviction"]["bits"]), hotkey)
        for (hotkey,), lock in ctx.state.items(SUBTENSOR, "HotkeyLock", netuid)
    ]
    return max(found)[1] if found else None


def _info(state: Reader, position: Position) -> dict[str, Any]:
    return {
        "hotkey": position.hotkey,
        "coldkey": position.coldkey,
        "netuid": position.netuid,
        "stake": position.alpha,
        "locked": min(position.alpha, locked(state, position.coldkey, position.netuid)),
        "emission": state.get(SUBTENSOR, "LastHotkeyEmissionOnNetuid", position.hotkey, position.netuid),
        "tao_emission": 0,
        "drain": 0,
        "is_registered": state.get(SUBTENSOR, "Uids", position.netuid, position.hotkey) is not None,
    }
