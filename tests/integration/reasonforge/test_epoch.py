"""Whole epochs over real axons and a real dendrite."""

import asyncio
import random

import pytest

from taostack.reasonforge import audit, leaderboard, store
from taostack.reasonforge.backends.dishonest import CopierBackend, Grapevine, SpammerBackend, TalkativeBackend
from taostack.reasonforge.backends.symbolic import SymbolicBackend
from taostack.reasonforge.errors import EpochError
from taostack.reasonforge.tasks.seeds import seed_commitment
from taostack.reasonforge.validator import EpochJudged, EpochOpened, RoundDone
from tests.support.reasonforge import NETUID, QUICK, Subnet


def symbolic(seed=0, **options):
    return SymbolicBackend(random.Random(seed), **options)


@pytest.fixture
async def subnet(tmp_path):
    async with Subnet(tmp_path) as started:
        yield started


async def test_good_miners_outrank_careless_ones_and_dishonest_ones_earn_nothing(subnet):
    grapevine = Grapevine()
    await subnet.add(TalkativeBackend(symbolic(1), grapevine))
    await subnet.add(symbolic(2, error_rate=0.6, think_seconds=0.05))
    await subnet.add(CopierBackend(grapevine))
    await subnet.add(SpammerBackend(random.Random(3)))
    for index in range(1, 4):
        shares = subnet.shares(await subnet.epoch(index))
        good, careless, copier, spammer = shares
        # A replayed or guessed answer (such as "none") is right now and then; it never pays like solving.
        assert good > careless > 3 * max(copier, spammer)
    board = await leaderboard.read(subnet.database, metagraph=subnet.metagraph())
    assert [row.rank for row in board.rows] == [1, 2, 3, 4]
    assert board.rows[0].correct == QUICK.tasks_per_epoch
    assert board.rows[0].streak == 3
    assert "adds" in board.rows[0].reason
    assert {row.uid for row in board.rows[2:]} == {3, 4}
    assert board.rows[0].incentive == 0.0


async def test_scores_of_an_epoch_follow_from_its_published_seed_and_transcripts(subnet):
    await subnet.add(symbolic(1))
    await subnet.add(symbolic(2, error_rate=0.5))
    await subnet.epoch(1)
    await subnet.epoch(2)
    record = await subnet.database.read(lambda connection: audit.export(connection, 2))
    assert audit.audit(record).ok
    assert record.epoch.histories, "the second epoch starts from what the first one left"


async def test_miners_are_told_seed_and_scores_of_an_epoch_only_after_it_closed(subnet):
    miner = await subnet.add(symbolic(1))
    me = subnet.wallet.hotkey.ss58_address
    await subnet.epoch(1)
    assert miner.results == {}
    row = await subnet.database.read(lambda connection: store.epoch_row(connection, 1))
    assert row.seed == subnet.seeds[1].hex()
    await subnet.epoch(2)
    result = miner.results[me, 1]
    commitment = seed_commitment(bytes.fromhex(result.seed), netuid=NETUID, epoch=1, validator=me)
    assert commitment == result.seed_commitment == row.commitment
    assert len(result.scores) == QUICK.tasks_per_epoch
    assert result.rank == 1


async def test_an_epoch_killed_midway_goes_on_with_the_rounds_that_are_not_kept(subnet):
    await subnet.add(symbolic(1))
    task = asyncio.ensure_future(subnet.program.epoch(subnet.context(1)))
    while sum(isinstance(event, RoundDone) for event in subnet.events) < 3:
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    # A write that had begun still ends; this one comes after it.
    kept = await subnet.database.write(lambda connection: store.slots_done(connection, 1))
    assert 3 <= len(kept) < QUICK.tasks_per_epoch
    scores = await subnet.program.epoch(subnet.context(1, attempt=2))
    await subnet.database.write(scores.commit)
    transcripts = await subnet.database.read(lambda connection: store.transcripts_of(connection, 1))
    assert [each.slot for each in transcripts] == list(range(QUICK.tasks_per_epoch))
    assert {each.attempt for each in transcripts if each.slot in kept} == {1}
    assert {each.attempt for each in transcripts if each.slot not in kept} == {2}
    board = await leaderboard.read(subnet.database)
    assert board.rows[0].correct == QUICK.tasks_per_epoch
    record = await subnet.database.read(lambda connection: audit.export(connection, 1))
    assert audit.audit(record).ok


async def test_an_epoch_that_was_judged_but_not_committed_is_judged_again_to_the_same_scores(subnet):
    await subnet.add(symbolic(1, error_rate=0.3))
    await subnet.add(symbolic(2))
    first = await subnet.program.epoch(subnet.context(1))
    with pytest.raises(EpochError):
        await leaderboard.read(subnet.database)
    second = await subnet.program.epoch(subnet.context(1, attempt=2))
    assert first.values == second.values
    await subnet.database.write(second.commit)
    assert (await leaderboard.read(subnet.database)).epoch == 1


async def test_a_recycled_uid_inherits_neither_streak_nor_audits(subnet):
    await subnet.add(symbolic(1))
    await subnet.epoch(1)
    await subnet.epoch(2)
    subnet.registered[0] = 5_000
    await subnet.epoch(3)
    board = await leaderboard.read(subnet.database)
    assert (board.rows[0].registered_at, board.rows[0].streak) == (5_000, 1)


async def test_an_offline_miner_gets_nothing_and_loses_its_streak(subnet):
    await subnet.add(symbolic(1))
    await subnet.add(symbolic(2))
    await subnet.epoch(1)
    context = subnet.without(subnet.context(2), [2])
    scores = await subnet.program.epoch(context)
    await subnet.database.write(scores.commit)
    assert subnet.shares(scores)[1] == 0
    await subnet.epoch(3)
    streaks = {row.uid: row.streak for row in (await leaderboard.read(subnet.database)).rows}
    assert streaks == {1: 3, 2: 1}


async def test_an_epoch_in_which_everybody_fails_ends_with_no_scores_at_all(subnet):
    await subnet.add(SpammerBackend(random.Random(1)))
    subnet.add_address(1)
    scores = await subnet.epoch(1)
    assert scores.values == {}
    board = await leaderboard.read(subnet.database)
    assert [row.s_epoch for row in board.rows] == [0.0, 0.0]


async def test_an_epoch_without_any_miner_ends_empty(subnet):
    assert (await subnet.epoch(1)).values == {}


async def test_a_late_start_still_asks_one_wave_and_leaves_the_rest(subnet):
    await subnet.add(symbolic(1))
    await subnet.epoch(1, blocks_left=1)
    board = await leaderboard.read(subnet.database)
    assert board.rows[0].assigned == QUICK.rounds_in_flight


async def test_the_observer_sees_an_epoch_from_opening_to_judgement(subnet):
    await subnet.add(symbolic(1))
    await subnet.epoch(1)
    kinds = [type(event) for event in subnet.events]
    assert kinds == [EpochOpened, *[RoundDone] * QUICK.tasks_per_epoch, EpochJudged]
    assert b"reasonforge_validator_cms_score" in subnet.metrics.render()


async def test_rules_that_change_within_an_epoch_do_not_rescore_it(subnet, tmp_path):
    await subnet.add(symbolic(1))
    await subnet.program.epoch(subnet.context(1))
    from taostack.reasonforge.rules import DEFAULT
    from taostack.reasonforge.validator import ReasonforgeValidator

    changed = ReasonforgeValidator(rules=DEFAULT)
    scores = await changed.epoch(subnet.context(1, attempt=2))
    assert changed.rules == DEFAULT.version
    assert scores.rules == QUICK.version
