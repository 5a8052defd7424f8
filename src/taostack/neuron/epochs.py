"""The book of epochs: each runs at most once, whatever is killed when.

An epoch is a row: ``open`` (begun, seed drawn), then ``done`` or ``abandoned``.
The rules, in the order in which they are asked:

* done or abandoned: nothing more happens to it;
* open, and the chain is still in it, and attempts are left: it runs again from
  its start with the same seed, attempt + 1;
* open otherwise: it is abandoned, with the reason in the row.

``complete`` changes ``open`` to ``done`` only for the attempt that is on the
books, in the same transaction as everything the epoch produced. Rows carry the
block at which this hotkey was registered: a new registration starts a new book.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
import sqlalchemy as sa

from taostack.chain.schedule import EpochSchedule
from taostack.chain.scores import ComputedScores
from taostack.neuron.errors import EpochClosedError
from taostack.neuron.program import Epoch, Scores
from taostack.neuron.tables import epochs
from taostack.process.clock import Clock
from taostack.storage.engine import Database

EpochStatus = Literal["open", "done", "abandoned"]

SEED_BYTES: Final = 32

ENDED_WHILE_AWAY: Final = "the chain went on while this validator was not running"
ATTEMPTS_USED: Final = "every allowed attempt failed"


@dataclass(frozen=True, slots=True)
class Opened:
    """An epoch to be run now: which attempt this is (from 1), and its secret seed."""

    epoch: Epoch
    attempt: int
    seed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found in the book at the start."""

    unfinished: Epoch | None
    abandoned: tuple[Epoch, ...]
    last_done: Epoch | None


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch as the book has it."""

    epoch: Epoch
    status: EpochStatus
    attempt: int
    reason: str
    rules: str | None
    scores: ComputedScores | None
    detail: bytes | None
    opened_at_ms: int
    closed_at_ms: int | None
    weights_code: str | None
    weights_block: int | None
    weights_detail: str | None


class _ScoreRow(msgspec.Struct, array_like=True, frozen=True):
    uid: int
    hotkey: str
    score: float


class _ScoreTable(msgspec.Struct, array_like=True, frozen=True):
    netuid: int
    block: int
    rules: str
    rows: tuple[_ScoreRow, ...]


def epoch_of(schedule: EpochSchedule) -> Epoch | None:
    """The epoch that the chain is in, or None when the subnet runs none."""
    due = schedule.next_epoch_block
    if due is None:
        return None
    return Epoch(schedule.epoch_index, schedule.last_epoch_block, due)


def encode_scores(scores: ComputedScores) -> bytes:
    """Scores as MessagePack."""
    rows = tuple(_ScoreRow(*row) for row in zip(scores.uids, scores.hotkeys, scores.values, strict=True))
    return msgspec.msgpack.encode(_ScoreTable(scores.netuid, scores.block, scores.rules_digest, rows))


def decode_scores(data: bytes) -> ComputedScores:
    """What ``encode_scores`` wrote."""
    table = msgspec.msgpack.decode(data, type=_ScoreTable)
    return ComputedScores(
        netuid=table.netuid,
        block=table.block,
        rules_digest=table.rules,
        uids=tuple(row.uid for row in table.rows),
        hotkeys=tuple(row.hotkey for row in table.rows),
        values=tuple(row.score for row in table.rows),
    )


class EpochBook:
    """The epochs of one life (``registered_at``) of a validator.

    ``entropy(n)`` gives ``n`` secret bytes; ``attempts`` is how often an epoch may be tried.
    """

    def __init__(
        self,
        database: Database,
        registered_at: int,
        *,
        attempts: int,
        clock: Clock,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._registered_at = registered_at
        self._attempts = attempts
        self._clock = clock
        self._entropy = entropy

    async def recover(self, current: Epoch | None) -> Recovery:
        """Settle what a killed process left open; ``current`` is the epoch the chain is in."""

        def settle(connection: sa.Connection) -> Recovery:
            unfinished: Epoch | None = None
            abandoned: list[Epoch] = []
            rows = connection.execute(self._mine(epochs.c.status == "open").order_by(epochs.c.epoch)).all()
            for row in map(_row, rows):
                if current is not None and row.epoch.index == current.index:
                    if row.attempt < self._attempts:
                        unfinished = row.epoch
                        continue
                    self._close(connection, row.epoch.index, "abandoned", reason=ATTEMPTS_USED)
                else:
                    self._close(connection, row.epoch.index, "abandoned", reason=ENDED_WHILE_AWAY)
                abandoned.append(row.epoch)
            last = connection.execute(
                self._mine(epochs.c.status == "done").order_by(epochs.c.epoch.desc()).limit(1)
            ).one_or_none()
            return Recovery(unfinished, tuple(abandoned), None if last is None else _row(last).epoch)

        return await self._database.write(settle)

    async def open(self, epoch: Epoch) -> Opened | None:
        """Begin ``epoch``, or its next attempt; None when it is closed (abandoning it if attempts are used up)."""

        def begin(connection: sa.Connection) -> Opened | None:
            found = connection.execute(self._mine(epochs.c.epoch == epoch.index)).one_or_none()
            if found is None:
                opened = Opened(epoch, 1, self._entropy(SEED_BYTES))
                connection.execute(
                    sa.insert(epochs).values(
                        registered_at=self._registered_at,
                        epoch=epoch.index,
                        first_block=epoch.first_block,
                        next_block=epoch.next_block,
                        status="open",
                        attempt=1,
                        seed=opened.seed,
                        opened_at_ms=self._clock.now_ms(),
                        reason="",
                    )
                )
                return opened
            if found.status != "open":
                return None
            if found.attempt >= self._attempts:
                self._close(connection, epoch.index, "abandoned", reason=ATTEMPTS_USED)
                return None
            connection.execute(self._change(epoch.index).values(attempt=found.attempt + 1, next_block=epoch.next_block))
            return Opened(epoch, found.attempt + 1, bytes(found.seed))

        return await self._database.write(begin)

    async def complete(self, opened: Opened, scores: Scores, computed: ComputedScores) -> None:
        """Write the result and the mark "done" in one transaction.

        Raises EpochClosedError, writing nothing, when another attempt is on the
        books or the epoch is closed.
        """

        def finish(connection: sa.Connection) -> None:
            changed = connection.execute(
                self._change(opened.epoch.index)
                .where(epochs.c.status == "open", epochs.c.attempt == opened.attempt)
                .values(
                    status="done",
                    closed_at_ms=self._clock.now_ms(),
                    rules=scores.rules,
                    scores=encode_scores(computed),
                    detail=scores.detail,
                )
            )
            if changed.rowcount != 1:
                raise EpochClosedError(
                    f"epoch {opened.epoch.index} is not open for attempt {opened.attempt}: its result is not written"
                )
            scores.commit(connection)

        await self._database.write(finish)

    async def abandon(self, epoch: Epoch, reason: str) -> None:
        """Give ``epoch`` up, if it is still open."""
        await self._database.write(lambda connection: self._close(connection, epoch.index, "abandoned", reason=reason))

    async def unsent(self, rules: str) -> tuple[Epoch, ComputedScores] | None:
        """The newest done epoch, if its scores were computed by ``rules`` and no outcome of sending is known."""
        row = await self.last_done()
        if row is None or row.scores is None or row.weights_code is not None or row.rules != rules:
            return None
        return row.epoch, row.scores

    async def note_weights(self, epoch: Epoch, *, code: str, block: int | None, detail: str) -> None:
        """Write down what became of an epoch's weights."""
        statement = self._change(epoch.index).values(weights_code=code, weights_block=block, weights_detail=detail)

        def write(connection: sa.Connection) -> None:
            connection.execute(statement)

        await self._database.write(write)

    async def last_done(self) -> EpochRow | None:
        """The newest finished epoch."""
        query = self._mine(epochs.c.status == "done").order_by(epochs.c.epoch.desc()).limit(1)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _row(row)

    async def history(self, limit: int = 100) -> list[EpochRow]:
        """The newest epochs, newest first."""
        query = self._mine().order_by(epochs.c.epoch.desc()).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [_row(row) for row in rows]

    def _mine(self, *conditions: sa.ColumnElement[bool]) -> sa.Select[tuple[object, ...]]:
        return sa.select(epochs).where(epochs.c.registered_at == self._registered_at, *conditions)

    def _change(self, index: int) -> sa.Update:
        return sa.update(epochs).where(epochs.c.registered_at == self._registered_at, epochs.c.epoch == index)

    def _close(self, connection: sa.Connection, index: int, status: EpochStatus, *, reason: str) -> None:
        connection.execute(
            self._change(index)
            .where(epochs.c.status == "open")
            .values(status=status, closed_at_ms=self._clock.now_ms(), reason=reason)
        )


def _row(row: sa.Row[tuple[object, ...]]) -> EpochRow:
    found = row._mapping
    return EpochRow(
        epoch=Epoch(found["epoch"], found["first_block"], found["next_block"]),
        status=found["status"],
        attempt=found["attempt"],
        reason=found["reason"],
        rules=found["rules"],
        scores=None if found["scores"] is None else decode_scores(bytes(found["scores"])),
        detail=None if found["detail"] is None else bytes(found["detail"]),
        opened_at_ms=found["opened_at_ms"],
        closed_at_ms=found["closed_at_ms"],
        weights_code=found["weights_code"],
        weights_block=found["weights_block"],
        weights_detail=found["weights_detail"],
    )
