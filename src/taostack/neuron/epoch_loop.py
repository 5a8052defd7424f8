"""Driven by blocks: which epoch is it, has it been done, do it.

The loop reads the chain's schedule, opens the epoch in the book, lets the
program work, and closes it. While the program works it watches the heads: work
that goes on too long after its epoch's end is cancelled, so that one stuck
epoch costs one epoch.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from typing import Final

from taostack.chain.client import Chain
from taostack.chain.metagraph import Metagraph
from taostack.chain.schedule import EpochSchedule
from taostack.chain.scores import ComputedScores
from taostack.neuron.blocks import BlockFollower
from taostack.neuron.config import EpochSettings
from taostack.neuron.epochs import EpochBook, Opened, epoch_of
from taostack.neuron.errors import ScoresInvalidError
from taostack.neuron.keys import uids_of
from taostack.neuron.program import Epoch, Scores
from taostack.process.clock import Clock
from taostack.process.errors import StateError, TaostackError
from taostack.process.health import Health
from taostack.process.logs import Logger
from taostack.process.metrics import Metrics
from taostack.process.tasks import backoff_seconds

LOOKS_PER_EPOCH: Final = 20
"""How often in an epoch the schedule is read again: an owner may start the next one early."""

OVERRAN: Final = "the work went on for too long after the epoch's end"

Work = Callable[[Opened, Metagraph], Awaitable[Scores]]
"""The program's part of one attempt."""


def computed_scores(scores: Scores, metagraph: Metagraph) -> ComputedScores:
    """Scores by uid of ``metagraph``; neurons that are not in it are left out.

    Raises ScoresInvalidError for a negative or non-finite score.
    """
    for key, value in scores.values.items():
        if not math.isfinite(value) or value < 0:
            raise ScoresInvalidError(f"the score of {key} was {value}")
    by_uid = {uid: float(scores.values[key]) for uid, key in uids_of(metagraph, scores.values)}
    return ComputedScores.of(metagraph, by_uid, rules_digest=scores.rules)


class _OverranError(Exception):
    """The watch cancelled the work (a program's own TimeoutError is only a failed attempt)."""


