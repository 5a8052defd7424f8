"""The acceptance bands measured on the public simulator, and what the documented rule adds."""

import math
import statistics
from collections import defaultdict

import numpy as np
import pytest

from taostack.reasonforge.errors import ScoringInputError
from taostack.reasonforge.rules import COMPAT, DEFAULT
from taostack.reasonforge.simulator import (
    MINERS,
    VALIDATORS,
    SimulatedMiner,
    SimulatedValidator,
    Simulation,
    run_digest,
    simulate,
)

SEEDS, EPOCHS = 40, 5
TIERS = {miner.name: miner.tier for miner in MINERS}

# Tier → mean S, lowest S, highest S, share of the miners' pool each, mean rank (specification 5.3).
BANDS = {
    "elite": (1.359, 1.128, 1.766, 0.139, 1.5),
    "strong": (1.189, 0.958, 1.545, 0.106, 4.0),
    "mid": (0.977, 0.802, 1.207, 0.084, 7.0),
    "weak": (0.705, 0.537, 0.873, 0.060, 9.5),
    "adversarial": (0.200, 0.0, 0.421, 0.016, 11.5),
}
VAS = {
    "TruthGuard": 0.974,
    "AccuScore": 0.968,
    "FairCheck": 0.965,
    "QuickVal": 0.954,
    "LazyNode": 0.884,
    "BadActor": 0.827,
}


@pytest.fixture(scope="module")
def compat_runs():
    return [record for seed in range(SEEDS) for record in simulate(EPOCHS, seed=1_000_000 + 997 * seed, rules=COMPAT)]


def by_tier(records, value):
    found = defaultdict(list)
    for record in records:
        for row in record.miners:
            found[TIERS[row.name]].append(value(row))
    return found


@pytest.mark.parametrize("tier", BANDS)
def test_each_tier_scores_earns_and_ranks_as_measured(compat_runs, tier):
    mean, low, high, share, rank = BANDS[tier]
    scores = by_tier(compat_runs, lambda row: row.s_epoch)[tier]
    # Epochs of one seed share its draws of domain bonuses, so the seeds, not the epochs, are independent.
    blocks = np.array_split(np.array(scores), SEEDS)
    error = statistics.stdev(float(block.mean()) for block in blocks) / math.sqrt(SEEDS)
    assert statistics.mean(scores) == pytest.approx(mean, abs=4 * error + 0.005)
    margin = 0.25 * (high - low)
    assert low - margin <= min(scores)
    assert max(scores) <= high + margin
    shares = by_tier(compat_runs, lambda row: row.epoch_tao / 90)[tier]
    assert statistics.mean(shares) == pytest.approx(share, abs=0.005)
    ranks = by_tier(compat_runs, lambda row: row.rank)[tier]
    assert statistics.mean(ranks) == pytest.approx(rank, abs=0.2)


def test_validators_score_their_accuracy_as_measured_and_nobody_is_slashed(compat_runs):
    vas = defaultdict(list)
    for record in compat_runs:
        for row in record.validators:
            vas[row.name].append(row.vas)
            assert row.slashed == 0
    for name, mean in VAS.items():
        assert statistics.mean(vas[name]) == pytest.approx(mean, abs=0.004)
    assert min(vas["BadActor"]) > 0.74


def test_average_cms_and_the_place_of_the_elite_are_as_measured(compat_runs):
    averages = [record.avg_cms for record in compat_runs]
    assert statistics.mean(averages) == pytest.approx(0.635, abs=0.01)
    assert min(averages) > 0.55
    assert max(averages) < 0.78
    top = [{row.name for row in record.miners[:3]} >= {"DeepReason-v3", "LogicForge-7B"} for record in compat_runs]
    assert statistics.mean(top) > 0.96


def test_the_documented_rule_slashes_who_scores_like_chance_and_never_the_honest():
    slashed = defaultdict(int)
    epochs = 400
    simulation = Simulation(seed=11, rules=DEFAULT)
    for _ in range(epochs):
        for row in simulation.epoch().validators:
            slashed[row.name] += row.slashed > 0
    assert slashed["BadActor"] == epochs
    assert [slashed[name] for name in ("TruthGuard", "AccuScore", "FairCheck", "QuickVal")] == [0, 0, 0, 0]
    assert simulation.effective_stake[5] < 1_000
    assert simulation.effective_stake[0] == 5_000


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    assert run_digest(simulate(3, seed=5)) == run_digest(simulate(3, seed=5))
    assert run_digest(simulate(3, seed=5)) != run_digest(simulate(3, seed=6))


def test_what_miners_and_validators_are_paid_is_the_whole_emission():
    for record in simulate(20, emission=7.5):
        paid = math.fsum(row.epoch_tao for row in record.miners) + math.fsum(row.epoch_tao for row in record.validators)
        assert paid == pytest.approx(7.5, abs=1e-9)
        assert [row.rank for row in record.miners] == list(range(1, 13))


def test_totals_are_kept_in_full_precision_and_rounded_only_for_display():
    records = simulate(50)
    names = {row.name: row.total_tao for row in records[-1].miners}
    for name, total in names.items():
        earned = math.fsum(row.epoch_tao for record in records for row in record.miners if row.name == name)
        assert total == pytest.approx(earned, abs=1e-9)
    shown = records[0].rounded()
    assert shown["miners"][0]["s_epoch"] == round(records[0].miners[0].s_epoch, 6)
    assert set(shown) >= {"epoch_id", "total_emission", "miner_pool", "avg_cms", "miners", "validators", "timestamp"}


def test_one_miner_and_one_validator_are_enough():
    simulation = Simulation(
        miners=[SimulatedMiner("solo", "mid")], validators=[SimulatedValidator("only", "good", 1.0)]
    )
    record = simulation.epoch()
    assert record.miners[0].epoch_tao == pytest.approx(90)
    assert record.validators[0].epoch_tao == pytest.approx(10)


def test_a_subnet_of_256_miners_keeps_a_full_ranking():
    simulation = Simulation(miners=[SimulatedMiner(f"m{n}", "mid") for n in range(256)], validators=VALIDATORS)
    record = simulation.epoch()
    assert len({row.rank for row in record.miners}) == 256


@pytest.mark.parametrize("epochs", [0, -1, 10_000_000])
def test_a_number_of_epochs_out_of_range_is_refused(epochs):
    with pytest.raises(ScoringInputError):
        simulate(epochs)
    with pytest.raises(ScoringInputError):
        Simulation(miners=[])
