"""Single rules of Yuma, on subnets small enough to follow by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from taostack.devnet.economics.yuma import EpochInputs, LiquidAlpha, Rows, epoch
from taostack.devnet.economics.yuma.bonds import edge_rates, fixed_rate, interpolate
from taostack.devnet.economics.yuma.median import weighted_median
from tests.conformance.yuma import run

ONE = 1 << 32
HALF = 32_767


def holds(tmp_path: Path, vector: dict[str, Any]) -> None:
    """Run a vector as the conformance runner does."""
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps({"vectors": [{"id": "here", "tolerance": 0} | vector]}))
    assert run(path) == (1, [])


def test_stake_of_a_validator_that_stopped_weighing_does_not_count(tmp_path: Path) -> None:
    weights = [[2, HALF], [3, HALF]]
    holds(
        tmp_path,
        {
            "mode": "yuma2",
            "n": 4,
            "params": {"max_validators": 4},
            "steps": [
                {
                    "set_weights": {"0": weights, "1": weights},
                    "dividends": [32_767, 32_767, 0, 0],
                    "incentive": [0, 0, 32_767, 32_767],
                    "emission": [250_000_000] * 4,
                    "bonds_column": {"2": [65_535, 65_535], "3": [65_535, 65_535]},
                },
                {
                    "advance": 5_001,
                    "set_weights": {"0": weights},
                    "dividends": [36_044, 29_490, 0, 0],
                    "emission": [274_999_999, 224_999_999, 250_000_000, 250_000_000],
                    "bonds_column": {"2": [65_535, 53_619], "3": [65_535, 53_619]},
                    "active": [True, False, False, False],
                },
                {
                    "set_weights": {"1": weights},
                    "dividends": [35_716, 29_818, 0, 0],
                    "emission": [272_501_132, 227_498_866, 250_000_000, 250_000_000],
                    "bonds_column": {"2": [65_535, 54_712], "3": [65_535, 54_712]},
                },
            ],
        },
    )


def test_only_permitted_validators_are_heard(tmp_path: Path) -> None:
    holds(
        tmp_path,
        {
            "mode": "yuma2",
            "n": 4,
            "stake": [3, 1, 0, 0],
            "params": {"max_validators": 1},
            "steps": [
                {
                    "set_weights": {"0": [[2, 65_535]], "1": [[3, 65_535]]},
                    "incentive": [0, 0, 65_535, 0],
                    "dividends": [65_535, 0, 0, 0],
                    "permits": [True, False, False, False],
                    "validator_trust": [65_535, 0, 0, 0],
                }
            ],
        },
    )


def test_zero_weights_pay_by_stake(tmp_path: Path) -> None:
    holds(
        tmp_path,
        {
            "mode": "yuma2",
            "n": 2,
            "stake": [1, 0],
            "emission": [1_000_000_000, 0],
            "incentive": [0, 0],
            "dividends": [0, 0],
        },
    )


def test_a_newcomer_on_a_uid_starts_without_the_weights_and_bonds_on_the_old_one(tmp_path: Path) -> None:
    weights = [[2, 21_845], [3, 43_690]]
    holds(
        tmp_path,
        {
            "mode": "yuma2",
            "n": 4,
            "stake": [1, 1, 0, 0],
            "params": {"max_validators": 2},
            "steps": [
                {"set_weights": {"0": weights, "1": weights}, "incentive": [0, 0, 21_845, 43_689]},
                {
                    "register": 3,
                    "incentive": [0, 0, 65_535, 0],
                    "bonds_column": {"3": [0, 0]},
                    "emission": [250_000_000, 250_000_000, 500_000_000, 0],
                },
                {"set_weights": {"0": weights, "1": weights}, "incentive": [0, 0, 21_845, 43_689]},
            ],
        },
    )


def test_forgotten_bonds_start_anew(tmp_path: Path) -> None:
    every = [[65_535, 0]] * 3
    alone = {"mode": "yuma3", "n": 5, "stake": [8, 1, 1, 0, 0], "tolerance": 1e-3}
    params = {"bonds_penalty": 0, "bonds_moving_average": 975_000, "max_validators": 3}
    bonds = [[[0.025, 0]] * 3, [[0.0494, 0]] * 3, [[0.025, 0]] * 3]
    vector = alone | {"params": params, "weights_by_step": {"0": every}, "bonds": bonds, "reset_bonds": {"2": 3}}
    holds(tmp_path, vector)


def test_the_owner_may_weigh_itself(tmp_path: Path) -> None:
    steps = [{"set_weights": {"0": [[0, 65_535]], "1": [[0, 65_535]]}, "incentive": [65_535, 0]}]
    holds(tmp_path, {"mode": "yuma2", "n": 2, "params": {"owner_uid": 0}, "steps": steps})


@pytest.mark.parametrize(
    ("stake", "scores", "kappa", "median"),
    [
        ([6, 4], [5, 9], ONE // 2, 5),
        ([4, 6], [5, 9], ONE // 2, 9),
        ([1, 1, 1], [1, 2, 3], ONE // 2, 2),
        ([1, 1], [1, 2], ONE // 2, 2),  # half the stake is no minority any more
        ([1, 0], [1, 2], ONE // 2, 1),
        ([1, 1, 8], [1, 2, 3], 2 * ONE, 1),  # an impossible majority leaves the smallest score
        ([1, 1, 8], [1, 2, 3], 0, 3),
        ([0, 0], [1, 2], ONE // 2, 0),
    ],
)
def test_the_median_is_the_weight_that_a_majority_supports(
    stake: list[int], scores: list[int], kappa: int, median: int
) -> None:
    column = np.array(scores)[:, np.newaxis]
    assert weighted_median(np.array(stake) * 1_000, column, kappa).tolist() == [median]


def test_bonds_move_by_what_is_left_of_the_moving_average() -> None:
    assert fixed_rate(1_000_000) == 0
    assert fixed_rate(0) == ONE
    assert abs(fixed_rate(900_000) - ONE // 10) <= 1


def test_a_penalty_between_nothing_and_all_blends_weights() -> None:
    weights, clipped = np.array([[ONE, 0]]), np.array([[ONE // 2, 0]])
    present = np.array([[True, True]])
    blend, kept = interpolate(weights, present, clipped, present, ONE // 2)
    assert blend.tolist() == [[3 * ONE // 4, 0]]
    assert kept.tolist() == [[True, False]]
    assert interpolate(weights, present, clipped, present, 0)[0] is weights
    assert interpolate(weights, present, clipped, present, ONE)[0] is clipped


def test_liquid_alpha_lies_between_its_bounds_and_grows_with_the_difference() -> None:
    weights = np.array([[0, ONE // 4, ONE // 2, ONE]])
    rates = edge_rates(weights, np.zeros((1, 4), np.int64), np.zeros(4, np.int64), LiquidAlpha(6_554, 58_982))[0]
    assert rates.tolist() == sorted(rates.tolist())
    assert 0.1 < rates[0] / ONE < 0.11
    assert rates[2] / ONE == pytest.approx(0.5, abs=1e-3)
    assert 0.89 < rates[3] / ONE < 0.9


def test_an_empty_row_is_not_a_row_of_zeros() -> None:
    rows = Rows.of({2: [(0, 5), (7, 1)], 1: [], 9: [(0, 1)]}, 3)
    assert rows.uids.tolist() == [1, 2]
    assert rows.pairs() == {1: [], 2: [(0, 5)]}
    assert Rows.empty(3).pairs() == {}
    assert rows.spread(np.array([0, 2])).pairs() == {0: [], 2: [(0, 5)]}


def test_a_subnet_without_stake_pays_nobody() -> None:
    nothing = np.zeros(2, np.int64)
    outputs = epoch(
        EpochInputs(
            block=5,
            tempo=1,
            activity_cutoff=100,
            stake=[0, 0],
            last_update=nothing,
            registered=nothing,
            permits=np.array([True, True]),
            weights=Rows.of({0: [(1, 5)]}, 2),
            bonds=Rows.empty(2),
            max_validators=2,
            rao_emission=10**9,
        )
    )
    assert outputs.emission == outputs.validator_emission == outputs.server_emission == (0, 0)
    assert not outputs.permits.any()
