import math

import pytest

from taostack.reasonforge.errors import ScoringInputError
from taostack.reasonforge.rules import COMPAT
from taostack.reasonforge.scoring import formulas
from taostack.reasonforge.scoring.formulas import MinerShare, ValidatorShare

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("total", [-1.0, NAN, INF, -INF])
def test_an_emission_that_is_negative_or_not_finite_is_refused(total):
    with pytest.raises(ScoringInputError):
        formulas.emission_split(total)


def test_cms_counts_what_is_not_finite_as_zero_and_clamps_the_rest():
    assert formulas.cms(NAN, 1, 0, 0) == pytest.approx(0.3)
    assert formulas.cms(INF, 0, 0, 0) == 0
    assert formulas.cms(5, 5, 5, 5) == 1
    assert formulas.cms(5, 5, 5, 5, unchecked=True) == pytest.approx(5)
    assert formulas.cms(-5, -5, -5, 1) == pytest.approx(0.15)


@pytest.mark.parametrize("difficulty", [0, 11, -3])
def test_a_difficulty_out_of_range_is_refused_unless_asked_for_the_old_behaviour(difficulty):
    with pytest.raises(ScoringInputError):
        formulas.difficulty_multiplier(difficulty)
    assert formulas.difficulty_multiplier(difficulty, out_of_range="one") == 1.0


def test_an_epoch_without_tasks_scores_zero_and_unanswered_tasks_count():
    assert formulas.epoch_score([], []) == 0
    assert formulas.epoch_score([1.0, 0.0], [2.0, 2.0]) == 1.0
    assert formulas.epoch_score([NAN, 1.0], [1.0, 1.0]) == 0.5
    with pytest.raises(ScoringInputError):
        formulas.epoch_score([1.0], [])


def test_peb_ends_at_its_cap():
    assert formulas.peb(1, 10) == formulas.peb(1, 10_000) == pytest.approx(0.6324555320336759)


def test_nobody_is_paid_when_nobody_earned_unless_compatibility_is_asked_for():
    idle = [MinerShare(0, 0), MinerShare(NAN, 0), MinerShare(-1, 0.5)]
    assert formulas.miner_rewards(idle, 90) == [0, 0, 0]
    assert formulas.miner_rewards(idle, 90, when_zero="equal") == [30, 30, 30]
    assert formulas.miner_rewards(idle, 90, rules=COMPAT) == [30, 30, 30]


def test_probation_reduces_a_share():
    assert formulas.miner_rewards([MinerShare(1, 0, 0.5), MinerShare(1, 0)], 3) == pytest.approx([1, 2])


@pytest.mark.parametrize("pool", [-1.0, NAN])
def test_a_pool_that_is_negative_or_not_finite_is_refused(pool):
    with pytest.raises(ScoringInputError):
        formulas.miner_rewards([MinerShare(1, 0)], pool)


def test_breakthrough_is_strict_and_needs_an_unsolved_task():
    assert formulas.breakthrough(0.8, True) == 0.8
    assert formulas.breakthrough(math.nextafter(0.8, 1), True) == pytest.approx(1.6)
    assert formulas.breakthrough(1.0, False) == 1.0
    assert formulas.breakthrough(NAN, True) == 0


def test_vas_of_no_evaluations_is_neutral_and_nonsense_is_a_full_deviation():
    assert formulas.vas([], []) == 1
    assert formulas.vas([NAN], [0.5]) == 0
    assert formulas.vas([9.0], [0.0]) == 0
    with pytest.raises(ScoringInputError):
        formulas.vas([1.0], [])


def test_skill_is_zero_for_who_deviates_as_a_random_scorer_does():
    assert formulas.skill_vas(0.3, 0.3) == 0
    assert formulas.skill_vas(0.0, 0.3) == 1
    assert formulas.skill_vas(0.9, 0.3) == 0
    assert formulas.skill_vas(0.1, 0.0) == 1
    assert formulas.skill_vas(NAN, 0.3) == 0


