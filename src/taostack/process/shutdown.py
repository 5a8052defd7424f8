"""End on SIGTERM and SIGINT, cleanly and within a stated time.

    raise SystemExit(run(neuron.run(), grace_seconds=10))

The first signal cancels the main coroutine, which then has ``grace_seconds``
to save and close. A second signal, or a coroutine that takes longer (even one
that blocks the event loop), ends the process at once: a process manager that
asked for the end never has to ask twice.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from taostack.process.logs import get_logger

EXIT_CLEAN = 0
EXIT_GRACE_EXCEEDED = 1
SIGNALS = (signal.SIGTERM, signal.SIGINT)

# The loop itself notices the end of the grace period; the watchdog thread is for a loop that is blocked.
_WATCHDOG_EXTRA_SECONDS = 0.5

_log = get_logger("taostack.process.shutdown")


def run(
    main: Coroutine[Any, Any, object],
    *,
    grace_seconds: float,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """``until_signalled`` in a new event loop; returns the exit code."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(until_signalled(main, grace_seconds=grace_seconds))


async def until_signalled(
    main: Coroutine[Any, Any, object],
    *,
    grace_seconds: float,
    hard_exit: Callable[[int], object] = os._exit,
) -> int:
    """Run ``main`` to its end, or until SIGTERM or SIGINT and then at most ``grace_seconds`` longer.

    Returns 0 when ``main`` returned or ended in time after a signal; an
    exception of ``main`` passes through. When the grace period is over the
    process ends by ``hard_exit(1)``; a second signal ends it by
    ``hard_exit(128 + number)``. Must be awaited in the main thread, as only
    that one receives signals.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(_as_task(main), name="main")  # noqa: RUF100 (awaited below)
    stopping = asyncio.Event()
    stopper = _Stopper(loop, stopping, grace_seconds, hard_exit)
    with stopper.installed():
        waiter = loop.create_task(stopping.wait(), name="signal")
        try:
            await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=grace_seconds)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task}, timeout=grace_seconds)
            raise
        finally:
            waiter.cancel()
        if not task.done():
            stopper.give_up()
            return EXIT_GRACE_EXCEEDED
    if task.cancelled():
        return EXIT_CLEAN
    task.result()
    return EXIT_CLEAN


async def _as_task(main: Coroutine[Any, Any, object]) -> object:
    return await main


class _Stopper:
    """Turns the first signal into an event, and the second, or too much time, into the end."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        stopping: asyncio.Event,
        grace_seconds: float,
        hard_exit: Callable[[int], object],
    ) -> None:
        self._loop = loop
        self._stopping = stopping
        self._grace_seconds = grace_seconds
        self._hard_exit = hard_exit
        self._signalled = False
        self._watchdog: threading.Timer | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the signals inside the block, as they were handled before after it."""
        before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            if self._watchdog is not None:
                self._watchdog.cancel()

    def give_up(self) -> None:
        """End the process: the grace period is over."""
        _log.error("shutdown.grace_exceeded", grace_seconds=self._grace_seconds)
        self._end(EXIT_GRACE_EXCEEDED)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._signalled:
            self._end(128 + number)
            return
        self._signalled = True
        self._watchdog = threading.Timer(self._grace_seconds + _WATCHDOG_EXTRA_SECONDS, self.give_up)
        self._watchdog.daemon = True
        self._watchdog.start()
        self._loop.call_soon_threadsafe(self._stop, number)

    def _stop(self, number: int) -> None:
        # Said from the loop: a signal handler may have interrupted another line on its way out.
        _log.info("shutdown.requested", signal=signal.Signals(number).name, grace_seconds=self._grace_seconds)
        self._stopping.set()

    def _end(self, code: int) -> None:
        for stream in (sys.stdout, sys.stderr):
            # For the same reason a stream may refuse; nothing may keep the process from ending.
            with suppress(RuntimeError, ValueError, OSError):
                stream.flush()
        self._hard_exit(code)
