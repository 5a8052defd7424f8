"""A reasonforge subnet in one event loop: real axons, dendrite, databases; the chain alone is absent."""

import dataclasses
import hashlib
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec

from taostack.chain.metagraph import AxonInfo, Metagraph
from taostack.chain.wallet import Wallet, dev_wallet
from taostack.neuron.keys import key_of
from taostack.neuron.program import Epoch, EpochContext, MinerContext, Scores, Target
from taostack.process.clock import Clock, SystemClock
from taostack.process.logs import get_logger
from taostack.process.metrics import Metrics
from taostack.reasonforge import protocol, store
from taostack.reasonforge.backends import Backend
from taostack.reasonforge.miner import ReasonforgeMiner
from taostack.reasonforge.rules import DEFAULT, Rules
from taostack.reasonforge.validator import ReasonforgeValidator
from taostack.storage import Database, open_database
from taostack.wire import Axon, Dendrite, Endpoint

QUICK = msgspec.structs.replace(DEFAULT, version="test", task_timeout_ms=3_000, tasks_per_epoch=8)
"""The default rules with tasks that time out soon."""

NETUID = 7


class Subnet:
    """Miners behind real axons and one validator; ``epoch`` runs what the runner would."""

    def __init__(self, folder: Path, *, rules: Rules = QUICK, clock: Clock | None = None, **options: Any) -> None:
        self.folder = folder
        self.clock = clock or SystemClock()
        self.wallet = dev_wallet("//Validator")
        self.metrics = Metrics()
        self.events: list[Any] = []
        self.program = ReasonforgeValidator(rules=rules, observer=self.events.append, **options)
        self.wallets: list[Wallet] = []
        self.ports: list[int] = []
        self.registered: list[int] = []
        self.miners: list[ReasonforgeMiner] = []
        self.miner_databases: list[Database] = []
        self.chain: Any = None
        self.seeds: dict[int, bytes] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Subnet":
        self.database = self._stack.enter_context(open_database(self.folder / "validator.sqlite", [store.MIGRATIONS]))
        self.dendrite = await self._stack.enter_async_context(Dendrite(self.wallet.hotkey, clock=self.clock))
        return self

    async def __aexit__(self, *failure: Any) -> None:
        await self._stack.aclose()

    async def add(self, backend: Backend, **options: Any) -> ReasonforgeMiner:
        """A miner with this backend behind an axon of its own."""
        program = ReasonforgeMiner(backend, **options)
        wallet, database = self._new_neuron()
        context = MinerContext(
            netuid=NETUID,
            me=(wallet.hotkey.ss58_address, 0),
            wallet=wallet,
            chain=None,
            metagraph=self.metagraph,
            database=database,
            clock=self.clock,
            rng=random.Random(0),
            metrics=Metrics(),
            log=get_logger("miner"),
        )
        await program.open(context)
        self._stack.push_async_callback(program.close)
        await self._serve(wallet, dict(program.routes()))
        self.miners.append(program)
        return program

    async def add_handler(self, reason: Callable[..., Any], **others: Callable[..., Any]) -> None:
        """A miner with a handler of the test's own for tasks, and if it likes for ``health`` and ``result``."""
        wallet, _ = self._new_neuron()

        async def health(check: protocol.HealthCheck, caller: Any) -> protocol.HealthReport:
            return protocol.HealthReport(
                nonce=check.nonce, status="ready", supported_domains=(), model_info="test", version="0"
            )

        async def result(result: protocol.EpochResult, caller: Any) -> protocol.Received:
            return protocol.Received(epoch=result.epoch, seed_matches=True)

        handlers = {
            protocol.REASON: reason,
            protocol.HEALTH: others.get("health", health),
            protocol.EPOCH_RESULT: others.get("result", result),
        }
        await self._serve(wallet, handlers)

    def add_address(self, port: int) -> None:
        """A miner that is registered at a port where the test serves something else, or nothing."""
        self._new_neuron()
        self.ports.append(port)

    def _new_neuron(self) -> tuple[Wallet, Database]:
        wallet = dev_wallet(f"//Miner{len(self.wallets)}")
        self.wallets.append(wallet)
        self.registered.append(100 + len(self.wallets))
        path = self.folder / f"miner{len(self.wallets)}.sqlite"
        database = self._stack.enter_context(open_database(path, ReasonforgeMiner.migrations))
        self.miner_databases.append(database)
        return wallet, database

    async def _serve(self, wallet: Wallet, handlers: dict[Any, Any]) -> None:
        axon = Axon(wallet.hotkey, clock=self.clock)
        for route, handler in handlers.items():
            axon.attach(route, handler)
        await self._stack.enter_async_context(axon)
        self.ports.append(axon.port)

    def metagraph(self) -> Metagraph:
        """The subnet as a chain would tell it: the validator has uid 0, miners follow."""
        hotkeys = [self.wallet.hotkey.ss58_address, *(wallet.hotkey.ss58_address for wallet in self.wallets)]
        axons = [None, *(AxonInfo("127.0.0.1", port) for port in self.ports)]
        permit = [True] + [False] * len(self.wallets)
        return Metagraph.build(
            NETUID,
            hotkeys,
            axons=axons,
            permit=permit,
            registered_at=[0, *self.registered],
            taken_at_ms=self.clock.now_ms(),
        )

    def context(self, index: int, *, attempt: int = 1, blocks_left: int = 100) -> EpochContext:
        """What the runner would hand over; an epoch keeps its seed over attempts."""
        seed = self.seeds.setdefault(index, hashlib.sha256(f"epoch {index}".encode()).digest())
        metagraph = self.metagraph()
        targets = tuple(
            Target(uid, key_of(metagraph, uid), Endpoint(metagraph.hotkeys[uid], "127.0.0.1", axon.port))
            for uid, axon in enumerate(metagraph.axons)
            if axon is not None
        )
        return EpochContext(
            netuid=NETUID,
            me=key_of(metagraph, 0),
            wallet=self.wallet,
            epoch=Epoch(index, 0, 100),
            attempt=attempt,
            seed=seed,
            rng=random.Random(seed),
            metagraph=metagraph,
            targets=targets,
            chain=self.chain,
            dendrite=self.dendrite,
            database=self.database,
            clock=self.clock,
            metrics=self.metrics,
            log=get_logger("validator"),
            block=lambda: 100 - blocks_left,
        )

    async def epoch(self, index: int, **options: Any) -> Scores:
        """Run one epoch and commit what it found, as the runner does."""
        scores = await self.program.epoch(self.context(index, **options))
        await self.database.write(scores.commit)
        return scores

    def shares(self, scores: Scores) -> list[float]:
        """Weights in the order in which miners were added."""
        by_hotkey = {key.hotkey: value for key, value in scores.values.items()}
        return [by_hotkey.get(wallet.hotkey.ss58_address, 0.0) for wallet in self.wallets]

    def without(self, context: EpochContext, uids: Sequence[int]) -> EpochContext:
        """The context with some targets gone."""
        return dataclasses.replace(context, targets=tuple(each for each in context.targets if each.uid not in uids))
