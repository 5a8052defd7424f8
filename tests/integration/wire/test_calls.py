"""An axon and a dendrite over real sockets."""

import asyncio
import dataclasses
import socket
import statistics
from collections.abc import AsyncIterator, Callable

import pytest

from taostack.process.clock import ManualClock, SystemClock
from taostack.wire import (
    Axon,
    AxonLimits,
    Caller,
    Dendrite,
    DendriteLimits,
    Endpoint,
    GateRules,
    NotOpenError,
    PortTakenError,
    RouteError,
    StreamBrokenError,
)
from taostack.wire.errors import CallError
from taostack.wire.gate import Gate
from taostack.wire.handshake import HANDSHAKE, HandshakeRequest
from tests.integration.wire.raw import hand_made_server
from tests.integration.wire.support import (
    ALICE,
    ALICE_ED,
    BOB,
    CHARLIE,
    SAY,
    SAY_AGAIN,
    TOKENS,
    Ask,
    Book,
    Known,
    Said,
    Token,
    say,
    tokens,
)


def axon(**options: object) -> Axon:
    """Bob's axon with every test route."""
    made = Axon(BOB, **options)
    made.attach(SAY, say)
    made.attach(SAY_AGAIN, say)
    made.attach(TOKENS, tokens)
    return made


def endpoint(server: Axon, **changes: object) -> Endpoint:
    """Where it is."""
    return dataclasses.replace(Endpoint(BOB.ss58_address, "127.0.0.1", server.port), **changes)


async def until(holds: Callable[[], object]) -> None:
    """Return when ``holds`` does."""
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.001)


@pytest.fixture
async def server() -> AsyncIterator[Axon]:
    async with axon(limits=AxonLimits(handler_seconds=0.2)) as running:
        yield running


@pytest.fixture
async def dendrite() -> AsyncIterator[Dendrite]:
    async with Dendrite(ALICE, limits=DendriteLimits(backoff_seconds=0.001)) as running:
        yield running


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize("signer", [ALICE, ALICE_ED])
async def test_a_call_is_answered_signed_and_attributed(server: Axon, encoding: str, signer: object) -> None:
    async with Dendrite(signer, encoding=encoding) as asking:
        answer = await asking.ask(endpoint(server), SAY, Ask(prompt="tao", times=2))
    assert answer.unwrap() == Said(text="taotao", asked_by=signer.ss58_address)
    assert answer.ok
    assert answer.signed
    assert answer.attempts == 1
    assert 0 < answer.latency_seconds < 1


async def test_an_ed25519_axon_signs_its_replies_too(dendrite: Dendrite) -> None:
    server = Axon(ALICE_ED)
    server.attach(SAY, say)
    async with server:
        answer = await dendrite.ask(Endpoint(ALICE_ED.ss58_address, "127.0.0.1", server.port), SAY, Ask(prompt="x"))
    assert answer.signed


@pytest.mark.parametrize(
    ("prompt", "code"),
    [("crash", "internal"), ("refuse", "handler-refused"), ("hang", "handler-timeout"), ("wrong type", "internal")],
)
async def test_a_handler_that_fails_is_a_signed_failure_that_leaks_nothing(
    server: Axon, dendrite: Dendrite, prompt: str, code: str
) -> None:
    answer = await dendrite.ask(endpoint(server), SAY, Ask(prompt=prompt))
    assert answer.failure is not None
    assert (answer.failure.code, answer.failure.authentic) == (code, True)
    assert "secret" not in answer.failure.detail
    assert answer.reply is None
    with pytest.raises(CallError, match=code):
        answer.unwrap()


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_a_reply_with_nan_is_a_failure(server: Axon, encoding: str) -> None:
    async with Dendrite(ALICE, encoding=encoding) as asking:
        answer = await asking.ask(endpoint(server), SAY, Ask(prompt="nan"))
    assert answer.failure is not None
    assert answer.failure.code == "garbage"


async def test_an_unknown_route_or_version_is_a_failure(server: Axon, dendrite: Dendrite) -> None:
    other = dataclasses.replace(SAY, version=9)
    answer = await dendrite.ask(endpoint(server), other, Ask(prompt="x"))
    assert answer.failure is not None
    assert (answer.failure.code, answer.failure.status) == ("route-unknown", 404)


