"""When an epoch is due."""

import pytest

from taostack.chain.schedule import EpochSchedule


def at(block, *, tempo=10, last=100, pending=None, since=0):
    return EpochSchedule(1, block, tempo, last, 7, pending, since)


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        (at(100), 110),
        (at(109), 110),
        (at(110), 111),  # deferred by the cap on epochs per block: the next block at the earliest
        (at(104, pending=106), 106),
        (at(104, pending=130), 110),
        (at(104, pending=90), 105),
        (at(100, tempo=60_000, since=50_390), 111),
    ],
)
def test_the_next_epoch_is_due_by_tempo_trigger_or_patience(schedule, due):
    assert schedule.next_epoch_block == due
    assert schedule.blocks_left == due - schedule.block


def test_a_subnet_without_tempo_has_no_epochs():
    still = at(100, tempo=0)
    assert not still.runs
    assert still.next_epoch_block is None
    assert still.blocks_left is None
    assert still.progress == 0.0


def test_progress_runs_from_zero_to_one():
    assert [at(block).progress for block in (99, 100, 105, 110, 115)] == [0.0, 0.0, 0.5, 1.0, 1.0]
