"""Whatever happens in whatever order, an epoch is done at most once and never changes afterwards."""

import asyncio
import random

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taostack.chain.metagraph import Metagraph
from taostack.chain.scores import ComputedScores
from taostack.neuron.epochs import EpochBook, Opened
from taostack.neuron.errors import EpochClosedError
from taostack.neuron.program import Epoch, Scores
from taostack.neuron.tables import MIGRATIONS
from taostack.process.clock import ManualClock
from taostack.storage import Database, Migrations, creates, open_database

METAGRAPH = Metagraph.build(1, ["anna"], block=1)
COMPUTED = ComputedScores.of(METAGRAPH, {0: 1.0}, rules_digest="v1")
ATTEMPTS = 3

results = sa.Table("results", sa.MetaData(), sa.Column("epoch", sa.Integer), sa.Column("attempt", sa.Integer))

numbers = st.integers(0, 3)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("open"), numbers),
        st.tuples(st.just("complete"), numbers),
        st.tuples(st.just("complete an old attempt"), numbers),
        st.tuples(st.just("abandon"), numbers),
        st.tuples(st.just("restart"), numbers),
    ),
    max_size=25,
)


def epoch(number: int) -> Epoch:
    return Epoch(number, number * 10, number * 10 + 10)


async def complete(book: EpochBook, opened: Opened) -> bool:
    def commit(connection: sa.Connection) -> None:
        connection.execute(sa.insert(results).values(epoch=opened.epoch.index, attempt=opened.attempt))

    try:
        await book.complete(opened, Scores({}, "v1", commit=commit), COMPUTED)
    except EpochClosedError:
        return False
    return True


async def play(database: Database, steps: list[tuple[str, int]]) -> None:
    def book() -> EpochBook:
        return EpochBook(
            database, 1, attempts=ATTEMPTS, clock=ManualClock(), entropy=random.Random(len(seeds)).randbytes
        )

    seeds: dict[int, bytes] = {}
    opened: dict[int, list[Opened]] = {}
    done: dict[int, int] = {}
    current = book()
    for what, number in steps:
        if what == "open":
            found = await current.open(epoch(number))
            if found is not None:
                assert number not in done
                assert seeds.setdefault(number, found.seed) == found.seed
                opened.setdefault(number, []).append(found)
                assert found.attempt == len(opened[number]) <= ATTEMPTS
        elif what.startswith("complete") and opened.get(number):
            attempt = opened[number][-1 if what == "complete" else 0]
            if await complete(current, attempt):
                assert number not in done
                assert attempt is opened[number][-1]
                done[number] = attempt.attempt
        elif what == "abandon":
            await current.abandon(epoch(number), "test")
        elif what == "restart":
            current = book()
            recovery = await current.recover(epoch(number))
            assert recovery.unfinished in (None, epoch(number))
            assert all(each.index != number or len(opened[number]) >= ATTEMPTS for each in recovery.abandoned)
            assert (recovery.last_done is None) == (not done)
    rows = {row.epoch.index: row for row in await current.history()}
    assert {number for number, row in rows.items() if row.status == "done"} == set(done)
    with database.reading() as connection:
        written = [tuple(row) for row in connection.execute(sa.select(results))]
    assert sorted(written) == sorted(done.items())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_an_epoch_is_done_at_most_once_in_any_order_of_events(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("book") / "a.sqlite"
    with open_database(path, [MIGRATIONS, Migrations("results", (creates(results),))]) as database:
        asyncio.run(play(database, steps))