async def test_somebody_else_behind_the_address_is_noticed(server: Axon, dendrite: Dendrite) -> None:
    # Bob refuses what is signed for Charlie: and Charlie did not sign the refusal.
    answer = await dendrite.ask(endpoint(server, hotkey=CHARLIE.ss58_address), SAY, Ask(prompt="x"))
    assert answer.failure is not None
    assert (answer.failure.code, answer.failure.authentic) == ("auth-receiver", False)


async def test_large_bodies_are_compressed_both_ways(server: Axon) -> None:
    async with Dendrite(ALICE, compress=True) as asking:
        answer = await asking.ask(endpoint(server), SAY, Ask(prompt="compressible " * 20_000))
        small = await asking.ask(endpoint(server), SAY, Ask(prompt="x"))
    assert answer.unwrap().text == "compressible " * 20_000
    assert small.ok


async def test_a_decompression_bomb_is_refused(dendrite: Dendrite) -> None:
    async with axon(limits=AxonLimits(decompressed_bytes=100_000)) as server, Dendrite(ALICE, compress=True) as asking:
        answer = await asking.ask(endpoint(server), SAY, Ask(prompt="x" * 1_000_000))
    assert answer.failure is not None
    assert (answer.failure.code, answer.failure.status) == ("body-too-large", 413)


async def test_a_reply_larger_than_allowed_is_a_failure(server: Axon) -> None:
    async with Dendrite(ALICE, limits=DendriteLimits(reply_bytes=10_000)) as asking:
        announced = await asking.ask(endpoint(server), SAY, Ask(prompt="x" * 20_000))
        fine = await asking.ask(endpoint(server), SAY, Ask(prompt="x"))
    assert announced.failure is not None
    assert announced.failure.code == "too-large"
    assert fine.ok


async def test_a_request_larger_than_allowed_is_refused_and_the_next_one_is_not(dendrite: Dendrite) -> None:
    async with axon(limits=AxonLimits(body_bytes=1000)) as server:
        large = await dendrite.ask(endpoint(server), SAY, Ask(prompt="x" * 2000))
        small = await dendrite.ask(endpoint(server), SAY, Ask(prompt="x"))
    assert large.failure is not None
    assert large.failure.code in ("body-too-large", "disconnected")
    assert small.ok


async def test_a_round_answers_in_order_with_a_reason_for_each_miss(server: Axon, dendrite: Dendrite) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = endpoint(server, port=closed.getsockname()[1])
        calls = [
            (endpoint(server), Ask(prompt="a")),
            (dead, Ask(prompt="b")),
            (endpoint(server, host="0.0.0.0"), Ask(prompt="c")),
            (endpoint(server), Ask(prompt="crash")),
            (endpoint(server), Ask(prompt="d")),
            (endpoint(server, port=0), Ask(prompt="e")),
        ]
        answers = await dendrite.ask_all(SAY, calls)
    found = [answer.reply.text if answer.reply else answer.failure.code for answer in answers]
    assert found == ["a", "connect", "endpoint", "internal", "d", "endpoint"]
    assert [answer.endpoint for answer in answers] == [each for each, _ in calls]
    assert [answer.attempts for answer in answers] == [1, 2, 0, 1, 1, 0]


async def test_a_round_ends_on_time_with_what_is_there(dendrite: Dendrite) -> None:
    async with axon() as server:
        calls = [(endpoint(server), Ask(prompt=prompt)) for prompt in ("quick", "hang", "hang")]
        answers = await dendrite.ask_all(SAY, calls, round_seconds=0.3)
    assert answers[0].ok
    assert [answer.failure.code for answer in answers[1:] if answer.failure] == ["round-deadline"] * 2


async def test_a_call_ends_at_its_deadline(dendrite: Dendrite) -> None:
    async with axon() as server:
        answer = await dendrite.ask(endpoint(server), SAY, Ask(prompt="hang"), deadline_seconds=0.05)
    assert answer.failure is not None
    assert answer.failure.code == "timeout"


