"""The tour itself: a chain, a subnet on it, eight neurons, some epochs, and what came of them."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from taostack.chain.client import Chain
from taostack.chain.metagraph import Metagraph
from taostack.demo.cast import CAST, Cast, backends
from taostack.demo.show import Show
from taostack.demo.stage import Stage, make_wallets, set_stage
from taostack.demo.verdict import Earned, tally
from taostack.devnet import Devnet
from taostack.neuron import Miner, Validator
from taostack.neuron.config import (
    AxonSettings,
    EpochSettings,
    MetagraphSettings,
    NeuronSettings,
    StateSettings,
    SubtensorSettings,
    WalletSettings,
)
from taostack.process.clock import Clock, SystemClock
from taostack.process.errors import TaostackError, UnavailableError
from taostack.reasonforge import leaderboard
from taostack.reasonforge.leaderboard import Leaderboard
from taostack.reasonforge.miner import ReasonforgeMiner
from taostack.reasonforge.rules import DEFAULT, Rules
from taostack.reasonforge.validator import EpochJudged, Event, ReasonforgeValidator
from taostack.storage.engine import open_database


class TourStalledError(UnavailableError):
    """The epochs did not come in the time they should take."""

    code = "tour-stalled"
    remedy = "look into the log file of the tour; on a slow machine give a longer --block-time"


@dataclass(frozen=True, slots=True)
class TourSettings:
    """How long, how fast, and where.

    ``folder`` gets the wallets, the neurons' databases, the log and the chain's
    state. ``seed`` fixes keys and slips of the miners, not the order of events.
    ``port`` 0 takes a free one. ``patience_seconds`` is how much longer than
    planned the epochs may take together.
    """

    folder: Path
    epochs: int = 4
    seed: int | None = None
    block_seconds: float = 0.25
    tempo: int = 60
    port: int = 0
    patience_seconds: float = 120.0
    cast: Cast = CAST
    rules: Rules = DEFAULT

    @property
    def wallets(self) -> Path:
        """Wallets in btcli's layout."""
        return self.folder / "wallets"

    @property
    def chain_state(self) -> Path:
        """The chain's state file."""
        return self.folder / "chain.state"

    @property
    def epoch_seconds(self) -> float:
        """How long an epoch takes."""
        return self.tempo * self.block_seconds


@dataclass(frozen=True, slots=True)
class TourResult:
    """What the tour found."""

    url: str
    netuid: int
    epochs: tuple[int, ...]
    boards: tuple[Leaderboard, ...]
    earned: tuple[Earned, ...]
    metagraph: Metagraph


async def run_tour(
    settings: TourSettings, show: Show, *, clock: Clock | None = None, hold: asyncio.Event | None = None
) -> TourResult:
    """Run the tour from an empty chain to the leaderboard.

    With ``hold`` everything goes on after the leaderboard until the event is set.
    Raises the first error of a neuron or of the chain, and TourStalledError.
    """
    clock = clock or SystemClock()
    show.heading("A chain, and a subnet on it")
    async with Devnet(port=settings.port, block_time=settings.block_seconds, state_file=settings.chain_state) as devnet:
        show.step(f"Bittensor chain on {devnet.url}, a block every {settings.block_seconds:g} s")
        wallets = make_wallets(settings.cast, settings.wallets, settings.seed)
        async with Chain.connect([devnet.url], clock=clock, rng=random.Random(settings.seed)) as chain:  # noqa: S311 - jitter
            stage = await set_stage(chain, settings.cast, wallets, tempo=settings.tempo, step=show.step)
            events: asyncio.Queue[tuple[str, Event]] = asyncio.Queue()
            async with _running() as start:
                start(_miners(settings, stage, devnet.url, clock))
                await _published(settings, stage, chain, clock)
                show.step(f"{len(settings.cast.miners)} miners serve, their endpoints are on chain")
                start(_validators(settings, stage, devnet.url, events, clock))
                show.heading("Epochs: signed tasks, verified answers, weights on chain")
                result = await _watch(settings, stage, chain, devnet.url, events, show, clock)
                show.leaderboard(settings.cast, result.earned, len(result.epochs))
                show.validators(settings.cast, result.metagraph, _names(stage))
                if hold is not None:
                    await hold.wait()
    return result


def _names(stage: Stage) -> dict[str, str]:
    return {wallet.hotkey_address: name for name, wallet in stage.wallets.items()}


Neurons = dict[str, Coroutine[Any, Any, Any]]


@asynccontextmanager
async def _running() -> AsyncIterator[Callable[[Neurons], None]]:
    """What is started inside the block runs until its end; the first neuron that fails ends it with its error."""
    tasks: list[asyncio.Task[Any]] = []
    try:
        async with asyncio.TaskGroup() as group:

            def start(neurons: Neurons) -> None:
                tasks.extend(group.create_task(run, name=name) for name, run in neurons.items())

            yield start
            for task in tasks:
                task.cancel()
    except* TaostackError as failures:
        first: BaseException = failures
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from failures


