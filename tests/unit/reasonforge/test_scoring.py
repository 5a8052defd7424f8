"""Verified dimensions, similarity, hashes, legacy heuristics, standings, batches."""

import math
import random

import numpy as np
import pytest

from taostack.reasonforge.errors import ScoringInputError
from taostack.reasonforge.rules import COMPAT, DEFAULT
from taostack.reasonforge.scoring import batch, cms, formulas, hashes, legacy, similarity
from taostack.reasonforge.scoring.standing import History, Performance, audit_window, settle, standard_error


def dims(**given):
    return cms.dimensions(
        cms.Evidence(**given),
        domain="mathematics",
        answer_check="numerical",
        declared_checks=("numerical",),
        threshold=1.0,
        timeout_seconds=100.0,
    )


def test_a_right_answer_with_true_claims_in_half_the_time_scores_as_the_specification_says():
    assert dims(correct=1.0, claims_checked=4, claims_true=4, solve_seconds=50).cms == pytest.approx(0.9625)


def test_a_wrong_answer_scores_nothing_however_fast_and_confident():
    assert dims(correct=0.0, claims_checked=20, claims_true=20, solve_seconds=0) == cms.NOTHING


def test_false_claims_cost_quality_alone():
    found = dims(correct=1.0, claims_checked=4, claims_true=1)
    assert (found.quality, found.accuracy, found.novelty, found.efficiency) == (0.25, 1.0, 1.0, 1.0)


def test_the_second_to_submit_the_same_solution_has_less_novelty():
    assert dims(correct=1.0, earlier_same=3).novelty == 0.5


def test_a_near_copy_halves_quality_accuracy_and_novelty_but_not_efficiency():
    found = dims(correct=1.0, similarity=0.96)
    assert (found.quality, found.accuracy, found.novelty, found.efficiency) == (0.5, 0.5, 0.5, 1.0)


def test_solving_time_leaves_out_the_round_trip_within_limits():
    assert cms.solve_seconds(1.0, [0.1, 0.3, 0.2]) == pytest.approx(0.8)
    assert cms.solve_seconds(1.0, []) == 1.0
    assert cms.solve_seconds(0.1, [0.5]) == 0.0
    assert cms.solve_seconds(10.0, [9.0, 9.0], most=0.5) == 9.5
    assert cms.solve_seconds(1.0, [float("nan"), -1.0]) == 1.0


def test_efficiency_falls_to_one_half_at_the_timeout():
    assert [cms.efficiency(seconds, 10) for seconds in (0, 5, 10, 99)] == [1.0, 0.75, 0.5, 0.5]
    assert cms.efficiency(1, 0) == cms.efficiency(float("nan"), 10) == 0


def test_similarity_of_nothing_with_nothing_is_zero():
    assert similarity.jaccard(frozenset(), frozenset()) == 0
    assert similarity.similarity_factor(float("nan")) == 1


def test_the_commitment_separates_what_the_old_hashes_confuse():
    assert hashes.mvp_submission_hash("t", "m", "a:b", []) == hashes.mvp_submission_hash("t", "m", "a", ["b"])
    one = hashes.submission_commitment(task_id="t", hotkey="m", steps=[], final_answer="a:b")
    other = hashes.submission_commitment(task_id="t", hotkey="m", steps=["b"], final_answer="a")
    assert one != other
    assert len(one) == 64