async def test_concurrency_is_bounded_and_waiting_counts_against_no_call(dendrite: Dendrite) -> None:
    at_once, most = 0, 0

    async def slow(request: Ask, caller: Caller) -> Said:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        return Said(text="")

    server = Axon(BOB)
    server.attach(SAY, slow)
    async with server:
        calls = [(endpoint(server), Ask(prompt=str(n))) for n in range(12)]
        started = asyncio.get_running_loop().time()
        answers = await dendrite.ask_all(SAY, calls, concurrency=3, deadline_seconds=5)
        took = asyncio.get_running_loop().time() - started
    assert all(answer.ok for answer in answers)
    assert most == 3
    # Twelve calls by threes take four turns; each one's latency is that of its own turn.
    assert statistics.median(answer.latency_seconds for answer in answers) < took / 2


async def test_latency_holds_the_peers_time_and_not_our_queue(dendrite: Dendrite) -> None:
    async with axon() as server:
        calls = [(endpoint(server), Ask(prompt="x" * 1000)) for _ in range(200)]
        await dendrite.ask_all(SAY, calls)
        started = asyncio.get_running_loop().time()
        answers = await dendrite.ask_all(SAY, calls, concurrency=8)
        took = asyncio.get_running_loop().time() - started
    assert all(answer.latency_seconds > 0 for answer in answers)
    assert statistics.median(answer.latency_seconds for answer in answers) < took / 4


async def test_a_busy_axon_is_asked_again_with_a_fresh_nonce() -> None:
    clock = SystemClock()
    rules = GateRules(require_registered=False, max_in_flight=1, max_waiting=0)
    server = Axon(BOB, gate=Gate(lambda: None, rules, clock))
    release = asyncio.Event()

    async def slow(request: Ask, caller: Caller) -> Said:
        await release.wait()
        return Said(text=request.prompt)

    server.attach(SAY, slow)
    limits = DendriteLimits(attempts=50, backoff_seconds=0.001)
    async with server, Dendrite(ALICE, limits=limits) as asking, asyncio.TaskGroup() as group:
        first = group.create_task(asking.ask(endpoint(server), SAY, Ask(prompt="first")))
        second = group.create_task(asking.ask(endpoint(server), SAY, Ask(prompt="second")))
        await until(lambda: server.outcomes.get("busy"))
        release.set()
    assert first.result().ok
    assert second.result().ok
    assert first.result().attempts + second.result().attempts > 2
    assert "auth-replayed" not in server.outcomes


async def test_a_crashed_handler_is_not_asked_again(server: Axon, dendrite: Dendrite) -> None:
    answer = await dendrite.ask(endpoint(server), SAY_AGAIN, Ask(prompt="crash"))
    assert answer.attempts == 1


async def test_a_lost_connection_is_repeated_for_idempotent_routes_only() -> None:
    connections = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read(100)

    limits = DendriteLimits(attempts=3, backoff_seconds=0.001)
    async with hand_made_server(hang_up) as port, Dendrite(ALICE, limits=limits) as asking:
        there = Endpoint(BOB.ss58_address, "127.0.0.1", port)
        once = await asking.ask(there, SAY, Ask(prompt="x"))
        assert (once.attempts, connections) == (1, 1)
        thrice = await asking.ask(there, SAY_AGAIN, Ask(prompt="x"))
        assert (thrice.attempts, connections) == (3, 4)
    assert once.failure is not None
    assert once.failure.code == thrice.failure.code == "disconnected"


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_a_stream_arrives_item_by_item_and_ends_authentic(server: Axon, encoding: str) -> None:
    async with (
        Dendrite(ALICE, encoding=encoding) as asking,
        asking.stream(endpoint(server), TOKENS, Ask(prompt="t", times=5)) as items,
    ):
        received = [item async for item in items]
    assert received == [Token(text=f"t{n}") for n in range(5)]
    assert items.authentic


async def test_an_empty_stream_is_authentic_too(server: Axon, dendrite: Dendrite) -> None:
    async with dendrite.stream(endpoint(server), TOKENS, Ask(prompt="t", times=0)) as items:
        assert [item async for item in items] == []
    assert items.authentic


