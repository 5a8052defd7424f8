"""Appending, replaying, and finding what was changed."""

import asyncio
import threading

import pytest
import sqlalchemy as sa

from taostack.process.clock import ManualClock
from taostack.process.errors import StateError, UsageError
from taostack.storage import Head, Journal, open_database
from taostack.storage.errors import JournalBrokenError
from taostack.storage.journal import GENESIS, link
from taostack.storage.schema import journal_entries, journal_heads


@pytest.fixture
def database(tmp_path):
    with open_database(tmp_path / "a.sqlite") as opened:
        yield opened


@pytest.fixture
def journal(database):
    return Journal(database, "orders", clock=ManualClock(1_700_000_000_000))


def fill(journal: Journal, count: int = 5) -> None:
    for number in range(1, count + 1):
        assert journal.append("order", b"content %d" % number) == number


def change(database, statement) -> None:
    with database.transaction() as connection:
        connection.execute(statement)


def test_entries_come_back_in_order_with_number_time_kind_and_content(journal):
    fill(journal, 3)
    entries = list(journal.replay())
    assert [(entry.seq, entry.at_ms, entry.kind, entry.payload) for entry in entries] == [
        (1, 1_700_000_000_000, "order", b"content 1"),
        (2, 1_700_000_000_000, "order", b"content 2"),
        (3, 1_700_000_000_000, "order", b"content 3"),
    ]
    assert entries[0].digest == link(GENESIS, 1, 1_700_000_000_000, "order", b"content 1")
    assert journal.head() == Head(3, entries[2].digest)


def test_replay_starts_behind_a_given_entry(journal):
    fill(journal)
    assert [entry.seq for entry in journal.replay(after=3)] == [4, 5]
    assert list(journal.replay(after=5)) == []


def test_replay_crosses_page_borders(journal, database):
    with database.transaction() as connection:
        for _ in range(2100):
            journal.append_in(connection, "tick", b"")
    assert [entry.seq for entry in journal.replay()] == list(range(1, 2101))


def test_a_replay_does_not_see_what_is_appended_meanwhile(journal):
    fill(journal, 2)
    entries = journal.replay()
    next(entries)
    journal.append("order", b"late")
    assert [entry.seq for entry in entries] == [2]


def test_an_empty_journal_has_the_genesis_head(journal):
    assert journal.head() == Head(0, GENESIS)
    assert list(journal.replay()) == []
    assert journal.verify() == Head(0, GENESIS)


def test_two_journals_of_one_database_do_not_mix(database, journal):
    other = Journal(database, "prices")
    fill(journal, 2)
    assert other.append("price", b"1") == 1
    assert [entry.kind for entry in other.replay()] == ["price"]


def test_appends_inside_a_transaction_count_when_it_commits(database, journal):
    with database.transaction() as connection:
        assert journal.append_in(connection, "order", b"a") == 1
        assert journal.append_in(connection, "order", b"b") == 2

    def append_and_fail() -> None:
        with database.transaction() as connection:
            journal.append_in(connection, "order", b"undone")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        append_and_fail()
    assert journal.append("order", b"c") == 3
    assert [entry.payload for entry in journal.replay()] == [b"a", b"b", b"c"]


def test_append_inside_a_transaction_is_refused_instead_of_waiting_for_itself(database, journal):
    with database.transaction(), pytest.raises(StateError, match="append_in"):
        raise_with_remedy(journal)


def raise_with_remedy(journal: Journal) -> None:
    try:
        journal.append("order", b"")
    except StateError as error:
        raise StateError(error.remedy) from error


async def test_many_coroutines_share_transactions_and_all_get_their_number(journal):
    numbers = []

    async def record(number: int) -> None:
        numbers.append(await journal.record("order", b"%d" % number))

    async with asyncio.TaskGroup() as group:
        for number in range(500):
            group.create_task(record(number))
    assert sorted(numbers) == list(range(1, 501))
    assert journal.verify().seq == 500


async def test_a_cancelled_record_does_not_disturb_the_others(journal):
    tasks = [asyncio.ensure_future(journal.record("order", b"%d" % number)) for number in range(50)]
    await asyncio.sleep(0)
    tasks[10].cancel()
    done = await asyncio.wait(tasks)
    assert len(done[0]) == 50
    assert sum(1 for task in tasks if not task.cancelled()) >= 49
    assert journal.verify().seq in (49, 50)


