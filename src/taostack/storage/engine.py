"""One database: a SQLite file by default, PostgreSQL by URL.

    database = open_database("state/neuron.sqlite", [MY_MIGRATIONS])
    with database.transaction() as connection:        # all of it or nothing
        connection.execute(...)
    rows = await database.read(lambda connection: connection.execute(...).all())
    database.close()

Statements are SQLAlchemy 2 Core. The engine is synchronous: a SQLite statement
takes some 50 µs, less than the hand-over to a thread, so the loop-friendly
``write`` and ``read`` move whole transactions to a thread and not statements
(measured in ``benchmarks/storage.py`` against aiosqlite). Writers of a process
queue up at one thread; SQLite admits only one writer anyway.

SQLite runs in WAL mode with ``synchronous=FULL``: when a transaction's block
has ended, its data are on the disk, whatever is killed or loses power then.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

from taostack.process.errors import StateError, UsageError
from taostack.storage import schema
from taostack.storage.claim import Claim, FileClaim, ServerClaim
from taostack.storage.errors import StorageCorruptError, StorageUnavailableError, translated
from taostack.storage.migrations import Migrations, migrate

T = TypeVar("T")

CHECKED_AT_OPEN_BYTES: Final = 256 * 1024 * 1024
"""Files up to this size have their structure checked when opened (about 1 s at the limit)."""

_READERS: Final = 4
"""Threads for ``read``; WAL lets them run beside the writer."""


class Database:
    """An open database; make it with ``open_database``, end it with ``close``.

    Safe to use from several threads. ``where`` names it in messages.
    """

    def __init__(self, engine: sa.Engine, where: str, claim: Claim | None) -> None:
        self.where = where
        self._engine = engine
        self._claim = claim
        self._local = threading.local()
        # Queues writers of this process in order of arrival: SQLite's own busy
        # handler polls with growing pauses and lets late comers overtake.
        self._writing = threading.Lock()
        self._writer = ThreadPoolExecutor(1, "storage-writer", initializer=self._mark_own_thread)
        self._readers = ThreadPoolExecutor(_READERS, "storage-reader", initializer=self._mark_own_thread)
        self._closed = False

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A write transaction: committed and on disk when the block ends, undone when it raises.

        Raises StorageFullError, StorageLockedError, StorageCorruptError or
        StorageUnavailableError; StateError when this thread is already in one.
        Blocks the thread; from a coroutine use ``write``.
        """
        self._check_open()
        if getattr(self._local, "writing", False):
            raise StateError(
                "a transaction was begun inside another one",
                remedy="pass the connection of the outer transaction on",
            )
        with self._writing:
            self._local.writing = True
            try:
                with translated(self.where), self._engine.begin() as connection:
                    yield connection
            finally:
                self._local.writing = False

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A consistent view for reading; never waits for writers."""
        self._check_open()
        with translated(self.where), self._engine.connect() as connection:
            yield connection.execution_options(reading=True)

    def submit(self, work: Callable[[sa.Connection], T]) -> "Future[T]":
        """Run ``work`` in a write transaction on the writer thread; its future ends after the commit."""
        self._check_open()
        return self._writer.submit(self._in_transaction, work)

    def on_writer(self, work: Callable[[], None]) -> None:
        """Run ``work`` on the writer thread, outside any transaction, after what was submitted before."""
        self._check_open()
        self._writer.submit(work)

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """``work(connection)`` in one write transaction; durable when this returns.

        A cancelled caller does not stop a transaction that already runs: it
        ends (whole, as always) before ``close`` returns.
        """
        return await asyncio.wrap_future(self.submit(work))

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """``work(connection)`` on a consistent view, in another thread."""
        self._check_open()

        def run() -> T:
            with self.reading() as connection:
                return work(connection)

        return await asyncio.wrap_future(self._readers.submit(run))

    @property
    def in_writer(self) -> bool:
        """Whether this thread is inside a write transaction."""
        return bool(getattr(self._local, "writing", False))

    def check(self) -> None:
        """Read every page and index; raises StorageCorruptError with the first thing that is wrong."""
        if self.dialect != "sqlite":
            return
        with self.reading() as connection:
            verdict = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if verdict != "ok":
            raise StorageCorruptError(f"{self.where}: {verdict}")

    def close(self) -> None:
        """Take nothing more, end what was submitted, then release files and claim; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._engine.dispose()
        if self._claim is not None:
            self._claim.release()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _in_transaction(self, work: Callable[[sa.Connection], T]) -> T:
        with self.transaction() as connection:
            return work(connection)

    def _mark_own_thread(self) -> None:
        self._local.own = True

    def _check_open(self) -> None:
        # What was submitted before ``close`` is still to be done, on our own threads.
        if self._closed and not getattr(self._local, "own", False):
            raise StateError(f"{self.where} is closed")


