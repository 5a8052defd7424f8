"""Peers that answer garbage, too late, too much, NaN, or in another's name: a Failure, no exception, no hang."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taostack.process.clock import SystemClock
from taostack.wire import Answer, CallError, Dendrite, DendriteLimits, Endpoint, signing
from taostack.wire.compression import compress
from taostack.wire.direct import DirectTransport
from taostack.wire.stream import MEDIA_TYPE, FrameWriter
from taostack.wire.transport import AiohttpTransport
from tests.integration.wire.raw import hand_made_server
from tests.integration.wire.support import ALICE, BOB, CHARLIE, SAY, TOKENS, Ask, Said

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LIMITS = DendriteLimits(
    deadline_seconds=1.0,
    reply_bytes=50_000,
    decompressed_bytes=60_000,
    item_bytes=1000,
    attempts=1,
    connect_seconds=1.0,
)

Reply = bytes | Callable[[dict[str, str], asyncio.StreamWriter], object]


@asynccontextmanager
async def peer(reply: Reply) -> AsyncIterator[Endpoint]:
    """A server that reads one request and answers with exactly these bytes (or what the function writes)."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        await reader.readexactly(int(headers.get("content-length", "0")))
        if isinstance(reply, bytes):
            writer.write(reply)
        else:
            result = reply(headers, writer)
            if asyncio.iscoroutine(result):
                await result
        await writer.drain()

    async with hand_made_server(serve) as port:
        yield Endpoint(BOB.ss58_address, "127.0.0.1", port)


async def ask(
    reply: Reply,
    *,
    protocol: str = "btauth",
    encoding: str = "json",
    compressed: bool = False,
    transport: type[AiohttpTransport] | type[DirectTransport] = DirectTransport,
) -> Answer:
    """One call to such a peer."""
    made = transport(LIMITS, SystemClock())
    async with (
        peer(reply) as there,
        Dendrite(ALICE, limits=LIMITS, encoding=encoding, compress=compressed, transport=made) as dendrite,
        asyncio.timeout(10),
    ):
        where = Endpoint(there.hotkey, there.host, there.port, protocol)
        return await dendrite.ask(where, SAY, Ask(prompt="x"))


def http(body: bytes, headers: dict[str, str] | None = None, status: int = 200) -> bytes:
    """The bytes of a response."""
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def signed(
    body: bytes, *, signer: object = BOB, status: int = 200, headers: dict[str, str] | None = None, nonce_shift: int = 0
) -> Reply:
    """A response that is signed as it should be, over whatever body."""

    def write(request: dict[str, str], writer: asyncio.StreamWriter) -> None:
        payload = signing.response_payload(
            "sr25519",
            status,
            sha256(body).hexdigest(),
            int(request["x-bittensor-nonce"]) + nonce_shift,
            request["x-bittensor-hotkey"],
            signer.ss58_address,
        )
        signatures = {
            "X-Bittensor-Resp-Hotkey": signer.ss58_address,
            "X-Bittensor-Resp-Signature": "0x" + signer.sign(payload).hex(),
        }
        writer.write(http(body, {"Content-Type": "application/json"} | signatures | (headers or {}), status))

    return write


GOOD = msgspec.json.encode(Said(text="hi"))


def code(answer: Answer) -> str:
    """The failure's code; also that there is no reply beside it."""
    assert answer.reply is None
    assert answer.failure is not None
    return answer.failure.code


