"""``Miner``: serves a program's routes on a port that the chain knows.

await Miner(settings, program).run()
"""

import random
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from os import urandom
from typing import NoReturn

import msgspec
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from taostack.chain.records import RAO_PER_TAO
from taostack.chain.wallet import Wallet
from taostack.neuron.config import NeuronSettings
from taostack.neuron.endpoint import EndpointPublisher, published_ip
from taostack.neuron.life import ALWAYS, Life, Neuron
from taostack.neuron.program import MinerContext, MinerProgram
from taostack.process.clock import Clock
from taostack.process.health import Health
from taostack.process.metrics import Metrics
from taostack.wire import Axon, AxonLimits, Gate, GateRules
from taostack.wire.replay import SqliteReplayStore


class AxonCalls(Collector):
    """Tells Prometheus what the axon counts: answered calls by outcome, and calls in flight."""

    def __init__(self, axon: Axon) -> None:
        self._axon = axon

    def collect(self) -> Iterator[Metric]:
        """The numbers of this moment."""
        calls = CounterMetricFamily("taostack_neuron_calls", "Calls answered, by outcome.", labels=("outcome",))
        for outcome, count in sorted(self._axon.outcomes.items()):
            calls.add_metric((outcome,), count)
        yield calls
        yield GaugeMetricFamily("taostack_neuron_calls_in_flight", "Calls handled now.", value=self._axon.in_flight)


def gate_rules(settings: NeuronSettings) -> GateRules:
    """The axon's rules as the settings have them."""
    gate = settings.gate
    return GateRules(
        require_registered=gate.require_registered,
        require_permit=gate.require_permit,
        min_stake_rao=round(gate.min_stake_tao * RAO_PER_TAO),
        allow=gate.allow,
        deny=gate.deny,
        max_age_seconds=settings.metagraph.max_age_seconds,
        calls_per_second=gate.calls_per_second or None,
        burst=gate.burst,
        max_in_flight=gate.max_in_flight,
        max_waiting=gate.max_waiting,
    )


def _replay_store(life: Life, limits: AxonLimits, stack: AsyncExitStack) -> SqliteReplayStore | None:
    """Nonces on disk, so that a request seen before a restart is not answered again after it."""
    place = life.settings.state.replay_file(life.settings.netuid, life.key.hotkey)
    if place is None:
        return None
    store = SqliteReplayStore(place, life.clock, retention_seconds=limits.retention_seconds)
    stack.callback(store.close)
    return store


class Miner:
    """Runs a ``MinerProgram``; see ``taostack.neuron.life`` for the order of things.

    ``limits`` bounds what the axon accepts; who may call is in the settings
    (``gate``). ``wallet`` replaces the settings' wallet, for keys that are no files.
    """

    def __init__(
        self,
        settings: NeuronSettings,
        program: MinerProgram,
        *,
        limits: AxonLimits | None = None,
        wallet: Wallet | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        entropy: Callable[[int], bytes] = urandom,
        metrics: Metrics | None = None,
        health: Health | None = None,
    ) -> None:
        self.neuron = Neuron(
            "miner", settings, wallet=wallet, clock=clock, rng=rng, entropy=entropy, metrics=metrics, health=health
        )
        self.port: int | None = None
        """The port that the axon was bound to last."""
        self._program = program
        self._limits = limits or AxonLimits()

    async def run(self) -> NoReturn:
        """Live until cancelled; raises as ``Neuron.run`` does, and EndpointUnknownError, EndpointInvalidError."""
        published_ip(self.neuron.settings.axon)
        await self.neuron.run(self._program.migrations, self._serve)

    def _ending_in_time(self, grace_seconds: float) -> AxonLimits:
        """The limits, with at most half of the grace period for calls in flight: the program must close too."""
        seconds = min(self._limits.shutdown_seconds, max(0.1, grace_seconds / 2))
        return msgspec.structs.replace(self._limits, shutdown_seconds=seconds)

    async def _serve(self, life: Life) -> None:
        settings = life.settings
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._program.close)
            await self._program.open(
                MinerContext(
                    netuid=settings.netuid,
                    me=life.key,
                    wallet=life.wallet,
                    chain=life.chain,
                    metagraph=lambda: life.metagraphs.current,
                    database=life.database,
                    clock=life.clock,
                    rng=life.rng,
                    metrics=life.metrics,
                    log=life.log,
                )
            )
            gate = Gate(life.metagraphs.directory, gate_rules(settings), life.clock)
            limits = self._ending_in_time(settings.shutdown.grace_seconds)
            axon = Axon(
                life.wallet.hotkey,
                host=settings.axon.ip,
                port=settings.axon.port,
                gate=gate,
                clock=life.clock,
                limits=limits,
                replay=_replay_store(life, limits, stack),
            )
            for route, handler in self._program.routes():
                axon.attach(route, handler)
            life.metrics.registry.register(calls := AxonCalls(axon))
            stack.callback(life.metrics.registry.unregister, calls)
            await stack.enter_async_context(axon)
            self.port = axon.port
            life.log.info("miner.listening", host=settings.axon.ip, port=axon.port)
            publisher = EndpointPublisher(
                life.chain,
                settings.netuid,
                life.wallet,
                ip=published_ip(settings.axon),
                port=settings.axon.external_port or axon.port,
                blocks=life.blocks,
                metagraphs=life.metagraphs,
                health=life.health,
                log=life.log,
            )
            async with life.supervisor() as supervisor:
                life.start_watching(supervisor)
                supervisor.start("endpoint", publisher.run, ALWAYS)
