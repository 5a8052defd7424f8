"""Runs a vector file of the reasonforge format through the library.

A vector whose note or name says that it records the public code's defect runs
in the compat mode; everything else runs in the default. A name that is not
known here counts as failed, never as passed.
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from taostack.reasonforge.errors import ScoringInputError
from taostack.reasonforge.rules import COMPAT, DEFAULT
from taostack.reasonforge.scoring import formulas, hashes, legacy, similarity


def _miners(rows: list[Mapping[str, float]]) -> list[formulas.MinerShare]:
    return [formulas.MinerShare(row["s_epoch"], row["peb"]) for row in rows]


def _emission(given: Mapping[str, Any]) -> object:
    split = formulas.emission_split(given["total"])
    return {"miner": split.miner, "validator": split.validator}


def _cms(given: Mapping[str, Any]) -> object:
    values = [given[name] for name in ("quality", "accuracy", "novelty", "efficiency")]
    # The public code, from which the numbers come, does not look at the range of its inputs.
    return formulas.cms(*values, unchecked=not all(0 <= value <= 1 for value in values))


def _api_average(given: Mapping[str, Any]) -> object:
    rewards = next((value for value in given.values() if isinstance(value, list)), [])
    return formulas.average_api_reward(rewards)


def _validators(given: Mapping[str, Any]) -> object:
    rows = [formulas.ValidatorShare(row["vas"], row["stake"], row["rep"]) for row in given["validators"]]
    return formulas.validator_rewards(rows, given["pool"])


def _consensus(given: Mapping[str, Any]) -> object:
    pairs = [(score, stake) for score, stake in given["score_stake"]]
    trim = given.get("trim_delta")
    return {
        "upstream_trimmed_weighted_mean": formulas.consensus(pairs, mode="mean", trim=trim),
        "weighted_trimmed_median": formulas.consensus(pairs, mode="median", trim=trim),
    }


def _averages(given: Mapping[str, Any]) -> object:
    history = given["vas_history"]
    short = formulas.mean_of_last(history, DEFAULT.vas_short_entries)
    return {
        "vas_7d": short,
        "vas_30d": formulas.mean_of_last(history, DEFAULT.vas_long_entries),
        "slash": formulas.slash(given.get("stake", 5000), short),
    }


def _steps(given: Mapping[str, Any]) -> list[legacy.HeuristicStep]:
    count = given["n_steps"]
    return [
        legacy.HeuristicStep(
            given.get("step_text") or "",
            float(given.get("confidence") or 0.0),
            index < given.get("n_evidence", 0),
            bool(given.get("proof_fragment")) and index == 0,
        )
        for index in range(count)
    ]


def _heuristics(given: Mapping[str, Any]) -> object:
    steps = _steps(given)
    return {
        "quality": legacy.heuristic_quality(steps, given["difficulty"]),
        "novelty": legacy.heuristic_novelty([step.reasoning for step in steps]),
        "efficiency": legacy.heuristic_efficiency(given.get("time_taken_ms"), given["timeout_s"]),
    }


def _exploit(given: Mapping[str, Any]) -> object:
    steps = _steps(given)
    try:
        legacy.heuristic_quality(steps, given["difficulty"])
    except ScoringInputError:
        refused = True
    else:
        refused = False
    upstream = legacy.heuristic_quality(steps, given["difficulty"], upstream_confidence=True)
    return {"quality_upstream": upstream, "refused": refused}


def _jaccard(given: Mapping[str, Any]) -> object:
    first, second = (similarity.tokens(texts[:-1], texts[-1]) for texts in (given["a"], given["b"]))
    return {"similarity": similarity.jaccard(first, second)}


def _weights(given: Mapping[str, Any]) -> object:
    shares = {row["uid"]: formulas.MinerShare(row["s_epoch"], row["peb"]) for row in given["states"]}
    return {str(uid): weight for uid, weight in formulas.weight_vector(shares).items()}


def _difficulty(given: Mapping[str, Any]) -> object:
    return formulas.difficulty_multiplier(given["difficulty"], out_of_range="one")


RUNNERS: dict[str, Callable[[Mapping[str, Any]], object]] = {
    "emission_split": _emission,
    "cms": _cms,
    "difficulty_multiplier": _difficulty,
    "s_epoch": lambda g: formulas.epoch_score(g["cms"], g["mult"], g.get("trap_penalty", 1.0)),
    "peb": lambda g: formulas.peb(g["rank"], g["streak"]),
    "miner_rewards": lambda g: formulas.miner_rewards(_miners(g["miners"]), g["pool"], rules=COMPAT),
    "breakthrough": lambda g: formulas.breakthrough(g["cms"], g["previously_unsolved"]),
    "vas": lambda g: formulas.vas(g["scores"], g["consensus"]),
    "validator_rewards": _validators,
    "trap_penalty": lambda g: formulas.trap_penalty(g["trap_scores"]),
    "slash": lambda g: formulas.slash(g["stake"], g["vas_7d_avg"]),
    "objective_score": lambda g: formulas.objective_score(g["domain"], g["checks"], weights=g.get("weights")),
    "consensus": _consensus,
    "final_score": lambda g: formulas.final_score(g["o"], g["c"]),
    "reputation_multiplier": lambda g: formulas.reputation(g["vas_history"]),
    "vas_7d_30d": _averages,
    "dimension_heuristics": _heuristics,
    "submission_hash_requirement": lambda g: hashes.requirement_submission_hash(g["steps"], g["final_answer"]),
    "submission_hash_upstream": lambda g: hashes.upstream_submission_hash(g["task_id"], g["steps"], g["final_answer"]),
    "mvp_submission_hash": lambda g: hashes.mvp_submission_hash(
        g["task_id"], g["miner_id"], g["final_answer"], g["reasonings"]
    ),
    "jaccard": _jaccard,
    **dict.fromkeys(("api_average_reward", "api_avg_reward", "average_api_reward"), _api_average),
    "penalty": lambda g: similarity.similarity_factor(g["similarity"]),
    "weights": _weights,
}


def _same(expected: object, actual: object, tolerance: float) -> bool:
    if isinstance(expected, Mapping):
        return (
            isinstance(actual, Mapping)
            and expected.keys() == actual.keys()
            and all(_same(value, actual[key], tolerance) for key, value in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(expected) == len(actual)
            and all(_same(one, other, tolerance) for one, other in zip(expected, actual, strict=True))
        )
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return math.isclose(expected, actual, rel_tol=tolerance, abs_tol=tolerance)
    return expected == actual


def check(vector: Mapping[str, Any]) -> str | None:
    """Run one vector; a line about the difference, or nothing when it holds."""
    name, expected = vector["name"], vector["expected"]
    label = f"{vector['id']} {name}"
    if name.startswith("exploit_"):
        # The vector records the hole; the library must show it on request and refuse it by default.
        actual = _exploit(vector["input"])
        wanted: object = {"quality_upstream": expected["quality_upstream"], "refused": True}
    elif name in RUNNERS:
        actual, wanted = RUNNERS[name](vector["input"]), expected
    else:
        return f"{label}: no runner knows this name"
    if _same(wanted, actual, vector.get("tol", 1e-12)):
        return None
    return f"{label}: expected {wanted}, got {actual}"


def run(path: str | Path) -> tuple[int, list[str]]:
    """Run every vector of ``path``; the number passed and a line per failure."""
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    outcomes = [_constants(document.get("constants", {}))]
    outcomes += [_guarded(vector) for vector in document["vectors"]]
    failures = [line for line in outcomes if line is not None]
    passed = len(document["vectors"]) - len([line for line in outcomes[1:] if line is not None])
    return passed, failures


def _guarded(vector: Mapping[str, Any]) -> str | None:
    try:
        return check(vector)
    except (ArithmeticError, LookupError, TypeError, ValueError, ScoringInputError) as error:
        return f"{vector.get('id')} {vector.get('name')}: {type(error).__name__}: {error}"


_CONSTANTS: dict[str, object] = {
    "W_QUALITY": DEFAULT.quality_weight,
    "W_ACCURACY": DEFAULT.accuracy_weight,
    "W_NOVELTY": DEFAULT.novelty_weight,
    "W_EFFICIENCY": DEFAULT.efficiency_weight,
    "EMISSION_MINER_SHARE": DEFAULT.miner_share,
    "PEB_ALPHA": DEFAULT.peb_alpha,
    "PEB_K": DEFAULT.peb_top_ranks,
    "PEB_STREAK_CAP": DEFAULT.peb_streak_cap,
    "BREAKTHROUGH_MULTIPLIER": DEFAULT.breakthrough_multiplier,
    "BREAKTHROUGH_THRESHOLD": DEFAULT.breakthrough_threshold,
    "TRAP_RATE": DEFAULT.trap_rate,
    "TRAP_THRESHOLD": DEFAULT.trap_threshold,
    "SIMILARITY_THRESHOLD": DEFAULT.similarity_threshold,
    "SIMILARITY_PENALTY": DEFAULT.similarity_factor,
    "VAS_SLASH_THRESHOLD": DEFAULT.slash_threshold,
    "VAS_SLASH_GAMMA": DEFAULT.slash_gamma,
    "VAS_REP_THRESHOLD": DEFAULT.reputation_threshold,
    "VAS_REP_MAX_MULTIPLIER": DEFAULT.reputation_max,
    "TASKS_PER_EPOCH": DEFAULT.tasks_per_epoch,
    "VALIDATORS_PER_TASK": DEFAULT.validators_per_task,
    "MICRO_ROUND_SECONDS": DEFAULT.task_timeout_ms // 1000,
    "OBJECTIVE_WEIGHT": DEFAULT.objective_share,
    "CONSENSUS_TRIM_DELTA": DEFAULT.consensus_trim,
}


def _constants(given: Mapping[str, object]) -> str | None:
    wrong = [name for name, value in _CONSTANTS.items() if name in given and not _same(given[name], value, 1e-12)]
    return f"constants differ: {', '.join(wrong)}" if wrong else None
