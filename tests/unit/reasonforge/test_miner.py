"""The miner's program by itself: what it answers, remembers and refuses to remember."""

import asyncio
import random
from types import SimpleNamespace

import msgspec
import pytest

from taostack.neuron.keys import NeuronKey
from taostack.neuron.program import MinerContext
from taostack.process.clock import SystemClock
from taostack.process.logs import get_logger
from taostack.process.metrics import Metrics
from taostack.reasonforge import protocol
from taostack.reasonforge.backends import Solution
from taostack.reasonforge.backends.symbolic import SymbolicBackend
from taostack.reasonforge.errors import BackendSettingsError
from taostack.reasonforge.miner import REMEMBERED_EPOCHS, ReasonforgeMiner
from taostack.reasonforge.tasks import registry
from taostack.reasonforge.tasks.seeds import seed_commitment
from taostack.storage import open_database
from taostack.wire.caller import Caller

SEED = b"m" * 32
VALIDATOR = Caller("validator", 0, 10**12, True, "btauth")


def context(database):
    return MinerContext(
        netuid=5,
        me=NeuronKey("miner", 1),
        wallet=SimpleNamespace(),
        chain=SimpleNamespace(),
        metagraph=lambda: None,
        database=database,
        clock=SystemClock(),
        rng=random.Random(0),
        metrics=Metrics(),
        log=get_logger("miner"),
    )


@pytest.fixture
def database(tmp_path):
    with open_database(tmp_path / "m.sqlite", ReasonforgeMiner.migrations) as opened:
        yield opened


async def miner(database, backend=None, **options):
    program = ReasonforgeMiner(backend or SymbolicBackend(random.Random(1)), **options)
    await program.open(context(database))
    return program


def task(epoch=1, **changes):
    commitment = seed_commitment(SEED, netuid=5, epoch=epoch, validator="validator")
    made = registry.task_for(SEED, registry.plan(SEED)[0], epoch=epoch, hotkey="miner")
    return msgspec.structs.replace(protocol.public(made, commitment), **changes)


def result(**changes):
    made = protocol.EpochResult(
        epoch=1,
        netuid=5,
        seed=SEED.hex(),
        seed_commitment=seed_commitment(SEED, netuid=5, epoch=1, validator="validator"),
        rules_version="1",
        s_epoch=1.0,
        rank=1,
        streak=1,
        trap_penalty=1.0,
        peb=0.2,
        weight=0.5,
        scores=(),
    )
    return msgspec.structs.replace(made, **changes)


async def test_a_domain_that_it_does_not_serve_gets_an_empty_answer(database):
    program = await miner(database)
    reply = await program.reason(task(domain="ethical"), VALIDATOR)
    assert reply.final_answer == ""
    assert (await program.reason(task(), VALIDATOR)).final_answer != ""


async def test_a_statement_that_it_cannot_read_gets_an_empty_answer(database):
    program = await miner(database)
    assert (await program.reason(task(problem="Why?"), VALIDATOR)).final_answer == ""


async def test_more_tasks_than_it_works_on_at_a_time_wait_and_make_it_busy(database):
    started, release = [], asyncio.Event()

    class Slow(SymbolicBackend):
        async def solve(self, task):
            started.append(task.task_id)
            await release.wait()
            return Solution("1")

    program = await miner(database, Slow(random.Random(1)), max_concurrent=1)
    check = protocol.HealthCheck(nonce="n")
    assert (await program.health(check, VALIDATOR)).status == "ready"
    async with asyncio.TaskGroup() as group:
        replies = [group.create_task(program.reason(task(), VALIDATOR)) for _ in range(2)]
        while not started:
            await asyncio.sleep(0.001)
        report = await program.health(check, VALIDATOR)
        assert (report.status, report.nonce) == ("busy", "n")
        assert len(started) == 1
        release.set()
    assert [reply.result().final_answer for reply in replies] == ["1", "1"]
    await program.close()


async def test_a_result_whose_seed_opens_the_commitment_is_kept_over_a_restart(database):
    program = await miner(database)
    await program.reason(task(), VALIDATOR)
    assert (await program.epoch_result(result(), VALIDATOR)).seed_matches
    again = await miner(database)
    assert again.results["validator", 1] == result()


@pytest.mark.parametrize(
    "wrong", [{"seed": "00" * 32}, {"seed": "zz"}, {"seed_commitment": "00"}, {"epoch": 2}], ids=str
)
async def test_a_result_that_does_not_open_the_commitment_is_refused(database, wrong):
    program = await miner(database)
    await program.reason(task(), VALIDATOR)
    assert not (await program.epoch_result(result(**wrong), VALIDATOR)).seed_matches
    assert program.results == {}


async def test_a_result_of_an_epoch_never_heard_of_is_answered_but_not_kept(database):
    program = await miner(database)
    assert (await program.epoch_result(result(), VALIDATOR)).seed_matches
    assert program.results == {}


async def test_what_a_validator_can_make_it_remember_is_bounded(database):
    program = await miner(database)
    for epoch in [*range(1_000_000, 1_000_200), *range(999_000, 999_100), *range(1_000_199, 1_000_000, -1)]:
        await program._remember_commitment("validator", task(epoch=epoch))
    assert len(program._commitments) == REMEMBERED_EPOCHS
    again = await miner(database)
    assert len(again._commitments) == REMEMBERED_EPOCHS


async def test_a_program_that_is_not_open_and_settings_that_cannot_work_are_refused():
    with pytest.raises(BackendSettingsError):
        ReasonforgeMiner(SymbolicBackend(random.Random(1)), max_concurrent=0)
    with pytest.raises(BackendSettingsError):
        await ReasonforgeMiner(SymbolicBackend(random.Random(1))).reason(task(), VALIDATOR)