def _miners(settings: TourSettings, stage: Stage, url: str, clock: Clock) -> Neurons:
    engines = backends(settings.cast, settings.seed or 0)
    neurons: Neurons = {}
    for place, role in enumerate(settings.cast.miners, 2):
        # The chain refuses 127.0.0.1, as it does for everybody.
        own = _neuron_settings(settings, stage, url, role.name, ip=f"127.0.0.{place}")
        program = ReasonforgeMiner(engines[role.name])
        neurons[role.name] = Miner(own, program, wallet=stage.wallets[role.name], clock=clock).run()
    return neurons


def _validators(
    settings: TourSettings, stage: Stage, url: str, events: "asyncio.Queue[tuple[str, Event]]", clock: Clock
) -> Neurons:
    def observe(name: str, event: Event) -> None:
        events.put_nowait((name, event))

    neurons: Neurons = {}
    for role in settings.cast.validators:
        judge = ReasonforgeValidator(rules=settings.rules, observer=partial(observe, role.name))
        own = _neuron_settings(settings, stage, url, role.name)
        neurons[role.name] = Validator(own, judge, wallet=stage.wallets[role.name], clock=clock).run()
    return neurons


async def _published(settings: TourSettings, stage: Stage, chain: Chain, clock: Clock) -> None:
    """Wait until the chain knows where every miner listens."""
    deadline = clock.monotonic() + 60
    while len((await chain.metagraph(stage.netuid)).serving()) < len(settings.cast.miners):
        if clock.monotonic() > deadline:
            raise TourStalledError("the miners did not publish their endpoints within 60 s")
        await clock.sleep(settings.block_seconds)


def _neuron_settings(
    settings: TourSettings, stage: Stage, url: str, name: str, *, ip: str = "127.0.0.1"
) -> NeuronSettings:
    return NeuronSettings(
        netuid=stage.netuid,
        wallet=WalletSettings(name=name, path=str(settings.wallets)),
        subtensor=SubtensorSettings(network=url),
        axon=AxonSettings(ip=ip, port=0),
        state=StateSettings(path=str(settings.folder / "state")),
        metagraph=MetagraphSettings(every_blocks=5),
        epoch=EpochSettings(retry_seconds=0.5),
    )


async def _watch(
    settings: TourSettings,
    stage: Stage,
    chain: Chain,
    url: str,
    events: "asyncio.Queue[tuple[str, Event]]",
    show: Show,
    clock: Clock,
) -> TourResult:
    """Follow the validators until all of them have closed enough epochs, then read what the chain made of it."""
    names = _names(stage)
    judged: dict[int, set[str]] = defaultdict(set)
    told: list[int] = []
    boards: list[Leaderboard] = []
    # An epoch that is half over when the validators start is not counted on.
    planned = settings.epoch_seconds * (settings.epochs + 1)
    deadline = clock.monotonic() + planned + settings.patience_seconds
    while len(told) < settings.epochs:
        try:
            name, event = await asyncio.wait_for(events.get(), max(0.1, deadline - clock.monotonic()))
        except TimeoutError:
            raise TourStalledError(f"only {len(told)} of {settings.epochs} epochs were closed in time") from None
        show.event(name, event)
        if isinstance(event, EpochJudged):
            judged[event.epoch].add(name)
            if len(judged[event.epoch]) == len(settings.cast.validators):
                closed = await _boards(settings, stage, event.epoch, clock)
                boards.extend(closed)
                told.append(event.epoch)
                show.epoch(len(told), settings.epochs, closed, names)
    metagraph = await _paid(settings, stage, chain, told[-1], clock)
    hotkeys = {name: wallet.hotkey_address for name, wallet in stage.wallets.items()}
    return TourResult(
        url=url,
        netuid=stage.netuid,
        epochs=tuple(told),
        boards=tuple(boards),
        earned=tally(settings.cast, hotkeys, boards, metagraph),
        metagraph=metagraph,
    )


async def _boards(settings: TourSettings, stage: Stage, epoch: int, clock: Clock) -> list[Leaderboard]:
    """Each validator's board of an epoch; its database has it a moment after the program told of it."""
    boards = []
    for role in settings.cast.validators:
        own = _neuron_settings(settings, stage, "", role.name).state
        place = own.database("validator", stage.netuid, stage.wallets[role.name].hotkey_address)
        for attempt in range(50):
            try:
                with open_database(place, []) as database:
                    boards.append(await leaderboard.read(database, epoch))
                break
            except TaostackError:
                if attempt == 49:
                    raise
                await clock.sleep(0.1)
    return boards


async def _paid(settings: TourSettings, stage: Stage, chain: Chain, epoch: int, clock: Clock) -> Metagraph:
    """The metagraph after the chain's epoch that used the weights of ``epoch``."""
    deadline = clock.monotonic() + 30 + 2 * settings.epoch_seconds
    while True:
        schedule = await chain.epoch_schedule(stage.netuid)
        if schedule.epoch_index > epoch:
            return await chain.metagraph(stage.netuid)
        if clock.monotonic() > deadline:
            raise TourStalledError(f"the chain did not end epoch {epoch}")
        await clock.sleep(settings.block_seconds)
