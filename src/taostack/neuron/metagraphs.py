"""The neuron's picture of the subnet, kept fresh, and its own place in it."""

import asyncio

from taostack.chain.client import Chain
from taostack.chain.metagraph import Metagraph
from taostack.neuron.blocks import BlockFollower
from taostack.neuron.config import MetagraphSettings
from taostack.neuron.errors import DeregisteredError
from taostack.neuron.keys import NeuronKey
from taostack.process.clock import Clock
from taostack.process.errors import StateError, UnavailableError
from taostack.process.health import Health
from taostack.process.logs import Logger
from taostack.process.metrics import Metrics


class MetagraphKeeper:
    """Holds the newest snapshot; ``run`` is a task of the neuron that renews it.

    While the chain cannot be read the last snapshot stays, and the neuron is not
    ready once that is too old. When a snapshot shows that the neuron's own place
    is gone, ``run`` (and ``refresh``) raises DeregisteredError.
    """

    def __init__(
        self,
        chain: Chain,
        netuid: int,
        key: NeuronKey,
        blocks: BlockFollower,
        settings: MetagraphSettings,
        *,
        clock: Clock,
        health: Health,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._chain = chain
        self._netuid = netuid
        self._key = key
        self._blocks = blocks
        self._settings = settings
        self._clock = clock
        self._health = health
        self._log = log
        self._neurons = metrics.gauge("taostack_neuron_subnet_size", "Neurons on the subnet.")
        self._block = metrics.gauge("taostack_neuron_metagraph_block", "Block of the newest metagraph.")
        self._latest: Metagraph | None = None
        self._changed = asyncio.Event()

    @property
    def current(self) -> Metagraph:
        """The newest snapshot; raises StateError before the first."""
        if self._latest is None:
            raise StateError("no metagraph was read yet", remedy="await refresh() first")
        return self._latest

    def directory(self) -> Metagraph | None:
        """The newest snapshot for a gate, which looks at its age itself; None before the first."""
        return self._latest

    async def refresh(self) -> Metagraph:
        """Read the subnet now. Raises ChainUnavailableError or DeregisteredError."""
        metagraph = await self._chain.metagraph(self._netuid)
        self._check_own_place(metagraph)
        self._latest = metagraph
        self._neurons.set(len(metagraph))
        self._block.set(metagraph.block)
        self._health.set("metagraph", True, f"of block {metagraph.block}", fresh_seconds=self._settings.max_age_seconds)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        return metagraph

    async def changed(self, seen: Metagraph | None = None) -> Metagraph:
        """The newest snapshot, as soon as it is another than ``seen``."""
        while self._latest is None or self._latest is seen:
            await self._changed.wait()
        return self._latest

    async def run(self) -> None:
        """Renew the snapshot every ``every_blocks`` blocks, for ever."""
        head = None
        while True:
            head = await self._blocks.changed(head)
            # abs(): a development chain may be set back.
            if self._latest is not None and abs(head.number - self._latest.block) < self._settings.every_blocks:
                continue
            try:
                await self.refresh()
            except UnavailableError as error:
                self._log.warning("metagraph.stale", error=error.line(), block=head.number)

    def _check_own_place(self, metagraph: Metagraph) -> None:
        uid = metagraph.uid_of(self._key.hotkey)
        if uid is None:
            raise DeregisteredError(
                f"hotkey {self._key.hotkey} lost its place on subnet {self._netuid} by block {metagraph.block}"
            )
        if int(metagraph.registered_at[uid]) != self._key.registered_at:
            raise DeregisteredError(
                f"hotkey {self._key.hotkey} was registered anew on subnet {self._netuid} "
                f"at block {metagraph.registered_at[uid]}, this neuron lives since block {self._key.registered_at}",
                remedy="start again: state about the old place is not carried over",
            )
