"""Sending scores beside the epochs: the newest always, with what is known of each in the book."""

import asyncio

import pytest

from taostack.chain.errors import ChainUnavailableError
from taostack.chain.metagraph import Metagraph
from taostack.chain.records import Head
from taostack.chain.scores import ComputedScores
from taostack.chain.weight_outcome import WeightOutcome
from taostack.neuron.blocks import BlockFollower
from taostack.neuron.program import Epoch
from taostack.neuron.weights import WeightSender
from taostack.process.clock import ManualClock
from taostack.process.health import Health
from taostack.process.logs import get_logger
from taostack.process.metrics import Metrics

METAGRAPH = Metagraph.build(1, ["anna", "bert"], block=1)
FIVE, SIX = Epoch(5, 50, 60), Epoch(6, 60, 70)
OK = WeightOutcome("set", "ok", "included", block=58)


def scores(value: float) -> ComputedScores:
    return ComputedScores.of(METAGRAPH, {1: value}, rules_digest="v1")


class Setter:
    """Answers each submission with the next outcome of a script."""

    def __init__(self, *outcomes: WeightOutcome) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[float] = []
        self.lost = False

    async def submit(self, given: ComputedScores) -> WeightOutcome:
        self.sent.append(given.values[0])
        return self.outcomes.pop(0)

    async def reveals(self):
        if self.lost:
            raise ChainUnavailableError("no answer")
        return ()


class Book:
    """Remembers what is noted."""

    def __init__(self) -> None:
        self.noted: list[tuple[int, str, int | None]] = []

    async def note_weights(self, epoch: Epoch, *, code: str, block: int | None, detail: str) -> None:
        self.noted.append((epoch.index, code, block))


class Bench:
    def __init__(self, *outcomes: WeightOutcome) -> None:
        self.setter = Setter(*outcomes)
        self.book = Book()
        self.health = Health(ManualClock())
        metrics = Metrics()
        self.blocks = BlockFollower(None, silence_seconds=1.0, health=self.health, metrics=metrics)
        self.see(57)
        self.sender = WeightSender(
            self.setter, self.book, self.blocks, health=self.health, metrics=metrics, log=get_logger("test")
        )

    def see(self, number: int) -> None:
        self.blocks.see(Head(number, f"0x{number:x}"))

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def __aenter__(self) -> "Bench":
        self.task = asyncio.ensure_future(self.sender.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


@pytest.mark.parametrize(
    "outcome",
    [
        OK,
        WeightOutcome("nothing", "all-zero", "nobody scored"),
        WeightOutcome("refused", "version-key", "update"),
        WeightOutcome("set", "readback-differs", "the chain holds something else", block=58),
    ],
)
async def test_a_final_outcome_is_written_into_the_book(outcome):
    async with Bench(outcome) as bench:
        bench.sender.hand(FIVE, scores(1.0))
        await bench.settle()
        assert bench.book.noted == [(5, outcome.code, outcome.block)]
        assert bench.health.parts["weights"].ok == (outcome.code in ("ok", "all-zero"))


async def test_a_refusal_that_names_a_block_is_repeated_at_that_block():
    refused = WeightOutcome("refused", "rate-limited", "too early", retry_at_block=60)
    async with Bench(refused, OK) as bench:
        bench.sender.hand(FIVE, scores(1.0))
        await bench.settle()
        bench.see(59)
        await bench.settle()
        assert bench.setter.sent == [1.0]
        bench.see(60)
        await bench.settle()
        assert bench.setter.sent == [1.0, 1.0]
        assert bench.book.noted == [(5, "ok", 58)]


@pytest.mark.parametrize("status", ["failed", "unknown"])
async def test_a_failure_that_names_no_block_is_repeated_some_blocks_later(status):
    async with Bench(WeightOutcome(status, "chain-unavailable", "no answer"), OK) as bench:
        bench.sender.hand(FIVE, scores(1.0))
        await bench.settle()
        assert not bench.health.parts["weights"].ok
        bench.see(62)
        await bench.settle()
        assert bench.book.noted == [(5, "ok", 58)]


async def test_newer_scores_supersede_those_that_wait():
    refused = WeightOutcome("refused", "rate-limited", "too early", retry_at_block=90)
    async with Bench(refused, OK) as bench:
        bench.sender.hand(FIVE, scores(1.0))
        await bench.settle()
        bench.sender.hand(SIX, scores(2.0))
        await bench.settle()
        assert bench.setter.sent == [1.0, 2.0]
        assert bench.book.noted == [(5, "superseded", None), (6, "ok", 58)]


async def test_reveals_that_cannot_be_asked_for_do_not_end_the_loop():
    async with Bench(OK, OK) as bench:
        bench.setter.lost = True
        bench.sender.hand(FIVE, scores(1.0))
        await bench.settle()
        bench.sender.hand(SIX, scores(2.0))
        await bench.settle()
        assert [epoch for epoch, _, _ in bench.book.noted] == [5, 6]
