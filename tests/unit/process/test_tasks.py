import asyncio
import io
import random
from collections.abc import Awaitable, Callable

import pytest

from taostack.process.clock import ManualClock
from taostack.process.errors import CorruptError, StateError, UnavailableError, UsageError
from taostack.process.logs import configure
from taostack.process.tasks import RestartPolicy, Supervisor, TaskFailedError, TaskStatus, backoff_seconds


def supervisor(clock: ManualClock, seen: list[TaskStatus] | None = None) -> Supervisor:
    return Supervisor(clock, random.Random(1), observe=seen.append if seen is not None else None)


def failing(times: int, error: Exception, runs: list[int]) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        runs.append(1)
        if len(runs) <= times:
            raise error

    return run


async def test_a_failed_task_is_started_again_until_it_returns() -> None:
    runs: list[int] = []
    seen: list[TaskStatus] = []
    async with supervisor(ManualClock(autojump=True), seen) as group:
        group.start("flaky", failing(3, ValueError("lost"), runs))
    assert len(runs) == 4
    assert group.statuses["flaky"].state == "ended"
    assert [each.state for each in seen] == ["running", "waiting"] * 3 + ["running", "ended"]
    assert seen[1].last_error == "ValueError: lost"


@pytest.mark.parametrize(
    ("error", "remedy", "traced"),
    [(ValueError("lost"), None, True), (UnavailableError("x", remedy="wait"), "wait", False)],
)
async def test_a_failure_that_has_a_remedy_is_logged_with_it_and_without_a_traceback(
    error: Exception, remedy: str | None, traced: bool, caplog: pytest.LogCaptureFixture
) -> None:
    configure(level="info", stream=io.StringIO())
    async with supervisor(ManualClock(autojump=True)) as group:
        group.start("flaky", failing(1, error, []))
    (told,) = [each.msg for each in caplog.records if "task.failed" in str(each.msg)]
    assert isinstance(told, dict)
    assert told.get("remedy") == remedy
    assert ("exc_info" in told) == traced


async def test_a_task_out_of_restarts_fails_the_whole_group() -> None:
    runs: list[int] = []
    clock = ManualClock(autojump=True)
    other_ended = asyncio.Event()

    async def other() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            other_ended.set()

    with pytest.raises(TaskFailedError, match="'flaky' failed after 2 restarts: down") as caught:
        async with supervisor(clock) as group:
            group.start("other", other)
            group.start("flaky", failing(9, UnavailableError("down"), runs), RestartPolicy(max_restarts=2))
    assert len(runs) == 3
    assert other_ended.is_set()
    assert isinstance(caught.value.__cause__, UnavailableError)
    assert caught.value.remedy == UnavailableError.remedy
    assert group.statuses["flaky"] == TaskStatus("flaky", "failed", 2, "UnavailableError: down")


async def test_the_policy_never_starts_nothing_again() -> None:
    runs: list[int] = []
    with pytest.raises(TaskFailedError, match="at its first run"):
        async with supervisor(ManualClock(autojump=True)) as group:
            group.start("once", failing(9, ValueError("x"), runs), RestartPolicy("never"))
    assert len(runs) == 1


async def test_the_policy_always_restarts_a_task_that_returned() -> None:
    runs: list[int] = []

    async def brief() -> None:
        runs.append(1)

    with pytest.raises(TaskFailedError, match="no restart left"):
        async with supervisor(ManualClock(autojump=True)) as group:
            group.start("brief", brief, RestartPolicy("always", max_restarts=4))
    assert len(runs) == 5


@pytest.mark.parametrize("error", [UsageError("wrong flag"), CorruptError("bad bytes")])
async def test_an_error_that_would_only_repeat_itself_is_not_retried(error: Exception) -> None:
    runs: list[int] = []
    with pytest.raises(TaskFailedError):
        async with supervisor(ManualClock(autojump=True)) as group:
            group.start("wrong", failing(9, error, runs), RestartPolicy("always"))
    assert len(runs) == 1


async def test_a_long_healthy_run_starts_the_count_of_restarts_anew() -> None:
    clock = ManualClock(autojump=True)
    runs: list[int] = []

    async def works_for_an_hour_then_fails() -> None:
        runs.append(1)
        await clock.sleep(3600)
        if len(runs) < 8:
            raise ValueError("hiccup")

    async with supervisor(clock) as group:
        group.start("hourly", works_for_an_hour_then_fails, RestartPolicy(max_restarts=1, healthy_seconds=60))
    assert len(runs) == 8


async def test_a_task_that_is_cancelled_from_within_counts_as_failed() -> None:
    runs: list[int] = []

    async def awaits_a_cancelled_future() -> None:
        runs.append(1)
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    with pytest.raises(TaskFailedError, match="cancelled from within"):
        async with supervisor(ManualClock(autojump=True)) as group:
            group.start("odd", awaits_a_cancelled_future, RestartPolicy(max_restarts=1))
    assert len(runs) == 2


async def test_stop_ends_every_task_and_accepts_no_more() -> None:
    async with supervisor(ManualClock()) as group:
        group.start("a", asyncio.Event().wait)
        group.start("b", asyncio.Event().wait)
        await asyncio.sleep(0)
        group.stop()
        with pytest.raises(StateError, match="outside"):
            group.start("c", asyncio.Event().wait)
    assert {each.state for each in group.statuses.values()} == {"ended"}


async def test_stop_of_one_name_leaves_the_others_and_frees_the_name() -> None:
    async with supervisor(ManualClock()) as group:
        first = group.start("a", asyncio.Event().wait)
        group.start("b", asyncio.Event().wait)
        with pytest.raises(StateError, match="already runs"):
            group.start("a", asyncio.Event().wait)
        await asyncio.sleep(0)
        group.stop("a")
        await asyncio.wait([first])
        group.start("a", asyncio.Event().wait)
        assert group.statuses["b"].state == "running"
        await asyncio.sleep(0)
        group.stop()


async def test_starting_before_entering_is_refused() -> None:
    with pytest.raises(StateError, match="outside"):
        supervisor(ManualClock()).start("early", asyncio.Event().wait)


async def test_an_error_in_the_block_cancels_the_tasks_and_comes_out_as_it_is() -> None:
    ended = asyncio.Event()

    async def lasting() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    with pytest.raises(KeyError, match="mine"):
        async with supervisor(ManualClock()) as group:
            group.start("lasting", lasting)
            await asyncio.sleep(0)
            raise KeyError("mine")
    assert ended.is_set()


async def test_two_tasks_that_fail_together_come_out_as_a_group() -> None:
    async def fails() -> None:
        raise ValueError("x")

    with pytest.raises(ExceptionGroup) as caught:
        async with supervisor(ManualClock()) as group:
            group.start("a", fails, RestartPolicy("never"))
            group.start("b", fails, RestartPolicy("never"))
    assert [type(each) for each in caught.value.exceptions] == [TaskFailedError, TaskFailedError]


def test_backoff_doubles_up_to_the_cap_whatever_the_attempt() -> None:
    rng = random.Random(0)
    assert all(0 <= backoff_seconds(0, 1, 30, rng) <= 1 for _ in range(100))
    assert max(backoff_seconds(10_000, 1, 30, rng) for _ in range(1000)) <= 30
