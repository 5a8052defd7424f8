"""What the formulas promise for all inputs: ranges, monotony, conservation, independence of order."""

import math

from hypothesis import given
from hypothesis import strategies as st

from taostack.reasonforge.scoring import formulas
from taostack.reasonforge.scoring.formulas import MinerShare, ValidatorShare
from taostack.reasonforge.scoring.standing import History, Performance, settle

unit = st.floats(0, 1)
anything = st.floats(allow_nan=True, allow_infinity=True)
amounts = st.floats(0, 1e9)
miners = st.lists(st.builds(MinerShare, st.floats(0, 4), st.floats(0, 0.64), unit), min_size=1, max_size=40)


@given(anything, anything, anything, anything)
def test_cms_stays_in_its_range_whatever_comes(quality, accuracy, novelty, efficiency):
    assert 0 <= formulas.cms(quality, accuracy, novelty, efficiency) <= 1


@given(st.tuples(unit, unit, unit, unit), st.integers(0, 3), unit)
def test_cms_never_falls_when_a_dimension_rises(dimensions, index, more):
    raised = list(dimensions)
    raised[index] = max(raised[index], more)
    assert formulas.cms(*raised) >= formulas.cms(*dimensions) - 1e-15


@given(st.lists(st.tuples(anything, unit), max_size=30), anything)
def test_an_epoch_score_is_a_finite_number_of_at_least_zero(pairs, penalty):
    scores = [min(score, 2.0) if math.isfinite(score) else score for score, _ in pairs]
    found = formulas.epoch_score(scores, [weight for _, weight in pairs], penalty)
    assert math.isfinite(found)
    assert found >= 0


@given(miners, amounts)
def test_miners_are_paid_the_pool_or_nothing(rows, pool):
    paid = formulas.miner_rewards(rows, pool)
    total = math.fsum(paid)
    assert total == 0 or math.isclose(total, pool, rel_tol=1e-12)
    assert all(amount >= 0 for amount in paid)


@given(miners, amounts, st.randoms())
def test_the_order_of_miners_does_not_matter(rows, pool, rng):
    order = list(range(len(rows)))
    rng.shuffle(order)
    paid = formulas.miner_rewards(rows, pool)
    shuffled = formulas.miner_rewards([rows[index] for index in order], pool)
    for place, index in enumerate(order):
        assert math.isclose(shuffled[place], paid[index], rel_tol=1e-9, abs_tol=1e-9)


@given(st.lists(st.builds(ValidatorShare, unit, amounts, st.floats(1, 1.5)), min_size=1, max_size=20), amounts)
def test_validators_are_paid_the_whole_pool(rows, pool):
    assert math.isclose(math.fsum(formulas.validator_rewards(rows, pool)), pool, rel_tol=1e-9, abs_tol=1e-9)


@given(st.integers(0, 2**63), st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_whole_rao_are_conserved(pool, weights):
    parts = formulas.split_rao(pool, weights)
    assert sum(parts) in (0, pool)
    assert all(part >= 0 for part in parts)


@given(st.lists(st.tuples(unit, st.integers(0, 10_000)), max_size=12), st.randoms())
def test_consensus_lies_among_the_scores_and_knows_no_order(pairs, rng):
    agreed = formulas.consensus(pairs)
    shuffled = list(pairs)
    rng.shuffle(shuffled)
    assert formulas.consensus(shuffled) == agreed
    if sum(stake for _, stake in pairs):
        assert agreed == 0 or min(score for score, _ in pairs) <= agreed <= max(score for score, _ in pairs)


@given(st.lists(st.tuples(unit, st.integers(1, 100)), min_size=1, max_size=12), st.integers(2, 50))
def test_consensus_does_not_depend_on_the_unit_of_stake(pairs, factor):
    scaled = [(score, stake * factor) for score, stake in pairs]
    assert formulas.consensus(scaled) == formulas.consensus(pairs)


@given(unit, unit, amounts)
def test_a_slash_never_grows_with_accuracy_and_never_exceeds_its_share(first, second, stake):
    low, high = sorted((first, second))
    assert formulas.slash(stake, high) <= formulas.slash(stake, low) <= 0.018 * stake * (1 + 1e-12)


@given(st.lists(anything, max_size=30))
def test_a_trap_penalty_is_a_share(outcomes):
    assert 0 <= formulas.trap_penalty(outcomes) <= 1


@given(st.lists(st.lists(st.floats(0, 2), min_size=3, max_size=3), min_size=1, max_size=20), st.randoms())
def test_standings_know_no_order_and_weights_sum_to_one_or_nothing(scores, rng):
    rows = [
        Performance(hotkey=f"h{n:02d}", registered_at=n, uid=n, scores=tuple(row), multipliers=(1.0, 1.5, 2.0))
        for n, row in enumerate(scores)
    ]
    shuffled = list(rows)
    rng.shuffle(shuffled)
    placed = settle(rows, [History()] * len(rows))
    assert settle(shuffled, [History()] * len(rows)) == placed
    total = math.fsum(row.weight for row in placed)
    assert total == 0 or math.isclose(total, 1)
    assert [row.rank for row in placed] == list(range(1, len(rows) + 1))
