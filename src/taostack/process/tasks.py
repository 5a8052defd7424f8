"""Supervised tasks: a loop that dies is started again, or takes the process with it.

A ``Supervisor`` is a task group whose members have names and restart policies.
A member that fails is started again after a jittered, growing pause; when its
policy allows no further start, the whole group is cancelled and leaves the
``async with`` block by ``TaskFailedError``. So no loop is ever dead while the
process looks alive.

    async with Supervisor(clock, random.Random(), get_logger("taostack.neuron")) as supervisor:
        supervisor.start("heads", follow_heads, RestartPolicy("always"))
        supervisor.start("epochs", run_epochs)

Leaving the block waits for every member to end, as with ``asyncio.TaskGroup``;
``stop()`` ends them; an exception in the block's body cancels them.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType, TracebackType
from typing import Literal, NoReturn, Self

from taostack.process.clock import Clock
from taostack.process.errors import CorruptError, StateError, TaostackError, UsageError
from taostack.process.logs import Logger, get_logger

RestartKind = Literal["always", "on_failure", "never"]
TaskState = Literal["running", "waiting", "ended", "failed"]

_LARGEST_EXPONENT = 60


def backoff_seconds(attempt: int, base: float, cap: float, rng: random.Random) -> float:
    """Seconds to pause before start number ``attempt`` (0 is the first restart).

    Full jitter: uniform in ``[0, min(cap, base * 2**attempt)]``, so that many
    processes that lost the same peer do not all come back in the same moment.
    """
    ceiling = min(cap, base * 2.0 ** min(attempt, _LARGEST_EXPONENT))
    return rng.uniform(0.0, ceiling)


@dataclass(frozen=True)
class RestartPolicy:
    """When a supervised task is started again.

    ``always`` restarts after a return too, ``on_failure`` only after an
    exception, ``never`` not at all. ``max_restarts`` counts restarts in a row
    (``None``: without limit); a run of at least ``healthy_seconds`` starts the
    count anew. The errors in ``fatal`` are never retried: the same input
    would give the same answer.
    """

    kind: RestartKind = "on_failure"
    base_seconds: float = 0.5
    cap_seconds: float = 30.0
    max_restarts: int | None = 10
    healthy_seconds: float = 60.0
    fatal: tuple[type[BaseException], ...] = (UsageError, CorruptError)


@dataclass(frozen=True)
class TaskStatus:
    """Where a supervised task stands; ``last_error`` is empty until it failed once."""

    name: str
    state: TaskState
    restarts: int = 0
    last_error: str = ""


class TaskFailedError(TaostackError):
    """A supervised task is out of restarts; ``__cause__`` is its last error."""

    code = "task-failed"
    remedy = "see the task's error in the log, repair its cause and start the process again"

    def __init__(self, name: str, cause: BaseException, restarts: int) -> None:
        times = "at its first run" if restarts == 0 else f"after {restarts} restart{'s' if restarts > 1 else ''}"
        reason = str(cause) or type(cause).__name__
        remedy = cause.remedy if isinstance(cause, TaostackError) else None
        super().__init__(f"task {name!r} failed {times}: {reason}", remedy=remedy)
        self.name = name
        self.__cause__ = cause


class TaskCancelledItselfError(StateError):
    """A supervised task ended by cancellation although nobody cancelled it."""

    code = "task-cancelled-itself"
    remedy = "look for an await on a future or task that something else cancelled"


class Supervisor:
    """A task group with restart policies; an async context manager, used once.

    ``clock`` measures pauses and run times, ``rng`` draws the jitter, ``log``
    gets one event per start, restart and end; ``observe`` is called with every
    change of a task's status (to feed health and metrics).
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        log: Logger | None = None,
        *,
        observe: Callable[[TaskStatus], None] | None = None,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._log = log or get_logger("taostack.process.tasks")
        self._observe = observe
        self._group = asyncio.TaskGroup()
        self._entered = False
        self._stopping = False
        self._statuses: dict[str, TaskStatus] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    @property
    def statuses(self) -> Mapping[str, TaskStatus]:
        """Every task by name, as it stands now."""
        return MappingProxyType(self._statuses)

    def start(
        self, name: str, factory: Callable[[], Awaitable[object]], policy: RestartPolicy | None = None
    ) -> asyncio.Task[None]:
        """Run ``factory()`` under ``policy``; the factory is called anew for each run.

        Raises ``StateError`` outside the ``async with`` block, after ``stop()``,
        or while a task of the same name runs.
        """
        if not self._entered or self._stopping:
            raise StateError(f"task {name!r} was started outside the supervisor's block")
        if name in self._running:
            raise StateError(f"task {name!r} already runs", remedy="give each task of a supervisor its own name")
        self._statuses[name] = TaskStatus(name, "running")
        task = self._group.create_task(self._supervise(name, factory, policy or RestartPolicy()), name=name)
        self._running[name] = task
        task.add_done_callback(lambda done: self._forget(name, done))
        return task

    def stop(self, name: str | None = None) -> None:
        """Cancel the named task, or all of them and accept no more."""
        if name is None:
            self._stopping = True
        for each, task in list(self._running.items()):
            if name in (None, each):
                task.cancel()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            _raise_most_telling(group, error)
        finally:
            self._entered = False

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        if self._running.get(name) is task:
            del self._running[name]
        if task.cancelled():
            self._note(name, state="ended")

    def _note(self, name: str, **changes: object) -> None:
        self._statuses[name] = replace(self._statuses[name], **changes)  # type: ignore[arg-type]
        if self._observe is not None:
            self._observe(self._statuses[name])

    async def _supervise(self, name: str, factory: Callable[[], Awaitable[object]], policy: RestartPolicy) -> None:
        restarts = 0
        while True:
            started = self._clock.monotonic()
            self._note(name, state="running", restarts=restarts)
            failure = await self._one_run(name, factory)
            if failure is None and policy.kind != "always":
                self._note(name, state="ended")
                return
            if self._clock.monotonic() - started >= policy.healthy_seconds:
                restarts = 0
            if not _may_restart(policy, failure, restarts):
                final = failure or StateError(f"task {name!r} returned and has no restart left")
                self._note(name, state="failed", restarts=restarts, last_error=_named(final))
                raise TaskFailedError(name, final, restarts)
            pause = backoff_seconds(restarts, policy.base_seconds, policy.cap_seconds, self._rng)
            restarts += 1
            last_error = _named(failure) if failure else ""
            self._note(name, state="waiting", restarts=restarts, last_error=last_error)
            self._log.info("task.restart", task=name, restarts=restarts, pause_seconds=round(pause, 3))
            await self._clock.sleep(pause)

    async def _one_run(self, name: str, factory: Callable[[], Awaitable[object]]) -> Exception | None:
        """Run once; the error it ended with, or ``None`` when it returned."""
        try:
            await factory()
        except asyncio.CancelledError as cancelled:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            # asyncio.TaskGroup would take this for a normal end, and the loop would be dead unseen.
            failure = TaskCancelledItselfError(f"task {name!r} was cancelled from within")
            failure.__cause__ = cancelled
            self._log.error("task.failed", task=name, error=_named(failure))
            return failure
        except Exception as failure:
            # One of the supervisor's boundaries: whatever a task dies of is logged, counted and decided on here.
            if isinstance(failure, TaostackError):
                # Code and remedy tell more than the way through our own code, which debug logs still show.
                told = {"code": failure.code, "remedy": failure.remedy}
                self._log.error("task.failed", task=name, error=_named(failure), **told)
                self._log.debug("task.traceback", task=name, exc_info=failure)
            else:
                self._log.error("task.failed", task=name, error=_named(failure), exc_info=failure)
            return failure
        return None


def _may_restart(policy: RestartPolicy, failure: BaseException | None, restarts: int) -> bool:
    if policy.kind == "never" or isinstance(failure, policy.fatal):
        return False
    return policy.max_restarts is None or restarts < policy.max_restarts


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _raise_most_telling(group: BaseExceptionGroup[BaseException], body_error: BaseException | None) -> NoReturn:
    """Raise one plain error where the group holds one; callers handle errors, not groups of one."""
    if body_error is not None and body_error in group.exceptions:
        raise body_error
    if len(group.exceptions) == 1:
        raise group.exceptions[0]
    raise group
