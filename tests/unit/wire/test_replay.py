"""Each nonce once, bounded, never silently truthy."""

import sqlite3
from pathlib import Path

import pytest

from taostack.process.clock import ManualClock
from taostack.wire import Axon, AxonLimits, RouteError
from taostack.wire.errors import ReplayFileError
from taostack.wire.replay import MemoryReplayStore, SqliteReplayStore, Verdict, check_store
from tests.integration.wire.support import BOB

SECOND = 1_000_000_000


async def test_a_nonce_is_new_once_for_each_receiver_and_sender() -> None:
    clock = ManualClock()
    store = MemoryReplayStore(clock)
    nonce = clock.now_ns()
    assert await store.check_and_store("r", "s", nonce) is Verdict.NEW
    assert await store.check_and_store("r", "s", nonce) is Verdict.SEEN
    assert await store.check_and_store("r2", "s", nonce) is Verdict.NEW
    assert await store.check_and_store("r", "s2", nonce) is Verdict.NEW
    assert await store.check_and_store("r", "s", nonce + 1) is Verdict.NEW
    assert len(store) == 4


async def test_memory_is_given_back_when_nonces_can_no_longer_be_fresh() -> None:
    clock = ManualClock()
    store = MemoryReplayStore(clock, retention_seconds=12)
    for _ in range(200):
        for _ in range(10):
            await store.check_and_store("r", "s", clock.now_ns())
            await clock.advance(0.1)
    assert len(store) <= 12 * 10 + 60


async def test_a_nonce_is_remembered_at_least_as_long_as_promised() -> None:
    clock = ManualClock()
    store = MemoryReplayStore(clock, retention_seconds=12)
    nonce = clock.now_ns()
    await store.check_and_store("r", "s", nonce)
    for _ in range(11):
        await clock.advance(1)
        await store.check_and_store("r", "s", clock.now_ns())
        assert await store.check_and_store("r", "s", nonce) is Verdict.SEEN


async def test_a_clock_set_back_opens_no_door_to_replays() -> None:
    clock = ManualClock()
    store = MemoryReplayStore(clock, retention_seconds=12)
    nonce = clock.now_ns()
    await store.check_and_store("r", "s", nonce)
    await clock.advance(100)
    await store.check_and_store("r", "s", clock.now_ns())
    # The store has forgotten the nonce; should the clock go back, it would be fresh again.
    assert await store.check_and_store("r", "s", nonce) is Verdict.SEEN


async def test_a_full_store_refuses_instead_of_forgetting() -> None:
    clock = ManualClock()
    store = MemoryReplayStore(clock, capacity=3, per_sender=3)
    nonces = [clock.now_ns() + n for n in range(4)]
    assert [await store.check_and_store("r", "s", nonce) for nonce in nonces] == [
        Verdict.NEW,
        Verdict.NEW,
        Verdict.NEW,
        Verdict.FULL,
    ]
    assert await store.check_and_store("r", "s", nonces[0]) is Verdict.SEEN


async def test_one_sender_cannot_fill_the_store_for_others() -> None:
    clock = ManualClock()
    store = MemoryReplayStore(clock, capacity=100)
    verdicts = [await store.check_and_store("r", "greedy", clock.now_ns() + n) for n in range(50)]
    assert verdicts.count(Verdict.NEW) == 10
    assert await store.check_and_store("r", "other", clock.now_ns()) is Verdict.NEW


async def test_the_sqlite_store_is_shared_and_survives_its_process(tmp_path: Path) -> None:
    clock = ManualClock()
    first = SqliteReplayStore(tmp_path / "nonces.sqlite", clock)
    second = SqliteReplayStore(tmp_path / "nonces.sqlite", clock)
    assert await first.check_and_store("r", "s", clock.now_ns()) is Verdict.NEW
    assert await second.check_and_store("r", "s", clock.now_ns()) is Verdict.SEEN
    first.close()
    second.close()
    third = SqliteReplayStore(tmp_path / "nonces.sqlite", clock)
    assert await third.check_and_store("r", "s", clock.now_ns()) is Verdict.SEEN
    third.close()


async def test_the_sqlite_store_forgets_the_old_and_is_bounded(tmp_path: Path) -> None:
    clock = ManualClock()
    store = SqliteReplayStore(tmp_path / "nonces.sqlite", clock, retention_seconds=12, capacity=500)
    for n in range(1000):
        assert await store.check_and_store("r", "s", clock.now_ns() + n) is Verdict.NEW
    assert await store.check_and_store("r", "s", clock.now_ns() + 1000) is Verdict.FULL
    await clock.advance(60)
    assert await store.check_and_store("r", "s", clock.now_ns()) is Verdict.NEW
    store.close()


async def test_what_cannot_be_written_is_refused_as_if_the_store_were_full(tmp_path: Path) -> None:
    clock = ManualClock()
    store = SqliteReplayStore(tmp_path / "nonces.sqlite", clock)
    other = sqlite3.connect(tmp_path / "nonces.sqlite")
    other.execute("DROP TABLE nonces")
    other.commit()
    assert await store.check_and_store("r", "s", clock.now_ns()) is Verdict.FULL
    other.close()
    store.close()


@pytest.mark.parametrize("content", [b"this is no database at all, but a text of some length" * 40, None])
def test_a_file_that_cannot_be_a_store_is_one_clear_error(tmp_path: Path, content: bytes | None) -> None:
    place = tmp_path / "nonces.sqlite"
    if content is None:
        place.mkdir()
    else:
        place.write_bytes(content)
    with pytest.raises(ReplayFileError, match="cannot be opened"):
        SqliteReplayStore(place, ManualClock())


class _Plain:
    """A store written for another interface."""

    retention_seconds = 60.0

    def check_and_store(self, receiver: str, sender: str, nonce_ns: int) -> bool:
        return True


def test_a_store_that_is_not_async_is_refused_at_once() -> None:
    with pytest.raises(RouteError, match="not a coroutine function"):
        Axon(BOB, replay=_Plain())


def test_a_store_with_a_memory_shorter_than_the_window_is_refused() -> None:
    store = MemoryReplayStore(ManualClock(), retention_seconds=5)
    with pytest.raises(RouteError, match="remembers 5 s"):
        check_store(store, AxonLimits().retention_seconds)
