"""The v10 side of an axon: answers unmodified v10 dendrites on the same port.

Same steps and same order as btauth (see ``app.py``); what differs is where the
claims stand, what is signed, and how a refusal looks: ``{"message": …}`` with
status headers, and v10's statuses. Replies are unsigned, as v10 has no place
for a signature.
"""

import asyncio
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec

from taostack.wire import problems, signing
from taostack.wire.caller import Caller
from taostack.wire.core import Attached, Call, Core, Disconnected, Receive, Send, cut_short, refuse_repeated
from taostack.wire.errors import ProblemError, RouteError
from taostack.wire.message import DECODE_ERRORS, StreamRoute
from taostack.wire.v10 import headers as v10_headers
from taostack.wire.v10.hashing import message_hash
from taostack.wire.v10.shape import RESERVED_FIELDS, V10Shape

_STATUS = {problems.HANDLER_TIMEOUT.code: 408}
"""Where v10's status differs from ours: its dendrites know a timeout as 408."""

_CLOSE = (b"connection", b"close")


class StreamCutError(Exception):
    """A stream failed after its status line was sent."""


class V10Side:
    """Routes by synapse name, and the steps of a v10 request."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._attached: dict[str, tuple[Attached, V10Shape]] = {}

    def attach(self, attached: Attached, shape: V10Shape) -> None:
        """Serve the route under its synapse's name; ``RouteError`` when that is taken."""
        path = f"/{shape.name}"
        if path in self._attached:
            raise RouteError(f"synapse {shape.name} is already attached")
        self._attached[path] = (attached, shape)

    def speaks(self, path: str, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request is v10's: a known synapse, or v10 headers."""
        return path in self._attached or b"bt_header_dendrite_hotkey" in headers

    async def answer(self, path: str, call: Call, receive: Receive, send: Send) -> None:
        """Answer one request; only cancellation is raised."""
        core = self._core
        try:
            await self._run(path, call, receive, send)
            core.outcomes["ok"] += 1
        except ProblemError as problem:
            core.outcomes[problem.kind.code] += 1
            await _send_problem(call, send, problem.kind, str(problem))
        except Disconnected:
            core.outcomes["disconnected"] += 1
        except StreamCutError:
            # Returning with the response incomplete makes the server close the connection.
            return
        except asyncio.CancelledError:
            reason = cut_short(core, call)
            if reason is None:
                raise
            core.outcomes[reason] += 1
            await _send_problem(call, send, problems.STOPPING, "the axon is shutting down")
        except Exception as error:  # the boundary where outside input is answered: logged, counted, answered 500
            core.outcomes[problems.INTERNAL.code] += 1
            error_id = core.log_internal(path, error)
            await _send_problem(call, send, problems.INTERNAL, f"Internal Server Error #{error_id}")

    async def _run(self, path: str, call: Call, receive: Receive, send: Send) -> None:
        core = self._core
        limits = core.limits
        headers = call.headers
        found = self._attached.get(path)
        if found is None:
            raise ProblemError(problems.ROUTE_UNKNOWN, "Synapse name not found.")
        attached, shape = found
        if call.scope["method"] != "POST":
            raise ProblemError(problems.METHOD, "synapses are called with POST")
        if len(headers) != len(call.scope["headers"]):
            refuse_repeated(call.scope["headers"])
        started = core.clock.monotonic()
        claimed = headers.get(b"bt_header_dendrite_hotkey")
        if claimed is not None and attached.gated:
            core.gate.standing(claimed.decode("latin-1"))
        claims = v10_headers.read_claims(headers)
        signing.check_fresh(claims.nonce_ns, core.clock.now_ns(), limits.v10_max_age_seconds, limits.v10_ahead_seconds)
        body = await core.read_body(call, receive)
        # The receiver is our own hotkey whatever the header says: signed for another, it does not verify.
        payload = v10_headers.signed_text(claims.nonce_ns, claims.hotkey, core.hotkey, claims.uuid, claims.body_hash)
        signing.check_signature(
            signing.Credentials(claims.hotkey, core.hotkey, claims.nonce_ns, signing.SR25519, claims.signature), payload
        )
        caller = core.check_caller(claims.hotkey, attached, "v10")
        await core.remember(claims.hotkey, claims.nonce_ns)
        if attached.gated:
            core.gate.take_token(claims.hotkey)
        request = _decode(attached, shape, body, claims.body_hash)
        if isinstance(attached.route, StreamRoute):
            await self._stream(attached, shape, request, caller, send)
            return
        reply = await core.handle(attached, request, caller)
        if not isinstance(reply, attached.route.reply):
            raise TypeError(f"handler of {attached.route.path} returned {type(reply).__name__}")
        # v10 wants its required fields back, and cannot tell them from others: echo the request.
        fields: dict[str, Any] = {"name": shape.name}
        for message in (request, reply):
            fields.update((name, getattr(message, name)) for name in message.__struct_fields__)
        data = msgspec.json.encode(fields)
        out = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(data)),
            (b"name", shape.name.encode()),
            (b"computed_body_hash", claims.body_hash.encode()),
            *v10_headers.status_headers(200, "Success", core.clock.monotonic() - started),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": out})
        await send({"type": "http.response.body", "body": data})

    async def _stream(
        self,
        attached: Attached,
        shape: V10Shape,
        request: Any,
        caller: Caller,
        send: Send,
    ) -> None:
        """Raw chunks; v10 has no trailer, so a stream that fails midway is cut: the peer sees a broken body."""
        core = self._core
        items = core.handle_stream(attached, request, caller)
        started = False
        try:
            async for item in items:
                if not started:
                    started = True
                    await _start_stream(shape, send)
                await send({"type": "http.response.body", "body": shape.to_chunk(item), "more_body": True})
                await asyncio.sleep(0)
        except Exception as error:  # the status line is out: logged, and the body is left incomplete
            if not started:
                raise
            core.outcomes["stream-cut"] += 1
            if not isinstance(error, ProblemError):
                core.log_internal(attached.route.path, error)
            raise StreamCutError from None
        finally:
            await items.aclose()
        if not started:
            await _start_stream(shape, send)
        await send({"type": "http.response.body", "body": b""})