class EpochLoop:
    """Runs a validator's epochs, one at a time, each at most once; ``run`` is a task of the validator.

    ``work`` is called for each attempt, ``refresh`` gives it a fresh metagraph,
    ``finished`` is called after a result is in the book.
    """

    def __init__(
        self,
        chain: Chain,
        netuid: int,
        book: EpochBook,
        blocks: BlockFollower,
        settings: EpochSettings,
        *,
        refresh: Callable[[], Awaitable[Metagraph]],
        work: Work,
        finished: Callable[[Epoch, ComputedScores], None],
        clock: Clock,
        rng: random.Random,
        health: Health,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._chain = chain
        self._netuid = netuid
        self._book = book
        self._blocks = blocks
        self._settings = settings
        self._refresh = refresh
        self._work = work
        self._finished = finished
        self._clock = clock
        self._rng = rng
        self._health = health
        self._log = log
        self._count = metrics.counter("taostack_neuron_epochs_total", "Epochs by how they ended.", ("outcome",))
        self._index = metrics.gauge("taostack_neuron_epoch", "Index of the epoch that was last begun.")
        self._seconds = metrics.histogram(
            "taostack_neuron_epoch_seconds",
            "Duration of finished epochs' work.",
            buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600),
        )

    async def run(self) -> None:
        """Take part in every epoch from the present one on, for ever."""
        previous: Epoch | None = None
        while True:
            epoch = await self._next_epoch(previous)
            if previous is not None and epoch.index > previous.index + 1:
                missed = epoch.index - previous.index - 1
                self._count.labels(outcome="missed").inc(missed)
                self._log.warning("epoch.missed", count=missed, before=epoch.index)
            await self._take_part(epoch)
            previous = epoch

    async def _next_epoch(self, previous: Epoch | None) -> Epoch:
        """The chain's epoch, as soon as it is another than ``previous``."""
        head = None
        while True:
            schedule = await self._chain.epoch_schedule(self._netuid)
            epoch = epoch_of(schedule)
            if epoch is not None and (previous is None or epoch.index != previous.index):
                return epoch
            self._health.set("epochs", epoch is not None, "the subnet runs no epochs" if epoch is None else "waiting")
            look_at = _next_look(schedule)
            head = await self._blocks.changed(head)
            while schedule.block <= head.number < look_at:
                head = await self._blocks.changed(head)

    async def _take_part(self, epoch: Epoch) -> None:
        """Try ``epoch`` until it is done, closed by the book, or over."""
        failures = 0
        while True:
            # Before the attempt is on the books: a chain that is away costs no attempt.
            metagraph = await self._refresh()
            opened = await self._book.open(epoch)
            if opened is None:
                self._log.info("epoch.closed_before", epoch=epoch.index)
                return
            self._index.set(epoch.index)
            log = self._log.bind(epoch=epoch.index, attempt=opened.attempt)
            log.info("epoch.begun", first_block=epoch.first_block, next_block=epoch.next_block)
            self._health.set("epochs", True, f"epoch {epoch.index}, attempt {opened.attempt}")
            started = self._clock.monotonic()
            result = await self._bounded(opened, metagraph)
            failure = await self._finish(opened, metagraph, result) if isinstance(result, Scores) else result
            if failure is None:
                self._seconds.observe(self._clock.monotonic() - started)
                return
            if isinstance(failure, _OverranError):
                await self._give_up(epoch, OVERRAN)
                return
            log.error("epoch.attempt_failed", error=explained(failure), exc_info=failure)
            self._count.labels(outcome="failed_attempt").inc()
            self._health.set("epochs", False, f"epoch {epoch.index}: {explained(failure)}")
            if opened.attempt >= self._settings.attempts or self._over(epoch):
                await self._give_up(epoch, f"attempt {opened.attempt} failed: {explained(failure)}")
                return
            pause = backoff_seconds(failures, self._settings.retry_seconds, 60.0, self._rng)
            failures += 1
            await self._clock.sleep(pause)

    async def _bounded(self, opened: Opened, metagraph: Metagraph) -> Scores | Exception:
        """The program's scores, or what it failed with."""
        async with asyncio.TaskGroup() as group:
            attempt = group.create_task(self._attempt(opened, metagraph), name=f"epoch {opened.epoch.index}")
            watch = group.create_task(self._cancel_when_over(attempt, opened.epoch), name="epoch watch")
            attempt.add_done_callback(lambda _: watch.cancel())
        if not attempt.cancelled():
            return attempt.result()
        return _OverranError() if self._over(opened.epoch) else StateError("the epoch's work was cancelled from within")

    async def _attempt(self, opened: Opened, metagraph: Metagraph) -> Scores | Exception:
        try:
            return await self._work(opened, metagraph)
        except Exception as failure:  # a supervisor's boundary: the caller logs, counts and decides
            return failure

    async def _finish(self, opened: Opened, metagraph: Metagraph, scores: Scores) -> Exception | None:
        """Write the result down; what is wrong with the scores, or None.

        Not under the watch: a transaction that has begun decides by itself how it ends.
        """
        try:
            computed = computed_scores(scores, metagraph)
        except ScoresInvalidError as error:
            return error
        await self._book.complete(opened, scores, computed)
        self._count.labels(outcome="done").inc()
        self._log.info("epoch.done", epoch=opened.epoch.index, attempt=opened.attempt, scored=len(computed.uids))
        self._finished(opened.epoch, computed)
        return None

    async def _cancel_when_over(self, attempt: "asyncio.Task[Scores | Exception]", epoch: Epoch) -> None:
        await self._blocks.reached(self._last_block(epoch) + 1)
        attempt.cancel()

    def _last_block(self, epoch: Epoch) -> int:
        return epoch.next_block + math.ceil(self._settings.overrun_tempos * epoch.tempo)

    def _over(self, epoch: Epoch) -> bool:
        return self._blocks.number > self._last_block(epoch)

    async def _give_up(self, epoch: Epoch, reason: str) -> None:
        await self._book.abandon(epoch, reason)
        self._count.labels(outcome="abandoned").inc()
        self._health.set("epochs", False, f"epoch {epoch.index} abandoned: {reason}")
        self._log.error("epoch.abandoned", epoch=epoch.index, reason=reason)


def _next_look(schedule: EpochSchedule) -> int:
    """The block at which the schedule is worth reading again."""
    due = schedule.next_epoch_block
    if due is None:
        return schedule.block + LOOKS_PER_EPOCH
    return min(due, schedule.block + max(1, schedule.tempo // LOOKS_PER_EPOCH))


def explained(error: Exception) -> str:
    """An error as one line for a log or a row."""
    return error.line() if isinstance(error, TaostackError) else f"{type(error).__name__}: {error}"
