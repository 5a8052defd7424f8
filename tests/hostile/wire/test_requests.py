"""Malformed, oversized, replayed, stale, misaddressed and wrongly signed requests: refused, never 500, never a hang.

Everything goes through a real socket to a real axon. A generated request that
is refused must also leave the axon able to answer the next good one.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taostack.wire import Axon, AxonLimits, Dendrite, Endpoint, signing
from taostack.wire.compression import compress
from taostack.wire.v10.hashing import body_hash
from taostack.wire.v10.headers import signed_text
from tests.integration.wire.raw import exchange, request
from tests.integration.wire.support import ALICE, BOB, CHARLIE, SAY, TOKENS, Ask, say, tokens

LIMITS = AxonLimits(
    header_bytes=4096,
    body_bytes=20_000,
    decompressed_bytes=50_000,
    header_seconds=0.3,
    body_seconds=0.3,
    handler_seconds=2.0,
    keep_alive_seconds=0.3,
)
BODY = b'{"prompt":"x","times":1}'
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def served() -> Axon:
    """Bob's axon with tight limits."""
    server = Axon(BOB, limits=LIMITS)
    server.attach(SAY, say)
    server.attach(TOKENS, tokens)
    return server


def signed(body: bytes = BODY, **changes: Any) -> dict[str, str]:
    """Good headers, but for what is changed."""
    arguments = {
        "method": "POST",
        "target": SAY.path,
        "body": body,
        "nonce_ns": time.time_ns(),
        "receiver": BOB.ss58_address,
    } | changes
    return signing.sign_request(ALICE, **arguments)


def signed_v10(body: bytes, digest: str, nonce_ns: int | None = None) -> dict[str, str]:
    """Good v10 headers over a body hash."""
    nonce = time.time_ns() if nonce_ns is None else nonce_ns
    signature = ALICE.sign(signed_text(nonce, ALICE.ss58_address, BOB.ss58_address, "some-uuid", digest))
    return {
        "bt_header_dendrite_hotkey": ALICE.ss58_address,
        "bt_header_dendrite_nonce": str(nonce),
        "bt_header_dendrite_uuid": "some-uuid",
        "bt_header_dendrite_signature": "0x" + signature.hex(),
        "computed_body_hash": digest,
    }


def status_of(response: bytes) -> int:
    """The status of a raw response; 0 when there is none."""
    return int(response[9:12]) if response.startswith(b"HTTP/1.1 ") else 0


def code_of(response: bytes) -> str:
    """The problem code of a raw response."""
    return json.loads(response.partition(b"\r\n\r\n")[2])["code"]


async def send(port: int, headers: Mapping[str, str], body: bytes = BODY, target: str = SAY.path) -> bytes:
    """One exchange."""
    return await exchange(port, request(target, headers, body))


async def still_well(server: Axon) -> bool:
    """Whether a good request is answered."""
    async with Dendrite(ALICE) as dendrite:
        answer = await dendrite.ask(Endpoint(BOB.ss58_address, "127.0.0.1", server.port), SAY, Ask(prompt="well"))
    return answer.ok


async def refused(headers: Mapping[str, str], body: bytes = BODY, target: str = SAY.path) -> int:
    """The status with which a fresh axon refuses; it must survive."""
    async with served() as server:
        response = await send(server.port, headers, body, target)
        assert await still_well(server)
        assert "internal" not in server.outcomes
    return status_of(response)


