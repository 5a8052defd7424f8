"""Saving, replacing, and rebuilding a state from checkpoint and journal."""

import pytest
import sqlalchemy as sa

from taostack.process.clock import ManualClock
from taostack.storage import Checkpoint, Checkpoints, Journal, open_database, restore
from taostack.storage.errors import StorageCorruptError
from taostack.storage.schema import checkpoints as table


@pytest.fixture
def database(tmp_path):
    with open_database(tmp_path / "a.sqlite") as opened:
        yield opened


def total(journal: Journal, checkpoints: Checkpoints, steps: list[int]) -> tuple[int, int]:
    def step(state: int, entry) -> int:
        steps.append(entry.seq)
        return state + int(entry.payload)

    return restore(journal, checkpoints, "sum", initial=int, decode=int, step=step)


def test_a_checkpoint_is_replaced_whole(database):
    checkpoints = Checkpoints(database, clock=ManualClock(1_000))
    assert checkpoints.load("state") is None
    checkpoints.save("state", 3, b"three")
    checkpoints.save("other", 1, b"")
    checkpoints.save("state", 4, b"four")
    assert checkpoints.load("state") == Checkpoint(4, b"four", 1_000)
    checkpoints.delete("state")
    assert checkpoints.load("state") is None
    assert checkpoints.load("other") == Checkpoint(1, b"", 1_000)


def test_a_checkpoint_in_a_transaction_that_fails_leaves_the_old_one(database):
    checkpoints = Checkpoints(database)
    checkpoints.save("state", 1, b"old")

    def save_and_fail() -> None:
        with database.transaction() as connection:
            checkpoints.save_in(connection, "state", 2, b"new")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        save_and_fail()
    assert checkpoints.load("state").payload == b"old"


@pytest.mark.parametrize("change", [{"payload": b"other"}, {"seq": 9}, {"digest": bytes(32)}])
def test_a_changed_checkpoint_is_refused(database, change):
    checkpoints = Checkpoints(database)
    checkpoints.save("state", 1, b"old")
    with database.transaction() as connection:
        connection.execute(sa.update(table).values(**change))
    with pytest.raises(StorageCorruptError) as caught:
        checkpoints.load("state")
    assert "rebuilt from the journal" in caught.value.remedy


def test_a_state_is_the_fold_of_the_journal_with_or_without_a_checkpoint(database):
    journal, checkpoints = Journal(database), Checkpoints(database)
    for number in (1, 2, 3, 4):
        journal.append("add", b"%d" % number)
    steps: list[int] = []
    assert total(journal, checkpoints, steps) == (10, 4)
    assert steps == [1, 2, 3, 4]
    checkpoints.save("sum", 3, b"6")
    steps.clear()
    assert total(journal, checkpoints, steps) == (10, 4)
    assert steps == [4]


def test_an_empty_journal_gives_the_initial_state(database):
    assert total(Journal(database), Checkpoints(database), []) == (0, 0)
