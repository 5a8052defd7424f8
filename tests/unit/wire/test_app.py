"""The axon as an ASGI application that somebody else serves."""

from typing import Any

from taostack.process.clock import SystemClock
from taostack.wire import Axon, AxonLimits, Caller, Message, Route, signing
from tests.integration.wire.support import ALICE, BOB, SAY, TOKENS, say, tokens

BODY = b'{"prompt":"x"}'


async def run(
    axon: Axon, path: str, *, root: str = "", parts: tuple[bytes, ...] = (BODY,), **changes: Any
) -> list[dict[str, Any]]:
    """The messages with which the application answers one signed request."""
    headers = signing.sign_request(
        ALICE,
        method="POST",
        target=root + path,
        body=b"".join(parts),
        nonce_ns=SystemClock().now_ns(),
        receiver=BOB.ss58_address,
    )
    scope = {
        "type": "http",
        "method": "POST",
        "path": root + path,
        "raw_path": (root + path).encode(),
        "root_path": root,
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    } | changes
    incoming = [
        {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    await axon.app(scope, receive, send)
    return sent


def axon(**options: Any) -> Axon:
    """Bob's, not listening itself."""
    made = Axon(BOB, **options)
    made.attach(SAY, say)
    made.attach(TOKENS, tokens)
    return made


async def test_it_answers_under_the_path_it_is_mounted_at() -> None:
    for root in ("", "/neuron"):
        start, body = await run(axon(), SAY.path, root=root)
        assert start["status"] == 200
        assert b'"text":"x"' in body["body"]


async def test_it_joins_a_body_that_comes_in_parts() -> None:
    start, _ = await run(axon(), SAY.path, parts=(BODY[:5], BODY[5:9], BODY[9:]))
    assert start["status"] == 200


async def test_it_says_nothing_to_a_peer_that_left() -> None:
    server = axon()
    assert await run(server, SAY.path, parts=()) == []
    assert server.outcomes == {"disconnected": 1}


async def test_it_holds_no_more_bodies_than_allowed() -> None:
    start, body = await run(axon(limits=AxonLimits(held_body_bytes=10)), SAY.path)
    assert start["status"] == 503
    assert b'"busy"' in body["body"]
    assert (b"connection", b"close") in start["headers"]


async def test_it_keeps_the_lifespan_protocol_and_refuses_websockets() -> None:
    server = axon()
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await server.app({"type": "lifespan"}, receive, send)
    await server.app({"type": "websocket"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


async def test_a_stream_is_frames_and_a_trailer() -> None:
    messages = await run(axon(), TOKENS.path, parts=(b'{"prompt":"t","times":2}',))
    assert messages[0]["status"] == 200
    assert dict(messages[0]["headers"])[b"content-type"] == b"application/vnd.taostack.frames"
    assert len(messages) == 4
    assert messages[-1].get("more_body", False) is False


async def test_the_media_type_of_the_reply_can_be_asked_for() -> None:
    server = axon()
    headers = signing.sign_request(
        ALICE,
        method="POST",
        target=SAY.path,
        body=BODY,
        nonce_ns=SystemClock().now_ns(),
        receiver=BOB.ss58_address,
    ) | {"Accept": "application/msgpack", "Content-Type": "application/json; charset=utf-8"}
    start, body = await run(
        server, SAY.path, headers=[(name.lower().encode(), value.encode()) for name, value in headers.items()]
    )
    assert dict(start["headers"])[b"content-type"] == b"application/msgpack"
    assert body["body"].startswith(b"\x83")


async def test_a_number_that_msgpack_cannot_hold_comes_back_as_json() -> None:
    class Big(Message, frozen=True):
        number: int

    async def echo(request: Big, caller: Caller) -> Big:
        return request

    route = Route("big", 1, Big, Big)
    server = Axon(BOB)
    server.attach(route, echo)
    part = b'{"number":100000000000000000000000}'
    headers = signing.sign_request(
        ALICE, method="POST", target=route.path, body=part, nonce_ns=SystemClock().now_ns(), receiver=BOB.ss58_address
    ) | {"Accept": "application/msgpack"}
    start, body = await run(
        server,
        route.path,
        parts=(part,),
        headers=[(name.lower().encode(), value.encode()) for name, value in headers.items()],
    )
    assert dict(start["headers"])[b"content-type"] == b"application/json"
    assert body["body"] == part
