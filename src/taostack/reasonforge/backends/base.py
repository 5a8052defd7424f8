"""The one interface of a miner's engine."""

from dataclasses import dataclass
from typing import Protocol

from taostack.reasonforge.protocol import ReasoningStep, ReasoningTask


@dataclass(frozen=True, slots=True)
class Solution:
    """An answer in the form of the task's schema, and the steps that lead to it."""

    final_answer: str
    steps: tuple[ReasoningStep, ...] = ()


class Backend(Protocol):
    """An engine that answers tasks; made by you, with whatever it needs."""

    @property
    def description(self) -> str:
        """What the health report says of it, at most 200 characters."""
        ...

    async def open(self) -> None:
        """Load what is slow to load; tasks come after this returned."""
        ...

    async def solve(self, task: ReasoningTask) -> Solution:
        """Answer one task; the caller bounds the time by the task's timeout.

        Raises ``BackendError`` when the engine does not answer and
        ``StatementError`` when it does not understand the task; the miner then
        sends an empty answer, never the error's text.
        """
        ...

    async def close(self) -> None:
        """Release what ``open`` took."""
        ...


def step(number: int, reasoning: str, *claims: str) -> ReasoningStep:
    """A step with claims, confidence 1."""
    return ReasoningStep(step_id=number, reasoning=reasoning, confidence=1.0, claims=claims)
