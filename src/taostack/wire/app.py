"""The axon as a pure ASGI application: verify, gate, decode, handle, sign.

A request passes these steps; the first that fails answers with its problem:

 1. route and method                          6. signature
 2. claimed hotkey against the gate           7. gate on the verified hotkey
 3. header shape, receiver, freshness         8. replay store, rate
 4. declared size and media type              9. decompress, decode
 5. body, under size and time limits         10. admission, handler, signed reply

Steps 1-4 cost look-ups only, 5 is bounded, so that hashing and elliptic curves
are spent on nobody who could have been turned away without them. The replay
store is written after the gate, so strangers cannot fill it, and before the
rate is charged, so a replay cannot spend a victim's tokens. Refusals from step
7 on are signed, earlier ones are not: a signature costs as much as a check.
"""

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from taostack.wire import compression, problems, signing
from taostack.wire.caller import Caller
from taostack.wire.core import (
    Attached,
    Call,
    Core,
    Disconnected,
    Handler,
    Receive,
    Scope,
    Send,
    cut_short,
    refuse_repeated,
)
from taostack.wire.errors import ProblemError, RouteError
from taostack.wire.message import DECODE_ERRORS, JSON, MSGPACK, Route, StreamRoute
from taostack.wire.signing import Credentials
from taostack.wire.stream import MEDIA_TYPE as STREAM_MEDIA
from taostack.wire.stream import FrameWriter
from taostack.wire.v10.server import V10Side

_MEDIA = {b"application/json": JSON, b"application/msgpack": MSGPACK, b"application/vnd.msgpack": MSGPACK}
_CLOSE = (b"connection", b"close")


