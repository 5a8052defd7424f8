"""The life of a neuron, whatever its role.

    settings → wallet → health server → chain → place on the subnet → state → metagraph
    → what the role serves, under a supervisor → the same backwards at the end

A *life* is the time from a registration to its loss. With
``--registration.when_missing wait`` one process has several, each with its own
key, so nothing is carried from one to the next by accident.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from typing import NoReturn

from taostack.chain.client import Chain
from taostack.chain.errors import NotRegisteredError as ChainNotRegisteredError
from taostack.chain.wallet import Wallet
from taostack.neuron import tables
from taostack.neuron.blocks import BlockFollower, silence_limit
from taostack.neuron.config import NeuronSettings
from taostack.neuron.errors import DeregisteredError, NotRegisteredError
from taostack.neuron.keys import NeuronKey
from taostack.neuron.metagraphs import MetagraphKeeper
from taostack.neuron.registration import open_neuron_wallet, require_registration
from taostack.neuron.state import claim_state, keep_anchor
from taostack.process import shutdown
from taostack.process.clock import Clock, SystemClock
from taostack.process.errors import CorruptError, RefusedError, TaostackError, UsageError
from taostack.process.health import Health, HealthServer
from taostack.process.logs import Logger, get_logger
from taostack.process.metrics import Metrics
from taostack.process.tasks import RestartPolicy, Supervisor, TaskFailedError, TaskStatus
from taostack.storage.engine import Database, open_database
from taostack.storage.errors import StorageFullError, StorageLockedError
from taostack.storage.migrations import Migrations

ALWAYS = RestartPolicy("always", fatal=(UsageError, CorruptError, RefusedError, StorageFullError, StorageLockedError))
"""For loops that never end by themselves. What waiting cannot mend ends the neuron at once."""

HEADS = replace(ALWAYS, max_restarts=3)
"""The stream of heads tries every endpoint for long before it gives up; repeating that ten times only hides it."""


@dataclass(frozen=True)
class Life:
    """Everything that one life of a neuron works with."""

    role: str
    settings: NeuronSettings
    key: NeuronKey
    wallet: Wallet
    chain: Chain
    database: Database
    blocks: BlockFollower
    metagraphs: MetagraphKeeper
    clock: Clock
    rng: random.Random
    entropy: Callable[[int], bytes]
    metrics: Metrics
    health: Health
    log: Logger

    def supervisor(self) -> Supervisor:
        """A supervisor that tells health and metrics of its tasks."""
        restarts = self.metrics.counter(
            "taostack_neuron_task_restarts_total", "Restarts of a neuron's loops.", ("task",)
        )
        told: dict[str, int] = {}

        def observe(status: TaskStatus) -> None:
            if status.restarts > told.get(status.name, 0):
                restarts.labels(task=status.name).inc()
            told[status.name] = status.restarts
            if status.state in ("running", "ended"):
                self.health.remove(f"task {status.name}")
            else:
                self.health.set(f"task {status.name}", False, status.last_error)

        return Supervisor(self.clock, self.rng, self.log, observe=observe)

    def start_watching(self, supervisor: Supervisor) -> None:
        """Start the loops that every role has; from now on the neuron may call itself ready."""
        supervisor.start("heads", self.blocks.run, HEADS)
        supervisor.start("metagraph", self.metagraphs.run, ALWAYS)
        supervisor.start("anchor", lambda: keep_anchor(self.database, self.chain, self.blocks), ALWAYS)
        self.health.set("service", True, "running")


class Neuron:
    """Brings a neuron to life for a role; ``Miner`` and ``Validator`` hold one.

    Nothing happens before ``run``. What is not given is made: the system's clock,
    randomness from the system, the wallet of the settings, fresh metrics and
    health.
    """

    def __init__(
        self,
        role: str,
        settings: NeuronSettings,
        *,
        wallet: Wallet | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
        metrics: Metrics | None = None,
        health: Health | None = None,
    ) -> None:
        self.role = role
        self.settings = settings
        self.clock = clock or SystemClock()
        self.rng = rng or random.Random(int.from_bytes(entropy(32)))  # noqa: S311 - jitter; secrets come from entropy
        self.entropy = entropy
        self.metrics = metrics or Metrics()
        self.health = health or Health(self.clock)
        self.health_port: int | None = None
        self._wallet = wallet
        self._log = get_logger("taostack.neuron").bind(role=role, netuid=settings.netuid)

    async def run(self, migrations: Sequence[Migrations], serve: Callable[[Life], Awaitable[None]]) -> NoReturn:
        """Live until cancelled, or until an error ends it.

        Raises a TaostackError that says what to do: wallet missing or locked,
        chain unavailable, not registered or deregistered (unless told to wait),
        state of another neuron, port taken, disk full; TaskFailedError when a
        loop is out of restarts.
        """
        settings = self.settings
        wallet = self._wallet or open_neuron_wallet(settings)
        self.health.set("service", False, "starting")
        registered = self.metrics.gauge("taostack_neuron_registered", "1 while the hotkey holds a uid.")
        async with AsyncExitStack() as stack:
            if settings.health.port is not None:
                server = HealthServer(self.health, self.metrics, settings.health.host, settings.health.port)
                await stack.enter_async_context(server)
                self.health_port = server.port
                self._log.info("health.serving", url=server.url)
            self.health.set("registration", False, "not yet looked up")
            chain = await stack.enter_async_context(
                Chain.connect(
                    settings.subtensor.endpoints,
                    clock=self.clock,
                    rng=self.rng,
                    deadline_seconds=settings.subtensor.deadline_seconds,
                )
            )
            silence = silence_limit(settings.subtensor.silence_seconds, await chain.block_seconds())
            while True:
                key = await self._registration(chain, wallet, silence)
                registered.set(1)
                try:
                    await self._live(chain, wallet, key, silence, migrations, serve)
                except DeregisteredError as error:
                    registered.set(0)
                    self.health.set("registration", False, str(error))
                    if settings.registration.when_missing == "stop":
                        raise
                    self._log.warning("neuron.deregistered", error=error.line())

    async def _registration(self, chain: Chain, wallet: Wallet, silence: float) -> NeuronKey:
        """The hotkey's place, looked up at every block until there is one, if the settings say so."""
        try:
            found = await require_registration(chain, self.settings, wallet)
        except NotRegisteredError as error:
            if self.settings.registration.when_missing == "stop":
                raise
            self.health.set("registration", False, str(error))
            self._log.warning("neuron.waits_for_registration", error=error.line())
            async with aclosing(chain.heads(silence_seconds=silence)) as heads:  # type: ignore[type-var]
                async for _ in heads:
                    awaited = await chain.registration(self.settings.netuid, wallet.hotkey_address)
                    if awaited is not None:
                        found = awaited
                        break
        self.health.set("registration", True, f"uid {found.uid} since block {found.registered_at}")
        self._log.info("neuron.registered", uid=found.uid, registered_at=found.registered_at)
        return NeuronKey(found.hotkey, found.registered_at)

    async def _live(
        self,
        chain: Chain,
        wallet: Wallet,
        key: NeuronKey,
        silence: float,
        migrations: Sequence[Migrations],
        serve: Callable[[Life], Awaitable[None]],
    ) -> None:
        settings = self.settings
        place = settings.state.database(self.role, settings.netuid, key.hotkey)
        with open_database(place, [tables.MIGRATIONS, *migrations], exclusive=True) as database:
            await claim_state(database, chain, role=self.role, netuid=settings.netuid, hotkey=key.hotkey)
            blocks = BlockFollower(chain, silence_seconds=silence, health=self.health, metrics=self.metrics)
            metagraphs = MetagraphKeeper(
                chain,
                settings.netuid,
                key,
                blocks,
                settings.metagraph,
                clock=self.clock,
                health=self.health,
                metrics=self.metrics,
                log=self._log,
            )
            await metagraphs.refresh()
            life = Life(
                role=self.role,
                settings=settings,
                key=key,
                wallet=wallet,
                chain=chain,
                database=database,
                blocks=blocks,
                metagraphs=metagraphs,
                clock=self.clock,
                rng=self.rng,
                entropy=self.entropy,
                metrics=self.metrics,
                health=self.health,
                log=self._log,
            )
            try:
                await serve(life)
            except (TaskFailedError, ExceptionGroup) as failed:
                _raise_cause(failed)
            finally:
                self.health.set("service", False, "stopped")
                self._log.info("neuron.stopped")