async def _start_stream(shape: V10Shape, send: Send) -> None:
    out = [
        (b"content-type", b"text/event-stream"),
        (b"name", shape.name.encode()),
        *v10_headers.status_headers(200, "Success"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": out})


def _decode(attached: Attached, shape: V10Shape, body: bytes, claimed_hash: str) -> Any:
    """The request in a synapse's JSON, whose own fields and reply fields are left aside."""
    route = attached.route
    try:
        fields = msgspec.json.decode(body)
        if not isinstance(fields, dict):
            raise ValueError("body is not an object")
        wanted = {name: fields[name] for name in route.request.__struct_encode_fields__ if name in fields}
        unknown = fields.keys() - wanted.keys() - RESERVED_FIELDS - set(route.reply.__struct_encode_fields__)
        if unknown:
            raise ValueError("body has a field that the synapse does not know")
        request = msgspec.convert(wanted, route.request)
    except DECODE_ERRORS as error:
        raise ProblemError(problems.BODY_INVALID, str(error)[:200]) from None
    try:
        actual = message_hash(request, shape.hash_fields)
    except DECODE_ERRORS as error:
        raise ProblemError(problems.BODY_INVALID, str(error)[:200]) from None
    if not hmac.compare_digest(actual, claimed_hash):
        raise ProblemError(problems.BODY_INVALID, "body hash does not match the body")
    return request


async def _send_problem(call: Call, send: Send, kind: problems.ProblemKind, detail: str) -> None:
    status = _STATUS.get(kind.code, kind.status)
    message = _message(kind, status, detail)
    body = msgspec.json.encode({"message": message})
    out = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *v10_headers.status_headers(status, message),
    ]
    if not call.body_read:
        # What is left of the body would be read as the next request.
        out.append(_CLOSE)
    await send({"type": "http.response.start", "status": status, "headers": out})
    await send({"type": "http.response.body", "body": body})


def _message(kind: problems.ProblemKind, status: int, detail: str) -> str:
    """The wording that v10 code may look for."""
    if status == 401:
        return f"Not Verified with error: {detail}"
    if status == 403:
        return f"Forbidden. Key is blacklisted: {detail}."
    if kind in (problems.INTERNAL, problems.ROUTE_UNKNOWN):
        return detail
    return f"{kind.title}: {detail}"
