"""What a family, an instance and a task are."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from taostack.reasonforge.rules import Domain
from taostack.reasonforge.tasks.answers import AnswerSchema
from taostack.reasonforge.tasks.seeds import Draw


@dataclass(frozen=True, slots=True)
class Instance:
    """One drawn question: public statement, form of the answer, and the truth as canonical text."""

    statement: str
    schema: AnswerSchema
    truth: str


@dataclass(frozen=True, slots=True)
class Family:
    """A pure source of questions with computed answers.

    ``levels`` are difficulties 1 … 10 that it can draw; ``version`` changes
    whenever the same seed would give another question.
    """

    name: str
    title: str
    topic: str
    levels: tuple[int, ...]
    draw: Callable[[Draw, int], Instance]
    domain: Domain = "mathematics"
    answer_check: str = "numerical"
    """Which check of Eq. 11 the answer decides."""
    version: int = 1


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One hotkey's question in one slot of one epoch, with what only the validator knows."""

    task_id: str
    epoch: int
    slot: int
    attempt: int
    hotkey: str
    family: str
    family_version: int
    domain: Domain
    difficulty: int
    statement: str
    schema: AnswerSchema
    truth: str
    answer_check: str
    checks: tuple[str, ...]
    """Declared checks of Eq. 11; fixed by the task, so an artefact that is missing counts 0."""
    threshold: float
    timeout_ms: int
    audited: bool
    previously_unsolved: bool = False