def _raise_cause(failed: TaskFailedError | ExceptionGroup) -> NoReturn:
    """The error a caller can act on, instead of the news that one or several tasks failed with it.

    When several loops end at once they mostly saw the same thing; a lost place
    on the subnet explains all the others.
    """
    errors = failed.exceptions if isinstance(failed, ExceptionGroup) else (failed,)
    causes = [error.__cause__ or error if isinstance(error, TaskFailedError) else error for error in errors]
    for cause in causes:
        if isinstance(cause, DeregisteredError):
            raise cause from failed
        if isinstance(cause, ChainNotRegisteredError):
            raise DeregisteredError(str(cause)) from failed
    for cause in causes:
        if isinstance(cause, TaostackError):
            raise cause from failed
    raise failed


def run_until_signalled(neuron_run: "Callable[[], Awaitable[NoReturn]]", settings: NeuronSettings) -> int:
    """Run a neuron in an event loop of its own until SIGTERM or SIGINT; returns the exit code.

    For programs with a ``main``: ``sys.exit(run_until_signalled(miner.run, settings))``.
    """

    async def main() -> None:
        await neuron_run()

    return shutdown.run(main(), grace_seconds=settings.shutdown.grace_seconds, loop_factory=_loop_factory())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: it doubles what an axon answers."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop
