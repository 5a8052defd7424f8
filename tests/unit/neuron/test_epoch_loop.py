"""Which epoch is run when, on a chain that a test moves by hand."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable

import pytest

from taostack.chain.errors import ChainUnavailableError
from taostack.chain.metagraph import Metagraph
from taostack.chain.records import Head
from taostack.chain.schedule import EpochSchedule
from taostack.neuron.blocks import BlockFollower, silence_limit
from taostack.neuron.config import EpochSettings
from taostack.neuron.epoch_loop import OVERRAN, EpochLoop, computed_scores
from taostack.neuron.epochs import EpochBook
from taostack.neuron.errors import ScoresInvalidError
from taostack.neuron.keys import NeuronKey
from taostack.neuron.program import Scores
from taostack.neuron.tables import MIGRATIONS
from taostack.process.clock import ManualClock
from taostack.process.errors import StateError
from taostack.process.health import Health
from taostack.process.logs import get_logger
from taostack.process.metrics import Metrics
from taostack.process.tasks import Supervisor, TaskFailedError
from taostack.storage import open_database

METAGRAPH = Metagraph.build(1, ["anna", "bert"], block=1, registered_at=[1, 2])


class HandMovedChain:
    """A chain of one subnet with an epoch every ``tempo`` blocks; ``down`` makes its reads fail."""

    def __init__(self, tempo: int = 10) -> None:
        self.tempo = tempo
        self.block = 0
        self.down = 0
        self.reads = 0

    async def epoch_schedule(self, netuid: int) -> EpochSchedule:
        self.reads += 1
        if self.down:
            self.down -= 1
            raise ChainUnavailableError("no answer")
        index, into = divmod(self.block, self.tempo) if self.tempo else (0, 0)
        return EpochSchedule(netuid, self.block, self.tempo, self.block - into, index)

    def heads(self, *, silence_seconds: float) -> AsyncIterator[Head]:
        raise AssertionError("these tests move the blocks themselves")


class Bench:
    """A loop with its surroundings, and what it did."""

    def __init__(self, database, *, tempo: int = 10, **settings: float) -> None:
        self.database = database
        self.chain = HandMovedChain(tempo)
        self.clock = ManualClock(autojump=True)
        self.metrics = Metrics()
        self.health = Health(self.clock)
        self.blocks = BlockFollower(self.chain, silence_seconds=1.0, health=self.health, metrics=self.metrics)
        self.settings = EpochSettings(**settings)
        self.book = EpochBook(
            database, 1, attempts=self.settings.attempts, clock=self.clock, entropy=random.Random(1).randbytes
        )
        self.ran: list[tuple[int, int]] = []
        self.finished: list[int] = []
        self.work: Callable = self.succeed
        self.refreshes = 0

    async def succeed(self, opened, metagraph) -> Scores:
        return Scores.by_uid(metagraph, {1: 1.0}, rules="v1")

    async def refresh(self) -> Metagraph:
        self.refreshes += 1
        return METAGRAPH

    async def _work(self, opened, metagraph) -> Scores:
        self.ran.append((opened.epoch.index, opened.attempt))
        return await self.work(opened, metagraph)

    def loop(self) -> EpochLoop:
        return EpochLoop(
            self.chain,
            1,
            self.book,
            self.blocks,
            self.settings,
            refresh=self.refresh,
            work=self._work,
            finished=lambda epoch, scores: self.finished.append(epoch.index),
            clock=self.clock,
            rng=random.Random(1),
            health=self.health,
            metrics=self.metrics,
            log=get_logger("test"),
        )

    async def move_to(self, block: int) -> None:
        """Show every block up to ``block`` and let the loop settle after each."""
        while self.chain.block < block:
            self.chain.block += 1
            self.blocks.see(Head(self.chain.block, f"0x{self.chain.block:x}"))
            await self.settle()

    async def settle(self) -> None:
        """Until the loop waits for the next block; the database's writer thread takes its turn in between."""
        for _ in range(6):
            for _ in range(30):
                await asyncio.sleep(0)
            await self.database.write(lambda _: None)

    @contextlib.asynccontextmanager
    async def running(self):
        async with Supervisor(self.clock, random.Random(1), get_logger("test")) as supervisor:
            supervisor.start("epochs", self.loop().run)
            await self.settle()
            yield
            supervisor.stop()

    async def statuses(self) -> dict[int, str]:
        return {row.epoch.index: row.status for row in await self.book.history()}


