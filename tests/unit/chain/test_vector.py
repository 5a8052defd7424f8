"""Weight vectors: the cases that a validator meets, by hand."""

import math

import numpy as np
import pytest

from taostack.chain.vector import Limits, VectorRefusedError, WeightVector, prepare

U16 = 65_535


def test_scores_become_weights_upscaled_to_65535():
    vector = prepare({0: 0.0, 1: 1.0, 2: 0.5, 3: 0.25}, Limits(4))
    assert vector == WeightVector((1, 2, 3), (U16, 32_768, 16_384))


def test_one_score_per_uid_may_be_given_as_an_array():
    assert prepare(np.array([0.0, 2.0, 2.0]), Limits(3)) == WeightVector((1, 2), (U16, U16))


def test_the_largest_share_is_clipped_to_the_limit_and_the_rest_keeps_its_ratios():
    limit = U16 // 2
    vector = prepare({0: 10.0, 1: 2.0, 2: 1.0}, Limits(3, 1, limit))
    shares = vector.shares()
    assert shares[0] == pytest.approx(limit / U16, abs=1e-4)
    assert shares[0] <= limit / U16
    assert shares[1] / shares[2] == pytest.approx(2.0, abs=1e-3)


def test_equal_scores_are_fine_when_the_limit_is_exactly_their_share():
    assert prepare([1.0, 1.0, 1.0], Limits(3, 1, U16 // 3)) == WeightVector((0, 1, 2), (U16, U16, U16))


def test_too_few_scores_for_the_limit_are_refused_with_the_number_needed():
    with pytest.raises(VectorRefusedError, match="allows no vector of 2 weights") as refused:
        prepare([1.0, 1.0, 0.0], Limits(3, 1, U16 // 3))
    assert refused.value.code == "too-few-weights"
    assert "at least 3 neurons" in refused.value.remedy


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1.0, -1e-300])
def test_a_score_that_is_no_score_is_refused_and_named(bad):
    with pytest.raises(VectorRefusedError, match="uids 2 ") as refused:
        prepare({1: 1.0, 2: bad}, Limits(4))
    assert refused.value.code == "invalid-scores"


def test_many_wrong_scores_are_counted_not_listed():
    with pytest.raises(VectorRefusedError, match="and 12 more"):
        prepare([math.nan] * 20, Limits(20))


def test_a_uid_outside_the_subnet_is_refused():
    with pytest.raises(VectorRefusedError, match="uids 9 do not exist"):
        prepare({9: 1.0}, Limits(4))


def test_scores_of_the_wrong_shape_are_refused():
    with pytest.raises(VectorRefusedError, match="shape"):
        prepare(np.ones((2, 2)), Limits(4))


@pytest.mark.parametrize("scores", [{}, {0: 0.0}, [], [0.0, 0.0]])
def test_scores_without_any_above_zero_set_nothing(scores):
    with pytest.raises(VectorRefusedError) as refused:
        prepare(scores, Limits(4))
    assert refused.value.code == "all-zero"


def test_a_self_weight_alone_is_exempt_from_limit_and_length():
    assert prepare({2: 0.1}, Limits(4, 3, 100, own_uid=2)) == WeightVector((2,), (U16,))


def test_zero_weights_fill_up_to_the_least_number_of_entries():
    assert prepare({3: 1.0, 1: 1.0}, Limits(5, 4)) == WeightVector((0, 1, 2, 3), (0, U16, 0, U16))


def test_a_subnet_smaller_than_its_least_number_of_weights_is_filled_to_its_size():
    assert prepare({1: 1.0}, Limits(2, 16)) == WeightVector((0, 1), (0, U16))


def test_a_share_too_small_for_u16_is_left_out():
    assert prepare({0: 1.0, 1: 1e-9}, Limits(2)) == WeightVector((0,), (U16,))


def test_a_digest_ignores_order_and_zero_weights():
    one = WeightVector((1, 2, 3), (5, 0, 7))
    assert one.digest() == WeightVector.from_row([(3, 7), (1, 5)]).digest()
    assert one.digest() != WeightVector((1, 3), (5, 8)).digest()
