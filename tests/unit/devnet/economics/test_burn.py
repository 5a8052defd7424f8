"""The registration price falls to a half in its half-life."""

import pytest

from taostack.devnet.economics.burn import Q32, decay, decay_factor, power


@pytest.mark.parametrize("half_life", [1, 2, 7, 100, 360, 65_535])
def test_the_factor_is_the_largest_whose_power_is_at_most_a_half(half_life: int) -> None:
    factor = decay_factor(half_life)
    assert power(factor, half_life) <= Q32 // 2
    assert power(factor + 1, half_life) > Q32 // 2


def test_a_price_halves_in_its_half_life() -> None:
    price = 10**12
    for _ in range(360):
        price = decay(price, 360, 0, 10**15)
    assert abs(price - 5 * 10**11) < 5 * 10**11 // 1_000


def test_a_price_stays_between_its_bounds() -> None:
    assert decay(1_000, 1, 800, 10**9) == 800
    assert decay(10**12, 360, 0, 10**9) == 10**9


def test_no_half_life_means_no_fall() -> None:
    assert decay(12_345, 0, 0, 10**9) == 12_345
