"""The dendrite's own HTTP/1.1: one POST, one answer, on a kept connection.

Why not only aiohttp: a call of ours needs none of what a general client does
(redirects, cookies, proxies, compression, middlewares), which costs more than
signing and verifying together; and a fair latency needs the moment at which
bytes arrived, taken before anything else of ours runs, for which aiohttp has
no public hook. Parsing is llhttp's (httptools), as in the server.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httptools

from taostack.process.clock import Clock
from taostack.wire import answer
from taostack.wire.limits import DendriteLimits
from taostack.wire.transport import Incoming, Received, TransportError

HEADER_LIMIT_BYTES = 64 * 1024
STREAM_BUFFER_BYTES = 256 * 1024
IDLE_PER_ADDRESS = 256
_ONE_WRITE_BYTES = 64 * 1024


class Headers(dict[str, str]):
    """Response headers, stored and looked up in lower case."""

    def get(self, name: str, default: Any = None) -> Any:
        """The header's value, whatever case ``name`` is in."""
        return super().get(name.lower(), default)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())


class _Place(NamedTuple):
    host: str
    port: int
    head: str


@lru_cache(maxsize=8192)
def _place(url: str) -> _Place:
    parts = urlsplit(url)
    return _Place(
        parts.hostname or "",
        parts.port or 80,
        f"POST {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1\r\nHost: {parts.netloc}\r\n",
    )


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time.

    A whole body is collected up to ``limit``; with a negative limit it is a
    stream, whose chunks are taken from ``chunks`` and whose sender is held
    back while nobody takes them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.place: tuple[str, int] = ("", 0)
        self.idle_since = 0.0
        self.usable = True
        self.busy = False
        self._waiter: asyncio.Future[None] | None = None
        self._begin(0)

    def _begin(self, limit: int) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._limit = limit
        self._header_bytes = 0
        self._field_bytes = 0
        self._size = 0
        self._until_close = False
        self._headers_done = False
        self._paused = False
        self.status = 0
        self.headers = Headers()
        self.chunks: deque[bytes] = deque()
        self.complete = False
        self.error: TransportError | None = None
        self.arrived_at = 0.0

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.arrived_at = self._clock.monotonic()
        if not self.busy:
            # Nobody asked: a server that talks unasked is not to be trusted with the next request.
            self.abort()
            return
        if not self._headers_done:
            self._header_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete:
                self._fail(answer.NOT_HTTP, str(error)[:200] or "not HTTP")
            self.abort()
            return
        if not self._headers_done and self._header_bytes > HEADER_LIMIT_BYTES:
            self._fail(answer.NOT_HTTP, "response headers too large")

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if self.complete or self.error is not None:
            return
        if self._until_close and exc is None:
            self._done()
        else:
            self._fail(answer.DISCONNECTED, "connection lost")

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self.complete:
            # More than was asked for: take no notice, and do not use this connection again.
            self.usable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.complete:
            return
        self._field_bytes += len(name) + len(value)
        if self._field_bytes > HEADER_LIMIT_BYTES:
            self._fail(answer.NOT_HTTP, "response headers too large")
            return
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if self.status < 200:
            return
        self._headers_done = True
        length = self.headers.get("content-length")
        if length is None:
            self._until_close = "transfer-encoding" not in self.headers and self.status not in (204, 304)
        elif self._limit >= 0 and length.isdigit() and int(length[:20]) > self._limit:
            self._fail(answer.TOO_LARGE, f"{length[:20]} bytes announced, {self._limit} allowed")
        if self._limit < 0:
            self._wake()

    def on_body(self, data: bytes) -> None:
        if self.complete or self.error is not None:
            return
        self._size += len(data)
        self.chunks.append(data)
        if self._limit < 0:
            if self._size > STREAM_BUFFER_BYTES and self.transport is not None and not self._paused:
                self._paused = True
                self.transport.pause_reading()
            self._wake()
        elif self._size > self._limit:
            self._fail(answer.TOO_LARGE, f"more than {self._limit} bytes")

    def on_message_complete(self) -> None:
        if self.complete:
            return
        if self.status < 200:
            self.headers.clear()
            return
        self.usable = self.usable and self._parser.should_keep_alive() and not self._until_close
        self._done()

    # What the transport calls.

    def send(self, head: bytes, body: bytes, limit: int) -> "asyncio.Future[None]":
        """Write a request; the future is done when the response (a stream: its headers) is there."""
        self._begin(limit)
        self.busy = True
        self._waiter = self._loop.create_future()
        if self.transport is None or self.transport.is_closing():
            self._fail(answer.DISCONNECTED, "connection was closed")
        elif len(body) <= _ONE_WRITE_BYTES:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))
        return self._waiter

    async def next_chunk(self) -> bytes | None:
        """The next part of a stream; ``None`` at its end; raises ``TransportError``."""
        while not self.chunks:
            if self.error is not None:
                raise self.error
            if self.complete:
                return None
            self._waiter = self._loop.create_future()
            await self._waiter
        chunk = self.chunks.popleft()
        self._size -= len(chunk)
        if self._paused and self._size < STREAM_BUFFER_BYTES and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()
        return chunk

    def abort(self) -> None:
        """Close without ceremony."""
        self.usable = False
        if self.transport is not None:
            self.transport.abort()

    def _done(self) -> None:
        self.complete = True
        self._wake()

    def _fail(self, code: str, detail: str) -> None:
        if self.error is None and not self.complete:
            self.error = TransportError(code, detail)
        self.abort()
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class DirectTransport:
    """Posts over kept plain HTTP/1.1 connections; a ``Transport``. Deadlines are the caller's."""

    def __init__(self, limits: DendriteLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._idle: dict[tuple[str, int], list[_Connection]] = {}
        self._open: set[_Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, limit_bytes: int) -> Received:
        """One exchange; raises ``TransportError``."""
        place = _place(url)
        connection = await self._connected(place)
        whole = False
        try:
            waiter = connection.send(_head(place, headers, body), body, limit_bytes)
            sent_at = self._clock.monotonic()
            await waiter
            if connection.error is not None:
                raise connection.error
            whole = True
            chunks = connection.chunks
            received = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            latency = max(0.0, connection.arrived_at - sent_at)
            return Received(connection.status, connection.headers, received, latency)
        finally:
            self._leave(connection, whole)

    @asynccontextmanager
    async def stream(self, url: str, headers: Mapping[str, str], body: bytes) -> AsyncIterator[Incoming]:
        """One exchange whose response is read as it comes; ``TransportError`` also while reading."""
        place = _place(url)
        connection = await self._connected(place)
        try:
            await connection.send(_head(place, headers, body), body, -1)
            if connection.error is not None:
                raise connection.error
            yield Incoming(connection.status, connection.headers, _chunks(connection))
        finally:
            self._leave(connection, connection.complete and not connection.chunks)

    async def close(self) -> None:
        """Close all connections."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in self._open:
            connection.abort()
        self._open.clear()
        self._idle.clear()
        # The loop reports an aborted connection as lost in its next turn.
        await asyncio.sleep(0)

    async def _connected(self, place: _Place) -> _Connection:
        key = (place.host, place.port)
        idle = self._idle.get(key)
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
            self._open.discard(connection)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                _, connection = await loop.create_connection(lambda: _Connection(self._clock), place.host, place.port)
        except TimeoutError:
            detail = f"no connection within {self._limits.connect_seconds:g} s"
            raise TransportError(answer.CONNECT, detail, unsent=True) from None
        except (OSError, ValueError) as error:
            raise TransportError(answer.CONNECT, str(error)[:200], unsent=True) from None
        connection.place = key
        self._open.add(connection)
        return connection

    def _leave(self, connection: _Connection, whole: bool) -> None:
        """Keep the connection for the next call, or drop it."""
        idle = self._idle.setdefault(connection.place, [])
        if not whole or not connection.usable or len(idle) >= IDLE_PER_ADDRESS or connection not in self._open:
            connection.abort()
            self._open.discard(connection)
            return
        connection.busy = False
        connection.chunks.clear()
        connection.idle_since = self._clock.monotonic()
        idle.append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self._limits.idle_seconds, self._drop_idle)

    def _drop_idle(self) -> None:
        self._sweep = None
        oldest = self._clock.monotonic() - self._limits.idle_seconds
        for place in list(self._idle):
            kept = []
            for connection in self._idle[place]:
                if connection.usable and connection.idle_since > oldest:
                    kept.append(connection)
                else:
                    connection.abort()
                    self._open.discard(connection)
            if kept:
                self._idle[place] = kept
            else:
                del self._idle[place]
        if self._idle:
            self._sweep = asyncio.get_running_loop().call_later(self._limits.idle_seconds, self._drop_idle)


def _head(place: _Place, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"{place.head}{lines}Content-Length: {len(body)}\r\n\r\n".encode("latin-1")


async def _chunks(connection: _Connection) -> AsyncIterator[bytes]:
    while (chunk := await connection.next_chunk()) is not None:
        yield chunk