def test_floats_have_no_place_in_canonical_json():
    assert hashes.canonical_json({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'.encode()
    with pytest.raises(TypeError):
        hashes.canonical_json({"a": [{"b": 0.5}]})


def test_legacy_heuristics_can_be_fooled_and_therefore_do_not_pay():
    step = legacy.HeuristicStep("word " * 100, 1.0, True, True)
    assert legacy.heuristic_quality([step] * 5, 5) == 1.0
    assert legacy.heuristic_quality([], 5) == legacy.heuristic_novelty([]) == 0
    assert legacy.heuristic_novelty([""]) == 0
    with pytest.raises(ScoringInputError):
        legacy.heuristic_quality([step._replace(confidence=-0.1)], 5)


def test_legacy_efficiency_at_its_edges():
    assert legacy.heuristic_efficiency(None, 300) == 0.5
    assert legacy.heuristic_efficiency(300_001, 300) == 0
    assert legacy.heuristic_efficiency(2_999, 300) == 0.2
    assert legacy.heuristic_efficiency(float("nan"), 300) == 0
    with pytest.raises(ScoringInputError):
        legacy.heuristic_efficiency(1, 0)


def performance(hotkey, scores, *, registered_at=1, uid=0, audited=()):
    return Performance(
        hotkey=hotkey,
        registered_at=registered_at,
        uid=uid,
        scores=tuple(scores),
        multipliers=(1.0,) * len(scores),
        audited=tuple(audited),
    )


def test_ties_go_to_the_earlier_registration():
    rows = settle(
        [performance("b", [0.5], registered_at=9), performance("a", [0.5], registered_at=10)], [History(), History()]
    )
    assert [row.hotkey for row in rows] == ["b", "a"]


def test_weights_sum_to_one_over_those_who_earned():
    rows = settle([performance("a", [1.0]), performance("b", [0.5]), performance("c", [])], [History()] * 3)
    assert math.isclose(sum(row.weight for row in rows), 1.0)
    assert rows[-1].weight == rows[-1].streak == 0


def test_a_uid_that_changed_hands_within_an_epoch_pays_both_holders_their_own():
    rows = settle([performance("old", [1.0], uid=4), performance("new", [0.5], uid=4)], [History()] * 2)
    assert [round(row.weight, 3) for row in rows] == [0.686, 0.314]


def test_few_audits_mean_probation_instead_of_a_penalty():
    [row] = settle([performance("a", [1.0], audited=[0.0, 0.0])], [History()])
    assert (row.trap_penalty, row.probation) == (1.0, 0.5)
    [row] = settle([performance("a", [1.0], audited=[0.0])], [History(audits=(0.0,) * 5)])
    assert (row.trap_penalty, row.probation, row.weight) == (0.0, 1.0, 0.0)


def test_the_audit_window_keeps_the_newest_outcomes():
    assert audit_window([0.0] * 30, [1.0]) == (0.0,) * 19 + (1.0,)


def test_a_streak_grows_only_for_who_clears_the_first_rank_outside_the_top():
    close = [performance(f"m{number:02d}", [0.5, 0.9]) for number in range(12)]
    rows = settle(close, [History(streak=3)] * 12)
    assert {row.streak for row in rows} == {0}
    ahead = [performance("best", [1.0, 0.99]), *close]
    rows = settle(ahead, [History(streak=3)] * 13)
    assert [row.streak for row in rows[:2]] == [4, 0]


def test_the_standard_error_of_one_task_is_unknown_and_counts_zero():
    assert standard_error([0.5], [1.0]) == 0
    assert standard_error([0.0, 1.0], [1.0, 1.0]) == pytest.approx(0.5)


def test_honest_miners_meet_false_trap_penalties_rarely_and_spammers_pay():
    rng = random.Random(5)
    honest = [
        formulas.trap_penalty([float(rng.random() < 0.8) for _ in range(DEFAULT.trap_window)]) for _ in range(5_000)
    ]
    spammer = [
        formulas.trap_penalty([float(rng.random() < 0.1) for _ in range(DEFAULT.trap_window)]) for _ in range(5_000)
    ]
    assert sum(penalty < 1 for penalty in honest) / len(honest) < 1e-3
    assert sum(spammer) / len(spammer) <= 0.34


@pytest.mark.parametrize("rules", [DEFAULT, COMPAT])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_batched_consensus_is_the_scalar_one(rules, size):
    source = np.random.default_rng(size)
    scores = source.integers(0, 5, (200, size)) / 4
    stakes = source.integers(0, 4, (200, size)).astype(float)
    expected = [
        formulas.consensus(list(zip(row, weights, strict=True)), rules=rules)
        for row, weights in zip(scores.tolist(), stakes.tolist(), strict=True)
    ]
    assert batch.consensus(scores, stakes, rules=rules) == pytest.approx(np.array(expected))


def test_batched_consensus_of_nobody_is_zero():
    assert batch.consensus(np.zeros((3, 0)), np.zeros((3, 0))).tolist() == [0, 0, 0]
