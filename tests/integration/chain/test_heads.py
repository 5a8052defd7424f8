"""The head stream goes on over everything that ends the SDK's own."""

import asyncio
import time

import pytest

from taostack.chain.client import Chain
from taostack.chain.errors import ChainSilentError, ChainUnavailableError
from tests.faults import FaultyProxy


async def take(stream, count):
    """The next heads; the stream stays open."""
    return [await anext(stream) for _ in range(count)]


async def test_blocks_come_in_order_with_their_hashes(chain):
    stream = chain.heads(silence_seconds=5)
    heads = await take(stream, 4)
    await stream.aclose()
    assert [head.number for head in heads] == list(range(heads[0].number, heads[0].number + 4))
    assert heads[0].hash == await chain.block_hash(heads[0].number)


async def test_a_drop_does_not_end_the_stream(devnet, chain):
    stream = chain.heads(silence_seconds=5)
    before = await take(stream, 2)
    devnet.drop_connections()
    after = await take(stream, 3)
    await stream.aclose()
    assert after[-1].number > before[-1].number


async def test_a_node_that_is_silent_though_it_answers_is_left_for_the_next(devnet):
    async with (
        FaultyProxy(devnet.url) as first,
        FaultyProxy(devnet.url) as second,
        Chain.connect([first.url, second.url], deadline_seconds=5) as chain,
    ):
        stream = chain.heads(silence_seconds=0.6)
        await take(stream, 2)
        first.mute_heads = True
        await take(stream, 3)
        assert chain.endpoint == second.url
        await stream.aclose()


async def test_a_hanging_node_is_left_for_the_next(devnet):
    async with (
        FaultyProxy(devnet.url) as first,
        FaultyProxy(devnet.url) as second,
        Chain.connect([first.url, second.url], deadline_seconds=5, attempt_seconds=0.5) as chain,
    ):
        stream = chain.heads(silence_seconds=0.6)
        await take(stream, 2)
        first.hang = True
        await take(stream, 3)
        assert chain.endpoint == second.url
        await stream.aclose()


async def test_when_every_node_is_silent_the_stream_ends_with_a_reason(devnet, chain):
    stream = chain.heads(silence_seconds=0.3, patience_seconds=1.0)
    await take(stream, 1)
    devnet.pause_heads()
    started = time.monotonic()
    with pytest.raises(ChainSilentError, match="no new block"):
        await take(stream, 100)
    assert time.monotonic() - started < 4
    devnet.resume_heads()


async def test_when_every_node_is_gone_the_stream_ends_with_a_reason(devnet):
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=5) as chain:
        stream = chain.heads(silence_seconds=0.3, patience_seconds=1.0)
        await take(stream, 1)
        proxy.refuse = True
        proxy.drop()
        with pytest.raises(ChainUnavailableError, match="could be reached") as error:
            await take(stream, 100)
        assert not isinstance(error.value, ChainSilentError)


async def test_the_stream_outlives_a_pause_shorter_than_its_patience(devnet, chain):
    stream = chain.heads(silence_seconds=0.3, patience_seconds=10)
    first = await take(stream, 1)
    devnet.pause_heads()
    waiting = asyncio.ensure_future(take(stream, 2))
    await asyncio.sleep(1.0)
    assert not waiting.done()
    devnet.resume_heads()
    later = await waiting
    assert later[0].number > first[0].number
    await stream.aclose()


async def test_reads_and_the_stream_share_a_connection(chain):
    stream = chain.heads(silence_seconds=5)
    for _ in range(5):
        head = await anext(stream)
        assert (await chain.metagraph(1, block=head.number)).block_hash == head.hash
    assert chain.connection.replacements == 0
    await stream.aclose()


async def test_a_stream_left_open_dials_nobody_after_the_chain_is_closed(devnet):
    async with FaultyProxy(devnet.url) as proxy:
        async with Chain.connect(proxy.url, deadline_seconds=5) as chain:
            stream = chain.heads(silence_seconds=5)
            await take(stream, 1)
        dialled = proxy.connections
        await stream.aclose()
        assert proxy.connections == dialled