TABLE: list[tuple[str, dict[str, Any], dict[str, str], int, str]] = [
    ("unsigned", {}, {"X-Bittensor-Signature": ""}, 400, "auth-malformed"),
    ("other version", {}, {"X-Bittensor-Version": "2"}, 400, "auth-malformed"),
    ("stale", {"nonce_ns": 1_752_076_800_000_000_000}, {}, 401, "auth-stale"),
    ("from the future", {"nonce_ns": 2**63}, {}, 401, "auth-stale"),
    ("misaddressed", {"receiver": CHARLIE.ss58_address}, {}, 401, "auth-receiver"),
    ("addressed to nobody", {"receiver": None}, {}, 401, "auth-receiver"),
    ("other target", {"target": "/say/v2"}, {}, 401, "auth-signature"),
    ("other body", {"body": b"{}"}, {}, 401, "auth-signature"),
    ("another's key", {}, {"X-Bittensor-Hotkey": CHARLIE.ss58_address}, 401, "auth-signature"),
    ("no address", {}, {"X-Bittensor-Hotkey": "5nobody"}, 400, "auth-malformed"),
    ("zero signature", {}, {"X-Bittensor-Signature": "0x" + "00" * 64}, 401, "auth-signature"),
    ("other scheme", {}, {"X-Bittensor-Crypto": "ed25519"}, 401, "auth-signature"),
    ("unknown scheme", {}, {"X-Bittensor-Crypto": "rsa"}, 400, "auth-malformed"),
    ("other media", {}, {"Content-Type": "text/html"}, 415, "media-unsupported"),
    ("other encoding", {}, {"Content-Encoding": "gzip"}, 415, "media-unsupported"),
    ("not what it says", {}, {"Content-Type": "application/msgpack"}, 400, "body-invalid"),
    ("not compressed", {}, {"Content-Encoding": "zstd"}, 400, "body-invalid"),
]


@pytest.mark.parametrize(
    ("options", "headers", "status", "code"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
async def test_each_kind_of_bad_request_has_its_code(
    options: dict[str, Any], headers: dict[str, str], status: int, code: str
) -> None:
    async with served() as server:
        response = await send(server.port, signed(**options) | headers)
        assert (status_of(response), code_of(response)) == (status, code)
        assert await still_well(server)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"prompt":1}',
        b'{"prompt":"x","unknown":1}',
        b'{"times":1}',
        b'{"prompt":"x","times":1e999}',
        b'{"prompt":"x","times":' + b"9" * 5000 + b"}",
        b'{"prompt":"x","times":NaN}',
        b'{"prompt":"\xff\xfe"}',
        b'{"prompt":"\\ud800"}',
        b"[" * 15_000,
        b'{"prompt":' * 1_500,
        b"\x00" * 100,
    ],
)
async def test_a_body_that_is_no_message_is_refused(body: bytes) -> None:
    assert await refused(signed(body), body) == 400


async def test_a_replay_is_refused_even_when_thousands_of_nonces_lie_between() -> None:
    async with served() as server, Dendrite(ALICE) as dendrite:
        headers = signed()
        assert status_of(await send(server.port, headers)) == 200
        there = Endpoint(BOB.ss58_address, "127.0.0.1", server.port)
        await dendrite.ask_all(SAY, [(there, Ask(prompt="x"))] * 500, concurrency=20)
        response = await send(server.port, headers)
    assert (status_of(response), code_of(response)) == (401, "auth-replayed")


async def test_of_many_simultaneous_copies_one_is_accepted() -> None:
    async with served() as server:
        headers = signed()
        responses = await asyncio.gather(*(send(server.port, headers) for _ in range(20)))
    statuses = [status_of(response) for response in responses]
    assert statuses.count(200) == 1
    assert statuses.count(401) == 19


async def test_a_wrongly_signed_copy_does_not_burn_the_senders_nonce() -> None:
    async with served() as server:
        headers = signed()
        forged = headers | {"X-Bittensor-Signature": "0x" + "11" * 64}
        assert status_of(await send(server.port, forged)) == 401
        assert status_of(await send(server.port, headers)) == 200


