"""What the disk gives: durable appends alone and in company, replay, and the way into a thread."""

import asyncio
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import aiosqlite
import sqlalchemy as sa

from benchmarks.figure import Figure
from taostack.storage import Checkpoints, Journal, open_database

PAYLOAD = bytes(range(256)) * 4
WRITERS = 64
ENTRIES = 20_000


def _saves(checkpoints: Checkpoints, state: bytes, times: int) -> None:
    for _ in range(times):
        checkpoints.save("state", 1, state)


def _rate(count: int, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def _peer_appends(path: Path, count: int) -> None:
    """The usual way: one INSERT, one commit, WAL and synchronous=FULL as ours."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, kind TEXT, payload BLOB)")
    for _ in range(count):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO entries (kind, payload) VALUES ('tick', ?)", (PAYLOAD,))
        connection.execute("COMMIT")
    connection.close()


def _appends_one_by_one(journal: Journal, count: int) -> None:
    for _ in range(count):
        journal.append("tick", PAYLOAD)


async def _appends_in_company(journal: Journal, count: int) -> None:
    async def write() -> None:
        for _ in range(count // WRITERS):
            await journal.record("tick", PAYLOAD)

    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(write())


def _appends_of_threads(journal: Journal, count: int) -> None:
    threads = [threading.Thread(target=_appends_one_by_one, args=(journal, count // 16)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def _threaded_reads(path: Path, count: int) -> tuple[float, float]:
    """Transactions of four statements a second: ours (one hand-over each), aiosqlite (one a statement)."""
    statement = sa.text("SELECT count(*) FROM journal_heads")
    with open_database(path) as database:
        started = time.perf_counter()
        for _ in range(count):
            await database.read(lambda connection: [connection.execute(statement).scalar() for _ in range(4)])
        ours = count / (time.perf_counter() - started)
    async with aiosqlite.connect(path) as connection:
        started = time.perf_counter()
        for _ in range(count):
            for _ in range(4):
                cursor = await connection.execute("SELECT count(*) FROM journal_heads")
                await cursor.fetchone()
                await cursor.close()
        theirs = count / (time.perf_counter() - started)
    return ours, theirs


def figures() -> list[Figure]:
    """Measure in a temporary folder; about ten seconds."""
    with tempfile.TemporaryDirectory() as folder:
        peer = _rate(1000, lambda: _peer_appends(Path(folder) / "peer.sqlite", 1000))
        path = Path(folder) / "ours.sqlite"
        with open_database(path) as database:
            journal = Journal(database)
            alone = _rate(1000, lambda: _appends_one_by_one(journal, 1000))
            threads = _rate(8000, lambda: _appends_of_threads(journal, 8000))
            company = _rate(ENTRIES, lambda: asyncio.run(_appends_in_company(journal, ENTRIES)))
            total = journal.head().seq
            replayed = _rate(total, lambda: sum(1 for _ in journal.replay()))
            checkpoints = Checkpoints(database)
            state = bytes(1_000_000)
            saved = 1000 / _rate(20, lambda: _saves(checkpoints, state, 20))
        ours, theirs = asyncio.run(_threaded_reads(path, 1000))
    size = f"{len(PAYLOAD)} B entries, WAL, synchronous=FULL"
    return [
        Figure("storage", "durable appends, one caller", alone, "entries/s", "≥ 300", alone >= 300, size),
        Figure(
            "storage",
            f"durable appends, {WRITERS} coroutines",
            company,
            "entries/s",
            "≥ 2 × one commit each",
            company >= 2 * peer,
            f"{size}; plain sqlite3, one commit each, same run: {peer:,.0f}/s",
        ),
        Figure("storage", "durable appends, 16 threads", threads, "entries/s", "≥ 2,000", threads >= 2000, size),
        Figure(
            "storage",
            "replay with the chain checked",
            replayed,
            "entries/s",
            "≥ 50,000",
            replayed >= 50_000,
            f"{total:,} entries",
        ),
        Figure("storage", "checkpoint of 1 MB", saved, "ms", "≤ 50", saved <= 50, "durable"),
        Figure(
            "storage",
            "read transactions of 4 statements from a loop",
            ours,
            "transactions/s",
            "≥ aiosqlite",
            ours >= theirs,
            f"aiosqlite (without SQLAlchemy), same run: {theirs:,.0f}/s",
        ),
    ]
