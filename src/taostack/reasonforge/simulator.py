"""The mechanism without a network: miners and validators as noise profiles (specification section 5).

Runs the same formulas as the real validator, on arrays. Everything is drawn
from the seed, ids included: the same seed gives the same run. ``Rules`` decide
between the documented rule (median, leave-one-out, slashing on skill) and
``COMPAT``, which meets the bands measured on the public simulator.
"""

import hashlib
import math
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from taostack.reasonforge.errors import ScoringInputError
from taostack.reasonforge.rules import DEFAULT, Rules
from taostack.reasonforge.scoring import batch, formulas

Floats = NDArray[np.float64]

MAX_EPOCHS = 1_000_000
START = datetime(2026, 11, 1, tzinfo=UTC)
"""The first epoch's timestamp; later ones follow every ``EPOCH_HOURS``, so that a run is reproducible."""
EPOCH_HOURS = 24
_BONUS = (-0.05, 0.10)
_DIFFICULTY_SLOPE = 0.015
_UNSOLVED_CHANCE = 0.05


class MinerProfile(NamedTuple):
    """Mean dimensions of a tier and the deviation of each draw."""

    quality: float
    accuracy: float
    novelty: float
    efficiency: float
    deviation: float


class ValidatorProfile(NamedTuple):
    """Deviation and bias of a validator's evaluation."""

    noise: float
    bias: float


MINER_TIERS = {
    "elite": MinerProfile(0.88, 0.90, 0.80, 0.85, 0.06),
    "strong": MinerProfile(0.78, 0.80, 0.70, 0.75, 0.08),
    "mid": MinerProfile(0.65, 0.68, 0.55, 0.65, 0.10),
    "weak": MinerProfile(0.45, 0.50, 0.40, 0.55, 0.12),
    "adversarial": MinerProfile(0.20, 0.15, 0.10, 0.30, 0.15),
}
VALIDATOR_TIERS = {
    "honest": ValidatorProfile(0.03, 0.0),
    "good": ValidatorProfile(0.06, 0.0),
    "lazy": ValidatorProfile(0.15, -0.10),
    "malicious": ValidatorProfile(0.25, 0.20),
}


class SimulatedMiner(NamedTuple):
    """One place of the roster: name and tier."""

    name: str
    tier: str


class SimulatedValidator(NamedTuple):
    """One place of the roster: name, tier and stake (TAO)."""

    name: str
    tier: str
    stake: float


MINERS = (
    SimulatedMiner("DeepReason-v3", "elite"),
    SimulatedMiner("LogicForge-7B", "elite"),
    SimulatedMiner("ProofMaster", "strong"),
    SimulatedMiner("ReasonSwarm", "strong"),
    SimulatedMiner("CausalNet", "strong"),
    SimulatedMiner("ThinkChain", "mid"),
    SimulatedMiner("InferBot", "mid"),
    SimulatedMiner("NovaMind", "mid"),
    SimulatedMiner("BasicReasoner", "weak"),
    SimulatedMiner("CheapInference", "weak"),
    SimulatedMiner("SpamBot-X", "adversarial"),
    SimulatedMiner("CopyCat-3", "adversarial"),
)
VALIDATORS = (
    SimulatedValidator("TruthGuard", "honest", 5000.0),
    SimulatedValidator("AccuScore", "honest", 3000.0),
    SimulatedValidator("FairCheck", "good", 4000.0),
    SimulatedValidator("QuickVal", "good", 2000.0),
    SimulatedValidator("LazyNode", "lazy", 1500.0),
    SimulatedValidator("BadActor", "malicious", 1000.0),
)


class MinerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A miner after an epoch; amounts in TAO."""

    rank: int
    miner_id: str
    name: str
    s_epoch: float
    peb: float
    streak: int
    epoch_tao: float
    total_tao: float
    trap_penalty: float
    breakthroughs: int


class ValidatorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A validator after an epoch; ``slashed`` in TAO of this epoch, ``stake`` what it has left."""

    validator_id: str
    name: str
    stake: float
    vas: float
    reputation: float
    epoch_tao: float
    total_tao: float
    slashed: float
    skill: float


class EpochRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated epoch, in the field names of specification section 4."""

    epoch_id: int
    total_emission: float
    miner_pool: float
    validator_pool: float
    tasks_processed: int
    traps_injected: int
    breakthroughs: int
    avg_cms: float
    miners: tuple[MinerRow, ...]
    validators: tuple[ValidatorRow, ...]
    timestamp: str

    def rounded(self) -> dict[str, object]:
        """For display and files: plain data with floats at 6 decimals."""
        plain = msgspec.to_builtins(self)
        return _rounded(plain) if isinstance(plain, dict) else {}


def _rounded(value: object) -> dict[str, object]:
    def short(item: object) -> object:
        if isinstance(item, float):
            return round(item, 6)
        if isinstance(item, dict):
            return {key: short(inner) for key, inner in item.items()}
        if isinstance(item, list | tuple):
            return [short(inner) for inner in item]
        return item

    return {key: short(inner) for key, inner in value.items()} if isinstance(value, dict) else {}


class _Tasks(NamedTuple):
    domains: NDArray[np.int64]
    difficulties: NDArray[np.int64]
    multipliers: Floats
    traps: NDArray[np.bool_]
    unsolved: NDArray[np.bool_]


class Simulation:
    """A roster that lives through epochs; ``epoch()`` runs the next one.

    Seeds: miner i draws from seed+i, validator i from seed+100+i, tasks and
    assignments of epoch e from seed+1000·e.
    """

    def __init__(
        self,
        *,
        seed: int = 42,
        emission: float = 100.0,
        rules: Rules = DEFAULT,
        miners: Sequence[SimulatedMiner] = MINERS,
        validators: Sequence[SimulatedValidator] = VALIDATORS,
    ) -> None:
        if not miners or not validators:
            raise ScoringInputError("a simulation needs at least one miner and one validator")
        self.rules = rules
        self.pools = formulas.emission_split(emission, rules=rules)
        self._emission = emission
        self._seed = seed
        self._epoch = 0
        self._miners = tuple(miners)
        self._validators = tuple(validators)
        self._domains = tuple(rules.check_weights)
        self._bases = np.array([MINER_TIERS[miner.tier][:4] for miner in miners])
        self._deviations = np.array([MINER_TIERS[miner.tier].deviation for miner in miners])
        self._miner_streams = [np.random.default_rng(seed + index) for index in range(len(miners))]
        self._validator_streams = [np.random.default_rng(seed + 100 + index) for index in range(len(validators))]
        self._bonuses = np.array([stream.uniform(*_BONUS, len(self._domains)) for stream in self._miner_streams])
        self._checks = np.array(
            [_dimension_weights(tuple(rules.check_weights[name].values())) for name in self._domains]
        )
        self._streaks = [0] * len(miners)
        self._miner_totals = [0.0] * len(miners)
        self._windows: list[deque[float]] = [deque(maxlen=rules.trap_window) for _ in miners]
        self.effective_stake = np.array([validator.stake for validator in validators])
        self._vas: list[list[float]] = [[] for _ in validators]
        self._skills: list[list[float]] = [[] for _ in validators]
        self._validator_totals = [0.0] * len(validators)

    def epoch(self) -> EpochRecord:
        """Run the next epoch (section 5.2) and return what it did."""
        self._epoch += 1
        source = np.random.default_rng(self._seed + 1000 * self._epoch)
        tasks = self._draw_tasks(source)
        dimensions = self._solve(tasks)
        objective = np.einsum("mtd,td->mt", dimensions, self._checks[tasks.domains])
        agreed, deviations, randoms = self._evaluate(source, objective)
        scores = self._blend(dimensions, objective, agreed)
        rules = self.rules
        broken = tasks.unsolved[None, :] & (scores > rules.breakthrough_threshold)
        scores = np.where(broken, rules.breakthrough_multiplier * scores, scores)
        return self._settle(tasks, scores, broken, deviations, randoms)

    def _draw_tasks(self, source: np.random.Generator) -> _Tasks:
        count = self.rules.tasks_per_epoch
        trap_count = math.floor(count * self.rules.trap_rate)
        traps = np.zeros(count, dtype=np.bool_)
        traps[source.permutation(count)[:trap_count]] = True
        difficulties = np.where(traps, source.integers(2, 6, count), source.integers(2, 10, count))
        table = np.array(self.rules.difficulty_multipliers)
        return _Tasks(
            domains=source.integers(0, len(self._domains), count),
            difficulties=difficulties,
            multipliers=table[difficulties - 1],
            traps=traps,
            unsolved=~traps & (source.random(count) < _UNSOLVED_CHANCE),
        )

    def _solve(self, tasks: _Tasks) -> Floats:
        """Dimensions of shape (miners, tasks, 4)."""
        count = len(tasks.domains)
        noise = np.stack([stream.standard_normal((count, 4)) for stream in self._miner_streams])
        level = self._bonuses[:, tasks.domains] - _DIFFICULTY_SLOPE * (tasks.difficulties - 5)[None, :]
        drawn = self._bases[:, None, :] + level[:, :, None] + noise * self._deviations[:, None, None]
        clamped: Floats = np.clip(drawn, 0.0, 1.0)
        return clamped

    def _evaluate(self, source: np.random.Generator, objective: Floats) -> tuple[Floats, Floats, Floats]:
        """Eq. 12 (miners, tasks), and per validator the mean deviation and that of a random scorer.

        A validator without evaluations has NaN in both.
        """
        size = min(self.rules.validators_per_task, len(self._validators))
        order = np.argsort(source.random((*objective.shape, len(self._validators))), axis=-1)
        panel = order[..., :size]
        given = np.empty((*objective.shape, len(self._validators)))
        for index, (validator, stream) in enumerate(zip(self._validators, self._validator_streams, strict=True)):
            profile = VALIDATOR_TIERS[validator.tier]
            given[..., index] = objective + profile.bias + profile.noise * stream.standard_normal(objective.shape)
        scores = np.take_along_axis(np.clip(given, 0.0, 1.0), panel, axis=-1)
        stakes = self.effective_stake[panel]
        agreed = batch.consensus(scores, stakes, rules=self.rules)
        if self.rules.leave_one_out and size > 1:
            reference = np.empty_like(scores)
            for seat in range(size):
                others = [index for index in range(size) if index != seat]
                reference[..., seat] = batch.consensus(scores[..., others], stakes[..., others], rules=self.rules)
        else:
            reference = np.repeat(agreed[..., None], size, axis=-1)
        seats = panel.ravel()
        counts = np.bincount(seats, minlength=len(self._validators))
        own = np.bincount(seats, np.abs(scores - reference).ravel(), minlength=len(counts))
        blind = np.bincount(seats, batch.random_deviation(reference).ravel(), minlength=len(counts))
        empty = np.full(len(counts), np.nan)
        return (
            agreed,
            np.divide(own, counts, out=empty.copy(), where=counts > 0),
            np.divide(blind, counts, out=empty, where=counts > 0),
        )

    def _blend(self, dimensions: Floats, objective: Floats, agreed: Floats) -> Floats:
        """Eq. 13, the dimensions scaled to it, and Eq. 2 again: CMS of shape (miners, tasks)."""
        rules = self.rules
        weights = np.array([rules.quality_weight, rules.accuracy_weight, rules.novelty_weight, rules.efficiency_weight])
        final = rules.objective_share * objective + (1 - rules.objective_share) * agreed
        raw = dimensions @ weights
        scale = np.divide(final, raw, out=np.ones_like(final), where=raw > 0)
        return np.asarray(np.clip(dimensions * scale[..., None], 0.0, 1.0) @ weights, dtype=np.float64)

    def _settle(
        self, tasks: _Tasks, scores: Floats, broken: NDArray[np.bool_], deviations: Floats, randoms: Floats
    ) -> EpochRecord:
        means = (scores * tasks.multipliers[None, :]).mean(axis=1)
        penalties = [self._penalty(index, row[tasks.traps]) for index, row in enumerate(scores)]
        s_epoch = [float(mean) * penalty for mean, penalty in zip(means, penalties, strict=True)]
        ranking = sorted(range(len(s_epoch)), key=lambda index: (-s_epoch[index], index))
        bonuses = [0.0] * len(ranking)
        for rank, index in enumerate(ranking, start=1):
            excels = rank <= self.rules.peb_top_ranks and s_epoch[index] > 0
            self._streaks[index] = self._streaks[index] + 1 if excels else 0
            bonuses[index] = formulas.peb(rank, self._streaks[index], rules=self.rules)
        shares = [formulas.MinerShare(score, bonus) for score, bonus in zip(s_epoch, bonuses, strict=True)]
        paid = formulas.miner_rewards(shares, self.pools.miner, rules=self.rules)
        for index, amount in enumerate(paid):
            self._miner_totals[index] += amount
        rows = tuple(
            MinerRow(
                rank=rank,
                miner_id=f"m-{index + 1:03d}",
                name=self._miners[index].name,
                s_epoch=s_epoch[index],
                peb=bonuses[index],
                streak=self._streaks[index],
                epoch_tao=paid[index],
                total_tao=self._miner_totals[index],
                trap_penalty=penalties[index],
                breakthroughs=int(broken[index].sum()),
            )
            for rank, index in enumerate(ranking, start=1)
        )
        return EpochRecord(
            epoch_id=self._epoch,
            total_emission=self._emission,
            miner_pool=self.pools.miner,
            validator_pool=self.pools.validator,
            tasks_processed=len(tasks.domains),
            traps_injected=int(tasks.traps.sum()),
            breakthroughs=int(broken.sum()),
            avg_cms=float(scores.mean()),
            miners=rows,
            validators=self._pay_validators(deviations, randoms),
            timestamp=(START + timedelta(hours=EPOCH_HOURS * (self._epoch - 1))).isoformat(),
        )

    def _penalty(self, miner: int, trap_scores: Floats) -> float:
        """Eq. 9: over the rolling window of section 9.5, or over this epoch alone when the rules keep no minimum."""
        if self.rules.trap_minimum == 0:
            return formulas.trap_penalty(trap_scores.tolist(), rules=self.rules)
        window = self._windows[miner]
        window.extend(trap_scores.tolist())
        return formulas.trap_penalty(tuple(window), rules=self.rules) if len(window) >= self.rules.trap_minimum else 1.0

    def _pay_validators(self, deviations: Floats, randoms: Floats) -> tuple[ValidatorRow, ...]:
        rules = self.rules
        shares, drafts = [], []
        for index in range(len(self._validators)):
            seen = not math.isnan(deviations[index])
            vas = max(0.0, 1.0 - float(deviations[index])) if seen else 1.0
            skill = formulas.skill_vas(float(deviations[index]), float(randoms[index])) if seen else 1.0
            self._vas[index] = [*self._vas[index], vas][-rules.vas_long_entries :]
            self._skills[index] = [*self._skills[index], skill][-rules.vas_short_entries :]
            history = self._skills[index] if rules.slash_on == "skill" else self._vas[index]
            stake = float(self.effective_stake[index])
            cut = formulas.slash(stake, formulas.mean_of_last(history, rules.vas_short_entries), rules=rules)
            reputation = formulas.reputation(self._vas[index], rules=rules)
            shares.append(formulas.ValidatorShare(vas, stake, reputation))
            drafts.append((vas, skill, reputation, cut))
            self.effective_stake[index] = stake - cut
        paid = formulas.validator_rewards(shares, self.pools.validator)
        rows = []
        for index, (vas, skill, reputation, cut) in enumerate(drafts):
            self._validator_totals[index] += paid[index]
            rows.append(
                ValidatorRow(
                    validator_id=f"v-{index + 1:03d}",
                    name=self._validators[index].name,
                    stake=float(self.effective_stake[index]),
                    vas=vas,
                    reputation=reputation,
                    epoch_tao=paid[index],
                    total_tao=self._validator_totals[index],
                    slashed=cut,
                    skill=skill,
                )
            )
        return tuple(rows)


def _dimension_weights(check_weights: tuple[float, ...]) -> list[float]:
    """Eq. 11 of a domain as weights on Q, A, N, Eff: the checks take the dimensions in turn."""
    weights = [0.0] * 4
    for position, weight in enumerate(check_weights):
        weights[position % 4] += weight
    return weights


def run_digest(records: Sequence[EpochRecord]) -> str:
    """SHA-256 over a whole run, lower-case hex: two equal runs have equal digests."""
    return hashlib.sha256(msgspec.json.encode(records)).hexdigest()


def simulate(epochs: int, *, seed: int = 42, emission: float = 100.0, rules: Rules = DEFAULT) -> list[EpochRecord]:
    """Run ``epochs`` epochs of the standard roster; raises ``ScoringInputError`` outside 1 … 1,000,000."""
    if not 1 <= epochs <= MAX_EPOCHS:
        raise ScoringInputError(f"{epochs} epochs were asked for", remedy=f"give 1 … {MAX_EPOCHS}")
    simulation = Simulation(seed=seed, emission=emission, rules=rules)
    return [simulation.epoch() for _ in range(epochs)]