async def test_bodies_beyond_the_limit_are_refused_announced_or_not() -> None:
    large = b'{"prompt":"' + b"x" * 30_000 + b'"}'
    assert await refused(signed(large), large) == 413
    async with served() as server:
        head = request(SAY.path, signed(large) | {"Transfer-Encoding": "chunked"}, b"")
        head = head.replace(b"Content-Length: 0\r\n", b"")
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [large[:15_000], large[15_000:]])
        response = await exchange(server.port, head + chunks + b"0\r\n\r\n")
        assert status_of(response) == 413
        # Announced as larger than any integer, or not as a number at all.
        for length in ("9" * 40, "-1", "0x10", "1e3"):
            raw = request(SAY.path, signed(), BODY).replace(
                b"Content-Length: 24", b"Content-Length: " + length.encode()
            )
            assert status_of(await exchange(server.port, raw)) in (400, 413)
        assert await still_well(server)


async def test_many_half_sent_bodies_hold_no_more_memory_than_allowed() -> None:
    limits = AxonLimits(body_bytes=100_000, held_body_bytes=150_000, body_seconds=1.0, shutdown_seconds=0.1)
    server = Axon(BOB, limits=limits)
    server.attach(SAY, say)
    body = b'{"prompt":"' + b"x" * 80_000 + b'"}'
    async with server:

        async def stall() -> bytes:
            return await exchange(server.port, request(SAY.path, signed(body), body)[:-10])

        responses = await asyncio.gather(*(stall() for _ in range(6)))
        codes = sorted(code_of(response) for response in responses if response)
        assert codes.count("busy") >= 3
        assert set(codes) <= {"busy", "body-too-slow"}
        # What was held is given back.
        assert status_of(await send(server.port, signed(body), body)) == 200


async def test_a_decompression_bomb_is_refused() -> None:
    bomb = compress(b'{"prompt":"' + b"x" * 10_000_000 + b'"}')
    assert await refused(signed(bomb) | {"Content-Encoding": "zstd"}, bomb) == 413


@pytest.mark.parametrize("name", ["X-Bittensor-Hotkey", "x-bittensor-nonce", "Content-Type"])
async def test_a_repeated_header_is_refused(name: str) -> None:
    async with served() as server:
        raw = request(SAY.path, signed() | {"Content-Type": "application/json"}, BODY)
        raw = raw.replace(b"Host: axon\r\n", b"Host: axon\r\n" + name.encode() + b": application/json\r\n")
        assert status_of(await exchange(server.port, raw)) == 400
        assert await still_well(server)


async def test_headers_beyond_the_limit_are_refused() -> None:
    async with served() as server:
        many = request(SAY.path, signed() | {f"X-{n}": "y" * 50 for n in range(200)}, BODY)
        one = request(SAY.path, signed() | {"X-Long": "y" * 10_000}, BODY)
        endless = b"POST /say/v1 HTTP/1.1\r\nX-Endless: " + b"y" * 10_000
        target = b"POST /" + b"y" * 10_000
        for raw in (many, one, endless, target):
            response = await exchange(server.port, raw)
            assert (status_of(response), code_of(response)) == (431, "headers-too-large")
        assert await still_well(server)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"P",
        b"\r\n",
        b"POST /say/v1 HTTP/1.1\r\n",
        b"POST /say/v1 HTTP/1.1\r\nHost: axon\r\nX-Half",
    ],
)
async def test_a_connection_that_never_finishes_its_headers_is_closed(first: bytes) -> None:
    async with served() as server:
        started = time.monotonic()
        response = await exchange(server.port, first)
        assert status_of(response) in (0, 408)
        assert time.monotonic() - started < 3
        assert await still_well(server)


async def test_headers_that_drip_in_are_cut_off() -> None:
    async with served() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = b"POST /say/v1 HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(1000))

        async def drip() -> None:
            for byte in head:
                writer.write(bytes((byte,)))
                await asyncio.sleep(0.01)

        async with asyncio.timeout(5):
            dripping = asyncio.ensure_future(drip())
            try:
                response = await reader.read()
            except ConnectionResetError:
                response = b""  # a byte of ours met the closed socket before its answer was read
            dripping.cancel()
        writer.close()
        assert status_of(response) in (0, 408)
        assert await still_well(server)


