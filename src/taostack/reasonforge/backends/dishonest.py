"""Two ways to try to earn without solving: for demos and for the attack corpus, and both must end last.

* ``SpammerBackend`` sends a content-free template at once: full confidence,
  evidence everywhere, as many steps as the difficulty, an answer in the right
  form. The requirement's own heuristics would give it up to 0.999.
* ``CopierBackend`` replays what others answered. It hears them through a
  ``Grapevine``; every hotkey has its own variant of each task, so what it
  hears answers another question.
"""

from collections import deque
from random import Random

from taostack.reasonforge.backends.base import Backend, Solution
from taostack.reasonforge.protocol import ReasoningStep, ReasoningTask
from taostack.reasonforge.scoring.similarity import jaccard, tokens
from taostack.reasonforge.tasks.answers import AnswerSchema


class Grapevine:
    """The last answers of miners that talk too much: problem and solution, oldest first."""

    def __init__(self, remembered: int = 200) -> None:
        self.heard: deque[tuple[ReasoningTask, Solution]] = deque(maxlen=remembered)


class TalkativeBackend:
    """Passes tasks on to an honest backend and lets a grapevine hear its answers."""

    def __init__(self, inner: Backend, grapevine: Grapevine) -> None:
        self._inner = inner
        self._grapevine = grapevine

    @property
    def description(self) -> str:
        """What the inner backend says of itself."""
        return self._inner.description

    async def open(self) -> None:
        """Open the inner backend."""
        await self._inner.open()

    async def solve(self, task: ReasoningTask) -> Solution:
        """Solve, and let it be heard."""
        solution = await self._inner.solve(task)
        self._grapevine.heard.append((task, solution))
        return solution

    async def close(self) -> None:
        """Close the inner backend."""
        await self._inner.close()


class CopierBackend:
    """Answers with the solution heard for the most similar problem of the same form."""

    description = "copier: replays what other miners answered"

    def __init__(self, grapevine: Grapevine) -> None:
        self._grapevine = grapevine

    async def open(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing is held."""

    async def solve(self, task: ReasoningTask) -> Solution:
        """The nearest heard solution, or an empty answer when nothing fitting was heard."""
        wanted = tokens((task.problem,), "")
        candidates = [
            (jaccard(wanted, tokens((heard.problem,), "")), number, solution)
            for number, (heard, solution) in enumerate(self._grapevine.heard)
            if heard.answer_schema.type == task.answer_schema.type
        ]
        return max(candidates, key=lambda each: each[:2])[2] if candidates else Solution("")


class SpammerBackend:
    """A template that says nothing, with an answer drawn in the right form."""

    description = "spammer: a confident template"

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    async def open(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing is held."""

    async def solve(self, task: ReasoningTask) -> Solution:
        """At once, and about nothing."""
        steps = tuple(
            ReasoningStep(
                step_id=number,
                reasoning="By careful analysis of the given problem the result follows with certainty.",
                evidence="See the preceding step.",
                confidence=1.0,
                claims=("1 = 1",),
            )
            for number in range(task.difficulty)
        )
        return Solution(self._guess(task.answer_schema), steps)

    def _guess(self, schema: AnswerSchema) -> str:
        number = str(self._rng.randint(0, 100))
        match schema.type:
            case "set" | "none_or_set":
                return f"{{{number}}}"
            case "sequence" | "none_or_sequence":
                return f"[{', '.join([number] * schema.length)}]"
            case "choice":
                return self._rng.choice(schema.options)
            case _:
                return number
