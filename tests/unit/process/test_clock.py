import asyncio
import time

from taostack.process.clock import ManualClock, SystemClock, utc_text


def test_utc_text_is_iso_8601_with_milliseconds() -> None:
    assert utc_text(1_750_000_000_123) == "2025-06-15T15:06:40.123Z"


async def test_the_system_clock_tells_the_machines_time_and_waits() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    await clock.sleep(-1)
    assert clock.monotonic() - before >= 0.009
    assert abs(clock.now_ns() - time.time_ns()) < 1e9
    assert abs(clock.now_ms() - time.time_ns() // 1_000_000) < 1000


async def test_a_manual_clock_stands_still_until_it_is_advanced() -> None:
    clock = ManualClock(start_ms=1000)
    assert (clock.now_ms(), clock.monotonic()) == (1000, 0.0)
    await clock.advance(2.5)
    assert (clock.now_ms(), clock.monotonic(), clock.now_ns()) == (3500, 2.5, 3_500_000_000)


async def test_sleepers_wake_in_order_each_at_its_own_moment() -> None:
    clock = ManualClock()
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleep("late", 3))
        group.create_task(sleep("early", 1))
        await clock.advance(2)
        assert woken == [("early", 1.0)]
        await clock.advance(2)
    assert woken == [("early", 1.0), ("late", 3.0)]


async def test_a_sleep_of_nothing_returns_at_once() -> None:
    clock = ManualClock()
    await asyncio.wait_for(clock.sleep(0), 1)


async def test_an_autojumping_clock_turns_hours_into_moments() -> None:
    clock = ManualClock(autojump=True)
    for _ in range(3):
        await clock.sleep(3600)
    assert clock.monotonic() == 3 * 3600


async def test_a_cancelled_sleeper_does_not_move_the_clock() -> None:
    clock = ManualClock(autojump=True)
    async with asyncio.TaskGroup() as group:
        far = group.create_task(clock.sleep(1_000_000))
        await asyncio.sleep(0)
        far.cancel()
        await clock.sleep(5)
        await clock.sleep(5)
    assert clock.monotonic() == 10
