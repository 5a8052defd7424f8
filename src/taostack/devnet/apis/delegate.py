"""Validators that others may stake to: ``DelegateInfoRuntimeApi``."""

from typing import Any

from taostack.devnet.economics.fixed import U16_MAX
from taostack.devnet.economics.pools import RAO
from taostack.devnet.pallets.dispatch import Context, runtime_api
from taostack.devnet.pallets.neurons import subnets
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.pallets.stake_ledger import (
    ROOT_NETUID,
    Position,
    alpha_price,
    owner_of,
    positions,
    stakers,
    total_alpha,
)
from taostack.devnet.store import Reader

_BLOCKS_PER_DAY = 7_200


@runtime_api("DelegateInfoRuntimeApi.get_delegates")
def get_delegates(ctx: Context) -> list[dict[str, Any]]:
    """Every hotkey that has, or may have, stakers."""
    return [_info(ctx.state, hotkey) for (hotkey,), _ in ctx.state.items(SUBTENSOR, "Delegates")]


@runtime_api("DelegateInfoRuntimeApi.get_delegate")
def get_delegate(ctx: Context, delegate_account: str) -> dict[str, Any] | None:
    """One delegate, or None when the hotkey is none."""
    if not ctx.state.has(SUBTENSOR, "Delegates", delegate_account):
        return None
    return _info(ctx.state, delegate_account)


@runtime_api("DelegateInfoRuntimeApi.get_delegated")
def get_delegated(ctx: Context, delegatee_account: str) -> list[tuple[dict[str, Any], tuple[int, int]]]:
    """What a coldkey has staked to delegates: the delegate, and netuid and alpha of the position."""
    found: list[tuple[dict[str, Any], tuple[int, int]]] = []
    known: dict[str, dict[str, Any]] = {}
    for each in positions(ctx.state, delegatee_account):
        if ctx.state.has(SUBTENSOR, "Delegates", each.hotkey):
            info = known.setdefault(each.hotkey, _info(ctx.state, each.hotkey))
            found.append((info, (each.netuid, each.alpha)))
    return found


def _info(state: Reader, hotkey: str) -> dict[str, Any]:
    present = subnets(state)
    registered = [netuid for netuid in present if state.get(SUBTENSOR, "Uids", netuid, hotkey) is not None]
    backers: dict[str, list[tuple[int, int]]] = {}
    for each in _all_stakers(state, hotkey, present):
        backers.setdefault(each.coldkey, []).append((each.netuid, each.alpha))
    daily = _daily_return(state, hotkey, registered)
    staked = sum(total_alpha(state, hotkey, netuid) * alpha_price(state, netuid) // RAO for netuid in present)
    take = int(state.get(SUBTENSOR, "Delegates", hotkey))
    return {
        "delegate_ss58": hotkey,
        "take": take,
        "nominators": list(backers.items()),
        "owner_ss58": owner_of(state, hotkey),
        "registrations": registered,
        "validator_permits": [netuid for netuid in registered if _has_permit(state, netuid, hotkey)],
        "return_per_1000": daily * (U16_MAX - take) // U16_MAX * 1_000 * RAO // staked if staked else 0,
        "total_daily_return": daily,
    }


def _all_stakers(state: Reader, hotkey: str, netuids: list[int]) -> list[Position]:
    return [each for netuid in netuids for each in stakers(state, hotkey, netuid) if each.alpha]


def _has_permit(state: Reader, netuid: int, hotkey: str) -> bool:
    uid, permits = state.get(SUBTENSOR, "Uids", netuid, hotkey), state.get(SUBTENSOR, "ValidatorPermit", netuid)
    return uid is not None and uid < len(permits) and bool(permits[uid])


def _daily_return(state: Reader, hotkey: str, netuids: list[int]) -> int:
    """Rao of TAO that a day of dividends like the last epoch's is worth at present prices."""
    worth = 0
    for netuid in netuids:
        tempo = int(state.get(SUBTENSOR, "Tempo", netuid))
        if netuid == ROOT_NETUID or not tempo:
            continue
        dividends = int(state.get(SUBTENSOR, "AlphaDividendsPerSubnet", netuid, hotkey))
        worth += dividends * alpha_price(state, netuid) // RAO * _BLOCKS_PER_DAY // tempo
    return worth
