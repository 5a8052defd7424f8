"""How fast reasonforge simulates, draws tasks, judges answers and runs an epoch's arithmetic."""

import hashlib
import statistics
import time
from collections.abc import Callable

from benchmarks.figure import Figure
from taostack.reasonforge.backends import solvers
from taostack.reasonforge.judging import Transcript, judge_epoch
from taostack.reasonforge.protocol import ReasoningReply
from taostack.reasonforge.rules import DEFAULT
from taostack.reasonforge.simulator import simulate
from taostack.reasonforge.tasks import registry

AREA = "reasonforge"
SEED = hashlib.sha256(b"benchmark").digest()
MINERS = 256


def seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """Median time of ``work``."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def transcripts() -> list[Transcript]:
    """A full subnet's answers to a whole epoch, all of them right."""
    found = []
    for slot in registry.plan(SEED):
        for uid in range(MINERS):
            task = registry.task_for(SEED, slot, epoch=1, hotkey=f"miner-{uid}")
            solution = solvers.solve(task.statement, task.schema)
            reply = ReasoningReply(task_id=task.task_id, final_answer=solution.final_answer, steps=solution.steps)
            found.append(
                Transcript(hotkey=f"miner-{uid}", registered_at=0, uid=uid, slot=slot.index, attempt=1, reply=reply)
            )
    return found


def draw_all() -> None:
    """One instance of every family and level."""
    for name, family in registry.FAMILIES.items():
        for level in family.levels:
            registry.draw(name, level, SEED)


def figures() -> list[Figure]:
    """Simulator, generation, judging."""
    simulated = seconds(lambda: simulate(1_000))
    kinds = sum(len(family.levels) for family in registry.FAMILIES.values())
    drawn = seconds(draw_all, rounds=20) / kinds * 1000
    answers = transcripts()
    judged = seconds(lambda: judge_epoch(SEED, epoch=1, transcripts=answers, histories={}))
    return [
        Figure(
            area=AREA,
            name="1,000 simulated epochs of 12 miners × 6 validators",
            value=round(simulated, 3),
            unit="s",
            target="<= 5",
            met=simulated <= 5,
            how="median of 3 in one process, documented rules",
        ),
        Figure(
            area=AREA,
            name="drawing one task with its answer, mean over all families and levels",
            value=round(drawn, 3),
            unit="ms",
            target="<= 18",
            met=drawn <= 18,
            how="median of 20 rounds; the target is the prototypes' mean",
        ),
        Figure(
            area=AREA,
            name=f"judging an epoch of {MINERS} miners × {DEFAULT.tasks_per_epoch} tasks, regenerated from the seed",
            value=round(judged, 2),
            unit="s",
            target="<= 5",
            met=judged <= 5,
            how="median of 3 in one process: tasks, answers, claims, standings",
        ),
    ]