async def test_a_good_reply_of_a_hand_made_peer_is_taken() -> None:
    assert (await ask(signed(GOOD))).unwrap().text == "hi"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (http(GOOD), "unsigned"),
        (
            http(GOOD, {"X-Bittensor-Resp-Hotkey": BOB.ss58_address, "X-Bittensor-Resp-Signature": "0x00"}),
            "bad-signature",
        ),
        (http(GOOD, {"X-Bittensor-Resp-Hotkey": "", "X-Bittensor-Resp-Signature": ""}), "wrong-hotkey"),
        (signed(GOOD, signer=CHARLIE), "wrong-hotkey"),
        (signed(GOOD, nonce_shift=-1), "bad-signature"),
        (signed(GOOD, headers={"X-Bittensor-Resp-Crypto": "ed25519"}), "bad-signature"),
        (signed(GOOD, headers={"X-Bittensor-Resp-Crypto": "none"}), "bad-signature"),
        (signed(b""), "garbage"),
        (signed(b"null"), "garbage"),
        (signed(b'{"text":"x","score":NaN}'), "garbage"),
        (signed(b'{"text":"x","score":null}'), "garbage"),
        (signed(b'{"text":"x","score":1e999}'), "garbage"),
        (signed(b'{"text":"x","more":1}'), "garbage"),
        (signed(b'{"text":"\xff"}'), "garbage"),
        (signed(b"[" * 40_000), "garbage"),
        (signed(GOOD, headers={"Content-Encoding": "gzip"}), "garbage"),
        (signed(GOOD, headers={"Content-Encoding": "zstd"}), "garbage"),
        (signed(GOOD, headers={"Content-Type": "application/msgpack"}), "garbage"),
        (signed(b"x" * 60_000), "too-large"),
        (http(b"", {"Location": "http://127.0.0.1:1/"}, 302), "http-302"),
        (http(b"sorry", status=500), "http-500"),
        (http(b'{"code":"Not A Code"}', status=500), "http-500"),
        (http(b"", status=204).replace(b"Content-Length: 0\r\n", b""), "http-204"),
        (b"", "disconnected"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "disconnected"),
        (b"SSH-2.0-OpenSSH_9.0\r\n", "not-http"),
        (b"\x00" * 100, "not-http"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "not-http"),
        (b"HTTP/1.1 999999 OK\r\n\r\n", "not-http"),
    ],
)
@pytest.mark.parametrize("transport", [DirectTransport, AiohttpTransport])
async def test_each_kind_of_bad_reply_has_its_code(
    reply: Reply, expected: str, transport: type[AiohttpTransport] | type[DirectTransport]
) -> None:
    assert code(await ask(reply, transport=transport)) == expected


async def test_a_refusal_counts_as_authentic_only_when_it_is_signed() -> None:
    problem = json.dumps({"type": "", "title": "", "status": 503, "code": "busy", "detail": "later"}).encode()
    by_bob, by_anybody = await ask(signed(problem, status=503)), await ask(http(problem, status=503))
    assert code(by_bob) == code(by_anybody) == "busy"
    assert by_bob.failure is not None
    assert by_anybody.failure is not None
    assert (by_bob.failure.authentic, by_anybody.failure.authentic) == (True, False)


async def test_a_status_changed_on_the_way_is_noticed() -> None:
    def write(request: dict[str, str], writer: asyncio.StreamWriter) -> None:
        payload = signing.response_payload(
            "sr25519",
            500,
            sha256(GOOD).hexdigest(),
            int(request["x-bittensor-nonce"]),
            request["x-bittensor-hotkey"],
            BOB.ss58_address,
        )
        signatures = {
            "X-Bittensor-Resp-Hotkey": BOB.ss58_address,
            "X-Bittensor-Resp-Signature": BOB.sign(payload).hex(),
        }
        writer.write(http(GOOD, signatures))

    assert code(await ask(write)) == "bad-signature"


async def test_a_reply_in_msgpack_may_hold_no_nan() -> None:
    body = msgspec.msgpack.encode(Said(text="x", score=float("nan")))
    assert (
        code(await ask(signed(body, headers={"Content-Type": "application/msgpack"}), encoding="msgpack")) == "garbage"
    )


async def test_a_compressed_reply_may_hold_no_bomb() -> None:
    body = compress(b'{"text":"' + b"x" * 1_000_000 + b'"}')
    assert len(body) < 50_000
    assert code(await ask(signed(body, headers={"Content-Encoding": "zstd"}), compressed=True)) == "too-large"


