"""A share pool gives everybody what is theirs, and never more than there is."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taostack.devnet.economics.shares import ZERO, SafeFloat, SharePool

AMOUNT = st.integers(1, 10**15)
STEP = st.one_of(
    st.tuples(st.just("deposit"), st.integers(0, 4), AMOUNT),
    st.tuples(st.just("withdraw"), st.integers(0, 4), st.integers(0, 100)),
    st.tuples(st.just("grow"), st.just(0), AMOUNT),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_any_history_of_a_pool_keeps_positions_exact_to_a_rao(steps: list[tuple[str, int, int]]) -> None:
    pool, held = SharePool(0, ZERO), [ZERO] * 5
    ideal = [Fraction(0)] * 5
    for what, who, amount in steps:
        if what == "deposit":
            pool, held[who] = pool.deposit(held[who], amount)
            ideal[who] += amount
        elif what == "withdraw":
            whole = pool.worth(held[who])
            taken = whole * amount // 100
            pool, held[who] = pool.withdraw(held[who], taken)
            ideal[who] -= taken
            if taken == whole:  # who leaves, leaves the part of a rao behind for the others
                rest, ideal[who], others = ideal[who], Fraction(0), sum(ideal) - ideal[who]
                ideal = [part + rest * part / others for part in ideal] if others else ideal
        elif pool.shares.mantissa:
            total = sum(ideal)
            pool = pool.grow(amount)
            ideal = [part + amount * part / total for part in ideal] if total else ideal
        worth = [pool.worth(each) for each in held]
        assert sum(worth) <= pool.alpha
        if sum(ideal):
            assert sum(worth) >= pool.alpha - len(held)
        for value, exact in zip(worth, ideal, strict=True):
            assert abs(value - exact) <= 1 + exact / 10**15


@given(st.fractions(min_value=0, max_value=10**30))
def test_a_decimal_keeps_twenty_digits(value: Fraction) -> None:
    number = SafeFloat.of(value)
    assert 0 <= value - number.value <= value / 10**19
    assert number.mantissa < 10**21


def test_whole_numbers_are_kept_exactly() -> None:
    assert SafeFloat.of(Fraction(12_300)) == SafeFloat(123, 2)
    assert SafeFloat.of(Fraction(-1)) == ZERO
    assert ZERO.value == 0


def test_more_than_a_position_cannot_be_withdrawn() -> None:
    pool, held = SharePool(0, ZERO).deposit(ZERO, 10)
    with pytest.raises(ValueError, match="11 rao"):
        pool.withdraw(held, 11)


def test_the_last_holder_takes_everything() -> None:
    pool, first = SharePool(0, ZERO).deposit(ZERO, 7)
    pool, second = pool.deposit(ZERO, 3)
    pool, first = pool.withdraw(first, 7)
    assert first == ZERO
    assert pool.worth(second) == 3
    assert pool.withdraw(second, 3) == (SharePool(0, ZERO), ZERO)
