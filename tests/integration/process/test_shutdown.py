"""Real processes, real signals."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator

import pytest

from taostack.process.shutdown import run, until_signalled

PRELUDE = """
import asyncio, sys, time
from taostack.process.shutdown import run

async def ready():
    print("ready", flush=True)
"""


@pytest.fixture
def start() -> Iterator[object]:
    started: list[subprocess.Popen[str]] = []

    def begin(program: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + textwrap.dedent(program)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


LASTING = """
    async def main():
        await ready()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            print("saved", flush=True)

    sys.exit(run(main(), grace_seconds=5))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_program_save_and_ends_it_with_0(start, number) -> None:
    process = start(LASTING)
    process.send_signal(number)
    out, _ = process.communicate(timeout=10)
    assert (process.returncode, out) == (0, "saved\n")


def test_a_program_that_does_not_end_in_time_is_ended(start) -> None:
    process = start("""
        async def main():
            await ready()
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    pass

        sys.exit(run(main(), grace_seconds=0.2))
    """)
    began = time.monotonic()
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 1
    assert time.monotonic() - began < 3


def test_a_blocked_event_loop_is_ended_too(start) -> None:
    process = start("""
        async def main():
            await ready()
            while True:
                time.sleep(0.05)

        sys.exit(run(main(), grace_seconds=0.2))
    """)
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 1


def test_a_second_signal_ends_the_program_at_once(start) -> None:
    process = start("""
        async def main():
            await ready()
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    await ready()

        sys.exit(run(main(), grace_seconds=60))
    """)
    process.terminate()
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM


def test_a_program_that_returns_ends_with_0_and_the_handlers_are_as_before() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def main() -> str:
        assert signal.getsignal(signal.SIGTERM) is not before
        return "done"

    assert run(main(), grace_seconds=1) == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_error_of_the_program_passes_through() -> None:
    async def main() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(main(), grace_seconds=1)


def test_an_error_while_saving_passes_through_after_a_signal() -> None:
    async def main() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await until_never()
        finally:
            raise LookupError("could not save")

    with pytest.raises(LookupError, match="could not save"):
        run(main(), grace_seconds=1)


def test_the_grace_period_is_enforced_by_the_given_exit() -> None:
    import asyncio

    codes: list[int] = []
    released = asyncio.Event()

    async def stubborn() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    async def main() -> int:
        code = await until_signalled(stubborn(), grace_seconds=0.05, hard_exit=codes.append)
        released.set()
        return code

    assert asyncio.run(main()) == 1
    assert codes == [1]


async def until_never() -> None:
    import asyncio

    await asyncio.get_running_loop().create_future()


def test_cancelling_the_waiter_cancels_the_program() -> None:
    import asyncio

    ended: list[bool] = []

    async def lasting() -> None:
        try:
            await until_never()
        finally:
            ended.append(True)

    async def main() -> None:
        waiter = asyncio.ensure_future(until_signalled(lasting(), grace_seconds=1))
        await asyncio.sleep(0.01)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter

    asyncio.run(main())
    assert ended == [True]
