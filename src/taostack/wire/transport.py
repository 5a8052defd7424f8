"""The seam to the network: one HTTP exchange, bounded. ``AiohttpTransport`` is the real one."""

import asyncio
import functools
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from taostack.process.clock import Clock
from taostack.wire import answer
from taostack.wire.limits import DendriteLimits

_KNOWN_URLS = 8192
_IN_PARTS_FROM_BYTES = 2**20


class Received(NamedTuple):
    """A whole response. ``headers`` is case-insensitive; ``latency_seconds`` as in ``Answer``."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_seconds: float


class Incoming(NamedTuple):
    """A response whose body is still coming."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class TransportError(Exception):
    """The exchange failed; ``code`` is an ``answer`` constant, ``unsent`` says that no byte can have arrived."""

    def __init__(self, code: str, detail: str, *, unsent: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.unsent = unsent


class Transport(Protocol):
    """Posts bytes and brings bytes back. Deadlines are the caller's (``asyncio.timeout``)."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, limit_bytes: int) -> Received:
        """One exchange; raises ``TransportError``."""
        ...

    def stream(self, url: str, headers: Mapping[str, str], body: bytes) -> "StreamContext":
        """One exchange whose response is read as it comes."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class StreamContext(Protocol):
    """An async context manager around ``Incoming``."""

    async def __aenter__(self) -> Incoming: ...

    async def __aexit__(self, *exc_info: object) -> bool | None: ...


class _StampingHandler(ResponseHandler):
    """Notes when bytes came in, before anything else of ours gets a turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        super().__init__(loop)
        self.clock = clock
        self.last_data_at = 0.0

    def data_received(self, data: bytes) -> None:
        self.last_data_at = self.clock.monotonic()
        super().data_received(data)


class _StampedResponse(aiohttp.ClientResponse):
    """Knows when its request was out and when its last byte arrived.

    A reply's task runs only when our own work before it is done; with many
    calls in flight that is longer than the peers take. So the moments are
    taken in the protocol, and at the end of the payload, where the connection
    is not yet another call's.
    """

    sent_at = 0.0
    complete_at = 0.0

    async def start(self, connection: "aiohttp.connector.Connection") -> aiohttp.ClientResponse:
        protocol = connection.protocol
        if not isinstance(protocol, _StampingHandler):
            return await super().start(connection)
        self.sent_at = protocol.clock.monotonic()
        started = await super().start(connection)

        def note() -> None:
            self.complete_at = protocol.last_data_at

        self.content.on_eof(note)
        return started


class AiohttpTransport:
    """HTTP/1.1 over kept connections, no redirects, no cookies, no proxies, no automatic decompression."""

    def __init__(self, limits: DendriteLimits, clock: Clock) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._limits = limits
        self._url = functools.lru_cache(maxsize=_KNOWN_URLS)(functools.partial(URL, encoded=True))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=self._limits.idle_seconds, force_close=False)
            # aiohttp has no public way to choose the protocol; a test fails if this attribute goes away.
            loop = asyncio.get_running_loop()
            connector._factory = functools.partial(_StampingHandler, loop, self._clock)  # type: ignore[assignment]
            self._session = aiohttp.ClientSession(
                connector=connector,
                response_class=_StampedResponse,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect_seconds),
                read_bufsize=2**18,
                trust_env=False,
            )
        return self._session

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, limit_bytes: int) -> Received:
        """One exchange; raises ``TransportError``."""
        try:
            async with self._open().post(
                self._url(url), data=_body(body), headers=headers, allow_redirects=False
            ) as response:
                declared = response.content_length
                if declared is not None and declared > limit_bytes:
                    raise TransportError(answer.TOO_LARGE, f"{declared} bytes announced, {limit_bytes} allowed")
                received = await response.content.readany()
                if not response.content.at_eof():
                    chunks = [received]
                    size = len(received)
                    while not response.content.at_eof():
                        chunk = await response.content.readany()
                        size += len(chunk)
                        if size > limit_bytes:
                            raise TransportError(answer.TOO_LARGE, f"more than {limit_bytes} bytes")
                        chunks.append(chunk)
                    received = b"".join(chunks)
                elif len(received) > limit_bytes:
                    raise TransportError(answer.TOO_LARGE, f"more than {limit_bytes} bytes")
                latency = max(0.0, _complete_at(response) - _sent_at(response))
                return Received(response.status, response.headers, received, latency)
        except (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            raise _translated(error) from None

    @asynccontextmanager
    async def stream(self, url: str, headers: Mapping[str, str], body: bytes) -> AsyncIterator[Incoming]:
        """One exchange whose response is read as it comes; ``TransportError`` also while reading."""
        try:
            async with self._open().post(
                self._url(url), data=_body(body), headers=headers, allow_redirects=False
            ) as response:
                yield Incoming(response.status, response.headers, _chunks(response.content))
        except (aiohttp.ClientError, OSError) as error:
            raise _translated(error) from None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _chunks(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    try:
        while not content.at_eof():
            chunk = await content.readany()
            if chunk:
                yield chunk
    except (aiohttp.ClientError, OSError) as error:
        raise _translated(error) from None


def _body(body: bytes) -> bytes | io.BytesIO:
    # aiohttp warns of large bytes, which it would write in one go, and reads a file in parts.
    return io.BytesIO(body) if len(body) > _IN_PARTS_FROM_BYTES else body


def _sent_at(response: aiohttp.ClientResponse) -> float:
    return response.sent_at if isinstance(response, _StampedResponse) else 0.0


def _complete_at(response: aiohttp.ClientResponse) -> float:
    return response.complete_at if isinstance(response, _StampedResponse) else 0.0


def _translated(error: BaseException) -> TransportError:
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return TransportError(answer.CONNECT, str(error)[:200], unsent=True)
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError | aiohttp.ClientOSError):
        return TransportError(answer.DISCONNECTED, str(error)[:200] or "connection lost")
    if isinstance(error, aiohttp.ClientResponseError | ValueError):
        return TransportError(answer.NOT_HTTP, str(error)[:200])
    return TransportError(answer.DISCONNECTED, str(error)[:200])