def test_validators_of_no_merit_share_equally():
    rows = [ValidatorShare(0, 1, 1), ValidatorShare(NAN, 2, 1)]
    assert formulas.validator_rewards(rows, 10) == [5, 5]
    assert formulas.validator_rewards([], 10) == []


def test_a_slash_is_never_negative_and_at_most_1_8_percent():
    assert formulas.slash(1000, NAN) == 18
    assert formulas.slash(1000, -4) == 18
    assert formulas.slash(-1000, 0) == 0
    assert formulas.slash(1000, 0.6) == 0


def test_checks_beyond_their_range_are_clamped_and_unknown_ones_ignored():
    assert formulas.objective_score("mathematics", {"proof": 7.0, "magic": 1.0}) == 0.6
    assert formulas.objective_score("ethical", {"logic": NAN}) == 0
    with pytest.raises(ScoringInputError):
        formulas.objective_score("astrology", {})


def test_declared_checks_share_the_whole_weight():
    assert formulas.objective_score("mathematics", {"numerical": 1.0}, applicable=["numerical"]) == 1.0
    both = formulas.objective_score("mathematics", {"numerical": 1.0}, applicable=["numerical", "steps"])
    assert both == pytest.approx(0.15 / 0.40)
    with pytest.raises(ScoringInputError):
        formulas.objective_score("mathematics", {}, applicable=["tests"])


def test_consensus_is_the_smallest_score_that_reaches_half_of_the_stake():
    assert formulas.consensus([(0.9, 1), (0.1, 3), (0.5, 2)]) == pytest.approx(0.3)
    assert formulas.consensus([(0.9, 2), (0.1, 2), (0.5, 3)]) == 0.5


def test_consensus_ignores_who_has_no_stake_and_who_gives_no_number():
    assert formulas.consensus([(0.2, 50), (0.5, 0), (0.8, 50)]) == 0.5
    assert formulas.consensus([(NAN, 50), (0.4, 1)]) == 0.4
    assert formulas.consensus([(0.5, 0), (0.8, -3)]) == 0


def test_consensus_trims_both_ends_from_five_entries_on():
    five = [(0.0, 100), (0.5, 1), (0.6, 1), (0.7, 1), (1.0, 100)]
    assert formulas.consensus(five) == 0.6
    assert formulas.consensus(five, mode="mean") == pytest.approx(0.6)
    assert formulas.consensus(five[:4]) == 0.0


@pytest.mark.parametrize("trim", [-0.1, 0.5, 1.0])
def test_a_trim_that_leaves_nothing_is_refused(trim):
    with pytest.raises(ScoringInputError):
        formulas.consensus([(0.5, 1)], trim=trim)


def test_ids_break_ties_between_equal_scores():
    assert formulas.consensus([(0.5, 1), (0.5, 2)], ids=["b", "a"]) == 0.5


def test_averages_of_an_empty_history_are_neutral():
    assert formulas.mean_of_last([], 7) == 1
    assert formulas.mean_of_last([0.5, 1.0], 1) == 1.0


def test_reputation_stops_at_its_maximum():
    assert formulas.reputation([1.0] * 40) == 1.5


def test_average_api_reward_of_nothing_is_zero():
    assert formulas.average_api_reward([]) == 0
    assert formulas.average_api_reward([1.0, 3.0]) == 2


def test_a_weight_vector_without_earners_is_empty_never_zeros():
    assert formulas.weight_vector({1: MinerShare(0, 0.6), 2: MinerShare(NAN, 0)}) == {}


def test_rao_are_split_without_remainder():
    assert formulas.split_rao(10, [1, 1, 1]) == [4, 3, 3]
    assert sum(formulas.split_rao(1_000_000_007, [0.1, 0.7, 1e-9])) == 1_000_000_007
    assert formulas.split_rao(10, [0, NAN]) == [0, 0]
    with pytest.raises(ScoringInputError):
        formulas.split_rao(-1, [1])
