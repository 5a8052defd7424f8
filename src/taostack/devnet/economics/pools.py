"""The pool of a subnet: a constant-product market of TAO against alpha.

The chain's Balancer has the invariant ``tao^w * alpha^(1-w)``; with both weights
at one half, as every subnet starts, that is ``tao * alpha``, which is what is
computed here. All amounts are rao (of TAO or of alpha), all roundings favour the
pool, and the fee (33/65535 of what is paid in) stays in the pool.

Root has no market: one alpha is one TAO, without a fee (``Stable``).
"""

import math
from dataclasses import dataclass
from typing import Final, Protocol

RAO: Final = 1_000_000_000
FEE_UNIT: Final = 65_535
DEFAULT_FEE_RATE: Final = 33
MAX_INPUT_RATIO: Final = 1_000
"""A single swap may pay in at most this many times the pool's reserve of what is paid."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One swap: ``paid`` went in (``fee`` of it for the pool), ``received`` came out."""

    paid: int
    received: int
    fee: int
    market: "Market"
    """The market after the swap."""


class Market(Protocol):
    """What staking needs of a pool; other curves fit in here."""

    @property
    def price(self) -> int:
        """Rao of TAO per whole alpha (10^9 rao of it), rounded down."""
        ...

    def buy(self, tao: int) -> Trade:
        """Pay ``tao`` for alpha."""
        ...

    def sell(self, alpha: int) -> Trade:
        """Pay ``alpha`` for TAO."""
        ...

    def buyable_at(self, limit: int) -> int:
        """The most TAO that can be paid before the price exceeds ``limit`` (rao per alpha)."""
        ...

    def sellable_at(self, limit: int) -> int:
        """The most alpha that can be paid before the price falls below ``limit`` (rao per alpha)."""
        ...


@dataclass(frozen=True, slots=True)
class Pool:
    """A dynamic subnet's reserves (rao) and fee rate (of 65535)."""

    tao: int
    alpha: int
    fee_rate: int = DEFAULT_FEE_RATE

    @property
    def price(self) -> int:
        return self.tao * RAO // self.alpha if self.alpha else 0

    def fee(self, paid: int) -> int:
        """The part of ``paid`` that is kept as the fee."""
        return paid * self.fee_rate // FEE_UNIT

    def buy(self, tao: int) -> Trade:
        fee = self.fee(tao)
        received = _out(self.tao, self.alpha, tao - fee)
        return Trade(tao, received, fee, Pool(self.tao + tao, self.alpha - received, self.fee_rate))

    def sell(self, alpha: int) -> Trade:
        fee = self.fee(alpha)
        received = _out(self.alpha, self.tao, alpha - fee)
        return Trade(alpha, received, fee, Pool(self.tao - received, self.alpha + alpha, self.fee_rate))

    def buyable_at(self, limit: int) -> int:
        # price after = (tao+d)^2 / (tao*alpha) <= limit / 1e9
        reach = math.isqrt(self.tao * self.alpha * limit // RAO)
        return self._gross(max(0, reach - self.tao))

    def sellable_at(self, limit: int) -> int:
        if limit == 0:
            return self.alpha * MAX_INPUT_RATIO
        # price after = (tao*alpha) / (alpha+d)^2 >= limit / 1e9
        reach = math.isqrt(self.tao * self.alpha * RAO // limit)
        return self._gross(max(0, reach - self.alpha))

    def _gross(self, net: int) -> int:
        """The largest payment of which at most ``net`` is left after the fee."""
        gross = net * FEE_UNIT // (FEE_UNIT - self.fee_rate)
        return gross + 1 if gross + 1 - self.fee(gross + 1) <= net else gross


@dataclass(frozen=True, slots=True)
class Stable:
    """Root's exchange: one to one, no fee, no reserve to move."""

    @property
    def price(self) -> int:
        return RAO

    def buy(self, tao: int) -> Trade:
        return Trade(tao, tao, 0, self)

    def sell(self, alpha: int) -> Trade:
        return Trade(alpha, alpha, 0, self)

    def buyable_at(self, limit: int) -> int:
        return (1 << 64) - 1 if limit >= RAO else 0

    def sellable_at(self, limit: int) -> int:
        return (1 << 64) - 1 if limit <= RAO else 0


def _out(reserve_in: int, reserve_out: int, paid: int) -> int:
    """What a constant-product pool gives for ``paid``, rounded down."""
    return reserve_out * paid // (reserve_in + paid) if reserve_in + paid else 0


@dataclass(frozen=True, slots=True)
class Quote:
    """What a simulated swap would do (rao): the runtime API's ``SimSwapResult``."""

    tao: int
    alpha: int
    tao_fee: int
    alpha_fee: int
    tao_slippage: int
    alpha_slippage: int


def quote_buy(market: Market, tao: int) -> Quote:
    """Simulate paying ``tao``; slippage is what the moved price costs, beside the fee."""
    trade = market.buy(tao)
    price = market.price
    ideal = (tao - trade.fee) * RAO // price if price else 0
    missing = max(0, ideal - trade.received)
    return Quote(tao, trade.received, trade.fee, 0, missing * price // RAO, missing)


def quote_sell(market: Market, alpha: int) -> Quote:
    """Simulate paying ``alpha``."""
    trade = market.sell(alpha)
    price = market.price
    missing = max(0, (alpha - trade.fee) * price // RAO - trade.received)
    return Quote(trade.received, alpha, 0, trade.fee, missing, missing * RAO // price if price else 0)