@pytest.mark.parametrize(("prompt", "code"), [("crash", "internal"), ("hang", "handler-timeout")])
async def test_a_stream_that_fails_midway_says_so_signed(
    server: Axon, dendrite: Dendrite, prompt: str, code: str
) -> None:
    received = []
    with pytest.raises(StreamBrokenError) as caught:
        async with dendrite.stream(endpoint(server), TOKENS, Ask(prompt=prompt, times=5)) as items:
            async for item in items:
                received.append(item)  # noqa: PERF401 - what came before the failure counts
    assert len(received) == 2
    assert (caught.value.failure.code, caught.value.failure.authentic) == (code, True)


async def test_a_stream_refused_before_its_first_item_is_a_plain_failure(server: Axon, dendrite: Dendrite) -> None:
    for where, route, prompt, code in (
        (endpoint(server), TOKENS, "refuse", "handler-refused"),
        (endpoint(server), dataclasses.replace(TOKENS, version=7), "x", "route-unknown"),
        (endpoint(server, port=0), TOKENS, "x", "endpoint"),
        (endpoint(server, port=1), TOKENS, "x", "connect"),
        (endpoint(server, hotkey=CHARLIE.ss58_address), TOKENS, "x", "auth-receiver"),
    ):
        with pytest.raises(CallError) as caught:
            async with dendrite.stream(where, route, Ask(prompt=prompt)) as items:
                await anext(items)
        assert caught.value.failure.code == code


async def test_a_stream_that_takes_too_long_is_broken_off(dendrite: Dendrite) -> None:
    async with axon() as server:
        with pytest.raises(StreamBrokenError) as caught:
            async with dendrite.stream(
                endpoint(server), TOKENS, Ask(prompt="hang", times=5), deadline_seconds=0.1
            ) as items:
                async for _ in items:
                    pass
    assert caught.value.failure.code == "timeout"


async def test_leaving_a_stream_early_ends_its_handler(dendrite: Dendrite) -> None:
    ended = asyncio.Event()

    async def endless(request: Ask, caller: Caller) -> AsyncIterator[Token]:
        try:
            while True:
                yield Token(text="x" * 100_000)
        finally:
            ended.set()

    server = Axon(BOB, limits=AxonLimits(write_seconds=0.2, handler_seconds=5))
    server.attach(TOKENS, endless)
    async with server:
        async with dendrite.stream(endpoint(server), TOKENS, Ask(prompt="x")) as items:
            await anext(items)
        async with asyncio.timeout(5):
            await ended.wait()


async def test_the_handshake_is_open_to_strangers_and_signed(dendrite: Dendrite) -> None:
    clock = SystemClock()
    async with axon(gate=Gate(lambda: None, GateRules(), clock)) as server:
        answer = await dendrite.ask(endpoint(server), HANDSHAKE, HandshakeRequest())
        refused = await dendrite.ask(endpoint(server), SAY, Ask(prompt="x"))
    told = answer.unwrap()
    assert told.hotkey == BOB.ss58_address
    assert told.protocols == ("btauth/1", "btauth-resp/1", "btauth-stream/1", "v10")
    assert {(route.name, route.version) for route in told.routes} == {
        ("handshake", 1),
        ("say", 1),
        ("say", 2),
        ("tokens", 1),
    }
    assert refused.failure is not None
    assert refused.failure.code == "directory-stale"


async def test_the_gate_decides_over_verified_callers_and_tells_the_handler() -> None:
    clock = SystemClock()
    book = Book({ALICE.ss58_address: Known(3, 500, permit=True)}, clock.now_ms())
    seen: list[Caller] = []

    async def remember(request: Ask, caller: Caller) -> Said:
        seen.append(caller)
        return Said(text="")

    server = Axon(BOB, gate=Gate(lambda: book, GateRules(require_permit=True, calls_per_second=0.001, burst=1), clock))
    server.attach(SAY, remember)
    async with server, Dendrite(ALICE, limits=DendriteLimits(attempts=1)) as alice, Dendrite(CHARLIE) as charlie:
        assert (await alice.ask(endpoint(server), SAY, Ask(prompt="x"))).ok
        limited = await alice.ask(endpoint(server), SAY, Ask(prompt="x"))
        stranger = await charlie.ask(endpoint(server), SAY, Ask(prompt="x"))
    assert seen == [Caller(ALICE.ss58_address, 3, 500, True, "btauth")]
    assert limited.failure is not None
    assert (limited.failure.code, limited.failure.status, limited.failure.authentic) == ("rate-limited", 429, True)
    assert stranger.failure is not None
    # The claimed hotkey was enough to say no: nothing was verified, so nothing is signed.
    assert (stranger.failure.code, stranger.failure.authentic) == ("not-registered", False)


