"""Both transports keep the same promises."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator

import pytest

from taostack.process.clock import SystemClock
from taostack.wire import Axon, Caller, Dendrite, DendriteLimits, Endpoint
from taostack.wire.direct import DirectTransport
from taostack.wire.transport import AiohttpTransport, TransportError
from tests.integration.wire.raw import hand_made_server
from tests.integration.wire.support import ALICE, BOB, SAY, TOKENS, Ask, Said, say, tokens

BOTH = pytest.mark.parametrize("kind", [DirectTransport, AiohttpTransport])
Kind = type[DirectTransport] | type[AiohttpTransport]


@pytest.fixture
async def server() -> AsyncIterator[Axon]:
    made = Axon(BOB)
    made.attach(SAY, say)
    made.attach(TOKENS, tokens)
    async with made:
        yield made


def there(server: Axon) -> Endpoint:
    """Where it is."""
    return Endpoint(BOB.ss58_address, "127.0.0.1", server.port)


@BOTH
@pytest.mark.parametrize("size", [1, 100_000, 3_000_000])
async def test_bodies_of_any_size_come_and_go(server: Axon, kind: Kind, size: int) -> None:
    async with Dendrite(ALICE, transport=kind(DendriteLimits(), SystemClock())) as dendrite:
        for _ in range(2):
            answer = await dendrite.ask(there(server), SAY, Ask(prompt="x" * size))
            assert len(answer.unwrap().text) == size
            assert answer.latency_seconds > 0


@BOTH
async def test_connections_are_kept_for_the_next_call_and_closed_at_the_end(server: Axon, kind: Kind) -> None:
    async with Dendrite(ALICE, transport=kind(DendriteLimits(), SystemClock())) as dendrite:
        for _ in range(20):
            await dendrite.ask(there(server), SAY, Ask(prompt="x"))
        assert server._server.connections == 1
        await dendrite.ask_all(SAY, [(there(server), Ask(prompt="x"))] * 50, concurrency=8)
        assert server._server.connections <= 8
    async with asyncio.timeout(5):
        while server._server.connections:
            await asyncio.sleep(0.005)


@BOTH
async def test_a_large_stream_arrives_whole_though_it_is_read_slowly(server: Axon, kind: Kind) -> None:
    async with (
        Dendrite(ALICE, transport=kind(DendriteLimits(), SystemClock())) as dendrite,
        dendrite.stream(there(server), TOKENS, Ask(prompt="y" * 20_000, times=200)) as items,
    ):
        received = []
        async for item in items:
            received.append(len(item.text))
            await asyncio.sleep(0)
    assert len(received) == 200
    assert items.authentic


@BOTH
async def test_latency_is_taken_when_bytes_arrive_and_not_when_we_get_to_them(kind: Kind) -> None:
    """A validator busy with one reply must not charge the time to the others."""
    quick = Axon(BOB)

    async def at_once(request: Ask, caller: Caller) -> Said:
        return Said(text="")

    quick.attach(SAY, at_once)
    async with quick, Dendrite(ALICE, transport=kind(DendriteLimits(), SystemClock())) as dendrite:
        await dendrite.ask(there(quick), SAY, Ask(prompt="warm"))

        async def hog() -> None:
            await asyncio.sleep(0.002)
            time.sleep(0.2)  # noqa: ASYNC251 - this is the work that keeps the loop from the reply

        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(dendrite.ask(there(quick), SAY, Ask(prompt="x"))) for _ in range(3)]
            await asyncio.sleep(0)
            group.create_task(hog())
    assert statistics.median(call.result().latency_seconds for call in calls) < 0.25


@BOTH
async def test_an_idle_connection_is_given_up_in_time(server: Axon, kind: Kind) -> None:
    limits = DendriteLimits(idle_seconds=0.05)
    async with Dendrite(ALICE, limits=limits, transport=kind(limits, SystemClock())) as dendrite:
        await dendrite.ask(there(server), SAY, Ask(prompt="x"))
        async with asyncio.timeout(5):
            while server._server.connections:
                await asyncio.sleep(0.01)
        assert (await dendrite.ask(there(server), SAY, Ask(prompt="x"))).ok


@BOTH
async def test_a_connection_that_the_server_closed_is_not_used_again(kind: Kind) -> None:
    async with Dendrite(ALICE, transport=kind(DendriteLimits(), SystemClock())) as dendrite:
        first = Axon(BOB)
        first.attach(SAY, say)
        async with first:
            where = there(first)
            assert (await dendrite.ask(where, SAY, Ask(prompt="x"))).ok
        await asyncio.sleep(0.02)
        second = Axon(BOB, port=where.port)
        second.attach(SAY, say)
        async with second:
            assert (await dendrite.ask(where, SAY, Ask(prompt="x"))).ok


@BOTH
async def test_a_host_that_does_not_exist_is_a_connect_failure(kind: Kind) -> None:
    limits = DendriteLimits(connect_seconds=0.1)
    transport = kind(limits, SystemClock())
    with pytest.raises(TransportError) as caught:
        async with asyncio.timeout(5):
            await transport.post("http://no-such-host.invalid:1/", {}, b"", limit_bytes=10)
    await transport.close()
    assert (caught.value.code, caught.value.unsent) == ("connect", True)


async def test_aiohttp_still_lets_us_take_the_time_of_arrival() -> None:
    """``_StampingHandler`` gets in by an attribute that aiohttp may rename; then latencies would be zero."""
    server = Axon(BOB)
    server.attach(SAY, say)
    async with server, Dendrite(ALICE, transport=AiohttpTransport(DendriteLimits(), SystemClock())) as dendrite:
        answer = await dendrite.ask(there(server), SAY, Ask(prompt="x"))
    assert 0 < answer.latency_seconds < 5


async def test_a_server_that_sends_more_than_was_asked_for_is_not_trusted_with_the_next_request() -> None:
    connections = 0
    extra = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbonus"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.read(65536):
            writer.write(extra)

    transport = DirectTransport(DendriteLimits(), SystemClock())
    async with hand_made_server(serve) as port, asyncio.timeout(5):
        url = f"http://127.0.0.1:{port}/"
        for _ in range(3):
            received = await transport.post(url, {}, b"", limit_bytes=100)
            assert (received.status, received.body, received.headers["Content-Length"]) == (200, b"hi", "2")
            assert "content-LENGTH" in received.headers
        await transport.close()
    assert connections == 3
