"""A pool never gives more than it should, and limits are kept."""

from hypothesis import assume, given
from hypothesis import strategies as st

from taostack.devnet.economics.pools import RAO, Pool, Stable, quote_buy, quote_sell

RESERVE = st.integers(10**6, 10**16)
AMOUNT = st.integers(0, 10**16)


@given(RESERVE, RESERVE, AMOUNT, st.integers(0, 10_000))
def test_the_product_of_the_reserves_never_falls(tao: int, alpha: int, paid: int, rate: int) -> None:
    pool = Pool(tao, alpha, rate)
    for trade in (pool.buy(paid), pool.sell(paid)):
        after = trade.market
        assert isinstance(after, Pool)
        assert after.tao * after.alpha >= tao * alpha
        assert trade.fee == paid * rate // 65_535
        assert min(after.tao, after.alpha) > 0


@given(RESERVE, RESERVE, AMOUNT)
def test_buying_and_selling_again_never_makes_money(tao: int, alpha: int, paid: int) -> None:
    bought = Pool(tao, alpha).buy(paid)
    assert bought.market.sell(bought.received).received <= paid


@given(RESERVE, RESERVE, st.integers(1_010, 5_000))
def test_a_purchase_within_its_limit_moves_the_price_no_further(tao: int, alpha: int, factor: int) -> None:
    pool = Pool(tao, alpha, 0)
    limit = pool.price * factor // 1_000
    assume(pool.price > 1_000)
    reach = pool.buyable_at(limit)
    after, beyond = pool.buy(reach).market, pool.buy(reach + 2 + tao // 10**5).market
    assert isinstance(after, Pool)
    assert isinstance(beyond, Pool)
    # what is paid out is rounded down, so that reserves are above the curve by less than one rao of alpha
    assert after.tao * RAO <= limit * (after.alpha + 1)
    assert beyond.tao * RAO >= limit * (beyond.alpha - 1)


@given(RESERVE, RESERVE, st.integers(200, 999))
def test_a_sale_within_its_limit_moves_the_price_no_further(tao: int, alpha: int, factor: int) -> None:
    pool = Pool(tao, alpha, 0)
    limit = pool.price * factor // 1_000
    assume(limit)
    reach = pool.sellable_at(limit)
    after = pool.sell(reach).market
    assert isinstance(after, Pool)
    assert (after.tao + 1) * RAO >= limit * after.alpha


@given(RESERVE, RESERVE, st.integers(0, 10**15))
def test_the_gross_of_a_limit_is_the_most_that_leaves_the_net(tao: int, alpha: int, net: int) -> None:
    pool = Pool(tao, alpha)
    gross = pool._gross(net)
    assert gross - pool.fee(gross) <= net
    assert gross + 1 - pool.fee(gross + 1) > net or gross + 2 - pool.fee(gross + 2) > net


def test_a_price_limit_below_the_price_lets_nothing_be_bought() -> None:
    pool = Pool(2 * RAO, RAO)
    assert pool.price == 2 * RAO
    assert pool.buyable_at(2 * RAO - 1) == 0
    assert pool.sellable_at(2 * RAO + 1) == 0
    assert pool.sellable_at(0) == 1_000 * RAO


def test_root_trades_one_to_one() -> None:
    root = Stable()
    assert root.price == RAO
    assert root.buy(7).received == root.sell(7).received == 7
    assert root.buyable_at(RAO) == root.sellable_at(RAO) == 2**64 - 1
    assert root.buyable_at(RAO - 1) == root.sellable_at(RAO + 1) == 0


def test_an_empty_pool_gives_nothing() -> None:
    assert Pool(0, 0).price == 0
    assert Pool(0, 0).buy(0).received == 0
    assert quote_buy(Pool(0, 0), 5).alpha == 0
    assert quote_sell(Pool(0, 0), 5).tao == 0


def test_a_quote_names_fee_and_slippage() -> None:
    quote = quote_buy(Pool(1_000 * RAO, 1_000 * RAO), 100 * RAO)
    assert quote.tao_fee == 50_354_772
    assert quote.alpha == 90_867_473_489
    assert quote.alpha_slippage == quote.tao_slippage == 100 * RAO - 50_354_772 - quote.alpha
    back = quote_sell(Pool(1_000 * RAO, 1_000 * RAO), 100 * RAO)
    assert (back.tao, back.alpha_fee, back.tao_fee) == (quote.alpha, quote.tao_fee, 0)