@pytest.fixture
def database(tmp_path):
    with open_database(tmp_path / "a.sqlite", [MIGRATIONS]) as opened:
        yield opened


@pytest.fixture
def bench(database):
    return Bench(database)


async def test_every_epoch_runs_once_and_in_order(bench):
    bench.chain.block = 3
    async with bench.running():
        await bench.move_to(35)
    assert bench.ran == [(0, 1), (1, 1), (2, 1), (3, 1)]
    assert bench.finished == [0, 1, 2, 3]
    assert await bench.statuses() == dict.fromkeys(range(4), "done")


async def test_an_epoch_begins_at_its_first_block(bench):
    bench.chain.block = 9
    async with bench.running():
        await bench.move_to(9)
        assert [index for index, _ in bench.ran] == [0]
        await bench.move_to(10)
        assert [index for index, _ in bench.ran] == [0, 1]


async def test_a_restart_within_an_epoch_does_not_run_it_again(bench, database):
    async with bench.running():
        await bench.move_to(5)
    again = Bench(database)
    again.chain.block = 5
    async with again.running():
        await again.move_to(9)
        assert again.ran == []
        await again.move_to(10)
    assert again.ran == [(1, 1)]


async def test_the_schedule_is_read_a_few_times_an_epoch_not_at_every_block(database):
    bench = Bench(database, tempo=360)
    async with bench.running():
        await bench.move_to(180)
    assert bench.chain.reads <= 12


async def test_an_epoch_that_an_owner_starts_early_is_noticed(database):
    bench = Bench(database, tempo=100)
    async with bench.running():
        await bench.move_to(20)
        bench.chain.tempo = 30  # the chain's own count now says: epoch 0 ends at 30
        await bench.move_to(36)
    assert [index for index, _ in bench.ran] == [0, 1]


async def test_a_failing_attempt_is_repeated_with_the_same_seed(bench):
    seeds = []

    async def fail_once(opened, metagraph):
        seeds.append(opened.seed)
        if opened.attempt == 1:
            raise RuntimeError("bad luck")
        return await bench.succeed(opened, metagraph)

    bench.work = fail_once
    async with bench.running():
        await bench.settle()
        await bench.move_to(4)
    assert bench.ran == [(0, 1), (0, 2)]
    assert seeds[0] == seeds[1]
    assert await bench.statuses() == {0: "done"}


async def test_an_epoch_that_always_fails_is_abandoned_and_the_next_one_runs(database):
    bench = Bench(database, attempts=2)

    async def fail_in_the_first(opened, metagraph):
        if opened.epoch.index == 0:
            raise RuntimeError("always")
        return await bench.succeed(opened, metagraph)

    bench.work = fail_in_the_first
    async with bench.running():
        await bench.move_to(12)
    assert bench.ran == [(0, 1), (0, 2), (1, 1)]
    assert await bench.statuses() == {0: "abandoned", 1: "done"}
    assert "RuntimeError: always" in (await bench.book.history())[1].reason


async def test_work_that_overruns_is_cancelled_and_abandoned(database):
    bench = Bench(database, overrun_tempos=0.5)
    cancelled = []

    async def hang_in_the_first(opened, metagraph):
        if opened.epoch.index == 0:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(bench.chain.block)
                raise
        return await bench.succeed(opened, metagraph)

    bench.work = hang_in_the_first
    async with bench.running():
        await bench.move_to(15)
        assert cancelled == []
        await bench.move_to(17)
        assert cancelled == [16]
    assert await bench.statuses() == {0: "abandoned", 1: "done"}
    assert (await bench.book.history())[1].reason == OVERRAN


async def test_work_may_end_in_the_next_epoch_and_whole_epochs_missed_are_counted(bench):
    release = asyncio.Event()

    async def slow_first(opened, metagraph):
        if opened.epoch.index == 0:
            await release.wait()
        return await bench.succeed(opened, metagraph)

    bench.work = slow_first
    async with bench.running():
        await bench.move_to(18)
        assert bench.finished == []
        bench.chain.block = 31
        release.set()
        await bench.settle()
    assert bench.finished == [0, 3]
    assert b'taostack_neuron_epochs_total{outcome="missed"} 2.0' in bench.metrics.render()


async def test_a_programs_own_timeout_is_a_failed_attempt(bench):
    async def time_out(opened, metagraph):
        if opened.attempt == 1:
            raise TimeoutError
        return await bench.succeed(opened, metagraph)

    bench.work = time_out
    async with bench.running():
        await bench.settle()
    assert await bench.statuses() == {0: "done"}


async def test_work_cancelled_from_within_is_a_failed_attempt(bench):
    async def cancel_itself(opened, metagraph):
        if opened.attempt == 1:
            raise asyncio.CancelledError
        return await bench.succeed(opened, metagraph)

    bench.work = cancel_itself
    async with bench.running():
        await bench.settle()
    assert bench.ran == [(0, 1), (0, 2)]
    assert await bench.statuses() == {0: "done"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1])
async def test_a_score_that_is_no_score_is_a_failed_attempt(bench, value):
    async def spoil(opened, metagraph):
        return Scores.by_uid(metagraph, {1: value if opened.attempt == 1 else 1.0}, rules="v1")

    bench.work = spoil
    async with bench.running():
        await bench.settle()
    assert bench.ran == [(0, 1), (0, 2)]
    with pytest.raises(ScoresInvalidError):
        computed_scores(Scores.by_uid(METAGRAPH, {1: value}, rules="v1"), METAGRAPH)


async def test_scores_of_neurons_that_left_are_left_out():
    scores = Scores({NeuronKey("anna", 1): 1.0, NeuronKey("bert", 99): 5.0, NeuronKey("gone", 1): 2.0}, "v1")
    computed = computed_scores(scores, METAGRAPH)
    assert (computed.uids, computed.hotkeys, computed.values) == ((0,), ("anna",), (1.0,))


async def test_a_chain_that_is_away_costs_no_attempt(bench):
    bench.chain.down = 3
    async with bench.running():
        for _ in range(5):
            await bench.settle()
    assert bench.ran == [(0, 1)]


async def test_a_program_that_cannot_write_its_result_ends_the_attempt_not_the_books(bench):
    def broken(connection) -> None:
        raise RuntimeError("bug in commit")

    async def scores_with_a_broken_commit(opened, metagraph):
        if opened.attempt == 1:
            return Scores.by_uid(metagraph, {1: 1.0}, rules="v1", commit=broken)
        return await bench.succeed(opened, metagraph)

    bench.work = scores_with_a_broken_commit
    async with bench.running():
        for _ in range(5):
            await bench.settle()
    assert bench.ran == [(0, 1), (0, 2)]
    assert await bench.statuses() == {0: "done"}


async def test_a_subnet_without_epochs_is_waited_for(database):
    bench = Bench(database, tempo=0)
    async with bench.running():
        await bench.move_to(15)
        assert bench.ran == []
        assert bench.health.parts["epochs"].detail == "the subnet runs no epochs"
        bench.chain.tempo = 10
        await bench.move_to(45)
    assert [index for index, _ in bench.ran] == [2, 3, 4]


async def test_a_loop_that_cannot_go_on_takes_the_process_with_it(bench):
    bench.chain.down = 1000

    async def run():
        async with bench.running():
            await asyncio.sleep(3600)

    with pytest.raises(TaskFailedError, match="no answer"):
        await asyncio.wait_for(run(), 30)


async def test_waiters_see_the_newest_head_and_nothing_before_the_first(bench):
    with pytest.raises(StateError):
        _ = bench.blocks.latest
    assert bench.blocks.number == 0
    waiter = asyncio.ensure_future(bench.blocks.reached(3))
    for number in (1, 2, 4):
        bench.blocks.see(Head(number, "0x"))
        await asyncio.sleep(0)
    assert (await waiter).number == 4
    assert await bench.blocks.changed(Head(1, "0x")) == bench.blocks.latest


def test_silence_is_measured_in_the_chains_own_pace():
    assert silence_limit(3.0, 12.0) == 3.0
    assert silence_limit(0.0, 12.0) == 60.0
    assert silence_limit(0.0, 0.25) == 12.0
