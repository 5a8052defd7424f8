"""From an epoch's seed and transcripts to its scores and standings: one pure function, used by validator and auditor.

Two validators with the same seed set the same tasks, and on the same
transcripts reach the same numbers (specification section 13.9).
"""

import itertools
import math
from collections.abc import Mapping, Sequence

import msgspec

from taostack.reasonforge.errors import AnswerError
from taostack.reasonforge.protocol import ReasoningReply
from taostack.reasonforge.rules import DEFAULT, Rules
from taostack.reasonforge.scoring import cms, formulas
from taostack.reasonforge.scoring.standing import History, Performance, Standing, settle
from taostack.reasonforge.tasks import claims, registry, seeds
from taostack.reasonforge.tasks.answers import check_answer, parse_answer
from taostack.reasonforge.tasks.model import Task

Identity = tuple[str, int]
"""(hotkey, registration block)."""

CORRECT = "correct"
WRONG = "wrong answer"
EMPTY = "no answer"
UNREADABLE = "answer not in the asked form"
OTHER_TASK = "answered another task"
NOT_ASKED = "not asked"
"""Recorded when the validator itself failed to ask; the slot is then void for everyone."""


VERDICTS = frozenset({CORRECT, WRONG, EMPTY, UNREADABLE, OTHER_TASK, NOT_ASKED})
"""Every reason that is not a failure to bring back a reply."""


class Transcript(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came back for one task: a reply or the reason why there is none, and the validator's own times."""

    hotkey: str
    registered_at: int
    uid: int
    slot: int
    attempt: int
    reply: ReasoningReply | None
    failure: str = ""
    latency_seconds: float = 0.0
    health_seconds: tuple[float, ...] = ()


class ScoredAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer, judged."""

    hotkey: str
    registered_at: int
    uid: int
    slot: int
    attempt: int
    task_id: str
    family: str
    difficulty: int
    audited: bool
    correct: bool
    answered: bool
    quality: float
    accuracy: float
    novelty: float
    efficiency: float
    cms: float
    solve_seconds: float
    reason: str


class EpochOutcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An epoch, judged: every answer, every miner's standing (best first), and the slots that count for no one."""

    answers: tuple[ScoredAnswer, ...]
    standings: tuple[Standing, ...]
    void_slots: tuple[int, ...]

    @property
    def average_cms(self) -> float:
        """Mean CMS over all answers that count; 0 without any."""
        return math.fsum(answer.cms for answer in self.answers) / len(self.answers) if self.answers else 0.0


def judge(task: Task, transcript: Transcript, *, claim_seed: bytes, rules: Rules = DEFAULT) -> ScoredAnswer:
    """Check one answer against the validator's own copy of the task."""
    seconds = cms.solve_seconds(
        transcript.latency_seconds, transcript.health_seconds, most=rules.health_credit_ms / 1000
    )
    reply = transcript.reply
    dimensions, correct = cms.NOTHING, False
    if reply is None:
        reason = transcript.failure or EMPTY
    elif reply.task_id != task.task_id:
        reason = OTHER_TASK
    elif not reply.final_answer.strip():
        reason = EMPTY
    else:
        reached = check_answer(task.schema, task.truth, reply.final_answer)
        correct = reached >= task.threshold
        stated = list(itertools.chain.from_iterable(step.claims for step in reply.steps))
        counted = claims.count_true(stated, seed=claim_seed, most=rules.max_claims) if correct else (0, 0)
        dimensions = cms.dimensions(
            cms.Evidence(correct=reached, claims_checked=counted[0], claims_true=counted[1], solve_seconds=seconds),
            domain=task.domain,
            answer_check=task.answer_check,
            declared_checks=task.checks,
            threshold=task.threshold,
            timeout_seconds=task.timeout_ms / 1000,
            rules=rules,
        )
        reason = CORRECT if correct else WRONG if _readable(task, reply.final_answer) else UNREADABLE
    return ScoredAnswer(
        hotkey=transcript.hotkey,
        registered_at=transcript.registered_at,
        uid=transcript.uid,
        slot=task.slot,
        attempt=task.attempt,
        task_id=task.task_id,
        family=task.family,
        difficulty=task.difficulty,
        audited=task.audited,
        correct=correct,
        answered=reply is not None and reason not in (EMPTY, OTHER_TASK),
        quality=dimensions.quality,
        accuracy=dimensions.accuracy,
        novelty=dimensions.novelty,
        efficiency=dimensions.efficiency,
        cms=formulas.breakthrough(dimensions.cms, task.previously_unsolved, rules=rules),
        solve_seconds=seconds,
        reason=reason[:200],
    )


def _readable(task: Task, answer: str) -> bool:
    try:
        parse_answer(task.schema, answer)
    except AnswerError:
        return False
    return True


def judge_epoch(
    seed: bytes,
    *,
    epoch: int,
    transcripts: Sequence[Transcript],
    histories: Mapping[Identity, History],
    rules: Rules = DEFAULT,
    families: Sequence[str] = (),
) -> EpochOutcome:
    """Recompute all tasks from ``seed``, judge all transcripts, and settle standings.

    A slot that the validator failed to ask even one miner is void for all. A
    miner's assigned tasks are the slots that it was asked and that are not void.
    """
    slots = {slot.index: slot for slot in registry.plan(seed, rules=rules, families=families)}
    void = sorted({each.slot for each in transcripts if each.failure == NOT_ASKED})
    answers = []
    by_miner: dict[Identity, list[ScoredAnswer]] = {}
    for transcript in sorted(transcripts, key=lambda each: (each.slot, each.hotkey)):
        own = by_miner.setdefault((transcript.hotkey, transcript.registered_at), [])
        if transcript.slot in void:
            continue
        task = registry.task_for(
            seed,
            slots[transcript.slot],
            epoch=epoch,
            hotkey=transcript.hotkey,
            attempt=transcript.attempt,
            rules=rules,
        )
        claim_seed = seeds.hkdf(seed, b"rf-claims-v1", task.task_id.encode())
        scored = judge(task, transcript, claim_seed=claim_seed, rules=rules)
        answers.append(scored)
        own.append(scored)
    uids = {(each.hotkey, each.registered_at): each.uid for each in transcripts}
    performances = [_performance(identity, uids[identity], own, rules) for identity, own in sorted(by_miner.items())]
    carried = [histories.get((each.hotkey, each.registered_at), History()) for each in performances]
    standings = settle(performances, carried, rules=rules)
    return EpochOutcome(answers=tuple(answers), standings=tuple(standings), void_slots=tuple(void))


def _performance(identity: Identity, uid: int, own: Sequence[ScoredAnswer], rules: Rules) -> Performance:
    return Performance(
        hotkey=identity[0],
        registered_at=identity[1],
        uid=uid,
        scores=tuple(each.cms for each in own),
        multipliers=tuple(formulas.difficulty_multiplier(each.difficulty, rules=rules) for each in own),
        audited=tuple(float(each.correct) for each in own if each.audited),
        correct=sum(each.correct for each in own),
        answered=sum(each.answered for each in own),
    )
