"""The append-only journal: what was acknowledged, in order, never lost.

    journal = Journal(database, "orders", clock=SystemClock())
    seq = journal.append("order", payload)              # on disk when it returns
    seq = await journal.record("order", payload)        # the same from a coroutine
    for entry in journal.replay(after=checkpoint.seq): ...

Entries are numbered 1, 2, 3, … without gaps. Each carries the SHA-256 of its
own content and of the entry before it, so a changed, missing or exchanged entry
breaks the chain; a separate head row shows a cut tail. Who rewrites the whole
file with all digests is not seen from inside: keep ``head()`` somewhere else
(on chain, in a report) and give it to ``verify``.

Group commit: appends that arrive while the disk is busy are written together
by the next transaction, so the rate grows with the number of callers while
each of them still waits for its own data.
"""

import asyncio
import contextlib
import hashlib
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from taostack.process.clock import Clock, SystemClock
from taostack.process.errors import StateError, UsageError
from taostack.storage.engine import Database
from taostack.storage.errors import JournalBrokenError
from taostack.storage.schema import journal_entries, journal_heads

GENESIS: Final = bytes(32)
"""The digest that stands before the first entry."""

MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024
MAX_KIND_BYTES: Final = 64
_BATCH_ENTRIES: Final = 4096
_BATCH_BYTES: Final = 32 * 1024 * 1024
_PAGE: Final = 1024
"""Entries read at once in a replay."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: number, time of writing (UTC ms), kind, content, chain digest."""

    seq: int
    at_ms: int
    kind: str
    payload: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry's number and digest; ``Head(0, GENESIS)`` for an empty journal."""

    seq: int
    digest: bytes


def link(previous: bytes, seq: int, at_ms: int, kind: str, payload: bytes) -> bytes:
    """The digest of an entry: SHA-256 over previous digest, seq, time, kind and payload, lengths included."""
    name = kind.encode()
    return hashlib.sha256(previous + struct.pack("<QQI", seq, at_ms, len(name)) + name + payload).digest()


@dataclass(frozen=True, slots=True)
class _Pending:
    """An entry on its way, and who waits for it: a thread, or (with ``loop``) a coroutine."""

    kind: str
    payload: bytes
    done: "Future[int] | asyncio.Future[int]"
    loop: asyncio.AbstractEventLoop | None = None


