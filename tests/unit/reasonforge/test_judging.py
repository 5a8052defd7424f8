import hashlib

import msgspec
import pytest

from taostack.reasonforge import audit, judging
from taostack.reasonforge.backends import solvers
from taostack.reasonforge.errors import AuditError
from taostack.reasonforge.judging import Transcript, judge_epoch
from taostack.reasonforge.protocol import ReasoningReply, ReasoningStep
from taostack.reasonforge.rules import DEFAULT
from taostack.reasonforge.store import EpochRow, standing_row
from taostack.reasonforge.tasks import registry
from taostack.reasonforge.tasks.seeds import seed_commitment

SEED = hashlib.sha256(b"judging").digest()
PLAN = registry.plan(SEED)


def transcript(hotkey, slot, answer=None, *, uid=1, steps=(), registered_at=1, task_id=None, **given):
    task = registry.task_for(SEED, PLAN[slot], epoch=1, hotkey=hotkey, attempt=given.get("attempt", 1))
    if answer == "right":
        answer = solvers.solve(task.statement, task.schema).final_answer
    reply = None
    if answer is not None:
        reply = ReasoningReply(task_id=task_id or task.task_id, final_answer=answer, steps=steps)
    given = {"attempt": 1, "latency_seconds": 1.0, **given}
    return Transcript(hotkey=hotkey, registered_at=registered_at, uid=uid, slot=slot, reply=reply, **given)


def judged(*transcripts):
    return judge_epoch(SEED, epoch=1, transcripts=transcripts, histories={})


def test_a_right_answer_scores_nearly_one_and_is_called_correct():
    outcome = judged(transcript("a", 0, "right"))
    [answer] = outcome.answers
    assert answer.correct
    assert answer.reason == judging.CORRECT
    assert answer.cms == pytest.approx(1 - 0.15 * 0.5 / 300)
    assert outcome.average_cms == answer.cms


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"answer": ""}, judging.EMPTY),
        ({"answer": "  \n"}, judging.EMPTY),
        ({"answer": "forty-two"}, judging.UNREADABLE),
        ({"answer": None}, judging.EMPTY),
        ({"answer": None, "failure": "failed: timeout"}, "failed: timeout"),
        ({"answer": "right", "task_id": "other"}, judging.OTHER_TASK),
    ],
)
def test_what_is_no_right_answer_scores_zero_and_says_why(given, reason):
    [answer] = judged(transcript("a", 0, **given)).answers
    assert (answer.correct, answer.cms, answer.reason) == (False, 0.0, reason)


def test_an_answer_to_the_neighbours_variant_is_wrong():
    neighbour = transcript("b", 0, "right")
    task = registry.task_for(SEED, PLAN[0], epoch=1, hotkey="a")
    copied = msgspec.structs.replace(neighbour.reply, task_id=task.task_id)
    [answer] = judged(msgspec.structs.replace(transcript("a", 0), reply=copied)).answers
    assert not answer.correct


def test_false_claims_lower_quality_and_sampling_bounds_the_work():
    lies = tuple(ReasoningStep(step_id=number, reasoning="", claims=("1 = 2",) * 50) for number in range(50))
    [answer] = judged(transcript("a", 0, "right", steps=lies)).answers
    assert answer.correct
    assert answer.quality == 0


def test_slow_health_checks_buy_no_more_than_the_credit():
    [answer] = judged(transcript("a", 0, "right", latency_seconds=20.0, health_seconds=(19.0, 19.0))).answers
    assert answer.solve_seconds == 19.5


def test_a_slot_that_was_not_asked_counts_for_nobody():
    outcome = judged(
        transcript("a", 0, "right"),
        transcript("a", 1, "right"),
        transcript("b", 0, None, failure=judging.NOT_ASKED, uid=2),
        transcript("b", 1, "right", uid=2),
    )
    assert outcome.void_slots == (0,)
    assert [row.assigned for row in outcome.standings] == [1, 1]


def test_an_attempt_has_its_own_question():
    outcome = judged(transcript("a", 0, "right", attempt=2))
    assert outcome.answers[0].correct


def test_two_validators_with_the_same_seed_and_transcripts_reach_the_same_numbers():
    rows = [transcript("a", slot, "right" if slot % 3 else "0") for slot in range(12)]
    assert judged(*rows) == judged(*reversed(rows))


def record(**changes):
    transcripts = [transcript("a", slot, "right") for slot in range(12)]
    outcome = judged(*transcripts)
    row = EpochRow(
        epoch=1,
        netuid=3,
        validator="v",
        commitment=seed_commitment(SEED, netuid=3, epoch=1, validator="v"),
        rules=DEFAULT,
        families=(),
        opened_ms=0,
        closed_ms=1,
        seed=SEED.hex(),
    )
    made = audit.EpochFile(
        format=audit.FORMAT,
        epoch=row,
        transcripts=tuple(transcripts),
        answers=outcome.answers,
        standings=tuple(standing_row(1, each) for each in outcome.standings),
    )
    return msgspec.structs.replace(made, **changes)


def test_an_honest_record_passes_its_audit_also_as_a_file():
    assert audit.audit(record()).ok
    assert audit.audit(audit.decode(msgspec.json.encode(record()))).ok
    assert audit.audit(record(), commitment=record().epoch.commitment).ok


def test_an_audit_finds_a_raised_score_a_moved_standing_another_seed_and_another_commitment():
    base = record()
    raised = msgspec.structs.replace(base.answers[0], cms=0.5)
    assert not audit.audit(record(answers=(raised, *base.answers[1:]))).ok
    moved = msgspec.structs.replace(base.standings[0], weight=0.9)
    assert not audit.audit(record(standings=(moved,))).ok
    other = msgspec.structs.replace(base.epoch, seed=bytes(32).hex())
    report = audit.audit(record(epoch=other))
    assert report.differences[0] == "the published seed does not open the commitment"
    assert report.differences[-1].startswith("and ") or len(report.differences) <= 21
    assert not audit.audit(base, commitment="00").ok
    void = msgspec.structs.replace(base.epoch, void_slots=(3,))
    assert not audit.audit(record(epoch=void)).ok


def test_a_record_that_cannot_be_audited_is_refused():
    base = record()
    with pytest.raises(AuditError):
        audit.decode(b"{}")
    with pytest.raises(AuditError):
        audit.decode(msgspec.json.encode(record(format="other")))
    for seed in (None, "zz", "00"):
        with pytest.raises(AuditError):
            audit.audit(record(epoch=msgspec.structs.replace(base.epoch, seed=seed)))
    huge = msgspec.structs.replace(DEFAULT, tasks_per_epoch=10**9)
    with pytest.raises(AuditError):
        audit.audit(record(epoch=msgspec.structs.replace(base.epoch, rules=huge)))
    stray = msgspec.structs.replace(base.transcripts[0], slot=99)
    with pytest.raises(AuditError):
        audit.audit(record(transcripts=(stray,)))
