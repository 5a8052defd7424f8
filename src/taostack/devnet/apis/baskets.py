"""Root baskets: the devnet has none, and says so in the shapes that clients expect."""

from typing import Any

from taostack.devnet.pallets.dispatch import Context, runtime_api

_ONE = {"bits": 1 << 64}
_API = "BetaBasketRuntimeApi"


@runtime_api(f"{_API}.get_root_basket_owed")
def get_root_basket_owed(ctx: Context, coldkey: str) -> int:
    """Rao that a coldkey could claim."""
    return 0


@runtime_api(f"{_API}.get_basket_payout")
def get_basket_payout(ctx: Context, hotkey: str, coldkey: str) -> int:
    """Rao that leaving a basket would pay."""
    return 0


@runtime_api(f"{_API}.get_validator_basket_nav")
def get_validator_basket_nav(ctx: Context, hotkey: str) -> int:
    """Rao that a basket is worth."""
    return 0


@runtime_api(f"{_API}.get_root_basket_total_nav")
def get_root_basket_total_nav(ctx: Context) -> int:
    """Rao that all baskets are worth."""
    return 0


@runtime_api(f"{_API}.get_validator_basket")
def get_validator_basket(ctx: Context, hotkey: str) -> list[Any]:
    """What a basket holds."""
    return []


@runtime_api(f"{_API}.get_all_validator_baskets")
def get_all_validator_baskets(ctx: Context) -> list[Any]:
    """All baskets."""
    return []


@runtime_api(f"{_API}.get_root_basket_positions")
def get_root_basket_positions(ctx: Context, coldkey: str) -> list[Any]:
    """A coldkey's shares."""
    return []


@runtime_api(f"{_API}.get_root_basket_portfolio")
def get_root_basket_portfolio(ctx: Context, coldkey: str) -> list[Any]:
    """A coldkey's shares with their worth."""
    return []


@runtime_api(f"{_API}.get_beta_portfolio")
def get_beta_portfolio(ctx: Context, coldkey: str) -> list[Any]:
    """A coldkey's shares as clients show them."""
    return []


@runtime_api(f"{_API}.get_basket_position")
def get_basket_position(ctx: Context, hotkey: str, coldkey: str) -> None:
    """One position."""


@runtime_api(f"{_API}.get_beta_position")
def get_beta_position(ctx: Context, hotkey: str, coldkey: str) -> None:
    """One position as clients show it."""


@runtime_api(f"{_API}.get_beta_pricing")
def get_beta_pricing(ctx: Context, hotkey: str) -> None:
    """The price of a basket's share."""


@runtime_api(f"{_API}.get_all_beta_pricing")
def get_all_beta_pricing(ctx: Context, start_after: str | None, limit: int) -> dict[str, Any]:
    """The prices of all shares, a page at a time."""
    return {"pricing": [], "next": None}


@runtime_api(f"{_API}.get_beta_index")
def get_beta_index(ctx: Context) -> tuple[dict[str, int], dict[str, int]]:
    """The two indices over all baskets, at their start value 1."""
    return _ONE, _ONE


@runtime_api(f"{_API}.get_validator_basket_summary")
def get_validator_basket_summary(ctx: Context, hotkey: str) -> dict[str, Any]:
    """The sums of one basket."""
    amounts = dict.fromkeys(("nav_tao", "spot_nav_tao", "shares", "deposited_tao", "redeemed_tao"), 0)
    return {"hotkey": hotkey, "holdings": [], **amounts}


@runtime_api(f"{_API}.get_basket_trading_status")
def get_basket_trading_status(ctx: Context, hotkey: str) -> dict[str, Any]:
    """Whether a basket may trade."""
    return {"enabled": False, "frozen": False, "refill_blocks": 0, "tao_available": 0, "budget_tao": 0}
