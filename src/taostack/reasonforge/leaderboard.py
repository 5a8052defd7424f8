"""Who earned what, and why: a closed epoch as frozen rows for people and programs."""

import msgspec
import sqlalchemy as sa

from taostack.chain.metagraph import Metagraph
from taostack.reasonforge import judging, store
from taostack.reasonforge.errors import EpochError
from taostack.storage import Database


class LeaderboardRow(msgspec.Struct, frozen=True, kw_only=True):
    """One miner.

    ``incentive`` (0 … 1) and ``emission_rao`` are the chain's; None when no metagraph was given or the miner left.
    """

    rank: int
    uid: int
    hotkey: str
    registered_at: int
    s_epoch: float
    standard_error: float
    correct: int
    answered: int
    assigned: int
    mean_cms: float
    mean_solve_seconds: float
    trap_penalty: float
    probation: float
    streak: int
    peb: float
    weight: float
    incentive: float | None
    emission_rao: int | None
    reason: str


class Leaderboard(msgspec.Struct, frozen=True, kw_only=True):
    """One epoch's miners, best first. ``seed`` (hex) opens ``commitment``: with it anyone can recompute all tasks."""

    epoch: int
    netuid: int
    validator: str
    rules_version: str
    commitment: str
    seed: str
    average_cms: float
    tasks: int
    void_slots: tuple[int, ...]
    rows: tuple[LeaderboardRow, ...]


def explain(standing: store.StandingRow, failures: dict[str, int]) -> str:
    """One sentence about a standing: what was right, what went wrong, what changed its pay."""
    if standing.assigned == 0:
        return "no task counted for it"
    parts = [f"{standing.correct} of {standing.assigned} right"]
    wrong = [f"{count}× {reason}" for reason, count in sorted(failures.items(), key=lambda each: (-each[1], each[0]))]
    if wrong:
        parts.append(", ".join(wrong[:3]))
    if standing.trap_penalty < 1:
        parts.append(f"audited answers too often wrong: score × {standing.trap_penalty:.2f}")
    if standing.peb > 0:
        parts.append(f"streak of {standing.streak} at rank {standing.rank} adds {standing.peb:.0%}")
    if standing.probation < 1 and standing.weight > 0:
        parts.append(f"on probation until enough answers were audited: pay × {standing.probation:g}")
    if standing.weight <= 0:
        parts.append("earned nothing")
    return "; ".join(parts)


def build(connection: sa.Connection, epoch: int | None = None, *, metagraph: Metagraph | None = None) -> Leaderboard:
    """The leaderboard of a closed epoch (None: the newest); raises ``EpochError`` when there is none."""
    if epoch is None:
        newest = store.closed_epochs(connection, newest=1)
        if not newest:
            raise EpochError("no epoch has been closed yet", remedy="let the validator finish its first epoch")
        epoch = newest[0]
    row = store.epoch_row(connection, epoch)
    if row is None or row.closed_ms is None:
        raise EpochError(f"epoch {epoch} is not closed", remedy="ask for an epoch that the validator has finished")
    answers: dict[judging.Identity, list[judging.ScoredAnswer]] = {}
    for each in store.answers_of(connection, epoch):
        answers.setdefault((each.hotkey, each.registered_at), []).append(each)
    standings = store.standings_of(connection, epoch)
    return Leaderboard(
        epoch=epoch,
        netuid=row.netuid,
        validator=row.validator,
        rules_version=row.rules.version,
        commitment=row.commitment,
        seed=row.seed or "",
        average_cms=row.average_cms or 0.0,
        tasks=row.rules.tasks_per_epoch,
        void_slots=row.void_slots,
        rows=tuple(
            _row(standing, answers.get((standing.hotkey, standing.registered_at), []), metagraph)
            for standing in standings
        ),
    )


async def read(database: Database, epoch: int | None = None, *, metagraph: Metagraph | None = None) -> Leaderboard:
    """``build`` from a coroutine."""
    return await database.read(lambda connection: build(connection, epoch, metagraph=metagraph))


def _row(
    standing: store.StandingRow, answers: list[judging.ScoredAnswer], metagraph: Metagraph | None
) -> LeaderboardRow:
    failures: dict[str, int] = {}
    for each in answers:
        if not each.correct:
            failures[each.reason] = failures.get(each.reason, 0) + 1
    times = [each.solve_seconds for each in answers if each.answered]
    uid = None if metagraph is None else metagraph.uid_of(standing.hotkey)
    alive = metagraph is not None and uid is not None and metagraph.identity_of(uid)[1] == standing.registered_at
    return LeaderboardRow(
        rank=standing.rank,
        uid=standing.uid,
        hotkey=standing.hotkey,
        registered_at=standing.registered_at,
        s_epoch=standing.s_epoch,
        standard_error=standing.standard_error,
        correct=standing.correct,
        answered=standing.answered,
        assigned=standing.assigned,
        mean_cms=sum(each.cms for each in answers) / len(answers) if answers else 0.0,
        mean_solve_seconds=sum(times) / len(times) if times else 0.0,
        trap_penalty=standing.trap_penalty,
        probation=standing.probation,
        streak=standing.streak,
        peb=standing.peb,
        weight=standing.weight,
        incentive=float(metagraph.incentive[uid]) if metagraph is not None and alive else None,
        emission_rao=int(metagraph.emission_rao[uid]) if metagraph is not None and alive else None,
        reason=explain(standing, failures),
    )
