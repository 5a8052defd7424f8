"""Whole neurons on a real local chain: epochs, weights, health, restart, and a clean end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import sqlalchemy as sa
from bittensor import http_auth

from taostack.chain.client import Chain
from taostack.chain.wallet import dev_wallet
from taostack.neuron import Miner, Validator
from taostack.neuron.config import MetagraphSettings, RegistrationSettings
from taostack.neuron.tables import MIGRATIONS, epochs
from taostack.storage import open_database
from tests.integration.neuron.support import (
    ECHO,
    NETUID,
    EchoMiner,
    EchoValidator,
    Subnet,
    add_hotkey,
    register,
    results,
)


@contextlib.asynccontextmanager
async def alive(*neurons: Miner | Validator) -> AsyncIterator[None]:
    """The neurons run inside the block and are cancelled at its end; an error of theirs ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(neuron.run()) for neuron in neurons]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def until(condition: Callable[[], Awaitable[bool]] | Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until the chain has brought ``condition`` about."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)


async def until_ready(neuron: Miner | Validator) -> None:
    await until(lambda: neuron.neuron.health.ready)


def rows(subnet: Subnet) -> list[tuple[int, str, str | None]]:
    """(epoch, status, weights code) in the validator's book."""
    with open_database(subnet.book, [MIGRATIONS]) as database, database.reading() as connection:
        query = sa.select(epochs.c.epoch, epochs.c.status, epochs.c.weights_code).order_by(epochs.c.epoch)
        return [tuple(row) for row in connection.execute(query)]


async def weights(subnet: Subnet) -> dict[int, dict[int, int]]:
    async with Chain.connect(subnet.devnet.url, deadline_seconds=10.0) as chain:
        return await chain.weights(NETUID)


async def test_a_subnet_earns_its_weights_and_says_how_it_is(subnet):
    honest, liar = EchoMiner(), EchoMiner(honest=False)
    miners = [
        Miner(subnet.settings("miner0", ip="127.0.0.2"), honest),
        Miner(subnet.settings("miner1", ip="127.0.0.3"), liar),
    ]
    program = EchoValidator()
    validator = Validator(subnet.settings("validator"), program)
    async with alive(*miners, validator):
        for miner in miners:
            await until_ready(miner)

        async def weighed() -> bool:
            return (await weights(subnet)).get(1) == {2: 65_535, 3: 6_554}

        await until(weighed)
        await until(lambda: len(program.epochs) >= 4)
        await until_ready(validator)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{validator.neuron.health_port}") as session:
            assert (await session.get("/healthz")).status == 200
            ready = await session.get("/readyz")
            assert ready.status == 200, await ready.text()
            text = await (await session.get("/metrics")).text()
        assert 'taostack_neuron_weights_total{code="ok"}' in text
        assert "taostack_neuron_targets 2.0" in text
        assert "taostack_neuron_registered 1.0" in text
        assert b'taostack_neuron_calls_total{outcome="ok"}' in miners[0].neuron.metrics.render()
    assert program.events == ["recover", "close"]
    assert honest.events == ["open", "close"]
    assert {caller.hotkey for caller in honest.calls} == {subnet.validator.hotkey_address}
    assert all(caller.uid == 1 and caller.permit for caller in honest.calls)
    assert len(program.epochs) == len(set(program.epochs))
    done = [epoch for epoch, status, _ in rows(subnet) if status == "done"]
    assert len(done) >= 3
    assert done == sorted(set(program.epochs))[: len(done)]


async def test_restarted_neurons_go_on_where_they_were(subnet):
    async def one_life() -> tuple[EchoValidator, Miner]:
        program = EchoValidator()
        miner = Miner(subnet.settings("miner0", port=miner_port), EchoMiner())
        async with alive(miner, Validator(subnet.settings("validator"), program)):
            await until_ready(miner)
            await until(lambda: len(program.epochs) >= 2)
            await until(lambda: any(code == "ok" for _, _, code in rows(subnet)))
        return program, miner

    miner_port = 0
    first, miner = await one_life()
    miner_port = miner.port
    # An epoch that was cut off before it was done is resumed; one that was done is not.
    finished = {epoch for epoch, status, _ in rows(subnet) if status == "done"}
    second, miner = await one_life()
    assert finished
    assert not finished & set(second.epochs)
    assert second.recovered.last_done.index == max(
        epoch for epoch, status, _ in rows(subnet) if epoch <= first.epochs[-1] and status == "done"
    )
    async with Chain.connect(subnet.devnet.url, deadline_seconds=10.0) as chain:
        state = await chain.serving_state(NETUID, subnet.miners[0].hotkey_address)
    published_at = state.record.block
    third, _ = await one_life()
    async with Chain.connect(subnet.devnet.url, deadline_seconds=10.0) as chain:
        state = await chain.serving_state(NETUID, subnet.miners[0].hotkey_address)
    assert state.record.block == published_at, "an unchanged endpoint was published again"
    with open_database(subnet.book) as database, database.reading() as connection:
        found = connection.execute(sa.select(results.c.epoch, results.c.hotkey)).all()
    assert len(found) == len(set(found)), "an epoch was counted twice"
    assert third.recovered.unfinished is None or third.recovered.unfinished.index in third.epochs


async def test_a_request_from_before_a_restart_is_not_answered_again(subnet):
    async def statuses(port: int, *, life: int) -> tuple[int, int]:
        program = EchoMiner()
        miner = Miner(subnet.settings("miner0", port=port), program)
        async with alive(miner):
            await until_ready(miner)
            url = f"http://127.0.0.2:{miner.port}{ECHO.path}"
            async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
                assert len(program.calls) == (1 if life == 1 else 0)
                return answer.status, miner.port

    body = b'{"text": "pay me once"}'
    receiver = subnet.miners[0].hotkey_address
    headers = http_auth.sign(
        subnet.validator.hotkey, method="POST", path=ECHO.path, body=body, receiver_ss58=receiver
    ) | {"Content-Type": "application/json"}
    status, port = await statuses(0, life=1)
    assert status == 200
    status, _ = await statuses(port, life=2)
    assert status == 401


async def test_a_newcomer_is_asked_from_the_next_epoch_on_and_state_follows_the_neuron(subnet):
    program = EchoValidator()
    add_hotkey(subnet.wallets, "late", "//Bob//late")
    late = dev_wallet("//Bob", hotkey="//Bob//late")
    waiting = subnet.settings("late", ip="127.0.0.4", registration=RegistrationSettings(when_missing="wait"))
    newcomer = Miner(waiting, EchoMiner())
    async with alive(
        Miner(subnet.settings("miner0"), EchoMiner()), Validator(subnet.settings("validator"), program), newcomer
    ):
        await until(lambda: len(program.epochs) >= 1)
        assert "registration" in newcomer.neuron.health.parts
        assert not newcomer.neuron.health.ready
        async with Chain.connect(subnet.devnet.url, deadline_seconds=10.0) as chain:
            await register(chain, late)

        async def weighed() -> bool:
            return (await weights(subnet)).get(1, {}).get(4) == 65_535

        await until(weighed)
        assert newcomer.neuron.health.ready


async def test_weights_go_on_as_commits_when_commit_reveal_is_switched_on(subnet):
    program = EchoValidator()
    async with alive(Miner(subnet.settings("miner0"), EchoMiner()), Validator(subnet.settings("validator"), program)):
        await until(lambda: any(code == "ok" for _, _, code in rows(subnet)))
        subnet.devnet.set_storage("SubtensorModule", "CommitRevealWeightsEnabled", NETUID, value=True)

        async def committed() -> bool:
            return bool(list(subnet.devnet.state.items("SubtensorModule", "TimelockedWeightCommits", NETUID)))

        await until(committed)


async def test_rate_limited_weights_are_waited_for_and_superseded_by_newer_ones(subnet):
    subnet.devnet.set_storage("SubtensorModule", "WeightsSetRateLimit", NETUID, value=25)
    program = EchoValidator()
    async with alive(Miner(subnet.settings("miner0"), EchoMiner()), Validator(subnet.settings("validator"), program)):
        await until(lambda: [code for _, _, code in rows(subnet)].count("ok") >= 2)


async def test_dropped_connections_are_survived(subnet):
    program = EchoValidator()
    miner = Miner(subnet.settings("miner0"), EchoMiner())
    async with alive(miner, Validator(subnet.settings("validator"), program)):
        await until(lambda: len(program.epochs) >= 1)
        for _ in range(3):
            subnet.devnet.drop_connections()
            seen = len(program.epochs)
            await until(lambda seen=seen: len(program.epochs) > seen)
        await until_ready(miner)


@pytest.mark.parametrize("every", [1, 4])
async def test_the_metagraph_is_renewed_by_blocks(subnet, every):
    miner = Miner(subnet.settings("miner0", metagraph=MetagraphSettings(every_blocks=every)), program := EchoMiner())
    async with alive(miner):
        await until(lambda: program.events == ["open"])
        blocks = set()

        def seen_three() -> bool:
            blocks.add(program.context.metagraph().block)
            return len(blocks) >= 3

        await until(seen_three)
    gaps = [after - before for before, after in zip(sorted(blocks), sorted(blocks)[1:], strict=False)]
    assert min(gaps) >= every


async def test_an_endpoint_that_may_not_be_published_yet_is_published_when_it_may(subnet):
    subnet.devnet.set_storage("SubtensorModule", "ServingRateLimit", NETUID, value=25)
    ports = []
    for _ in range(2):
        miner = Miner(subnet.settings("miner0"), EchoMiner())
        async with alive(miner):
            await until_ready(miner)
            ports.append(miner.port)
    state = subnet.devnet.state.get("SubtensorModule", "Axons", NETUID, subnet.miners[0].hotkey_address)
    assert ports[0] != ports[1]
    assert state["port"] == ports[1]


async def test_an_endpoint_that_vanished_from_the_chain_is_published_again(subnet):
    miner = Miner(subnet.settings("miner0"), EchoMiner())
    key = ("SubtensorModule", "Axons", NETUID, subnet.miners[0].hotkey_address)
    async with alive(miner):
        await until_ready(miner)
        subnet.devnet.set_storage(*key, value=None)
        await until(lambda: (subnet.devnet.state.get(*key) or {"port": 0})["port"] == miner.port)
