"""Both ways with the SDK's own ``bittensor.http_auth``: its requests here, our requests there."""

import time

import aiohttp
import pytest
from bittensor import http_auth

from taostack.wire import Axon, Dendrite, Endpoint, signing
from tests.integration.wire.raw import answer_once
from tests.integration.wire.support import ALICE, ALICE_ED, BOB, CHARLIE, SAY, Ask, say

BODY = b'{"prompt": "hello", "times": 2}'


async def post(port: int, headers: dict[str, str], body: bytes = BODY, target: str = SAY.path) -> tuple[int, dict]:
    """Post with an ordinary HTTP client."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"http://127.0.0.1:{port}{target}", data=body, headers={"Content-Type": "application/json"} | headers
        ) as response,
    ):
        return response.status, await response.json(content_type=None)


@pytest.mark.parametrize("signer", [ALICE, ALICE_ED])
async def test_a_request_signed_by_the_sdk_is_accepted(signer: object) -> None:
    server = Axon(BOB)
    server.attach(SAY, say)
    async with server:
        headers = http_auth.sign(signer, method="POST", path=SAY.path, body=BODY, receiver_ss58=BOB.ss58_address)
        status, reply = await post(server.port, headers)
    assert (status, reply["text"], reply["asked_by"]) == (200, "hellohello", signer.ss58_address)


async def test_the_query_is_signed_as_it_is_sent() -> None:
    server = Axon(BOB)
    server.attach(SAY, say)
    async with server:
        target = f"{SAY.path}?stream=false&x=%20"
        headers = http_auth.sign(ALICE, method="POST", path=target, body=BODY, receiver_ss58=BOB.ss58_address)
        raw = await answer_once(server.port, target, headers, BODY)
        assert raw.startswith(b"HTTP/1.1 200 ")
        assert b" 401 " in (await answer_once(server.port, SAY.path, headers, BODY)).split(b"\r\n")[0]


@pytest.mark.parametrize(
    ("options", "body", "code"),
    [
        ({"receiver_ss58": CHARLIE.ss58_address}, BODY, "auth-receiver"),
        ({}, BODY, "auth-receiver"),
        ({"receiver_ss58": BOB.ss58_address, "nonce_ns": 1_752_076_800_000_000_000}, BODY, "auth-stale"),
        ({"receiver_ss58": BOB.ss58_address}, BODY + b" ", "auth-signature"),
        ({"receiver_ss58": BOB.ss58_address, "path": "/other/v1"}, BODY, "auth-signature"),
        ({"receiver_ss58": BOB.ss58_address, "method": "GET"}, BODY, "auth-signature"),
    ],
)
async def test_what_the_sdk_signed_otherwise_is_refused(options: dict, body: bytes, code: str) -> None:
    server = Axon(BOB)
    server.attach(SAY, say)
    async with server:
        headers = http_auth.sign(ALICE, **({"method": "POST", "path": SAY.path, "body": BODY} | options))
        status, problem = await post(server.port, headers, body)
    assert (status, problem["code"]) == (401, code)


async def test_a_replayed_request_is_refused_and_one_ahead_of_time_too() -> None:
    server = Axon(BOB)
    server.attach(SAY, say)
    async with server:

        def signed(nonce_ns: int) -> dict[str, str]:
            return http_auth.sign(
                ALICE, method="POST", path=SAY.path, body=BODY, receiver_ss58=BOB.ss58_address, nonce_ns=nonce_ns
            )

        headers = signed(time.time_ns())
        assert (await post(server.port, headers))[0] == 200
        status, problem = await post(server.port, headers)
        assert (status, problem["code"]) == (401, "auth-replayed")
        status, problem = await post(server.port, signed(time.time_ns() + 5_000_000_000))
        assert (status, problem["code"]) == (401, "auth-stale")


@pytest.mark.parametrize("signer", [ALICE, ALICE_ED])
def test_our_signature_is_accepted_by_the_sdk(signer: object) -> None:
    nonce = time.time_ns()
    headers = signing.sign_request(
        signer, method="POST", target="/generate?x=1", body=BODY, nonce_ns=nonce, receiver=BOB.ss58_address
    )
    caller = http_auth.verify(
        headers,
        BODY,
        method="POST",
        path="/generate?x=1",
        self_hotkey_ss58=BOB.ss58_address,
        nonce_store=http_auth.InMemoryNonceStore(),
    )
    assert (caller.hotkey_ss58, caller.nonce_ns) == (signer.ss58_address, nonce)


async def test_our_dendrite_asks_a_plain_server_that_verifies_with_the_sdk() -> None:
    from aiohttp import web

    async def generate(request: web.Request) -> web.Response:
        body = await request.read()
        caller = http_auth.verify(
            request.headers,
            body,
            method=request.method,
            path=request.raw_path,
            self_hotkey_ss58=BOB.ss58_address,
            nonce_store=http_auth.InMemoryNonceStore(),
        )
        return web.json_response({"text": "plain", "asked_by": caller.hotkey_ss58})

    application = web.Application()
    application.router.add_post(SAY.path, generate)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    there = Endpoint(BOB.ss58_address, "127.0.0.1", port)
    try:
        async with Dendrite(ALICE) as strict, Dendrite(ALICE, require_signed=False) as lenient:
            refused = await strict.ask(there, SAY, Ask(prompt="x"))
            accepted = await lenient.ask(there, SAY, Ask(prompt="x"))
    finally:
        await runner.cleanup()
    assert refused.failure is not None
    assert refused.failure.code == "unsigned"
    assert accepted.unwrap().asked_by == ALICE.ss58_address
    assert not accepted.signed