def test_many_threads_append_without_gaps(journal):
    def append() -> None:
        for _ in range(25):
            journal.append("order", b"x")

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.verify().seq == 100


def test_a_batch_is_limited_in_bytes_but_never_empty(journal, monkeypatch):
    monkeypatch.setattr("taostack.storage.journal._BATCH_BYTES", 10)

    async def record_all() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(journal.record("order", b"more than ten bytes"))

    asyncio.run(record_all())
    assert journal.verify().seq == 5


@pytest.mark.parametrize(("kind", "payload"), [("", b""), ("k" * 65, b""), ("order", b"x" * (16 * 1024 * 1024 + 1))])
def test_entries_outside_the_limits_are_refused(journal, kind, payload):
    with pytest.raises(UsageError):
        journal.append(kind, payload)


def test_a_failed_write_is_told_to_everyone_who_waits(database, journal):
    fill(journal, 1)
    change(database, sa.update(journal_heads).values(seq=0))  # the next number exists already
    with pytest.raises(sa.exc.IntegrityError):
        journal.append("order", b"x")
    change(database, sa.update(journal_heads).values(seq=1))
    assert journal.append("order", b"x") == 2


def test_appending_to_a_closed_database_is_refused(database, journal):
    database.close()
    for _ in range(2):
        with pytest.raises(StateError, match="is closed"):
            journal.append("order", b"x")


CHANGES = {
    "payload": sa.update(journal_entries).where(journal_entries.c.seq == 3).values(payload=b"other"),
    "kind": sa.update(journal_entries).where(journal_entries.c.seq == 3).values(kind="other"),
    "time": sa.update(journal_entries).where(journal_entries.c.seq == 3).values(at_ms=1),
    "digest": sa.update(journal_entries).where(journal_entries.c.seq == 5).values(digest=bytes(32)),
    "first entry gone": sa.delete(journal_entries).where(journal_entries.c.seq == 1),
    "middle entry gone": sa.delete(journal_entries).where(journal_entries.c.seq == 3),
    "tail gone": sa.delete(journal_entries).where(journal_entries.c.seq > 3),
    "all gone": sa.delete(journal_entries),
    "head digest": sa.update(journal_heads).values(digest=bytes(32)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_any_change_to_the_rows_is_found(database, journal, name):
    fill(journal)
    change(database, CHANGES[name])
    with pytest.raises(JournalBrokenError):
        journal.verify()


def test_replaying_behind_a_missing_entry_is_refused(database, journal):
    fill(journal)
    change(database, CHANGES["middle entry gone"])
    with pytest.raises(JournalBrokenError, match="lacks entry 3"):
        list(journal.replay(after=3))


def test_a_state_ahead_of_its_journal_is_refused(journal):
    fill(journal, 2)
    with pytest.raises(UsageError, match="has 2 entries, asked to replay after 3"):
        list(journal.replay(after=3))


def test_a_cut_tail_with_a_matching_head_is_found_by_a_head_kept_elsewhere(database, journal):
    fill(journal)
    kept = journal.head()
    third = list(journal.replay())[2]
    change(database, CHANGES["tail gone"])
    change(database, sa.update(journal_heads).values(seq=3, digest=third.digest))
    assert journal.verify() == Head(3, third.digest)
    with pytest.raises(JournalBrokenError, match="tail is cut"):
        journal.verify(kept)


def test_a_rewritten_history_is_found_by_a_head_kept_elsewhere(journal):
    fill(journal)
    assert journal.verify(journal.head()).seq == 5
    with pytest.raises(JournalBrokenError, match="entry 4 was rewritten"):
        journal.verify(Head(4, bytes(32)))


def test_closing_while_many_append_strands_nobody(database, journal):
    ended = []

    def append() -> None:
        try:
            while True:
                journal.append("order", b"x")
        except StateError:
            ended.append(True)

    threads = [threading.Thread(target=append, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    while journal.head().seq < 20:
        pass
    database.close()
    for thread in threads:
        thread.join(timeout=10)
    assert len(ended) == 8