async def test_a_second_request_may_not_dawdle_either() -> None:
    async with served() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        async with asyncio.timeout(5):
            writer.write(request(SAY.path, signed(), BODY).replace(b"Connection: close\r\n", b""))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            writer.write(b"\r\n")
            await reader.read()
        writer.close()


async def test_a_body_that_drips_in_is_cut_off() -> None:
    async with served() as server:
        raw = request(SAY.path, signed(), BODY)
        response = await exchange(server.port, raw[:-5])
        assert (status_of(response), code_of(response)) == (408, "body-too-slow")
        assert await still_well(server)


async def test_a_peer_that_reads_nothing_is_cut_off() -> None:
    server = Axon(BOB, limits=AxonLimits(write_seconds=0.2, handler_seconds=30, shutdown_seconds=0.1))
    server.attach(TOKENS, tokens)
    body = json.dumps({"prompt": "y" * 100_000, "times": 10_000}).encode()
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
        writer.write(request(TOKENS.path, signed(body, target=TOKENS.path), body))
        await reader.readexactly(1)
        async with asyncio.timeout(10):
            while server.in_flight:
                await asyncio.sleep(0.02)
        writer.transport.abort()


async def test_connections_beyond_the_limit_are_closed_at_once() -> None:
    server = Axon(BOB, limits=AxonLimits(connections=3, header_seconds=5))
    async with server:
        held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert await exchange(server.port, b"") == b""
        for _, writer in held:
            writer.close()


async def test_pipelined_requests_are_each_answered() -> None:
    async with served() as server:
        keep = [request(SAY.path, signed(nonce_ns=time.time_ns() + n), BODY) for n in range(3)]
        raw = b"".join(each.replace(b"Connection: close\r\n", b"") for each in keep[:2]) + keep[2]
        response = await exchange(server.port, raw)
    assert response.count(b"HTTP/1.1 200 ") == 3


async def test_pipelined_requests_with_bodies_in_many_pieces_are_not_taken_for_headers() -> None:
    async with served() as server:
        bodies = [json.dumps({"prompt": "x" * 15_000, "times": n}).encode() for n in (1, 1, 1)]
        keep = [
            request(SAY.path, signed(body, nonce_ns=time.time_ns() + n), body).replace(b"Connection: close\r\n", b"")
            for n, body in enumerate(bodies)
        ]
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        raw = b"".join(keep)
        async with asyncio.timeout(5):
            for start in range(0, len(raw), 3_000):
                writer.write(raw[start : start + 3_000])
                await asyncio.sleep(0.001)
            for _ in keep:
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(int(length.partition(b": ")[2]))
        writer.close()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
async def test_other_methods_are_refused(method: str) -> None:
    async with served() as server:
        response = await exchange(server.port, request(SAY.path, signed(), b"", method=method))
        assert status_of(response) == 405
        assert await still_well(server)


@pytest.mark.parametrize(
    "raw",
    [
        b"CONNECT axon:80 HTTP/1.1\r\nHost: axon\r\n\r\n",
        b"GET /say/v1 HTTP/1.1\r\nHost: axon\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST * HTTP/1.1\r\nHost: axon\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"POST http://[bad/ HTTP/1.1\r\nHost: axon\r\n\r\n",
        b"POST /\xff\xfe HTTP/1.1\r\nHost: axon\r\n\r\n",
        b"POST /say/v1 HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /say/v1 HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /say/v1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /say/v1 HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST /say/v1 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        b"POST /say/v1 HTTP/1.1\r\nna me: x\r\n\r\n",
        b"POST /%2e%2e/%00 HTTP/1.1\r\nHost: axon\r\nConnection: close\r\n\r\n",
        b"\x00" * 1000,
        b"\xff" * 10_000,
        b"\n" * 10_000,
    ],
)
async def test_what_is_hardly_http_is_refused_and_closed(raw: bytes) -> None:
    async with served() as server:
        response = await exchange(server.port, raw, end=True)
        assert status_of(response) < 500
        assert await still_well(server)
        assert "internal" not in server.outcomes


