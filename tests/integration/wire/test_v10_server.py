"""The v10 side of an axon, asked by our own dendrite in v10's dialect: what the peer process does not reach."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from taostack.process.clock import SystemClock
from taostack.wire import (
    Axon,
    AxonLimits,
    Caller,
    Dendrite,
    DendriteLimits,
    Endpoint,
    GateRules,
    Message,
    Route,
    RouteError,
    StreamBrokenError,
    StreamRoute,
    V10Shape,
)
from taostack.wire.errors import CallError
from taostack.wire.gate import Gate
from tests.integration.wire.raw import exchange, request
from tests.integration.wire.support import ALICE, BOB, SAY, TOKENS, Ask, Book, Known, Said, Token, say, tokens


class Line(Message, frozen=True):
    """An item that travels as a line of JSON."""

    number: int


LINES = StreamRoute("lines", 1, Ask, Line, v10=V10Shape("Lines", ("prompt", "times")))


async def lines(question: Ask, caller: Caller) -> AsyncIterator[Line]:
    """Count."""
    for number in range(question.times):
        yield Line(number=number)
        await asyncio.sleep(0.01)


@pytest.fixture
async def server() -> AsyncIterator[Axon]:
    made = Axon(BOB, limits=AxonLimits(handler_seconds=0.2, shutdown_seconds=0.05, body_bytes=10_000))
    for route, handler in ((SAY, say), (TOKENS, tokens), (LINES, lines)):
        made.attach(route, handler)
    async with made:
        yield made


def there(server: Axon) -> Endpoint:
    """Where it is, in v10's dialect."""
    return Endpoint(BOB.ss58_address, "127.0.0.1", server.port, "v10")


@pytest.fixture
async def dendrite() -> AsyncIterator[Dendrite]:
    async with Dendrite(ALICE, limits=DendriteLimits(attempts=1)) as running:
        yield running


@pytest.mark.parametrize(
    ("prompt", "code", "status"),
    [
        ("crash", "v10-internal", 500),
        ("wrong type", "v10-internal", 500),
        ("refuse", "v10-unprocessable", 422),
        ("hang", "v10-timeout", 408),
        ("nan", "garbage", 200),
        ("x" * 20_000, "http-413", 413),
    ],
)
async def test_failures_have_v10s_statuses(
    server: Axon, dendrite: Dendrite, prompt: str, code: str, status: int
) -> None:
    failure = (await dendrite.ask(there(server), SAY, Ask(prompt=prompt))).failure
    assert failure is not None
    assert (failure.code, failure.status) == (code, status)
    assert "secret" not in failure.detail


async def test_items_travel_as_lines_of_json_by_default(server: Axon, dendrite: Dendrite) -> None:
    async with dendrite.stream(there(server), LINES, Ask(prompt="x", times=3)) as items:
        assert [item async for item in items] == [Line(number=0), Line(number=1), Line(number=2)]
    async with dendrite.stream(there(server), LINES, Ask(prompt="x", times=0)) as items:
        assert [item async for item in items] == []


@pytest.mark.parametrize("prompt", ["crash", "hang"])
async def test_a_stream_that_fails_midway_is_cut(server: Axon, dendrite: Dendrite, prompt: str) -> None:
    received: list[Token] = []
    with pytest.raises(StreamBrokenError) as caught:
        async with dendrite.stream(there(server), TOKENS, Ask(prompt=prompt, times=5)) as items:
            async for item in items:
                received.append(item)  # noqa: PERF401 - what came before the failure counts
    assert caught.value.failure.code == "disconnected"
    assert "".join(token.text for token in received) == f"{prompt}0{prompt}1"
    assert server.outcomes["stream-cut"] == 1


async def test_a_stream_refused_before_its_first_item_is_a_plain_failure(server: Axon, dendrite: Dendrite) -> None:
    with pytest.raises(CallError) as caught:
        async with dendrite.stream(there(server), TOKENS, Ask(prompt="refuse")) as items:
            await anext(items)
    assert caught.value.failure.code == "v10-unprocessable"


async def test_a_peer_that_leaves_frees_its_slot(server: Axon) -> None:
    async with Dendrite(ALICE) as leaving:
        answer = await leaving.ask(there(server), SAY, Ask(prompt="hang"), deadline_seconds=0.05)
    assert answer.failure is not None
    async with asyncio.timeout(5):
        while server.in_flight:
            await asyncio.sleep(0.005)
    assert server.outcomes["disconnected"] == 1


async def test_a_call_that_is_cut_by_the_end_is_told_so(dendrite: Dendrite) -> None:
    made = Axon(BOB, limits=AxonLimits(shutdown_seconds=0.05))
    made.attach(SAY, say)
    async with asyncio.TaskGroup() as group, made:
        call = group.create_task(dendrite.ask(there(made), SAY, Ask(prompt="hang")))
        async with asyncio.timeout(5):
            while not made.in_flight:
                await asyncio.sleep(0.001)
    failure = call.result().failure
    assert failure is not None
    assert (failure.code, failure.status) == ("v10-busy", 503)


async def test_the_gate_holds_for_v10_callers_too() -> None:
    clock = SystemClock()
    book = Book({ALICE.ss58_address: Known(4, 9, permit=False)}, clock.now_ms())
    seen: list[Caller] = []

    async def remember(question: Ask, caller: Caller) -> Said:
        seen.append(caller)
        return Said(text="")

    made = Axon(BOB, gate=Gate(lambda: book, GateRules(calls_per_second=0.001, burst=1), clock))
    made.attach(SAY, remember)
    async with made, Dendrite(ALICE, limits=DendriteLimits(attempts=1)) as asking:
        assert (await asking.ask(there(made), SAY, Ask(prompt="x"))).ok
        limited = await asking.ask(there(made), SAY, Ask(prompt="x"))
    assert seen == [Caller(ALICE.ss58_address, 4, 9, False, "v10")]
    assert limited.failure is not None
    assert limited.failure.status == 429


async def test_other_methods_and_unknown_synapses_are_refused(server: Axon) -> None:
    get = await exchange(server.port, request("/Say", {}, b"", method="GET"))
    assert get.startswith(b"HTTP/1.1 405 ")
    unknown = await exchange(server.port, request("/Nowhere", {"bt_header_dendrite_hotkey": "x"}, b""))
    assert unknown.startswith(b"HTTP/1.1 404 ")
    assert b'{"message":' in unknown


async def test_a_synapse_can_be_served_once() -> None:
    made = Axon(BOB)
    made.attach(SAY, say)
    with pytest.raises(RouteError, match="synapse Say is already attached"):
        made.attach(replace(SAY, version=2), say)


async def test_a_shape_without_hash_fields_works_where_it_was_allowed(dendrite: Dendrite) -> None:
    loose = Route("say", 1, Ask, Said, v10=V10Shape("Say", unhashed=True))
    made = Axon(BOB)
    made.attach(loose, say)
    async with made:
        assert (await dendrite.ask(there(made), loose, Ask(prompt="x"))).ok
