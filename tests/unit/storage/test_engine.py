"""Opening, transactions, threads and the errors of a database."""

import asyncio
import os
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from taostack.process.errors import StateError, UsageError
from taostack.storage import Database, Migrations, creates, open_database
from taostack.storage.errors import (
    SchemaVersionError,
    StorageCorruptError,
    StorageLockedError,
    StorageUnavailableError,
)

notes = sa.Table("notes", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
NOTES = Migrations("notes", (creates(notes),))


def note(connection: sa.Connection, text: str) -> None:
    connection.execute(sa.insert(notes).values(text=text))


def texts(connection: sa.Connection) -> list[str]:
    return list(connection.execute(sa.select(notes.c.text).order_by(notes.c.id)).scalars())


@pytest.fixture
def database(tmp_path):
    with open_database(tmp_path / "deep" / "state.sqlite", [NOTES]) as opened:
        yield opened


def test_what_a_transaction_wrote_is_read_back_after_reopening(tmp_path):
    with open_database(tmp_path / "a.sqlite", [NOTES]) as first, first.transaction() as connection:
        note(connection, "kept")
    with open_database(f"sqlite:///{tmp_path}/a.sqlite", [NOTES]) as second, second.reading() as connection:
        assert texts(connection) == ["kept"]


def test_a_transaction_that_raises_leaves_nothing(database: Database):
    def write_and_fail() -> None:
        with database.transaction() as connection:
            note(connection, "gone")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write_and_fail()
    with database.reading() as connection:
        assert texts(connection) == []


def test_sqlite_runs_in_wal_mode_with_full_synchronisation(database: Database):
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_transaction_inside_a_transaction_is_refused_instead_of_waiting_for_itself(database: Database):
    with database.transaction(), pytest.raises(StateError, match="inside another"), database.transaction():
        pass


def test_readers_see_the_state_before_an_open_transaction(database: Database):
    with database.transaction() as connection:
        note(connection, "unfinished")
        with database.reading() as other:
            assert texts(other) == []


async def test_coroutines_write_and_read_without_blocking_the_loop(database: Database):
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(database.write(lambda connection, n=number: note(connection, str(n))))
    assert sorted(map(int, await database.read(texts))) == list(range(20))


async def test_an_error_in_a_threaded_write_reaches_the_caller_and_undoes_the_write(database: Database):
    def fail(connection: sa.Connection) -> None:
        note(connection, "gone")
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        await database.write(fail)
    assert await database.read(texts) == []


def test_writers_of_many_threads_queue_up(database: Database):
    def write() -> None:
        for _ in range(10):
            with database.transaction() as connection:
                note(connection, "x")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as connection:
        assert len(texts(connection)) == 40


def test_a_closed_database_says_so_and_closes_twice_without_harm(tmp_path):
    database = open_database(tmp_path / "a.sqlite")
    database.close()
    database.close()
    with pytest.raises(StateError, match="is closed"), database.transaction():
        pass
    with pytest.raises(StateError, match="is closed"):
        database.submit(lambda _: None)


def test_what_was_submitted_before_closing_is_still_done(tmp_path):
    database = open_database(tmp_path / "a.sqlite", [NOTES])
    futures = [database.submit(lambda connection, n=number: note(connection, str(n))) for number in range(50)]
    database.close()
    assert all(future.exception() is None for future in futures)
    with open_database(tmp_path / "a.sqlite", [NOTES]) as again, again.reading() as connection:
        assert len(texts(connection)) == 50


def test_a_database_locked_by_another_process_is_a_clear_error(tmp_path):
    with open_database(tmp_path / "a.sqlite", [NOTES], busy_seconds=0.05) as database:
        other = sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageLockedError, match=r"a\.sqlite.*locked"), database.transaction():
            pass
        other.execute("ROLLBACK")
        other.close()
        with database.transaction() as connection:
            note(connection, "after")


def test_a_claimed_database_names_its_owner_to_the_second_claimant(tmp_path):
    path = tmp_path / "a.sqlite"
    with (
        open_database(path, exclusive=True),
        pytest.raises(StorageLockedError, match=f"in use by the process {os.getpid()}"),
    ):
        open_database(path, exclusive=True)
    open_database(path, exclusive=True).close()


def test_a_claim_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "a.sqlite.lock").mkdir()
    with pytest.raises(StorageUnavailableError, match="cannot be opened"):
        open_database(tmp_path / "a.sqlite", exclusive=True)


def test_a_file_that_is_no_database_is_called_corrupt(tmp_path):
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"these are not the pages you are looking for" * 100)
    with pytest.raises(StorageCorruptError, match=r"a\.sqlite"):
        open_database(path)


def _with_damaged_pages(path: Path) -> None:
    with open_database(path, [NOTES]) as database, database.transaction() as connection:
        for number in range(3000):
            note(connection, f"some text to fill pages {number}")
    content = bytearray(path.read_bytes())
    for start in range(40_960, 61_440, 4096):
        content[start : start + 64] = b"\xff" * 64
    path.write_bytes(content)


def test_a_database_with_damaged_pages_is_refused_when_opened(tmp_path):
    _with_damaged_pages(tmp_path / "a.sqlite")
    with pytest.raises(StorageCorruptError) as caught:
        open_database(tmp_path / "a.sqlite", [NOTES])
    assert caught.value.code == "storage-corrupt"
    assert "backup" in caught.value.remedy


def test_a_large_database_with_damaged_pages_is_found_by_check(tmp_path, monkeypatch):
    _with_damaged_pages(tmp_path / "a.sqlite")
    monkeypatch.setattr("taostack.storage.engine.CHECKED_AT_OPEN_BYTES", 0)
    with open_database(tmp_path / "a.sqlite", [NOTES]) as database, pytest.raises(StorageCorruptError):
        database.check()


def test_a_sound_database_passes_check(database: Database):
    database.check()


def test_a_folder_in_the_place_of_the_file_is_a_clear_error(tmp_path):
    with pytest.raises(StorageUnavailableError, match="is a folder"):
        open_database(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_a_clear_error(tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(StorageUnavailableError, match="cannot be made"):
        open_database(tmp_path / "state" / "a.sqlite")


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "postgresql://host:port/db"])
def test_a_url_that_is_not_supported_is_a_usage_error(url):
    with pytest.raises(UsageError):
        open_database(url)


def test_a_newer_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "a.sqlite"
    newer = Migrations("notes", (creates(notes), "ALTER TABLE notes ADD COLUMN more TEXT"))
    open_database(path, [newer]).close()
    with pytest.raises(SchemaVersionError, match="version 2 of 'notes', this program knows up to 1"):
        open_database(path, [NOTES])
    open_database(path, [newer]).close()
