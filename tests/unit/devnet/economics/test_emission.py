"""What a block emits and where it goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taostack.devnet.economics.emission import (
    Demand,
    block_emission,
    moving_price,
    root_proportion,
    tao_shares,
    terms,
)
from taostack.devnet.economics.fixed import I96F32, U96F32
from taostack.devnet.economics.pools import Pool

RAO = 10**9
MILLION = 10**6 * RAO


@pytest.mark.parametrize(
    ("issued", "emission"),
    [
        (0, RAO),
        (10 * MILLION, RAO),
        (10_500_000 * RAO - 1, RAO),
        (10_500_000 * RAO, RAO // 2),
        (15_750_000 * RAO, RAO // 4),
        (18_375_000 * RAO, RAO // 8),
        (21 * MILLION - RAO, RAO >> 24),
        (21 * MILLION, 0),
        (22 * MILLION, 0),
    ],
)
def test_emission_halves_each_time_half_of_the_rest_is_issued(issued: int, emission: int) -> None:
    assert block_emission(issued) == emission


def test_tao_follows_the_moving_price() -> None:
    shares = tao_shares({1: Demand(I96F32.one, 0), 2: Demand(3 * I96F32.one, 0)}, RAO)
    assert shares == {1: RAO // 4, 2: 3 * RAO // 4}


def test_a_subnet_whose_owner_withholds_incentive_gets_less_tao() -> None:
    half = U96F32.one // 2
    shares = tao_shares({1: Demand(I96F32.one, half), 2: Demand(I96F32.one, 0)}, 3 * RAO)
    assert shares == {1: RAO, 2: 2 * RAO}
    assert tao_shares({1: Demand(I96F32.one, U96F32.one), 2: Demand(1, 0)}, RAO) == {1: 0, 2: RAO}


def test_before_any_price_is_known_all_get_the_same() -> None:
    assert tao_shares({1: Demand(0, 0), 2: Demand(0, 0), 3: Demand(0, 0)}, RAO) == dict.fromkeys((1, 2, 3), RAO // 3)
    assert tao_shares({}, RAO) == {}


@given(st.dictionaries(st.integers(1, 50), st.builds(Demand, st.integers(0, 2**40), st.integers(0, 2**32)), min_size=1))
def test_never_more_tao_than_there_is(demands: dict[int, Demand]) -> None:
    shares = tao_shares(demands, RAO)
    assert RAO - len(demands) <= sum(shares.values()) <= RAO


PROPORTION = st.integers(0, U96F32.one)


@given(st.integers(0, RAO), st.integers(1, 10**15), st.integers(1, 10**15), st.integers(0, RAO), PROPORTION)
def test_the_parts_of_a_subnets_emission_add_up(tao: int, held: int, alpha: int, emitted: int, root: int) -> None:
    result = terms(tao, Pool(held, alpha), alpha_emission=emitted, root_proportion=root, pool_side=True)
    assert result.tao_in + result.excess_tao == tao
    assert result.owner_cut + result.server + result.validator + result.root == result.alpha_out == emitted
    assert min(result.tao_in, result.excess_tao, result.server, result.validator, result.root) >= 0
    # liquidity comes in at the price, so that it does not move by more than a rounding
    assert result.tao_in * alpha <= result.alpha_in * held


def test_eighteen_percent_for_the_owner_and_halves_for_miners_and_validators() -> None:
    result = terms(0, Pool(1, 1), alpha_emission=RAO, root_proportion=0, pool_side=True)
    assert result.owner_cut == RAO * 11_796 // 65_535
    assert result.server == result.validator == (RAO - result.owner_cut) // 2


def test_without_the_pool_side_alpha_is_emitted_as_before() -> None:
    on = terms(RAO, Pool(10**12, 10**12), alpha_emission=RAO, root_proportion=U96F32.one // 4, pool_side=True)
    off = terms(RAO, Pool(10**12, 10**12), alpha_emission=RAO, root_proportion=U96F32.one // 4, pool_side=False)
    assert (off.tao_in, off.alpha_in, off.excess_tao) == (0, 0, 0)
    assert (on.alpha_in, on.tao_in, on.excess_tao) == (RAO // 4, RAO // 4, RAO - RAO // 4)
    assert (off.owner_cut, off.server, off.validator, off.root) == (on.owner_cut, on.server, on.validator, on.root)


def test_roots_part_is_its_weighed_tao_in_all_stake_weight() -> None:
    assert root_proportion(100 * RAO, U96F32.one // 2, 150 * RAO) == U96F32.one // 4
    assert root_proportion(0, U96F32.one, 0) == 0


def test_the_moving_price_starts_slowly_and_is_capped_at_one() -> None:
    price, smoothing = 0, 12_885
    for block in range(2_000):
        price = moving_price(price, 5 * I96F32.one, smoothing=smoothing, blocks=block, halving_blocks=201_600)
    assert 0 < price < I96F32.one // 1_000
    settled = moving_price(I96F32.one, 9 * I96F32.one, smoothing=smoothing, blocks=10**9, halving_blocks=201_600)
    assert I96F32.one - 2 <= settled <= I96F32.one
