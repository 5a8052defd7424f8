"""Both ways with an unmodified bittensor 10, on our ordinary port.

The peer is ``v10_peer.py``, a process of the environment that ``make setup``
makes beside ours (``.venv-v10``, or what ``TAOSTACK_V10_PYTHON`` names).
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from taostack.process.clock import SystemClock
from taostack.wire import (
    Axon,
    AxonLimits,
    Caller,
    Dendrite,
    Endpoint,
    GateRules,
    Message,
    Route,
    StreamBrokenError,
    V10Shape,
)
from taostack.wire.gate import Gate
from tests.integration.wire.support import ALICE, BOB, CHARLIE, SAY, TOKENS, Ask, Book, Known, Said, Token, say, tokens

PEER = Path(__file__).with_name("v10_peer.py")


class TypedAsk(Message, frozen=True):
    """The request half of the peer's ``Typed``."""

    words: list[str]
    table: dict[str, float]
    number: float
    flag: bool
    nothing: int | None = None


class TypedReply(Message, frozen=True):
    """The reply half of the peer's ``Typed``."""

    total: float


TYPED = Route("typed", 1, TypedAsk, TypedReply, v10=V10Shape("Typed", ("words", "table", "number", "flag", "nothing")))


async def typed(request: TypedAsk, caller: Caller) -> TypedReply:
    """As the peer computes it."""
    return TypedReply(total=sum(request.table.values()) + request.number + len(request.words))


def v10_python() -> str:
    """The Python of the unmodified bittensor 10; without it these tests fail."""
    path = Path(os.environ.get("TAOSTACK_V10_PYTHON", Path(__file__).parents[3] / ".venv-v10" / "bin" / "python"))
    if not path.exists():
        pytest.fail(f"{path} is missing: run `make setup`")
    return str(path)


async def start_peer(*arguments: str, home: Path) -> asyncio.subprocess.Process:
    """The peer as a process."""
    return await asyncio.create_subprocess_exec(
        v10_python(),
        str(PEER),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=home,
    )


async def next_json(peer: asyncio.subprocess.Process) -> dict[str, Any]:
    """The next line of JSON it prints."""
    assert peer.stdout is not None
    async with asyncio.timeout(60):
        while line := await peer.stdout.readline():
            if line.startswith(b"{"):
                return json.loads(line)
    raise AssertionError("the peer ended without an answer")


@pytest.fixture
async def peer_axon(tmp_path: Path) -> AsyncIterator[Endpoint]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    peer = await start_peer("axon", str(port), home=tmp_path)
    try:
        await next_json(peer)
        await accepting(port)
        yield Endpoint(BOB.ss58_address, "127.0.0.1", port, "v10")
    finally:
        assert peer.stdin is not None
        peer.stdin.close()
        await peer.wait()