def open_database(
    url_or_path: str | Path,
    migrations: Sequence[Migrations] = (),
    *,
    exclusive: bool = False,
    busy_seconds: float = 5.0,
) -> Database:
    """Open (and create, when a SQLite file is absent) a database in its newest shape.

    ``url_or_path`` is a path, ``sqlite:///path`` or ``postgresql://…``.
    ``exclusive`` claims it for this process until ``close``: a second claimant
    gets StorageLockedError at once. ``busy_seconds`` is how long a transaction
    waits for another process's.

    Raises StorageUnavailableError (cannot open), StorageLockedError,
    StorageCorruptError, SchemaVersionError (written by a newer program),
    UsageError (not a URL that is supported).
    """
    url = _parse(url_or_path)
    where = url.database or "" if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
    claim: Claim | None = None
    if url.get_backend_name() == "sqlite":
        path = Path(where)
        _check_sqlite_path(path)
        if exclusive:
            claim = FileClaim(path)
        engine = _sqlite_engine(url, busy_seconds)
    else:
        engine = _postgresql_engine(url, busy_seconds)
    try:
        with translated(where):
            if exclusive and claim is None:
                claim = ServerClaim(engine, where)
            if engine.dialect.name == "sqlite":
                _check_sqlite_file(engine, Path(where))
            migrate(engine, [schema.MIGRATIONS, *migrations])
    except BaseException:
        engine.dispose()
        if claim is not None:
            claim.release()
        raise
    return Database(engine, where, claim)


def _parse(url_or_path: str | Path) -> sa.URL:
    text = str(url_or_path)
    if isinstance(url_or_path, Path) or "://" not in text:
        return sa.URL.create("sqlite", database=text)
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise UsageError(f"{text!r} is not a database URL", remedy="write a path or postgresql://…") from error
    backend = url.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite")
    raise UsageError(
        f"databases of the kind {text.split('://', 1)[0]!r} (or without a file) are not supported",
        remedy="write a file's path, sqlite:///path or postgresql://…",
    )


def _check_sqlite_path(path: Path) -> None:
    """Make the folder; say plainly what SQLite would only call "unable to open database file"."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailableError(f"the folder {path.parent} cannot be made: {error.strerror}") from error
    if path.is_dir():
        raise StorageUnavailableError(f"{path} is a folder, not a database file")


def _sqlite_engine(url: sa.URL, busy_seconds: float) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": busy_seconds}, pool_size=_READERS + 1)

    @event.listens_for(engine, "connect")
    def prepare(driver_connection: Any, _record: object) -> None:
        # Transactions are begun below, not guessed by the driver from the first statement.
        driver_connection.isolation_level = None
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                driver_connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            driver_connection.close()  # the pool does not know it yet, nobody else would
            raise

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A writer takes the lock at once: upgrading later can fail in the middle.
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _check_sqlite_file(engine: sa.Engine, path: Path) -> None:
    if path.exists() and path.stat().st_size <= CHECKED_AT_OPEN_BYTES:
        with engine.connect().execution_options(reading=True) as connection:
            verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if verdict != "ok":
            raise StorageCorruptError(f"{path}: {verdict}")


def _postgresql_engine(url: sa.URL, busy_seconds: float) -> sa.Engine:
    options = f"-c lock_timeout={round(busy_seconds * 1000)}"
    try:
        return sa.create_engine(
            url,
            pool_size=_READERS + 2,
            pool_pre_ping=True,
            connect_args={"options": options, "connect_timeout": max(2, round(busy_seconds))},
        )
    except ModuleNotFoundError as error:
        raise UsageError("the PostgreSQL driver is not installed", remedy="pip install 'taostack[postgres]'") from error
