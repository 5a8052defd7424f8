"""Replay protection: each (receiver, sender, nonce) is accepted once.

A store is asked only after a signature verified, so nobody can fill it or
burn another one's nonces. It has to remember a nonce only while that nonce
would still be fresh. It is bounded, and when it is full it refuses: forgetting
a nonce that is still fresh would let its replay in. Each sender has only a
share of it, so a single registered hotkey cannot fill it for the others.

The interface is async. A store whose ``check_and_store`` is a plain function,
or which answers anything but a ``Verdict``, is refused, never believed.
"""

import asyncio
import enum
import inspect
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from taostack.process.clock import Clock
from taostack.process.logs import get_logger
from taostack.wire.errors import ReplayFileError, RouteError

_NS = 1_000_000_000

_log = get_logger(__name__)


class Verdict(enum.Enum):
    """What a store says of a nonce."""

    NEW = "new"
    SEEN = "seen"
    FULL = "full"


class ReplayStore(Protocol):
    """Remembers accepted nonces for at least ``retention_seconds`` past their own time."""

    @property
    def retention_seconds(self) -> float:
        """How long after its own time a nonce is remembered."""
        ...

    async def check_and_store(self, receiver: str, sender: str, nonce_ns: int) -> Verdict:
        """``NEW`` (and remembered), ``SEEN``, or ``FULL`` (not remembered: refuse)."""
        ...


def check_store(store: ReplayStore, needed_seconds: float) -> None:
    """Refuse a store that could let replays through: not async, or with too short a memory."""
    if not inspect.iscoroutinefunction(store.check_and_store):
        raise RouteError(
            f"{type(store).__name__}.check_and_store is not a coroutine function",
            remedy="define it with `async def`",
        )
    if store.retention_seconds < needed_seconds:
        raise RouteError(
            f"replay store remembers {store.retention_seconds:g} s, the freshness window needs {needed_seconds:g} s",
            remedy="give the store a longer retention, or shorten the window",
        )


class MemoryReplayStore:
    """Nonces of one process, in slices of time; whole slices are forgotten at once.

    ``capacity`` nonces in all, ``per_sender`` for each sender and receiver
    (per slice; a tenth of ``capacity`` by default). About 100 bytes a nonce.
    """

    def __init__(
        self, clock: Clock, *, retention_seconds: float = 30.0, capacity: int = 1_000_000, per_sender: int | None = None
    ) -> None:
        self._clock = clock
        self._retention = retention_seconds
        self._slice_ns = max(1, round(retention_seconds * _NS / 4))
        self._capacity = capacity
        self._per_sender = capacity // 10 if per_sender is None else per_sender
        self._slices: dict[int, dict[tuple[str, str], set[int]]] = {}
        self._size = 0
        self._forgotten = 0

    @property
    def retention_seconds(self) -> float:
        """How long after its own time a nonce is remembered."""
        return self._retention

    def __len__(self) -> int:
        return self._size

    async def check_and_store(self, receiver: str, sender: str, nonce_ns: int) -> Verdict:
        """Remember the nonce; never suspends."""
        number = nonce_ns // self._slice_ns
        if number <= self._forgotten:
            # The clock was set back: what was stored here is gone, so it cannot be told from a replay.
            return Verdict.SEEN
        senders = self._slices.get(number)
        if senders is None:
            self._forget()
            senders = self._slices.setdefault(number, {})
        nonces = senders.get((receiver, sender))
        if nonces is None:
            nonces = senders[(receiver, sender)] = set()
        elif nonce_ns in nonces:
            return Verdict.SEEN
        if self._size >= self._capacity or len(nonces) >= self._per_sender:
            return Verdict.FULL
        nonces.add(nonce_ns)
        self._size += 1
        return Verdict.NEW

    def _forget(self) -> None:
        oldest_kept = (self._clock.now_ns() - round(self._retention * _NS)) // self._slice_ns
        for number in [number for number in self._slices if number < oldest_kept]:
            self._size -= sum(len(nonces) for nonces in self._slices.pop(number).values())
            self._forgotten = max(self._forgotten, number)


class SqliteReplayStore:
    """Nonces shared by the processes of one machine, in a SQLite file.

    Each check is one transaction, run in a thread of its own so that the event
    loop never waits for the disk. Survives a killed process; call ``close``
    at the end. What cannot be written down is refused like a full store. Raises
    ``ReplayFileError`` for a file that cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        retention_seconds: float = 30.0,
        capacity: int = 1_000_000,
        busy_seconds: float = 5.0,
    ) -> None:
        self._clock = clock
        self._retention = retention_seconds
        self._capacity = capacity
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="replay-store")
        self._checks = 0
        try:
            self._database = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS nonces (receiver TEXT NOT NULL, sender TEXT NOT NULL,"
                " nonce INTEGER NOT NULL, PRIMARY KEY (receiver, sender, nonce)) WITHOUT ROWID"
            )
            self._database.execute("CREATE INDEX IF NOT EXISTS nonces_by_time ON nonces (nonce)")
        except sqlite3.Error as error:
            raise ReplayFileError(f"the replay store {path} cannot be opened: {error}") from error

    @property
    def retention_seconds(self) -> float:
        """How long after its own time a nonce is remembered."""
        return self._retention

    async def check_and_store(self, receiver: str, sender: str, nonce_ns: int) -> Verdict:
        """Remember the nonce on disk."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._insert, receiver, sender, nonce_ns)

    def _insert(self, receiver: str, sender: str, nonce_ns: int) -> Verdict:
        try:
            return self._insert_or_raise(receiver, sender, nonce_ns)
        except sqlite3.Error as error:
            _log.warning("replay.not_written", reason=str(error))
            return Verdict.FULL

    def _insert_or_raise(self, receiver: str, sender: str, nonce_ns: int) -> Verdict:
        if self._checks % 1000 == 0:
            self._database.execute(
                "DELETE FROM nonces WHERE nonce < ?", (self._clock.now_ns() - round(self._retention * _NS),)
            )
            (size,) = self._database.execute("SELECT COUNT(*) FROM nonces").fetchone()
            if size >= self._capacity:
                return Verdict.FULL
        self._checks += 1
        inserted = self._database.execute(
            "INSERT OR IGNORE INTO nonces VALUES (?, ?, ?)", (receiver, sender, nonce_ns)
        ).rowcount
        return Verdict.NEW if inserted == 1 else Verdict.SEEN

    def close(self) -> None:
        """Wait for the running check and close the file."""
        self._thread.shutdown(wait=True)
        self._database.close()
