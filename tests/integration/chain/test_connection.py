"""Endpoints that are down, hang, refuse or lag, and the request that goes on elsewhere."""

import asyncio
import time

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from taostack.chain.client import Chain
from taostack.chain.errors import ChainUnavailableError
from tests.faults import BlackHole, FaultyProxy


async def test_a_dead_endpoint_is_passed_over(devnet, unused_tcp_port):
    async with Chain.connect([f"ws://127.0.0.1:{unused_tcp_port}", devnet.url], deadline_seconds=10) as chain:
        assert chain.endpoint == devnet.url


async def test_an_endpoint_that_accepts_and_never_speaks_is_passed_over(devnet):
    async with (
        BlackHole() as hole,
        Chain.connect([hole.url, devnet.url], deadline_seconds=10, attempt_seconds=0.3) as chain,
    ):
        assert chain.endpoint == devnet.url


async def test_a_request_survives_a_dropped_connection(devnet):
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=10) as chain:
        for _ in range(5):
            proxy.drop()
            assert (await chain.head()).number >= 0


async def test_requests_in_flight_survive_a_drop(devnet):
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=10) as chain:
        proxy.delay_seconds = 0.05
        async with asyncio.TaskGroup() as group:
            requests = [group.create_task(chain.metagraph(1)) for _ in range(20)]
            await asyncio.sleep(0.1)
            proxy.drop()
        assert all(request.result().netuid == 1 for request in requests)


async def test_a_hanging_endpoint_is_left_within_its_share_of_the_deadline(devnet):
    async with (
        FaultyProxy(devnet.url) as first,
        FaultyProxy(devnet.url) as second,
        Chain.connect([first.url, second.url], deadline_seconds=6, attempt_seconds=0.5) as chain,
    ):
        assert chain.endpoint == first.url
        first.hang = True
        started = time.monotonic()
        await chain.head()
        assert time.monotonic() - started < 3
        assert chain.endpoint == second.url


async def test_when_all_hang_the_error_comes_at_the_deadline_and_names_them(devnet):
    async with (
        FaultyProxy(devnet.url) as proxy,
        Chain.connect(proxy.url, deadline_seconds=1.0, attempt_seconds=0.3) as chain,
    ):
        proxy.hang = True
        started = time.monotonic()
        with pytest.raises(ChainUnavailableError, match="within 1 s") as error:
            await chain.head()
        assert time.monotonic() - started < 2
        assert proxy.url in str(error.value)
        proxy.hang = False
        assert (await chain.head()).number >= 0


async def test_an_endpoint_that_refuses_for_a_while_is_taken_up_again(devnet):
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=10) as chain:
        proxy.refuse = True
        proxy.drop()
        request = asyncio.ensure_future(chain.head())
        await asyncio.sleep(0.5)
        assert not request.done()
        proxy.refuse = False
        assert (await request).number >= 0


async def test_a_cancelled_connect_leaves_no_task_behind():
    async with BlackHole() as hole:
        before = asyncio.all_tasks()
        with pytest.raises(ChainUnavailableError):
            await Chain.connect(hole.url, deadline_seconds=0.4).__aenter__()
        await asyncio.sleep(0.05)
        assert asyncio.all_tasks() <= before | {asyncio.current_task()}


async def test_an_endpoint_that_connects_and_then_drops_every_request_is_not_hammered(devnet):
    async with FaultyProxy(devnet.url) as proxy:
        chain = Chain.connect(proxy.url, deadline_seconds=2.0)
        async with chain:
            proxy.cut_before = "chain_getHeader"
            dialled = proxy.connections
            with pytest.raises(ChainUnavailableError):
                await chain.head()
            assert proxy.connections - dialled < 40


async def test_an_endpoint_that_answers_noise_is_left_for_the_next(devnet):
    async with (
        FaultyProxy(devnet.url) as first,
        FaultyProxy(devnet.url) as second,
        Chain.connect([first.url, second.url], deadline_seconds=6, attempt_seconds=0.5) as chain,
    ):
        first.garble = True
        assert (await chain.head()).number >= 0
        assert chain.endpoint == second.url


async def test_an_endpoint_that_turns_us_away_is_left_for_the_next(devnet):
    def too_many(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(429, "slow down")

    async def nobody(connection: ServerConnection) -> None:
        raise AssertionError("the handshake should have failed")

    async with serve(nobody, "127.0.0.1", 0, process_request=too_many) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        async with Chain.connect([url, devnet.url], deadline_seconds=10) as chain:
            assert chain.endpoint == devnet.url
        with pytest.raises(ChainUnavailableError, match="429"):
            await Chain.connect(url, deadline_seconds=0.8).__aenter__()