async def accepting(port: int) -> None:
    """Return when somebody listens."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


async def test_an_unmodified_dendrite_is_answered(tmp_path: Path) -> None:
    clock = SystemClock()
    book = Book({ALICE.ss58_address: Known(1, 5, permit=True)}, clock.now_ms())
    server = Axon(BOB, gate=Gate(lambda: book, GateRules(), clock), limits=AxonLimits(handler_seconds=0.3))
    server.attach(SAY, say)
    server.attach(TYPED, typed)
    server.attach(TOKENS, tokens)
    async with server:
        peer = await start_peer("dendrite", str(server.port), home=tmp_path)
        found = await next_json(peer)
        assert peer.stdin is not None
        peer.stdin.close()
        await peer.wait()
        # The same port, the same routes, the other dialect.
        async with Dendrite(ALICE) as dendrite:
            own = await dendrite.ask(Endpoint(BOB.ss58_address, "127.0.0.1", server.port), SAY, Ask(prompt="own"))
    assert own.unwrap().text == "own"

    plain = found["plain"]
    assert (plain["status"], plain["message"], plain["success"]) == (200, "Success", True)
    assert (plain["text"], plain["asked_by"], plain["prompt"]) == ("taotao", ALICE.ss58_address, "tao")
    assert found["typed"]["success"]
    assert found["typed"]["total"] == pytest.approx(1e22 + 0.1 + 2 + 3)
    assert found["unknown route"]["status"] == 404
    assert found["crash"]["status"] == 500
    assert "secret" not in found["crash"]["message"]
    assert found["refuse"]["status"] == 422
    assert "not in the mood" in found["refuse"]["message"]
    assert (found["hang"]["status"], found["hang"]["timeout"]) == (408, True)
    assert (found["denied"]["status"], found["denied"]["blacklist"]) == (403, True)
    assert found["denied"]["message"].startswith("Forbidden. Key is blacklisted: ")
    assert found["wrong receiver"]["status"] == 401
    assert found["wrong receiver"]["message"].startswith("Not Verified with error: ")
    assert found["many"] == [200] * 50
    assert "".join(found["stream"]["chunks"]) == "t0t1t2"
    assert found["stream"]["success"]


async def test_an_unmodified_axon_answers_us(peer_axon: Endpoint) -> None:
    async with Dendrite(ALICE) as alice, Dendrite(CHARLIE) as charlie:
        answer = await alice.ask(peer_axon, SAY, Ask(prompt="tao", times=2))
        assert answer.unwrap() == Said(text="taotao", asked_by=ALICE.ss58_address)
        assert not answer.signed
        assert answer.latency_seconds > 0
        numbers = TypedAsk(words=["a", "é", 'q"'], table={"k": 0.1, "big": 1e22}, number=2.0, flag=True)
        assert (await alice.ask(peer_axon, TYPED, numbers)).unwrap().total == pytest.approx(1e22 + 0.1 + 2 + 3)

        async def code(dendrite: Dendrite, route: Route[Any, Any], where: Endpoint, prompt: str) -> tuple[str, Any]:
            failure = (await dendrite.ask(where, route, Ask(prompt=prompt))).failure
            assert failure is not None
            assert not failure.authentic
            return failure.code, failure.status

        unknown = Route("say", 1, Ask, Said, v10=V10Shape("Nowhere", ("prompt",)))
        unhashed = Route("say", 1, Ask, Said, v10=V10Shape("Say", ("prompt",)))
        stranger = Endpoint(CHARLIE.ss58_address, peer_axon.host, peer_axon.port, "v10")
        assert await code(alice, unknown, peer_axon, "x") == ("v10-unknown-synapse", 404)
        assert await code(alice, SAY, peer_axon, "crash") == ("v10-internal", 500)
        assert await code(alice, unhashed, peer_axon, "x") == ("v10-internal", 500)  # v10 says so of a hash mismatch
        assert await code(charlie, SAY, peer_axon, "x") == ("v10-blacklisted", 403)
        assert await code(alice, SAY, stranger, "x") == ("v10-not-verified", 401)

        answers = await alice.ask_all(SAY, [(peer_axon, Ask(prompt=str(n))) for n in range(30)], concurrency=1)
        assert [answer.unwrap().text for answer in answers] == [str(n) for n in range(30)]


async def test_an_unmodified_axon_streams_to_us(peer_axon: Endpoint) -> None:
    async with Dendrite(ALICE) as dendrite:
        async with dendrite.stream(peer_axon, TOKENS, Ask(prompt="t", times=3)) as items:
            received = [item async for item in items]
        assert "".join(token.text for token in received) == "t0t1t2"
        assert all(isinstance(token, Token) for token in received)
        assert not items.authentic
        with pytest.raises(StreamBrokenError):
            async with dendrite.stream(peer_axon, TOKENS, Ask(prompt="t", times=100), deadline_seconds=0.3) as items:
                async for _ in items:
                    pass


async def test_a_route_without_a_shape_cannot_ask_a_v10_neuron(peer_axon: Endpoint) -> None:
    plain = Route("plain", 1, Ask, Said)
    async with Dendrite(ALICE) as dendrite:
        answer = await dendrite.ask(peer_axon, plain, Ask(prompt="x"))
    assert answer.failure is not None
    assert answer.failure.code == "endpoint"
