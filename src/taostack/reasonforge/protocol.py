"""What validators and miners say to each other: three routes.

* ``reason``: one task, one answer. The request never holds truth or seed; it
  names the commitment of the epoch's secret seed.
* ``health``: whether a miner is ready; its round trip is what the validator
  subtracts from measured solving times.
* ``epoch_result``: after the epoch: the published seed and what the miner got,
  so that it can recompute every one of its tasks and scores.

Replies are read strictly: unknown fields, wrong types, numbers that are not
finite, texts and lists beyond these bounds are refused by the codec.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from taostack.reasonforge.rules import Domain
from taostack.reasonforge.tasks.answers import AnswerSchema
from taostack.reasonforge.tasks.model import Task
from taostack.wire.message import Route

VERSION = 1

TaskId = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=10_000)]
Answer = Annotated[str, Meta(max_length=50_000)]
Claim = Annotated[str, Meta(max_length=2_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Digest = Annotated[str, Meta(max_length=64)]
EpochNumber = Annotated[int, Meta(ge=0, le=2**53)]


class ReasoningTask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A validator's question. ``problem`` is plain text; ``answer_schema`` says what form the answer has."""

    task_id: TaskId
    epoch: EpochNumber
    domain: Domain
    problem: Text
    difficulty: Annotated[int, Meta(ge=1, le=10)]
    timeout_ms: Annotated[int, Meta(gt=0, le=3_600_000)]
    answer_schema: AnswerSchema
    seed_commitment: Digest
    context: Text = ""


class ReasoningStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of the chain; only its ``claims`` (exact equations) are checked, the rest is for readers."""

    step_id: Annotated[int, Meta(ge=0, le=1_000)]
    reasoning: Text
    evidence: Text = ""
    confidence: Share = 0.0
    claims: Annotated[tuple[Claim, ...], Meta(max_length=50)] = ()


class ReasoningReply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A miner's answer; an empty ``final_answer`` says that it has none."""

    task_id: TaskId
    final_answer: Answer
    steps: Annotated[tuple[ReasoningStep, ...], Meta(max_length=50)] = ()


class HealthCheck(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Are you ready? ``nonce`` comes back in the report."""

    nonce: Annotated[str, Meta(max_length=64)]


class HealthReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a miner says of itself; nothing in it is scored."""

    nonce: Annotated[str, Meta(max_length=64)]
    status: Literal["ready", "busy", "warming_up"]
    supported_domains: Annotated[tuple[Domain, ...], Meta(max_length=6)]
    model_info: Annotated[str, Meta(max_length=200)]
    version: Annotated[str, Meta(max_length=50)]


class TaskScore(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one answer got."""

    task_id: TaskId
    slot: int
    attempt: int
    difficulty: int
    correct: bool
    cms: float
    reason: Annotated[str, Meta(max_length=200)]


class EpochResult(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A closed epoch as one miner sees it; ``seed`` (hex) opens the commitment of its tasks."""

    epoch: EpochNumber
    netuid: Annotated[int, Meta(ge=0, le=65_535)]
    seed: Digest
    seed_commitment: Digest
    rules_version: Annotated[str, Meta(max_length=50)]
    s_epoch: float
    rank: int
    streak: int
    trap_penalty: float
    peb: float
    weight: float
    scores: Annotated[tuple[TaskScore, ...], Meta(max_length=1_000)]


class Received(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The miner has the result; ``seed_matches`` tells whether it fits the commitment it was given before."""

    epoch: EpochNumber
    seed_matches: bool


REASON = Route("reasonforge.reason", VERSION, ReasoningTask, ReasoningReply)
HEALTH = Route("reasonforge.health", VERSION, HealthCheck, HealthReport)
EPOCH_RESULT = Route("reasonforge.epoch_result", VERSION, EpochResult, Received)


def public(task: Task, seed_commitment: str) -> ReasoningTask:
    """The part of a task that its miner is sent."""
    return ReasoningTask(
        task_id=task.task_id,
        epoch=task.epoch,
        domain=task.domain,
        problem=task.statement,
        difficulty=task.difficulty,
        timeout_ms=task.timeout_ms,
        answer_schema=task.schema,
        seed_commitment=seed_commitment,
    )
