"""The symbolic backend: really reads and solves the families, as well and as fast as it is told to.

``error_rate`` and ``think_seconds`` make good, average and bad miners out of
one engine, for demos, tests and calibration. Both scale with difficulty/5, so
pass rates fall with the label.
"""

import asyncio
import hashlib
from fractions import Fraction
from random import Random

from taostack.process.clock import Clock, SystemClock
from taostack.reasonforge.backends import solvers
from taostack.reasonforge.backends.base import Solution, step
from taostack.reasonforge.errors import AnswerError, BackendSettingsError
from taostack.reasonforge.protocol import ReasoningTask
from taostack.reasonforge.tasks.answers import AnswerSchema, canonical_text, parse_answer


class SymbolicBackend:
    """Solves what ``solvers`` can read; wrong on purpose in ``error_rate`` of the tasks of difficulty 5.

    The same generator and the same task always give the same behaviour,
    whatever order tasks come in.
    """

    def __init__(
        self,
        rng: Random,
        *,
        clock: Clock | None = None,
        error_rate: float = 0.0,
        think_seconds: float = 0.0,
    ) -> None:
        if not 0 <= error_rate <= 1:
            raise BackendSettingsError(f"the error rate was {error_rate}", remedy="give a share in [0, 1]")
        if not 0 <= think_seconds < 86_400:
            raise BackendSettingsError(f"the thinking time was {think_seconds} s", remedy="give 0 or more seconds")
        self._salt = rng.getrandbits(64)
        self._clock = clock or SystemClock()
        self._error_rate = error_rate
        self._think_seconds = think_seconds

    @property
    def description(self) -> str:
        """What the health report says of it."""
        return "symbolic: exact solvers for number theory, algebra, calculus and combinatorics"

    async def open(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing is held."""

    async def solve(self, task: ReasoningTask) -> Solution:
        """Read, solve, think for a while, and now and then be wrong."""
        digest = hashlib.sha256(f"{self._salt}:{task.task_id}".encode()).digest()
        rng = Random(int.from_bytes(digest, "big"))  # noqa: S311 - a mood, not a secret
        scale = task.difficulty / 5
        mistaken = rng.random() < min(1.0, self._error_rate * scale)
        await self._clock.sleep(self._think_seconds * scale * rng.uniform(0.7, 1.3))
        solution = await asyncio.to_thread(solvers.solve, task.problem, task.answer_schema)
        return _spoiled(solution, task.answer_schema, rng) if mistaken else solution


def _spoiled(solution: Solution, schema: AnswerSchema, rng: Random) -> Solution:
    """A wrong answer in the right form, as a slip of the pen makes it."""
    slip = rng.choice((-2, -1, 1, 2))
    try:
        value = parse_answer(schema, solution.final_answer)
    except AnswerError:
        return Solution("")
    match value:
        case frozenset() if value:
            text = canonical_text(schema, frozenset(item + abs(slip) for item in value))
        case frozenset():
            text = "{1}"
        case tuple() if value:
            text = canonical_text(schema, (value[0] + slip, *value[1:]))
        case tuple():
            text = canonical_text(schema, tuple(Fraction(1) for _ in range(schema.length)))
        case str():
            text = rng.choice([option for option in schema.options if option != value] or [value])
        case _:
            text = canonical_text(schema, value + slip)
    return Solution(text, (step(0, "The answer follows directly."),))
