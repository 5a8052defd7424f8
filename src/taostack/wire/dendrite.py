"""The client half of a neuron: signed calls, alone or in rounds, whose failures are values.

    async with Dendrite(wallet.hotkey) as dendrite:
        answer = await dendrite.ask(endpoint, ROUTE, request, deadline_seconds=5)
        answers = await dendrite.ask_all(ROUTE, [(endpoint, request), ...], round_seconds=12)

No peer can raise anything here: what it sends or fails to send ends in
``Answer.failure`` with a stable code.
"""

import asyncio
import random
import re
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import msgspec

from taostack.process.clock import Clock, SystemClock
from taostack.wire import answer, compression, problems, signing
from taostack.wire.answer import Answer, Failure
from taostack.wire.direct import DirectTransport
from taostack.wire.endpoint import Endpoint
from taostack.wire.errors import CallError, NotOpenError, RouteError
from taostack.wire.limits import DendriteLimits
from taostack.wire.message import DECODE_ERRORS, JSON, MSGPACK, Route, StreamRoute
from taostack.wire.reply_stream import ReplyStream
from taostack.wire.signing import Signer
from taostack.wire.transport import Received, Transport, TransportError
from taostack.wire.v10 import client as v10_client

Request = TypeVar("Request", bound=msgspec.Struct)
Reply = TypeVar("Reply", bound=msgspec.Struct)

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
_RETRIABLE = frozenset({problems.BUSY.code, problems.RATE_LIMITED.code, problems.REPLAY_STORE_FULL.code})
"""Refusals that came before any handler and may pass by themselves."""


class _Sent(NamedTuple):
    """One signed request as it goes out."""

    url: str
    headers: dict[str, str]
    body: bytes
    nonce_ns: int


class Dendrite:
    """Asks axons. One per hotkey and process; use it inside ``async with``.

    ``encoding`` is ``"json"`` or ``"msgpack"``. ``compress`` sends large bodies
    as zstd and accepts such replies. ``require_signed=False`` takes replies of
    servers that verify btauth/1 but do not sign (plain ``bittensor.http_auth``
    servers).
    """

    def __init__(
        self,
        signer: Signer,
        *,
        clock: Clock | None = None,
        limits: DendriteLimits | None = None,
        transport: Transport | None = None,
        rng: random.Random | None = None,
        encoding: str = "json",
        compress: bool = False,
        require_signed: bool = True,
    ) -> None:
        if encoding not in ("json", "msgpack"):
            raise RouteError(f"encoding was {encoding!r}, must be json or msgpack")
        if compress:
            compression.require_available()
        self._signer = signer
        self._hotkey = signer.ss58_address
        self._scheme = signing.scheme_of(signer)
        self._clock = clock or SystemClock()
        self._limits = limits or DendriteLimits()
        self._transport = transport or DirectTransport(self._limits, self._clock)
        self._rng = rng or random.SystemRandom()
        self._media = JSON if encoding == "json" else MSGPACK
        self._compress = compress
        self._require_signed = require_signed
        self._uuid = str(uuid.uuid4())
        self._last_nonce = 0
        self._open = False

    @property
    def hotkey(self) -> str:
        """The address that signs the requests."""
        return self._hotkey

    async def ask(
        self,
        endpoint: Endpoint,
        route: Route[Request, Reply],
        request: Request,
        *,
        deadline_seconds: float | None = None,
    ) -> Answer[Reply]:
        """One call, repeated with a fresh nonce where that is safe, all within ``deadline_seconds``.

        Raises only for what the caller did: ``NotOpenError``, ``RouteError``
        (a request of another type), ``TypeError`` (a value that cannot be sent).
        """
        self._check(route, request)
        return await self._ask(endpoint, route, request, self._encode(route, request), deadline_seconds)

    async def ask_all(
        self,
        route: Route[Request, Reply],
        calls: Sequence[tuple[Endpoint, Request]],
        *,
        deadline_seconds: float | None = None,
        round_seconds: float | None = None,
        concurrency: int | None = None,
    ) -> list[Answer[Reply]]:
        """Many calls at once, answered in their order.

        At most ``concurrency`` are in flight. ``deadline_seconds`` holds for
        each call from the moment it gets its turn; ``round_seconds`` for all of
        them together: what is not there by then is a failure ``round-deadline``.
        """
        if concurrency is not None and concurrency < 1:
            raise RouteError(f"concurrency was {concurrency}, must be at least 1")
        answers: list[Answer[Reply] | None] = [None] * len(calls)
        encoded: dict[int, bytes] = {}
        for _, request in calls:
            if id(request) not in encoded:
                self._check(route, request)
                encoded[id(request)] = self._encode(route, request)
        remaining = iter(range(len(calls)))

        async def work() -> None:
            # Workers take the next call when they are free: a slot is never held for a call that only waits.
            for index in remaining:
                endpoint, request = calls[index]
                answers[index] = await self._ask(endpoint, route, request, encoded[id(request)], deadline_seconds)

        try:
            async with asyncio.timeout(round_seconds), asyncio.TaskGroup() as group:
                for _ in range(min(len(calls), concurrency or self._limits.concurrency)):
                    group.create_task(work())
        except TimeoutError:
            pass
        missed = Failure(answer.ROUND_DEADLINE, f"no reply when the round ended after {round_seconds} s")
        return [
            found if found is not None else Answer(calls[index][0], None, missed, 0.0)
            for index, found in enumerate(answers)
        ]

    @asynccontextmanager
    async def stream(
        self,
        endpoint: Endpoint,
        route: StreamRoute[Request, Reply],
        request: Request,
        *,
        deadline_seconds: float | None = None,
    ) -> AsyncIterator[ReplyStream[Reply]]:
        """One call whose items are read as they come.

            async with dendrite.stream(endpoint, ROUTE, request) as items:
                async for item in items: ...

        Raises ``CallError`` when there is no stream, and ``StreamBrokenError``
        from the iteration when it ends otherwise than with a valid trailer.
        Streams are not repeated.
        """
        self._check(route, request)
        seconds = deadline_seconds or self._limits.deadline_seconds
        defect = _defect(endpoint, route)
        if defect is not None:
            raise CallError(Failure(answer.ENDPOINT, defect))
        sent = self._prepare(endpoint, route, request, self._encode(route, request), seconds)
        ends_at = asyncio.get_running_loop().time() + seconds
        context = self._transport.stream(sent.url, sent.headers, sent.body)
        try:
            async with asyncio.timeout_at(ends_at):
                incoming = await context.__aenter__()
        except TimeoutError:
            raise CallError(Failure(answer.TIMEOUT, f"no response within {seconds:g} s")) from None
        except TransportError as error:
            raise CallError(Failure(error.code, str(error), retriable=error.unsent)) from None
        stream = ReplyStream(
            incoming,
            route,
            endpoint,
            nonce_ns=sent.nonce_ns,
            sender=self._hotkey,
            ends_at=ends_at,
            item_limit_bytes=self._limits.item_bytes,
        )
        try:
            if incoming.status != 200 or not stream.framed:
                raise CallError(await self._refused_stream(stream, sent, endpoint))
            yield stream
        finally:
            await context.__aexit__(None, None, None)

    async def _refused_stream(self, stream: ReplyStream[Any], sent: _Sent, endpoint: Endpoint) -> Failure:
        body = await stream.drain(self._limits.item_bytes)
        received = Received(stream.status, stream.headers, body, 0.0)
        if endpoint.protocol == "v10":
            return v10_client.refusal(received.status, body)
        if received.status == 200:
            return Failure(answer.GARBAGE, "the reply is not a stream", 200)
        return self._refusal(received, sent.nonce_ns, endpoint)

    def _check(self, route: Route[Any, Any], request: Any) -> None:
        if not self._open:
            raise NotOpenError("the dendrite is not open")
        if not isinstance(request, route.request):
            raise RouteError(
                f"request was a {type(request).__name__}, route {route.path} takes {route.request.__name__}",
                remedy="pass the route's own request type",
            )

    def _encode(self, route: Route[Any, Any], request: Any) -> bytes:
        body = route.request_codec.encode(request, self._media)
        if self._compress and len(body) >= self._limits.compress_from_bytes:
            return compression.compress(body)
        return body

    async def _ask(
        self, endpoint: Endpoint, route: Route[Request, Reply], request: Request, body: bytes, deadline: float | None
    ) -> Answer[Reply]:
        defect = _defect(endpoint, route)
        if defect is not None:
            return Answer(endpoint, None, Failure(answer.ENDPOINT, defect), 0.0, attempts=0)
        seconds = deadline or self._limits.deadline_seconds
        attempt = 0
        last: Answer[Reply] | None = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    attempt += 1
                    last = await self._once(endpoint, route, request, body, seconds, attempt)
                    if last.failure is None or attempt >= self._limits.attempts or not last.failure.retriable:
                        return last
                    # Full jitter: those refused together do not come back together.
                    ceiling = self._limits.backoff_seconds * 2 ** (attempt - 1)
                    await self._clock.sleep(self._rng.uniform(0.0, ceiling))
        except TimeoutError:
            detail = f"no reply within {seconds:g} s"
            if last is not None and last.failure is not None:
                detail = f"{detail}; before that {last.failure.code}"
            return Answer(endpoint, None, Failure(answer.TIMEOUT, detail), 0.0, attempts=attempt)

    async def _once(
        self, endpoint: Endpoint, route: Route[Any, Any], request: Any, body: bytes, seconds: float, attempt: int
    ) -> Answer[Any]:
        sent = self._prepare(endpoint, route, request, body, seconds)
        try:
            received = await self._transport.post(
                sent.url, sent.headers, sent.body, limit_bytes=self._limits.reply_bytes
            )
        except TransportError as error:
            retriable = error.unsent or (route.idempotent and error.code == answer.DISCONNECTED)
            return Answer(endpoint, None, Failure(error.code, str(error), retriable=retriable), 0.0, attempts=attempt)
        signed = False
        if endpoint.protocol == "v10":
            outcome = v10_client.read_reply(route, received.status, received.headers, received.body)
        else:
            outcome, signed = self._read_reply(route, received, sent.nonce_ns, endpoint)
        if isinstance(outcome, Failure):
            return Answer(endpoint, None, outcome, received.latency_seconds, attempt, outcome.authentic)
        return Answer(endpoint, outcome, None, received.latency_seconds, attempt, signed)

    def _prepare(self, endpoint: Endpoint, route: Route[Any, Any], request: Any, body: bytes, seconds: float) -> _Sent:
        nonce_ns = self._nonce()
        if endpoint.protocol == "v10":
            if route.v10 is None:  # _defect turned it away before
                raise RouteError(f"route {route.path} has no v10 shape")
            ready = v10_client.prepare(
                self._signer,
                route.v10,
                endpoint,
                request,
                nonce_ns=nonce_ns,
                uuid=self._uuid,
                timeout_seconds=seconds,
            )
            return _Sent(f"http://{endpoint.authority}{ready.path}", ready.headers, ready.body, nonce_ns)
        headers = signing.sign_request(
            self._signer, method="POST", target=route.path, body=body, nonce_ns=nonce_ns, receiver=endpoint.hotkey
        )
        headers["Content-Type"] = self._media
        if self._compress:
            headers["Accept-Encoding"] = compression.ENCODING
            if body[:4] == compression.MAGIC:
                headers["Content-Encoding"] = compression.ENCODING
        return _Sent(f"http://{endpoint.authority}{route.path}", headers, body, nonce_ns)

    def _nonce(self) -> int:
        # Strictly rising, so that two calls within one tick of the clock differ.
        self._last_nonce = max(self._clock.now_ns(), self._last_nonce + 1)
        return self._last_nonce

    def _read_reply(
        self, route: Route[Any, Any], received: Received, nonce_ns: int, endpoint: Endpoint
    ) -> tuple[Any, bool]:
        if received.status != 200:
            return self._refusal(received, nonce_ns, endpoint), False
        defect = self._signature_defect(received, nonce_ns, endpoint)
        if defect is not None and (self._require_signed or defect.code != answer.UNSIGNED):
            return defect, False
        headers, body = received.headers, received.body
        try:
            encoding = headers.get("Content-Encoding")
            if encoding is not None:
                if encoding != compression.ENCODING or not self._compress:
                    raise ValueError("reply has an encoding that was not asked for")
                body = compression.decompress(body, self._limits.decompressed_bytes)
            media = headers.get("Content-Type", JSON).partition(";")[0]
            return route.reply_codec.decode(body, media), defect is None
        except compression.TooLargeError as error:
            return Failure(answer.TOO_LARGE, str(error), 200, authentic=defect is None), False
        except DECODE_ERRORS as error:
            return Failure(answer.GARBAGE, str(error)[:200], 200, authentic=defect is None), False

    def _signature_defect(self, received: Received, nonce_ns: int, endpoint: Endpoint) -> Failure | None:
        headers = received.headers
        signature = headers.get(signing.HEADER_RESP_SIGNATURE)
        if signature is None:
            return Failure(answer.UNSIGNED, "the response carries no signature", received.status)
        if headers.get(signing.HEADER_RESP_HOTKEY) != endpoint.hotkey:
            return Failure(answer.WRONG_HOTKEY, "another hotkey answered", received.status)
        crypto = headers.get(signing.HEADER_RESP_CRYPTO)
        payload = signing.response_payload(
            crypto or signing.SR25519,
            received.status,
            sha256(received.body).hexdigest(),
            nonce_ns,
            self._hotkey,
            endpoint.hotkey,
        )
        if not signing.response_signature_valid(endpoint.hotkey, crypto, payload, signature):
            return Failure(answer.BAD_SIGNATURE, "the response's signature does not verify", received.status)
        return None

    def _refusal(self, received: Received, nonce_ns: int, endpoint: Endpoint) -> Failure:
        authentic = self._signature_defect(received, nonce_ns, endpoint) is None
        problem = problems.read_problem(received.body)
        if problem is None or not _CODE.fullmatch(problem.code):
            code, detail = f"http-{received.status}", "no problem body"
        else:
            code, detail = problem.code, problem.detail[:200]
        return Failure(code, detail, received.status, authentic, retriable=code in _RETRIABLE)

    async def __aenter__(self) -> "Dendrite":
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        await self._transport.close()


def _defect(endpoint: Endpoint, route: Route[Any, Any]) -> str | None:
    if endpoint.protocol == "v10" and route.v10 is None:
        return f"route {route.path} has no v10 shape, so a v10 neuron cannot be asked"
    return endpoint.defect()
