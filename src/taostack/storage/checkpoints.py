"""Checkpoints: a state and the journal entry up to which it was folded.

A checkpoint only saves time. What counts is the journal: losing every
checkpoint costs a longer start, nothing else.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa

from taostack.process.clock import Clock, SystemClock
from taostack.storage.engine import Database
from taostack.storage.errors import StorageCorruptError
from taostack.storage.journal import Entry, Journal
from taostack.storage.schema import checkpoints

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State bytes that hold everything up to and with journal entry ``seq``."""

    seq: int
    payload: bytes
    saved_at_ms: int


def _digest(name: str, seq: int, payload: bytes) -> bytes:
    label = name.encode()
    return hashlib.sha256(struct.pack("<IQ", len(label), seq) + label + payload).digest()


class Checkpoints:
    """Named checkpoints in ``database``; saving replaces the one of that name, at once or not at all."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock if clock is not None else SystemClock()

    def save(self, name: str, seq: int, payload: bytes) -> None:
        """Replace the checkpoint ``name``; on disk when it returns."""
        with self._database.transaction() as connection:
            self.save_in(connection, name, seq, payload)

    def save_in(self, connection: sa.Connection, name: str, seq: int, payload: bytes) -> None:
        """``save`` as part of a transaction."""
        values = {
            "seq": seq,
            "saved_at_ms": self._clock.now_ms(),
            "payload": payload,
            "digest": _digest(name, seq, payload),
        }
        updated = connection.execute(sa.update(checkpoints).where(checkpoints.c.name == name).values(values))
        if updated.rowcount == 0:
            connection.execute(sa.insert(checkpoints).values(name=name, **values))

    def load(self, name: str) -> Checkpoint | None:
        """The checkpoint ``name``, or None; raises StorageCorruptError when it is not what was saved."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(checkpoints).where(checkpoints.c.name == name)).one_or_none()
        if row is None:
            return None
        payload = bytes(row.payload)
        if _digest(name, row.seq, payload) != bytes(row.digest):
            raise StorageCorruptError(
                f"checkpoint {name!r} is not what was saved",
                remedy="delete the checkpoint: the state is rebuilt from the journal",
            )
        return Checkpoint(row.seq, payload, row.saved_at_ms)

    def delete(self, name: str) -> None:
        """Forget the checkpoint ``name``, if there is one."""
        with self._database.transaction() as connection:
            connection.execute(sa.delete(checkpoints).where(checkpoints.c.name == name))


def restore(
    journal: Journal,
    checkpoints: Checkpoints,
    name: str,
    *,
    initial: Callable[[], S],
    decode: Callable[[bytes], S],
    step: Callable[[S, Entry], S],
) -> tuple[S, int]:
    """The state after the last journal entry, and that entry's number.

    Starts from the checkpoint ``name`` if there is one, else from ``initial``,
    and folds the entries behind it with the pure function ``step``. Raises
    JournalBrokenError or StorageCorruptError.
    """
    saved = checkpoints.load(name)
    state, seq = (initial(), 0) if saved is None else (decode(saved.payload), saved.seq)
    for entry in journal.replay(after=seq):
        state, seq = step(state, entry), entry.seq
    return state, seq
