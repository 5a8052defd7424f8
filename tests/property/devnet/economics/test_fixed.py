"""Arrays of I32F32 compute what unbounded integers compute, at any size of operand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taostack.devnet.economics import fixed
from taostack.devnet.economics.fixed import I32F32, I64F64, I96F32, ONE, U64F64

BITS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-2 * ONE, 2 * ONE),
    st.sampled_from([0, 1, -1, ONE, -ONE, ONE - 1, ONE + 1, 2**63 - 1, -(2**63), 65_535 << 32]),
)
NOT_NEGATIVE = BITS.map(lambda bits: abs(bits) & (2**63 - 1))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(BITS, BITS), min_size=1, max_size=8))
def test_a_product_is_floored_and_saturated(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(side, np.int64) for side in zip(*pairs, strict=True))
    assert fixed.mul(a, b).tolist() == [I32F32.mul(x, y) for x, y in pairs]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(NOT_NEGATIVE, NOT_NEGATIVE), min_size=1, max_size=8))
def test_a_quotient_is_floored_saturated_and_zero_over_zero(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(side, np.int64) for side in zip(*pairs, strict=True))
    assert fixed.div(a, b).tolist() == [I32F32.div(x, y) for x, y in pairs]


@given(st.integers(-25 * ONE, 25 * ONE))
def test_the_exponential_is_close_to_the_real_one_where_its_series_converges(x: int) -> None:
    result = int(fixed.exp(np.array([x]))[0])
    real = math.exp(max(-20.0, min(20.0, x / ONE)))
    if abs(x) <= 8 * ONE:
        assert abs(result / ONE - real) <= max(real, 1.0) * 1e-7
    assert result >= 0


def test_the_exponential_of_whole_marks() -> None:
    zero, one, minus_one = fixed.exp(np.array([0, ONE, -ONE])).tolist()
    assert zero == ONE
    assert one == math.floor(math.e * ONE)
    assert abs(minus_one / ONE - math.exp(-1)) < 1e-8


@given(st.integers(1, 2**100))
def test_logarithms_are_close_to_the_real_ones(value: int) -> None:
    real = math.log2(value) - 32
    assert abs(fixed.log2(value, I96F32) / ONE - real) < 1e-6
    assert abs(fixed.ln(value, I96F32) / ONE - real * math.log(2)) < 1e-5


def test_the_logarithm_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="positive"):
        fixed.log2(0, I64F64)


@given(st.integers(0, 2**63 - 1))
def test_conversion_cuts_what_does_not_fit(whole: int) -> None:
    assert I32F32.convert(I64F64.of(whole), I64F64) == min(whole << 32, 2**63 - 1)
    assert U64F64.convert(I32F32.of(whole), I32F32) == min(whole << 32, 2**63 - 1) << 32
    assert I64F64.convert((whole << 64) + 1, I64F64) == (whole << 64) + 1


@given(st.integers(-(2**70), 2**70))
def test_a_type_never_leaves_its_range(bits: int) -> None:
    for kind in (I32F32, U64F64):
        assert kind.min <= kind.saturate(bits) <= kind.max
    assert U64F64.saturate(-1) == 0


def test_parts_are_stored_as_u16_rounded_down() -> None:
    assert fixed.to_u16(np.array([0, ONE // 2, ONE, 2 * ONE])).tolist() == [0, 32_767, 65_535, 65_535]


def test_a_negative_quotient_is_cut_towards_zero() -> None:
    assert I32F32.div(I32F32.of(1000), I32F32.of(-100)) == I32F32.of(-10)
    assert I32F32.div(-1, I32F32.of(2)) == 0
