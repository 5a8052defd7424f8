"""Reasonforge neurons as processes on a real devnet: weights on chain, commitments, kill -9, the looking commands."""

import asyncio
import json
import random

import msgspec
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from taostack.chain.client import Chain
from taostack.devnet import Devnet
from taostack.process.errors import UsageError
from taostack.reasonforge import looking, store
from taostack.reasonforge.cli import app
from taostack.reasonforge.leaderboard import Leaderboard
from tests.integration.neuron.support import NETUID, make_subnet
from tests.support.processes import TAOSTACK, Program, wait_until

VALIDATOR_FLAGS = (
    *("--validator.tasks_per_epoch", "4", "--validator.timeout", "2", "--validator.reserve_blocks", "1"),
    *("--logging.format", "json"),
)


def neuron(subnet, role, hotkey, folder, *more):
    settings = subnet.settings(hotkey)
    flags = [
        *("--netuid", str(NETUID), "--wallet.name", "team", "--wallet.hotkey", hotkey),
        *("--wallet.path", settings.wallet.path, "--subtensor.network", subnet.devnet.url),
        *("--axon.ip", "127.0.0.2", "--axon.port", "0", "--state.path", settings.state.path),
        *("--metagraph.every_blocks", "3", "--epoch.retry_seconds", "0.1"),
    ]
    return Program(hotkey, [*TAOSTACK, "reasonforge", role, *flags, *more], folder)


def run(*words):
    return CliRunner().invoke(app, words, catch_exceptions=False)


def closed(subnet):
    if not subnet.book.exists():
        return []
    try:
        with looking.open_existing(str(subnet.book)) as database, database.reading() as connection:
            return store.closed_epochs(connection)
    except UsageError:  # the validator has made its file, and not yet its tables
        return []


@pytest.fixture
async def subnet(tmp_path):
    with Devnet(block_time=0.15) as devnet:
        yield await make_subnet(devnet, tmp_path, tempo=12)


async def test_a_validator_killed_again_and_again_loses_nothing_and_pays_who_solves(subnet, tmp_path):
    miners = [
        neuron(subnet, "miner", "miner0", tmp_path, "--miner.backend", "symbolic"),
        neuron(subnet, "miner", "miner1", tmp_path, "--miner.backend", "spammer", "--miner.port", "0"),
    ]
    validator = neuron(subnet, "validator", "validator", tmp_path, *VALIDATOR_FLAGS)
    programs = [*miners, validator]
    rng = random.Random(7)
    for program in programs:
        program.start()
    try:
        wait_until(lambda: len(closed(subnet)) >= 1, 60, "one epoch is closed", *programs)
        for _ in range(2):
            before = closed(subnet)
            await asyncio.sleep(rng.uniform(0.0, 1.0))
            validator.kill()
            assert set(closed(subnet)) >= set(before)
            validator.start()
            wait_until(lambda known=before: len(closed(subnet)) > len(known), 60, "it goes on", *programs)
        async with Chain.connect(subnet.devnet.url, deadline_seconds=10.0) as chain:
            metagraph = await chain.metagraph(NETUID)
            weights = await chain.weights(NETUID)
            commitments = await chain.commitments(NETUID)
        good, bad = (metagraph.uid_of(wallet.hotkey_address) for wallet in subnet.miners)
        row = weights[metagraph.uid_of(subnet.validator.hotkey_address)]
        assert row.get(good, 0) > 20 * row.get(bad, 0)
        assert subnet.validator.hotkey_address in commitments
        await asyncio.to_thread(look_at_it, subnet, tmp_path, good)
        assert [program.stop() for program in programs] == [0, 0, 0]
    finally:
        for program in programs:
            program.kill()


def look_at_it(subnet, folder, good):
    """The looking commands beside the running validator."""
    shown = run("leaderboard", "--database", str(subnet.book), "--subtensor.network", subnet.devnet.url, "--json")
    assert shown.exit_code == 0, shown.output
    board = msgspec.json.decode(shown.stdout, type=Leaderboard)
    assert board.rows[0].uid == good
    assert board.rows[0].incentive is not None
    table = run("leaderboard", "--database", str(subnet.book))
    assert "right" in table.stdout
    assert board.rows[0].hotkey[:6] in table.stdout
    record = folder / "epoch.json"
    exported = run("audit", "--database", str(subnet.book), "--epoch", str(board.epoch), "--export", str(record))
    assert exported.exit_code == 0, exported.output
    checked = run("audit", str(record), "--commitment", board.commitment, "--json")
    assert json.loads(checked.stdout)["ok"] is True
    with looking.open_existing(str(subnet.book)) as database, database.reading() as connection:
        epochs = connection.execute(sa.select(store.epochs.c.epoch)).scalars().all()
        per_epoch = connection.execute(
            sa.select(store.standings.c.epoch, sa.func.count()).group_by(store.standings.c.epoch)
        ).all()
    assert len(epochs) == len(set(epochs))
    assert all(0 < count <= 2 for _, count in per_epoch)
