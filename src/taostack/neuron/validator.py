"""``Validator``: runs a program once an epoch and sets the weights it finds.

await Validator(settings, program).run()
"""

import math
import random
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from os import urandom
from typing import NoReturn

from taostack.chain.endpoints import published_endpoints
from taostack.chain.errors import ChainUnavailableError
from taostack.chain.metagraph import Metagraph
from taostack.chain.records import Commitment
from taostack.chain.wallet import Wallet
from taostack.chain.weight_outcome import SetterPolicy
from taostack.chain.weights import WeightSetter
from taostack.neuron.config import NeuronSettings
from taostack.neuron.epoch_loop import EpochLoop
from taostack.neuron.epochs import EpochBook, Opened, epoch_of
from taostack.neuron.keys import key_of
from taostack.neuron.life import ALWAYS, Life, Neuron
from taostack.neuron.program import EpochContext, RecoverContext, Scores, Target, ValidatorProgram
from taostack.neuron.state import CheckpointStore
from taostack.neuron.weights import WeightSender
from taostack.process.clock import Clock
from taostack.process.health import Health
from taostack.process.metrics import Metrics
from taostack.wire import Dendrite, DendriteLimits, Endpoint


class Validator:
    """Runs a ``ValidatorProgram``; see ``taostack.neuron.life`` for the order of things.

    ``limits`` bounds what its dendrite waits for and accepts. ``wallet`` replaces
    the settings' wallet, for keys that are no files.
    """

    def __init__(
        self,
        settings: NeuronSettings,
        program: ValidatorProgram,
        *,
        limits: DendriteLimits | None = None,
        wallet: Wallet | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        entropy: Callable[[int], bytes] = urandom,
        metrics: Metrics | None = None,
        health: Health | None = None,
    ) -> None:
        self.neuron = Neuron(
            "validator", settings, wallet=wallet, clock=clock, rng=rng, entropy=entropy, metrics=metrics, health=health
        )
        self._program = program
        self._limits = limits or DendriteLimits()

    async def run(self) -> NoReturn:
        """Live until cancelled; raises as ``Neuron.run`` does."""
        await self.neuron.run(self._program.migrations, self._serve)

    async def _serve(self, life: Life) -> None:
        settings, program = life.settings, self._program
        schedule = await life.chain.epoch_schedule(settings.netuid)
        book = EpochBook(
            life.database,
            life.key.registered_at,
            attempts=settings.epoch.attempts,
            clock=life.clock,
            entropy=life.entropy,
        )
        setter = WeightSetter(
            life.chain,
            settings.netuid,
            life.wallet,
            CheckpointStore(life.database, "weights"),
            life.clock,
            rules_digest=program.rules,
            policy=SetterPolicy(
                version_key=settings.weights.version_key,
                burn_when_empty=settings.weights.when_empty == "burn",
                # Scores are as old as their epoch, which may overrun; and one more epoch to bring them there.
                max_age_blocks=math.ceil((2 + settings.epoch.overrun_tempos) * max(schedule.tempo, 1)),
            ),
        )
        sender = WeightSender(setter, book, life.blocks, health=life.health, metrics=life.metrics, log=life.log)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(program.close)
            await self._recover(life, book)
            unsent = await book.unsent(program.rules)
            if unsent is not None:
                sender.hand(*unsent)
            dendrite = await stack.enter_async_context(
                Dendrite(life.wallet.hotkey, clock=life.clock, limits=self._limits)
            )

            async def work(opened: Opened, metagraph: Metagraph) -> Scores:
                targets = targets_of(metagraph, life.key.hotkey, await _commitments(life))
                return await program.epoch(_context(life, opened, metagraph, targets, dendrite))

            epochs = EpochLoop(
                life.chain,
                settings.netuid,
                book,
                life.blocks,
                settings.epoch,
                refresh=life.metagraphs.refresh,
                work=work,
                finished=sender.hand,
                clock=life.clock,
                rng=life.rng,
                health=life.health,
                metrics=life.metrics,
                log=life.log,
            )
            async with life.supervisor() as supervisor:
                life.start_watching(supervisor)
                supervisor.start("epochs", epochs.run, ALWAYS)
                supervisor.start("weights", sender.run, ALWAYS)

    async def _recover(self, life: Life, book: EpochBook) -> None:
        current = epoch_of(await life.chain.epoch_schedule(life.settings.netuid))
        found = await book.recover(current)
        for epoch in found.abandoned:
            life.log.warning("epoch.abandoned", epoch=epoch.index, reason="unfinished when the process ended")
        await self._program.recover(
            RecoverContext(
                netuid=life.settings.netuid,
                me=life.key,
                wallet=life.wallet,
                chain=life.chain,
                metagraph=life.metagraphs.current,
                database=life.database,
                clock=life.clock,
                metrics=life.metrics,
                log=life.log,
                unfinished=found.unfinished,
                abandoned=found.abandoned,
                last_done=found.last_done,
            )
        )


async def _commitments(life: Life) -> Mapping[str, Commitment]:
    """What neurons committed to, which may name their endpoints; without an answer the axon records must do."""
    try:
        return await life.chain.commitments(life.settings.netuid)
    except ChainUnavailableError as error:
        life.log.warning("epoch.commitments_unread", error=error.line())
        return {}


def targets_of(
    metagraph: Metagraph, me: str, commitments: Mapping[str, Commitment] | None = None
) -> tuple[Target, ...]:
    """Whom a validator can ask: registered neurons with a published endpoint, itself left out, in uid order.

    An endpoint that a neuron committed to goes before its axon record (``chain.endpoints``).
    """
    targets = []
    for hotkey, published in published_endpoints(metagraph, commitments).items():
        uid = metagraph.uid_of(hotkey)
        endpoint = Endpoint(hotkey, published.host, published.port, published.protocol)
        if uid is not None and hotkey != me and endpoint.defect() is None:
            targets.append(Target(uid, key_of(metagraph, uid), endpoint))
    return tuple(sorted(targets, key=lambda target: target.uid))


def _context(
    life: Life, opened: Opened, metagraph: Metagraph, targets: tuple[Target, ...], dendrite: Dendrite
) -> EpochContext:
    life.metrics.gauge("taostack_neuron_targets", "Neurons that this validator can ask.").set(len(targets))
    return EpochContext(
        netuid=life.settings.netuid,
        me=life.key,
        wallet=life.wallet,
        epoch=opened.epoch,
        attempt=opened.attempt,
        seed=opened.seed,
        rng=random.Random(opened.seed),  # noqa: S311 - seeded by 32 secret bytes, and must be repeatable
        metagraph=metagraph,
        targets=targets,
        chain=life.chain,
        dendrite=dendrite,
        database=life.database,
        clock=life.clock,
        metrics=life.metrics,
        log=life.log.bind(epoch=opened.epoch.index),
        block=lambda: life.blocks.number,
    )