async def test_a_clock_that_is_wrong_is_told_apart_from_a_forgery(dendrite: Dendrite) -> None:
    async with axon(clock=ManualClock(1_000_000_000_000)) as server:
        answer = await dendrite.ask(endpoint(server), SAY, Ask(prompt="x"))
    assert answer.failure is not None
    assert answer.failure.code == "auth-stale"
    assert "clock" in answer.failure.detail


async def test_a_taken_port_is_one_clear_error(server: Axon) -> None:
    with pytest.raises(PortTakenError, match=f"127.0.0.1:{server.port} is in use") as caught:
        async with Axon(BOB, port=server.port):
            pass
    assert "port" in caught.value.line()


async def test_an_address_of_another_machine_is_one_clear_error() -> None:
    with pytest.raises(PortTakenError, match="cannot listen on"):
        async with Axon(BOB, host="192.0.2.1"):
            pass


async def test_stopping_lets_calls_in_flight_finish(dendrite: Dendrite) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def slow(request: Ask, caller: Caller) -> Said:
        entered.set()
        await release.wait()
        return Said(text="finished")

    server = Axon(BOB)
    server.attach(SAY, slow)
    async with asyncio.TaskGroup() as group, server:
        call = group.create_task(dendrite.ask(endpoint(server), SAY, Ask(prompt="x")))
        await entered.wait()
        assert server.in_flight == 1
        group.create_task(asyncio.sleep(0.02)).add_done_callback(lambda _: release.set())
    assert call.result().unwrap().text == "finished"
    with pytest.raises(NotOpenError):
        _ = server.port


async def test_stopping_waits_no_longer_than_it_was_told(dendrite: Dendrite) -> None:
    async with asyncio.TaskGroup() as group, axon(limits=AxonLimits(shutdown_seconds=0.05)) as server:
        call = group.create_task(dendrite.ask(endpoint(server), SAY, Ask(prompt="hang")))
        while not server.in_flight:
            await asyncio.sleep(0)
    assert call.result().failure is not None
    assert call.result().failure.code == "stopping"


async def test_an_axon_can_be_started_again(dendrite: Dendrite) -> None:
    server = axon()
    for _ in range(2):
        async with server:
            assert (await dendrite.ask(endpoint(server), SAY, Ask(prompt="x"))).ok


async def test_misuse_is_told_to_the_programmer(server: Axon, dendrite: Dendrite) -> None:
    with pytest.raises(RouteError, match="already attached"):
        server.attach(SAY, say)
    with pytest.raises(RouteError, match="takes Ask"):
        await dendrite.ask(endpoint(server), SAY, Said(text="x"))
    with pytest.raises(RouteError, match="concurrency"):
        await dendrite.ask_all(SAY, [], concurrency=0)
    with pytest.raises(RouteError, match="encoding"):
        Dendrite(ALICE, encoding="yaml")
    with pytest.raises(NotOpenError):
        await Dendrite(ALICE).ask(endpoint(server), SAY, Ask(prompt="x"))
    assert await dendrite.ask_all(SAY, []) == []


async def test_two_axons_of_one_process_share_a_store_and_not_their_nonces(server: Axon) -> None:
    # The SDK's own store keys by sender and nonce alone: there, the second receiver refuses.
    other = Axon(CHARLIE)
    other.attach(SAY, say)
    clock = ManualClock(SystemClock().now_ms())
    async with other, Dendrite(ALICE, clock=clock) as first, Dendrite(ALICE, clock=clock) as second:
        assert (await first.ask(endpoint(server), SAY, Ask(prompt="x"))).ok
        there = Endpoint(CHARLIE.ss58_address, "127.0.0.1", other.port)
        assert (await second.ask(there, SAY, Ask(prompt="x"))).ok
