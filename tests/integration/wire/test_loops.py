"""The same calls on uvloop, and on a store that several axons of one hotkey share."""

import time
from pathlib import Path

import uvloop

from taostack.process.clock import SystemClock
from taostack.wire import Axon, Dendrite, Endpoint, SqliteReplayStore
from taostack.wire.signing import sign_request
from tests.integration.wire.raw import answer_once
from tests.integration.wire.support import ALICE, BOB, SAY, TOKENS, Ask, say, tokens


def test_uvloop_changes_nothing() -> None:
    async def main() -> None:
        server = Axon(BOB)
        server.attach(SAY, say)
        server.attach(TOKENS, tokens)
        async with server, Dendrite(ALICE, encoding="msgpack") as dendrite:
            there = Endpoint(BOB.ss58_address, "127.0.0.1", server.port)
            answers = await dendrite.ask_all(SAY, [(there, Ask(prompt="x" * 2_000, times=n)) for n in range(100)])
            assert [len(answer.unwrap().text) for answer in answers] == [2_000 * n for n in range(100)]
            # Its own clock ticks in milliseconds; a latency has to be finer than that.
            assert len({answer.latency_seconds for answer in answers}) > 50
            async with dendrite.stream(there, TOKENS, Ask(prompt="t", times=3)) as items:
                assert [item.text async for item in items] == ["t0", "t1", "t2"]

    uvloop.run(main())


async def test_axons_that_share_a_hotkey_and_a_store_accept_a_request_once(tmp_path: Path) -> None:
    body = b'{"prompt":"x"}'
    stores = [SqliteReplayStore(tmp_path / "nonces.sqlite", SystemClock()) for _ in range(2)]
    servers = [Axon(BOB, replay=store) for store in stores]
    for server in servers:
        server.attach(SAY, say)
    async with servers[0], servers[1]:
        headers = sign_request(
            ALICE, method="POST", target=SAY.path, body=body, nonce_ns=time.time_ns(), receiver=BOB.ss58_address
        )
        first = await answer_once(servers[0].port, SAY.path, headers, body)
        second = await answer_once(servers[1].port, SAY.path, headers, body)
    for store in stores:
        store.close()
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 401 ")
    assert b"auth-replayed" in second