async def test_a_reply_that_never_ends_is_cut_at_its_limit_or_deadline() -> None:
    async def flood(_: dict[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
            await writer.drain()

    async def drip(_: dict[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async def continue_for_ever(_: dict[str, str], writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.001)

    async def silence(_: dict[str, str], writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3)

    assert code(await ask(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")) in (
        "not-http",
        "disconnected",
    )
    assert code(await ask(flood)) == "too-large"
    assert code(await ask(drip)) == "timeout"
    assert code(await ask(continue_for_ever)) in ("timeout", "not-http", "disconnected")
    assert code(await ask(silence)) == "timeout"


@FEW
@given(body=st.binary(max_size=200))
async def test_signed_replies_of_any_bytes_are_garbage_or_a_message(body: bytes) -> None:
    answer = await ask(signed(body))
    assert answer.ok or code(answer) == "garbage"


@FEW
@given(raw=st.binary(max_size=200), protocol=st.sampled_from(["btauth", "v10"]))
async def test_responses_of_any_bytes_are_failures(raw: bytes, protocol: str) -> None:
    assert code(await ask(raw, protocol=protocol))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (http(b'{"text":"x"}'), None),
        (http(b'{"text":"x","score":NaN}'), "garbage"),
        (http(b'{"text":1}'), "garbage"),
        (http(b"[]"), "garbage"),
        (http(b"{}"), "garbage"),
        (http(b'{"text":"x"}', {"bt_header_axon_status_code": "403"}), "v10-failed"),
        (http(b'{"message":"no"}', status=401), "v10-not-verified"),
        (http(b'{"message":{"a":1}}', status=403), "v10-blacklisted"),
        (http(b'{"detail":[]}', status=422), "v10-unprocessable"),
        (http(b"<html>", status=502), "http-502"),
    ],
)
async def test_each_kind_of_v10_reply_has_its_code(reply: Reply, expected: str | None) -> None:
    answer = await ask(reply, protocol="v10")
    assert (answer.failure.code if answer.failure else None) == expected


def stream_of(*chunks: bytes, media: str = MEDIA_TYPE, finish: bool = True) -> bytes:
    """A chunked response."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head + body + (b"0\r\n\r\n" if finish else b"")


ITEM = FrameWriter().data(b'{"text":"a"}')


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (stream_of(), "disconnected"),
        (stream_of(ITEM), "disconnected"),
        (stream_of(ITEM, finish=False), "disconnected"),
        (stream_of(ITEM[:-3]), "disconnected"),
        (stream_of(FrameWriter().data(b'{"text":1}')), "garbage"),
        (stream_of(FrameWriter().data(b"x" * 2000)), "garbage"),
        (stream_of(b"\xff" * 50), "garbage"),
        (stream_of(ITEM, FrameWriter().trailer(BOB, "sr25519", "ok", "", 1, ALICE.ss58_address)), "garbage"),
        (stream_of(FrameWriter().trailer(CHARLIE, "sr25519", "ok", "", 1, ALICE.ss58_address)), "garbage"),
        (stream_of(ITEM, media="text/plain"), "garbage"),
        (http(b"", status=404), "http-404"),
        (b"", "disconnected"),
        (b"nonsense\r\n\r\n", "not-http"),
    ],
)
@pytest.mark.parametrize("transport", [DirectTransport, AiohttpTransport])
async def test_each_kind_of_bad_stream_has_its_code(
    reply: bytes, expected: str, transport: type[AiohttpTransport] | type[DirectTransport]
) -> None:
    made = transport(LIMITS, SystemClock())
    async with peer(reply) as there, Dendrite(ALICE, limits=LIMITS, transport=made) as dendrite, asyncio.timeout(10):
        with pytest.raises(CallError) as caught:
            async with dendrite.stream(there, TOKENS, Ask(prompt="x")) as items:
                async for _ in items:
                    pass
    assert caught.value.failure.code == expected
    assert not caught.value.failure.authentic


@FEW
@given(raw=st.binary(max_size=200))
async def test_streams_of_any_bytes_are_broken(raw: bytes) -> None:
    async with peer(stream_of(raw)) as there, Dendrite(ALICE, limits=LIMITS) as dendrite, asyncio.timeout(10):
        with pytest.raises(CallError):
            async with dendrite.stream(there, TOKENS, Ask(prompt="x")) as items:
                async for _ in items:
                    pass
