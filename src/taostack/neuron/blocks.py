"""One listener for new blocks, any number of loops that wait for them."""

import asyncio

from taostack.chain.client import Chain
from taostack.chain.records import Head
from taostack.process.errors import StateError
from taostack.process.health import Health
from taostack.process.metrics import Metrics

MIN_SILENCE_SECONDS = 12.0
SILENT_BLOCKS = 5
"""A chain that is silent for so many block times is taken for cut off."""


def silence_limit(wanted_seconds: float, block_seconds: float) -> float:
    """How long to wait for a block: as wished, or by the chain's own pace (0)."""
    return wanted_seconds or max(MIN_SILENCE_SECONDS, SILENT_BLOCKS * block_seconds)


class BlockFollower:
    """Follows the chain's heads; ``run`` is a task of the neuron, the rest waits on it.

    Waiters see the newest head, not every head: who was busy goes on with the
    present. When ``run`` dies the supervisor restarts it or ends the neuron, so
    no waiter waits for ever.
    """

    def __init__(self, chain: Chain, *, silence_seconds: float, health: Health, metrics: Metrics) -> None:
        self.silence_seconds = silence_seconds
        self._chain = chain
        self._health = health
        self._gauge = metrics.gauge("taostack_neuron_block", "Number of the newest block seen.")
        self._latest: Head | None = None
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Take in heads for ever; raises ChainUnavailableError when none come from anywhere."""
        async for head in self._chain.heads(silence_seconds=self.silence_seconds):
            self.see(head)
        raise StateError("the stream of heads ended")

    def see(self, head: Head) -> None:
        """Take in a head and wake everyone who waits."""
        self._latest = head
        self._gauge.set(head.number)
        self._health.set("chain", True, f"block {head.number}", vital=True, fresh_seconds=8 * self.silence_seconds)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @property
    def latest(self) -> Head:
        """The newest head; raises StateError before the first."""
        if self._latest is None:
            raise StateError("no block was seen yet", remedy="wait for one with changed()")
        return self._latest

    @property
    def number(self) -> int:
        """The newest head's number; 0 before the first."""
        return 0 if self._latest is None else self._latest.number

    async def changed(self, seen: Head | None = None) -> Head:
        """The newest head, as soon as it is another than ``seen``."""
        while self._latest is None or self._latest == seen:
            await self._changed.wait()
        return self._latest

    async def reached(self, number: int) -> Head:
        """The newest head, as soon as its number is at least ``number``."""
        while self._latest is None or self._latest.number < number:
            await self._changed.wait()
        return self._latest