class Journal:
    """A named journal in ``database``; several may live in one file."""

    def __init__(self, database: Database, name: str = "main", *, clock: Clock | None = None) -> None:
        self.name = name
        self._database = database
        self._clock = clock if clock is not None else SystemClock()
        # Protects _pending and _flushing, which callers and the writer thread share.
        self._lock = threading.Lock()
        self._pending: list[_Pending] = []
        self._flushing = False

    def append(self, kind: str, payload: bytes) -> int:
        """Write an entry and return its number once it is on disk.

        Raises StorageFullError and the other storage errors; then nothing was
        written. Blocks the thread; from a coroutine use ``record``, inside a
        transaction ``append_in``.
        """
        if self._database.in_writer:
            raise StateError(
                "append was called inside a transaction, which it would wait for",
                remedy="use append_in with the connection of the transaction",
            )
        done: Future[int] = Future()
        self._enqueue(_Pending(kind, payload, done))
        return done.result()

    async def record(self, kind: str, payload: bytes) -> int:
        """``append`` for coroutines. A cancelled caller's entry may be written or not, as after a crash."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        self._enqueue(_Pending(kind, payload, done, loop))
        return await done

    def append_in(self, connection: sa.Connection, kind: str, payload: bytes) -> int:
        """Write an entry as part of a transaction; it counts when that commits."""
        _check(kind, payload)
        return self._insert(connection, [(kind, payload)]) + 1

    def head(self) -> Head:
        """The newest entry's number and digest."""
        with self._database.reading() as connection:
            return self.head_in(connection)

    def head_in(self, connection: sa.Connection) -> Head:
        """``head`` as a transaction sees it."""
        row = connection.execute(
            sa.select(journal_heads.c.seq, journal_heads.c.digest).where(journal_heads.c.journal == self.name)
        ).one_or_none()
        return Head(0, GENESIS) if row is None else Head(row.seq, bytes(row.digest))

    def replay(self, after: int = 0) -> Iterator[Entry]:
        """Entries ``after + 1`` … head, in order, each checked against the chain.

        Appends made meanwhile are not part of it. Raises JournalBrokenError at
        the first entry that is missing or changed, UsageError when ``after``
        lies beyond the head.
        """
        with self._database.reading() as connection:
            head = self.head_in(connection)
            previous = self._digest_of(connection, after, head)
        position = after
        while position < head.seq:
            with self._database.reading() as connection:
                rows = connection.execute(
                    sa.select(journal_entries)
                    .where(journal_entries.c.journal == self.name, journal_entries.c.seq > position)
                    .where(journal_entries.c.seq <= head.seq)
                    .order_by(journal_entries.c.seq)
                    .limit(_PAGE)
                ).all()
            if not rows:
                raise JournalBrokenError(f"journal {self.name!r} ends at {position}, its head says {head.seq}")
            for row in rows:
                entry = Entry(row.seq, row.at_ms, row.kind, bytes(row.payload), bytes(row.digest))
                if entry.seq != position + 1:
                    raise JournalBrokenError(f"journal {self.name!r} lacks entry {position + 1}")
                if link(previous, entry.seq, entry.at_ms, entry.kind, entry.payload) != entry.digest:
                    raise JournalBrokenError(f"journal {self.name!r}: entry {entry.seq} is not what was written")
                previous, position = entry.digest, entry.seq
                yield entry
        if previous != head.digest:
            raise JournalBrokenError(f"journal {self.name!r}: the head is not the digest of entry {head.seq}")

    def verify(self, expected: Head | None = None) -> Head:
        """Check the whole chain and return its head.

        ``expected`` is a head kept elsewhere: the journal must hold exactly that
        entry. Raises JournalBrokenError.
        """
        if expected is not None and expected.seq > self.head().seq:
            raise JournalBrokenError(f"journal {self.name!r} once reached entry {expected.seq}: its tail is cut")
        last = Head(0, GENESIS)
        for entry in self.replay():
            last = Head(entry.seq, entry.digest)
            if expected is not None and entry.seq == expected.seq and entry.digest != expected.digest:
                raise JournalBrokenError(f"journal {self.name!r}: entry {entry.seq} was rewritten")
        return last

    def _digest_of(self, connection: sa.Connection, seq: int, head: Head) -> bytes:
        if seq == 0:
            return GENESIS
        if not 0 < seq <= head.seq:
            raise UsageError(
                f"journal {self.name!r} has {head.seq} entries, asked to replay after {seq}",
                remedy="a state that is ahead of its journal belongs to another journal",
            )
        digest = connection.execute(
            sa.select(journal_entries.c.digest).where(
                journal_entries.c.journal == self.name, journal_entries.c.seq == seq
            )
        ).scalar()
        if digest is None:
            raise JournalBrokenError(f"journal {self.name!r} lacks entry {seq}")
        return bytes(digest)

    def _enqueue(self, pending: _Pending) -> None:
        _check(pending.kind, pending.payload)
        with self._lock:
            self._pending.append(pending)
            start, self._flushing = not self._flushing, True
        if start:
            try:
                self._database.on_writer(self._flush)
            except BaseException as error:
                # Others may have queued behind this one meanwhile and count on its flush.
                with self._lock:
                    self._flushing = False
                    stranded, self._pending = self._pending, []
                _answer([each for each in stranded if each is not pending], 0, error)
                raise

    def _flush(self) -> None:
        """On the writer thread: write what has gathered; more may gather meanwhile."""
        while True:
            with self._lock:
                batch = self._take_batch()
                if not batch:
                    self._flushing = False
                    return
            try:
                with self._database.transaction() as connection:
                    before = self._insert(connection, [(each.kind, each.payload) for each in batch])
            except BaseException as error:  # whoever waits must hear of it, whatever it is
                _answer(batch, 0, error)
            else:
                _answer(batch, before + 1, None)

    def _take_batch(self) -> list[_Pending]:
        size = count = 0
        for each in self._pending[:_BATCH_ENTRIES]:
            size += len(each.payload)
            if count and size > _BATCH_BYTES:
                break
            count += 1
        batch, self._pending = self._pending[:count], self._pending[count:]
        return batch

    def _insert(self, connection: sa.Connection, contents: list[tuple[str, bytes]]) -> int:
        """Chain ``contents`` to the head; returns the number of the entry before them."""
        query = sa.select(journal_heads.c.seq, journal_heads.c.digest).where(journal_heads.c.journal == self.name)
        row = connection.execute(query.with_for_update()).one_or_none()
        if row is None:
            connection.execute(sa.insert(journal_heads).values(journal=self.name, seq=0, digest=GENESIS))
        before, digest = (0, GENESIS) if row is None else (row.seq, bytes(row.digest))
        at_ms = self._clock.now_ms()
        rows = []
        for seq, (kind, payload) in enumerate(contents, before + 1):
            digest = link(digest, seq, at_ms, kind, payload)
            rows.append(
                {"journal": self.name, "seq": seq, "at_ms": at_ms, "kind": kind, "payload": payload, "digest": digest}
            )
        connection.execute(sa.insert(journal_entries), rows)
        connection.execute(
            sa.update(journal_heads)
            .where(journal_heads.c.journal == self.name)
            .values(seq=before + len(rows), digest=digest)
        )
        return int(before)


def _check(kind: str, payload: bytes) -> None:
    if not kind or len(kind.encode()) > MAX_KIND_BYTES:
        raise UsageError(f"the kind of a journal entry has 1 to {MAX_KIND_BYTES} bytes, was {kind!r}")
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise UsageError(f"a journal entry holds at most {MAX_PAYLOAD_BYTES} bytes, was {len(payload)}")


def _answer(batch: list[_Pending], first: int, error: BaseException | None) -> None:
    """Tell everyone of a batch its number (counted from ``first``), or what went wrong.

    Coroutines are told once a loop and batch: waking a loop costs a system call.
    """
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Future[int] | asyncio.Future[int], int]]] = {}
    for seq, each in enumerate(batch, first):
        if each.loop is None:
            _resolve([(each.done, seq)], error)
        else:
            by_loop.setdefault(each.loop, []).append((each.done, seq))
    for loop, waiting in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, waiting, error)


def _resolve(waiting: "list[tuple[Future[int] | asyncio.Future[int], int]]", error: BaseException | None) -> None:
    for done, seq in waiting:
        if done.done():  # its caller was cancelled and has gone
            continue
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(seq)
