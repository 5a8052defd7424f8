"""Time as an argument: the system's clock, and a manual one that jumps.

Everything that waits or stamps takes a ``Clock``; nothing else in the package
reads the time. ``ManualClock`` never waits for real: it moves when a test says
so, or, with ``autojump``, straight to the next sleeper as soon as all tasks of
the loop are idle (the idea is Trio's mock clock).
"""

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the package knows of time."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        ...

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``; at once when not positive."""
        ...


def utc_text(milliseconds: int) -> str:
    """Milliseconds since the epoch as ISO 8601, UTC: ``2025-06-15T15:06:40.000Z``."""
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class SystemClock:
    """The machine's own clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        return time.time_ns()

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """A clock that stands still until ``advance`` (or until it may jump).

    ``start_ms`` is the first ``now_ms``; ``autojump=True`` moves to the next
    sleeper whenever the event loop has had ``grace`` idle turns.
    """

    def __init__(self, start_ms: int = 1_750_000_000_000, *, autojump: bool = False, grace: int = 20) -> None:
        self._start_ns = start_ms * 1_000_000
        self._elapsed_ns = 0
        self._autojump = autojump
        self._grace = grace
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._jumper: asyncio.Task[None] | None = None

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        return self._start_ns + self._elapsed_ns

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        return self.now_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed_ns / 1e9

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has moved by ``seconds``."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_ns + round(seconds * 1e9), next(self._order), wake))
        if self._autojump and (self._jumper is None or self._jumper.done()):
            # Held by the clock itself and ending with the last sleeper, so it needs no group.
            self._jumper = asyncio.get_running_loop().create_task(self._jump_while_idle())
        await wake

    async def advance(self, seconds: float) -> None:
        """Move on by ``seconds``, waking each sleeper at its own moment, in order."""
        target = self._elapsed_ns + round(seconds * 1e9)
        await self._let_others_run()
        while (due := self._next_due()) is not None and due <= target:
            self._wake_next()
            await self._let_others_run()
        self._elapsed_ns = target
        await self._let_others_run()

    def _next_due(self) -> int | None:
        # A sleeper whose task was cancelled must not move the clock.
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _wake_next(self) -> None:
        due, _, wake = heapq.heappop(self._sleepers)
        self._elapsed_ns = max(self._elapsed_ns, due)
        wake.set_result(None)

    async def _let_others_run(self) -> None:
        for _ in range(self._grace):
            await asyncio.sleep(0)

    async def _jump_while_idle(self) -> None:
        while self._next_due() is not None:
            await self._let_others_run()
            if self._next_due() is not None:
                self._wake_next()
