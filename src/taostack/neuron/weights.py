"""Bringing an epoch's scores onto the chain, beside the epochs and not between them.

Waiting for a rate limit may take longer than an epoch, so sending is a loop of
its own. It always sends the newest scores; older ones that never went out are
superseded, and the book says so. What the chain would not take now is tried
again at the block that the refusal names.
"""

import asyncio

from taostack.chain.scores import ComputedScores
from taostack.chain.weight_outcome import WeightOutcome
from taostack.chain.weights import WeightSetter
from taostack.neuron.blocks import BlockFollower
from taostack.neuron.epochs import EpochBook
from taostack.neuron.program import Epoch
from taostack.process.errors import UnavailableError
from taostack.process.health import Health
from taostack.process.logs import Logger
from taostack.process.metrics import Metrics

RETRY_BLOCKS = 5
"""Blocks to wait after a failure that names no block of its own."""


class WeightSender:
    """Sends the scores it is handed; ``run`` is a task of the validator."""

    def __init__(
        self,
        setter: WeightSetter,
        book: EpochBook,
        blocks: BlockFollower,
        *,
        health: Health,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._setter = setter
        self._book = book
        self._blocks = blocks
        self._health = health
        self._log = log
        self._count = metrics.counter("taostack_neuron_weights_total", "Weight submissions by outcome code.", ("code",))
        self._block = metrics.gauge("taostack_neuron_weights_block", "Block at which weights were last taken.")
        self._newest: tuple[Epoch, ComputedScores] | None = None
        self._handed = asyncio.Event()

    def hand(self, epoch: Epoch, scores: ComputedScores) -> None:
        """Have these scores sent; older ones that wait are superseded."""
        self._newest = epoch, scores
        self._handed.set()

    async def run(self) -> None:
        """Send what is handed in, for ever."""
        while True:
            await self._handed.wait()
            self._handed.clear()
            if self._newest is not None:
                await self._send(*self._newest)

    async def _send(self, epoch: Epoch, scores: ComputedScores) -> None:
        while True:
            outcome = await self._setter.submit(scores)
            self._count.labels(code=outcome.code).inc()
            self._health.set("weights", _healthy(outcome), f"epoch {epoch.index}: {outcome.code} {outcome.detail}")
            retry_at = _retry_block(outcome, self._blocks.number)
            if retry_at is None:
                if outcome.block is not None:
                    self._block.set(outcome.block)
                await self._book.note_weights(epoch, code=outcome.code, block=outcome.block, detail=outcome.detail)
                break
            self._log.info("weights.again", epoch=epoch.index, code=outcome.code, at_block=retry_at)
            if not await self._waited(retry_at):
                await self._book.note_weights(epoch, code="superseded", block=None, detail=f"after {outcome.code}")
                return
        try:
            await self._setter.reveals()
        except UnavailableError as error:
            self._log.info("weights.reveals_unknown", error=error.line())

    async def _waited(self, block: int) -> bool:
        """Wait for ``block``; false as soon as newer scores are there."""
        async with asyncio.TaskGroup() as group:
            reached = group.create_task(self._blocks.reached(block))
            handed = group.create_task(self._handed.wait())
            reached.add_done_callback(lambda _: handed.cancel())
            handed.add_done_callback(lambda _: reached.cancel())
        return reached.done() and not reached.cancelled()


def _healthy(outcome: WeightOutcome) -> bool:
    return outcome.ok or outcome.status == "nothing" or outcome.code == "rate-limited"


def _retry_block(outcome: WeightOutcome, now: int) -> int | None:
    """The block at which trying again makes sense, or None when this outcome is final."""
    if outcome.ok or outcome.status in ("set", "committed", "nothing"):
        return None
    if outcome.retry_at_block is not None:
        return max(outcome.retry_at_block, now + 1)
    if outcome.status in ("failed", "unknown"):
        return now + RETRY_BLOCKS
    return None
