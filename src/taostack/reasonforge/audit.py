"""Recompute a closed epoch from what was published: seed, rules and transcripts in, differences out.

A validator exports a record (``taostack reasonforge audit --export``); anyone
can check it without the validator: that the seed opens the commitment, that
every task follows from the seed, and that every score and standing follows
from the transcripts.
"""

import msgspec
import sqlalchemy as sa

from taostack.reasonforge import judging, store
from taostack.reasonforge.errors import AuditError, EpochError
from taostack.reasonforge.judging import ScoredAnswer, Transcript
from taostack.reasonforge.tasks import seeds
from taostack.reasonforge.tasks.seeds import SEED_BYTES

FORMAT = "reasonforge-epoch-1"
_MOST_TASKS = 10_000
_LISTED = 20
"""Differences that a report names one by one."""


class EpochFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A closed epoch with all that its scores rest on."""

    format: str
    epoch: store.EpochRow
    transcripts: tuple[Transcript, ...]
    answers: tuple[ScoredAnswer, ...]
    standings: tuple[store.StandingRow, ...]


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit found; ``differences`` is empty when everything follows from the seed."""

    epoch: int
    validator: str
    tasks: int
    miners: int
    differences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return not self.differences


def export(connection: sa.Connection, epoch: int) -> EpochFile:
    """The record of a closed epoch; raises ``EpochError`` for one that is open or unknown."""
    row = store.epoch_row(connection, epoch)
    if row is None or row.closed_ms is None:
        raise EpochError(f"epoch {epoch} is not closed", remedy="ask for an epoch that the validator has finished")
    return EpochFile(
        format=FORMAT,
        epoch=row,
        transcripts=tuple(store.transcripts_of(connection, epoch)),
        answers=tuple(store.answers_of(connection, epoch)),
        standings=tuple(store.standings_of(connection, epoch)),
    )


def decode(data: bytes) -> EpochFile:
    """An exported record; raises ``AuditError`` when it is not one."""
    try:
        record = msgspec.json.decode(data, type=EpochFile)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise AuditError(f"the record could not be read: {error}") from error
    if record.format != FORMAT:
        raise AuditError(f"the record's format was {record.format!r}", remedy=f"this version reads {FORMAT}")
    return record


def audit(record: EpochFile, *, commitment: str | None = None) -> AuditReport:
    """Recompute everything; ``commitment`` is the one heard while the epoch was open, when the auditor has it."""
    row = record.epoch
    differences: list[str] = []
    seed = _seed(row.seed)
    if not 0 < row.rules.tasks_per_epoch <= _MOST_TASKS:
        raise AuditError(f"the record's rules ask for {row.rules.tasks_per_epoch} tasks")
    if any(not 0 <= each.slot < row.rules.tasks_per_epoch for each in record.transcripts):
        raise AuditError("a transcript belongs to a slot that the epoch does not have")
    opened = seeds.seed_commitment(seed, netuid=row.netuid, epoch=row.epoch, validator=row.validator)
    if opened != row.commitment or (commitment is not None and commitment != opened):
        differences.append("the published seed does not open the commitment")
    outcome = judging.judge_epoch(
        seed,
        epoch=row.epoch,
        transcripts=record.transcripts,
        histories={(hotkey, at): history for hotkey, at, history in row.histories},
        rules=row.rules,
        families=row.families,
    )
    if outcome.void_slots != row.void_slots:
        differences.append(f"void slots are {list(outcome.void_slots)}, published were {list(row.void_slots)}")
    published = {(each.slot, each.hotkey, each.registered_at): each for each in record.answers}
    computed = {(each.slot, each.hotkey, each.registered_at): each for each in outcome.answers}
    differences += [
        f"slot {key[0]} of {key[1]}: the published score does not follow from the transcript"
        for key in sorted(published.keys() | computed.keys())
        if published.get(key) != computed.get(key)
    ]
    placed = {(each.hotkey, each.registered_at): each for each in record.standings}
    settled = {(each.hotkey, each.registered_at): store.standing_row(row.epoch, each) for each in outcome.standings}
    differences += [
        f"the published standing of {identity[0]} does not follow from its scores"
        for identity in sorted(placed.keys() | settled.keys())
        if placed.get(identity) != settled.get(identity)
    ]
    hidden = len(differences) - _LISTED
    if hidden > 0:
        differences = [*differences[:_LISTED], f"and {hidden} more"]
    return AuditReport(
        epoch=row.epoch,
        validator=row.validator,
        tasks=len(record.transcripts),
        miners=len(record.standings),
        differences=tuple(differences),
    )


def _seed(text: str | None) -> bytes:
    try:
        seed = bytes.fromhex(text or "")
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise AuditError(f"the record holds no seed of {SEED_BYTES} bytes")
    return seed
