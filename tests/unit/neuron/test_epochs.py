"""The book of epochs: each at most once."""

import itertools

import pytest
import sqlalchemy as sa

from taostack.chain.metagraph import Metagraph
from taostack.chain.schedule import EpochSchedule
from taostack.chain.scores import ComputedScores
from taostack.neuron.epochs import ATTEMPTS_USED, ENDED_WHILE_AWAY, EpochBook, decode_scores, encode_scores, epoch_of
from taostack.neuron.errors import EpochClosedError
from taostack.neuron.program import Epoch, Scores
from taostack.neuron.tables import MIGRATIONS
from taostack.process.clock import ManualClock
from taostack.storage import Migrations, creates, open_database

METAGRAPH = Metagraph.build(1, ["anna", "bert"], block=100, registered_at=[1, 2])
COMPUTED = ComputedScores.of(METAGRAPH, {0: 0.5, 1: 1.0}, rules_digest="v1")
FIVE, SIX, SEVEN = (Epoch(number, number * 10, number * 10 + 10) for number in (5, 6, 7))

results = sa.Table("results", sa.MetaData(), sa.Column("epoch", sa.Integer))


@pytest.fixture
def database(tmp_path):
    with open_database(tmp_path / "a.sqlite", [MIGRATIONS, Migrations("results", (creates(results),))]) as opened:
        yield opened


def book(database, registered_at: int = 1, attempts: int = 3) -> EpochBook:
    numbers = itertools.count(1)
    return EpochBook(
        database,
        registered_at,
        attempts=attempts,
        clock=ManualClock(1_000),
        entropy=lambda size: bytes([next(numbers)]) * size,
    )


def scores(epoch: Epoch, rules: str = "v1") -> Scores:
    def commit(connection: sa.Connection) -> None:
        connection.execute(sa.insert(results).values(epoch=epoch.index))

    return Scores.by_uid(METAGRAPH, {0: 0.5, 1: 1.0}, rules=rules, commit=commit, detail=b"why")


def written(database) -> list[int]:
    with database.reading() as connection:
        return list(connection.execute(sa.select(results.c.epoch)).scalars())


async def test_an_epoch_is_opened_done_and_never_opened_again(database):
    epochs = book(database)
    opened = await epochs.open(FIVE)
    assert opened is not None
    assert (opened.attempt, opened.seed) == (1, b"\1" * 32)
    await epochs.complete(opened, scores(FIVE), COMPUTED)
    assert await epochs.open(FIVE) is None
    assert await book(database).open(FIVE) is None
    row = await epochs.last_done()
    assert row is not None
    assert (row.epoch, row.status, row.scores, row.detail, row.rules) == (FIVE, "done", COMPUTED, b"why", "v1")
    assert written(database) == [5]


async def test_a_second_result_for_a_done_epoch_writes_nothing(database):
    epochs = book(database)
    opened = await epochs.open(FIVE)
    await epochs.complete(opened, scores(FIVE), COMPUTED)
    with pytest.raises(EpochClosedError):
        await epochs.complete(opened, scores(FIVE), COMPUTED)
    assert written(database) == [5]


async def test_a_result_of_an_attempt_that_was_replaced_writes_nothing(database):
    epochs = book(database)
    first = await epochs.open(FIVE)
    second = await epochs.open(FIVE)
    assert second is not None
    assert (second.attempt, second.seed) == (2, first.seed)
    with pytest.raises(EpochClosedError):
        await epochs.complete(first, scores(FIVE), COMPUTED)
    await epochs.complete(second, scores(FIVE), COMPUTED)
    assert written(database) == [5]


async def test_a_commit_that_fails_leaves_the_epoch_open_and_nothing_written(database):
    epochs = book(database)
    opened = await epochs.open(FIVE)

    def commit(connection: sa.Connection) -> None:
        connection.execute(sa.insert(results).values(epoch=5))
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        await epochs.complete(opened, Scores({}, "v1", commit=commit), COMPUTED)
    assert written(database) == []
    assert (await epochs.open(FIVE)).attempt == 2


async def test_an_epoch_is_abandoned_when_its_attempts_are_used_up(database):
    epochs = book(database, attempts=2)
    assert (await epochs.open(FIVE)).attempt == 1
    assert (await epochs.open(FIVE)).attempt == 2
    assert await epochs.open(FIVE) is None
    assert [(row.status, row.reason) for row in await epochs.history()] == [("abandoned", ATTEMPTS_USED)]


async def test_a_killed_epoch_resumes_while_the_chain_is_still_in_it(database):
    opened = await book(database).open(FIVE)
    recovery = await book(database).recover(FIVE)
    assert (recovery.unfinished, recovery.abandoned) == (FIVE, ())
    again = await book(database).open(FIVE)
    assert (again.attempt, again.seed) == (2, opened.seed)


@pytest.mark.parametrize("current", [SIX, None], ids=["the chain went on", "the subnet runs no epochs"])
async def test_a_killed_epoch_is_abandoned_when_the_chain_left_it(database, current):
    await book(database).open(FIVE)
    recovery = await book(database).recover(current)
    assert (recovery.unfinished, recovery.abandoned) == (None, (FIVE,))
    assert await book(database).open(FIVE) is None
    assert [row.reason for row in await book(database).history()] == [ENDED_WHILE_AWAY]


async def test_a_killed_epoch_is_abandoned_when_no_attempt_is_left(database):
    await book(database, attempts=1).open(FIVE)
    recovery = await book(database, attempts=1).recover(FIVE)
    assert (recovery.unfinished, recovery.abandoned) == (None, (FIVE,))


async def test_recovery_names_the_last_finished_epoch(database):
    epochs = book(database)
    for epoch in (FIVE, SIX):
        await epochs.complete(await epochs.open(epoch), scores(epoch), COMPUTED)
    await epochs.open(SEVEN)
    recovery = await epochs.recover(SEVEN)
    assert (recovery.last_done, recovery.unfinished) == (SIX, SEVEN)


async def test_an_abandoned_epoch_stays_abandoned_and_a_done_one_done(database):
    epochs = book(database)
    await epochs.complete(await epochs.open(FIVE), scores(FIVE), COMPUTED)
    await epochs.abandon(FIVE, "too late")
    await epochs.open(SIX)
    await epochs.abandon(SIX, "too long")
    await epochs.abandon(SIX, "again")
    assert [(row.epoch.index, row.status, row.reason) for row in await epochs.history()] == [
        (6, "abandoned", "too long"),
        (5, "done", ""),
    ]


async def test_a_new_registration_has_a_book_of_its_own(database):
    await book(database, registered_at=1).open(FIVE)
    fresh = book(database, registered_at=9)
    assert (await fresh.recover(FIVE)).unfinished is None
    assert (await fresh.open(FIVE)).attempt == 1
    assert await fresh.last_done() is None


async def test_scores_wait_to_be_sent_until_an_outcome_is_written_down(database):
    epochs = book(database)
    assert await epochs.unsent("v1") is None
    await epochs.complete(await epochs.open(FIVE), scores(FIVE), COMPUTED)
    assert await epochs.unsent("v1") == (FIVE, COMPUTED)
    await epochs.note_weights(FIVE, code="ok", block=57, detail="")
    assert await epochs.unsent("v1") is None
    assert (await epochs.last_done()).weights_block == 57


async def test_scores_of_other_rules_are_never_sent(database):
    epochs = book(database)
    await epochs.complete(await epochs.open(FIVE), scores(FIVE, rules="v1"), COMPUTED)
    assert await epochs.unsent("v2") is None


def test_scores_survive_their_encoding():
    assert decode_scores(encode_scores(COMPUTED)) == COMPUTED


def test_an_epoch_is_what_the_chain_counts():
    running = EpochSchedule(netuid=1, block=57, tempo=10, last_epoch_block=50, epoch_index=5)
    assert epoch_of(running) == Epoch(5, 50, 60)
    assert epoch_of(running).tempo == 10
    assert epoch_of(EpochSchedule(netuid=1, block=57, tempo=0, last_epoch_block=50, epoch_index=5)) is None