class AxonApp:
    """The ASGI callable; ``attach`` routes before serving. Mount it anywhere that speaks ASGI."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._attached: dict[str, Attached] = {}
        self._v10 = V10Side(core)

    @property
    def routes(self) -> tuple[Route[Any, Any], ...]:
        """All attached routes."""
        return tuple(attached.route for attached in self._attached.values())

    def attach(self, route: Route[Any, Any], handler: Handler, *, gated: bool) -> None:
        """Serve ``route``; raises ``RouteError`` when its path, or its synapse's, is taken."""
        if route.path in self._attached:
            raise RouteError(f"route {route.path} is already attached")
        attached = Attached(route, handler, gated)
        if route.v10 is not None:
            self._v10.attach(attached, route.v10)
        self._attached[route.path] = attached

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        call = Call(scope, headers)
        path = scope["path"]
        root = scope.get("root_path")
        if root:
            path = path.removeprefix(root)
        if path not in self._attached and self._v10.speaks(path, headers):
            await self._v10.answer(path, call, receive, send)
            return
        core = self._core
        try:
            await self._btauth(path, call, receive, send)
        except ProblemError as problem:
            core.outcomes[problem.kind.code] += 1
            await self._send_problem(call, send, problem.kind, str(problem), "")
        except Disconnected:
            core.outcomes["disconnected"] += 1
        except asyncio.CancelledError:
            reason = cut_short(core, call)
            if reason is None:
                raise
            core.outcomes[reason] += 1
            await self._send_problem(call, send, problems.STOPPING, "the axon is shutting down", "")
        except Exception as error:  # the boundary where outside input is answered: logged, counted, answered 500
            core.outcomes[problems.INTERNAL.code] += 1
            error_id = core.log_internal(path, error)
            await self._send_problem(
                call, send, problems.INTERNAL, "the request failed; the id is in our log", error_id
            )

    async def _btauth(self, path: str, call: Call, receive: Receive, send: Send) -> None:
        core = self._core
        limits = core.limits
        scope, headers = call.scope, call.headers
        attached = self._attached.get(path)
        if attached is None:
            raise ProblemError(problems.ROUTE_UNKNOWN, "no such route and version here")
        if scope["method"] != "POST":
            raise ProblemError(problems.METHOD, "routes are called with POST")
        if len(headers) != len(scope["headers"]):
            refuse_repeated(scope["headers"])
        claimed = headers.get(b"x-bittensor-hotkey")
        if claimed is not None and attached.gated:
            core.gate.standing(claimed.decode("latin-1"))
        credentials = signing.read_credentials(headers)
        signing.check_receiver(credentials, core.hotkey)
        signing.check_fresh(credentials.nonce_ns, core.clock.now_ns(), limits.max_age_seconds, limits.ahead_seconds)
        media = _media_of(headers)
        encoding = headers.get(b"content-encoding")
        if encoding is not None and (encoding != b"zstd" or not compression.AVAILABLE):
            raise ProblemError(problems.MEDIA_UNSUPPORTED, "content encoding is not zstd")

        body = await core.read_body(call, receive)
        target = scope["raw_path"].decode("latin-1")
        if scope["query_string"]:
            target = f"{target}?{scope['query_string'].decode('latin-1')}"
        payload = signing.request_payload(
            credentials.scheme,
            "POST",
            target,
            sha256(body).hexdigest(),
            credentials.nonce_ns,
            credentials.hotkey,
            credentials.receiver,
        )
        signing.check_signature(credentials, payload)
        call.credentials = credentials

        caller = core.check_caller(credentials.hotkey, attached, "btauth")
        await core.remember(credentials.hotkey, credentials.nonce_ns)
        if attached.gated:
            core.gate.take_token(credentials.hotkey)
        request = self._decode(attached, body, media, encoding)
        if isinstance(attached.route, StreamRoute):
            await self._stream(attached, request, caller, credentials, media, send)
        else:
            reply = await core.handle(attached, request, caller)
            await self._send_reply(attached, reply, call, credentials, media, send)
        core.outcomes["ok"] += 1

    def _decode(self, attached: Attached, body: bytes, media: str, encoding: bytes | None) -> Any:
        try:
            if encoding is not None:
                body = compression.decompress(body, self._core.limits.decompressed_bytes)
            return attached.route.request_codec.decode(body, media)
        except compression.TooLargeError as error:
            raise ProblemError(problems.BODY_TOO_LARGE, str(error)) from None
        except DECODE_ERRORS as error:
            raise ProblemError(problems.BODY_INVALID, str(error)[:200]) from None

    async def _send_reply(
        self, attached: Attached, reply: Any, call: Call, credentials: Credentials, media: str, send: Send
    ) -> None:
        core = self._core
        if not isinstance(reply, attached.route.reply):
            raise TypeError(f"handler of {attached.route.path} returned {type(reply).__name__}")
        accept = call.headers.get(b"accept")
        if accept is not None:
            media = _MEDIA.get(accept, media)
        try:
            body = attached.route.reply_codec.encode(reply, media)
        except OverflowError:
            # msgpack has no integers beyond 64 bits, JSON has; the content type tells the caller.
            media = JSON
            body = attached.route.reply_codec.encode(reply, media)
        headers = [(b"content-type", media.encode())]
        accepts_zstd = call.headers.get(b"accept-encoding") == b"zstd" and compression.AVAILABLE
        if accepts_zstd and len(body) >= core.limits.compress_from_bytes:
            body = compression.compress(body)
            headers.append((b"content-encoding", b"zstd"))
        await self._send_signed(send, 200, headers, body, credentials)

    async def _send_signed(
        self, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes, credentials: Credentials
    ) -> None:
        core = self._core
        payload = signing.response_payload(
            core.scheme, status, sha256(body).hexdigest(), credentials.nonce_ns, credentials.hotkey, core.hotkey
        )
        headers.append((b"content-length", b"%d" % len(body)))
        headers.append((b"x-bittensor-resp-hotkey", core.hotkey.encode()))
        headers.append((b"x-bittensor-resp-signature", b"0x" + core.signer.sign(payload).hex().encode()))
        if core.scheme != signing.SR25519:
            headers.append((b"x-bittensor-resp-crypto", core.scheme.encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _send_problem(
        self, call: Call, send: Send, kind: problems.ProblemKind, detail: str, error_id: str
    ) -> None:
        body = problems.problem_body(kind, detail, error_id=error_id)
        headers = [(b"content-type", problems.MEDIA_TYPE)]
        if not call.body_read:
            # What is left of the body would be read as the next request.
            headers.append(_CLOSE)
        if call.credentials is not None:
            await self._send_signed(send, kind.status, headers, body, call.credentials)
            return
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": kind.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _stream(
        self,
        attached: Attached,
        request: Any,
        caller: Caller,
        credentials: Credentials,
        media: str,
        send: Send,
    ) -> None:
        """Send items as frames, then the signed trailer; problems before the first item are plain problems."""
        core = self._core
        items = core.handle_stream(attached, request, caller)
        writer = FrameWriter()
        outcome, error_id = "ok", ""
        started = False
        try:
            async for item in items:
                if not started:
                    started = True
                    await self._start_stream(send, media)
                frame = writer.data(attached.route.reply_codec.encode(item, media))
                await send({"type": "http.response.body", "body": frame, "more_body": True})
                # Neither the handler nor sending need wait for anything: let others run, and cancellation in.
                await asyncio.sleep(0)
        except ProblemError as problem:
            if not started:
                raise
            outcome = problem.kind.code
        except Exception as error:  # as in _answer, but the status line is out: the trailer carries the outcome
            if not started:
                raise
            error_id = core.log_internal(attached.route.path, error)
            outcome = problems.INTERNAL.code
        finally:
            await items.aclose()
        if not started:
            await self._start_stream(send, media)
        trailer = writer.trailer(core.signer, core.scheme, outcome, error_id, credentials.nonce_ns, credentials.hotkey)
        await send({"type": "http.response.body", "body": trailer})

    async def _start_stream(self, send: Send, media: str) -> None:
        headers = [(b"content-type", STREAM_MEDIA.encode()), (b"x-taostack-item-type", media.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


def _media_of(headers: Mapping[bytes, bytes]) -> str:
    content_type = headers.get(b"content-type")
    if content_type is None:
        return JSON
    media = _MEDIA.get(content_type) or _MEDIA.get(content_type.partition(b";")[0].strip().lower())
    if media is None:
        raise ProblemError(
            problems.MEDIA_UNSUPPORTED, "content type is neither application/json nor application/msgpack"
        )
    return media


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return
