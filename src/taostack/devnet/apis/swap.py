"""Prices of alpha, and what a swap would do: ``SwapRuntimeApi``."""

from typing import Any

from taostack.devnet.economics.pools import Quote, quote_buy, quote_sell
from taostack.devnet.pallets.dispatch import Context, runtime_api
from taostack.devnet.pallets.neurons import subnets
from taostack.devnet.pallets.stake_ledger import alpha_price, market


@runtime_api("SwapRuntimeApi.current_alpha_price")
def current_alpha_price(ctx: Context, netuid: int) -> int:
    """Rao of TAO per alpha."""
    return alpha_price(ctx.state, netuid)


@runtime_api("SwapRuntimeApi.current_alpha_price_all")
def current_alpha_price_all(ctx: Context) -> list[dict[str, int]]:
    """The price on every subnet."""
    return [{"netuid": netuid, "price": alpha_price(ctx.state, netuid)} for netuid in subnets(ctx.state)]


@runtime_api("SwapRuntimeApi.sim_swap_tao_for_alpha")
def sim_swap_tao_for_alpha(ctx: Context, netuid: int, tao: int) -> dict[str, Any]:
    """What staking ``tao`` rao would give."""
    return _result(quote_buy(market(ctx.state, netuid), tao))


@runtime_api("SwapRuntimeApi.sim_swap_alpha_for_tao")
def sim_swap_alpha_for_tao(ctx: Context, netuid: int, alpha: int) -> dict[str, Any]:
    """What unstaking ``alpha`` rao would give."""
    return _result(quote_sell(market(ctx.state, netuid), alpha))


def _result(quote: Quote) -> dict[str, Any]:
    return {
        "tao_amount": quote.tao,
        "alpha_amount": quote.alpha,
        "tao_fee": quote.tao_fee,
        "alpha_fee": quote.alpha_fee,
        "tao_slippage": quote.tao_slippage,
        "alpha_slippage": quote.alpha_slippage,
    }