header_values = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80)


@FEW
@given(
    changes=st.dictionaries(
        st.sampled_from(
            [
                "X-Bittensor-Version",
                "X-Bittensor-Hotkey",
                "X-Bittensor-Receiver",
                "X-Bittensor-Nonce",
                "X-Bittensor-Crypto",
                "X-Bittensor-Signature",
                "Content-Type",
                "Content-Encoding",
                "Accept",
                "bt_header_dendrite_hotkey",
                "bt_header_dendrite_nonce",
                "computed_body_hash",
            ]
        ),
        header_values,
        min_size=1,
        max_size=4,
    )
)
async def test_headers_of_any_text_never_break_the_axon(changes: dict[str, str]) -> None:
    status = await refused(signed() | changes)
    assert status < 500


@FEW
@given(body=st.binary(max_size=300), media=st.sampled_from(["application/json", "application/msgpack"]))
async def test_signed_bodies_of_any_bytes_never_break_the_axon(body: bytes, media: str) -> None:
    assert await refused(signed(body) | {"Content-Type": media}, body) in (200, 400)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@FEW
@given(fields=st.dictionaries(st.sampled_from(["prompt", "times", "text", "name", "dendrite", "x"]), json_values))
async def test_v10_bodies_of_any_shape_never_break_the_axon(fields: dict[str, Any]) -> None:
    body = json.dumps(fields).encode()
    digest = body_hash([fields.get("prompt"), fields.get("times", 1)])
    assert await refused(signed_v10(body, digest), body, "/Say") in (200, 400)


@FEW
@given(raw=st.binary(min_size=1, max_size=400))
async def test_bytes_of_any_kind_on_a_connection_never_break_the_axon(raw: bytes) -> None:
    async with served() as server:
        response = await exchange(server.port, raw, end=True)
        assert status_of(response) < 500
        assert await still_well(server)


@FEW
@given(data=st.data())
async def test_a_good_request_with_any_byte_changed_never_breaks_the_axon(data: st.DataObject) -> None:
    raw = bytearray(request(SAY.path, signed(), BODY))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    async with served() as server:
        response = await exchange(server.port, bytes(raw), end=True)
        assert status_of(response) < 500
        assert await still_well(server)
        assert "internal" not in server.outcomes


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"bt_header_dendrite_signature": "0x" + "00" * 64}, 401),
        ({"bt_header_dendrite_nonce": "1752076800000000000"}, 401),
        ({"bt_header_dendrite_nonce": "soon"}, 400),
        ({"bt_header_dendrite_hotkey": CHARLIE.ss58_address}, 401),
        ({"bt_header_dendrite_uuid": "another"}, 401),
        ({"computed_body_hash": "0" * 64}, 401),
    ],
)
async def test_a_v10_request_with_a_wrong_header_is_refused(change: dict[str, str], status: int) -> None:
    digest = body_hash(["x", 1])
    assert await refused(signed_v10(BODY, digest) | change, BODY, "/Say") == status


async def test_a_v10_request_with_another_body_is_refused_and_replays_too() -> None:
    digest = body_hash(["x", 1])
    assert await refused(signed_v10(BODY, digest), b'{"prompt":"y","times":1}', "/Say") == 400
    assert await refused(signed_v10(BODY, digest), b'{"prompt":"x","times":1,"extra":1}', "/Say") == 400
    async with served() as server:
        headers = signed_v10(BODY, digest)
        assert status_of(await send(server.port, headers, BODY, "/Say")) == 200
        assert status_of(await send(server.port, headers, BODY, "/Say")) == 401


async def test_the_signed_timeout_of_nobody_widens_no_window() -> None:
    # v10 adds the header's unsigned timeout to its window; ours has a bound of its own.
    digest = body_hash(["x", 1])
    old = signed_v10(BODY, digest, time.time_ns() - 60_000_000_000) | {"timeout": "1000000"}
    assert await refused(old, BODY, "/Say") == 401
