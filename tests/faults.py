"""A faulty wire between a client and a websocket server, for tests of what must fail well.

``FaultyProxy`` forwards frames and misbehaves on order: it cuts connections, swallows
frames (a node that hangs, though it answers pings), drops the announcements of new
blocks (a node that is silent), delays, refuses, or cuts in the moment when a given
method passes. ``BlackHole`` accepts TCP and never says a word.
"""

import asyncio
import contextlib
import json
from collections import Counter
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed


class FaultyProxy:
    """Forwards websocket frames to ``upstream`` until told to misbehave.

    Set the attributes at any time; they act on open connections too.

    hang            swallow every frame in both directions
    garble          send noise instead of each of the server's frames
    mute_heads      swallow the server's announcements of new blocks
    delay_seconds   hold each of the server's frames back for so long
    refuse          cut each new connection at once
    cut_after       method: forward such a request, then cut before any answer
    cut_before      method: cut instead of forwarding such a request
    swallow_answers methods whose answers never come
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.hang = False
        self.garble = False
        self.mute_heads = False
        self.delay_seconds = 0.0
        self.refuse = False
        self.cut_after: str | None = None
        self.cut_before: str | None = None
        self.swallow_answers: set[str] = set()
        self.requests: Counter[str] = Counter()
        self.connections = 0
        self._open: set[ServerConnection] = set()
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}"

    async def __aenter__(self) -> Self:
        self._server = await serve(self._serve, "127.0.0.1", 0, max_size=2**26, compression=None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self.drop()
        self._server.close()
        await self._server.wait_closed()

    def drop(self) -> None:
        """Cut all open connections without a farewell."""
        for connection in list(self._open):
            connection.transport.abort()

    async def _serve(self, client: ServerConnection) -> None:
        self.connections += 1
        if self.refuse:
            client.transport.abort()
            return
        self._open.add(client)
        try:
            async with connect(self.upstream, max_size=2**26, compression=None) as server:
                pumps = [
                    asyncio.ensure_future(self._to_server(client, server)),
                    asyncio.ensure_future(self._to_client(client, server)),
                    asyncio.ensure_future(client.wait_closed()),
                ]
                _, rest = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in rest:
                    pump.cancel()
                await asyncio.wait(pumps)
                # No farewell: what is still on its way would hold up the closing handshake.
                server.transport.abort()
                client.transport.abort()
        except (OSError, ConnectionClosed):
            client.transport.abort()
        finally:
            self._open.discard(client)

    async def _to_server(self, client: ServerConnection, server: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in client:
                method = _field(frame, "method")
                self.requests[method] += 1
                if self.cut_before is not None and method == self.cut_before:
                    client.transport.abort()
                    return
                if not self.hang:
                    await server.send(frame)
                if self.cut_after is not None and method == self.cut_after:
                    client.transport.abort()
                    return
                if method in self.swallow_answers:
                    # From here on the server's frames find no way back.
                    await asyncio.Event().wait()

    async def _to_client(self, client: ServerConnection, server: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        late: asyncio.Queue[tuple[float, Any]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, frame = await late.get()
                await asyncio.sleep(due - loop.time())
                with contextlib.suppress(ConnectionClosed):
                    await client.send(frame)

        courier = asyncio.ensure_future(deliver())
        try:
            with contextlib.suppress(ConnectionClosed):
                async for frame in server:
                    muted = self.mute_heads and _field(frame, "method").endswith("Head")
                    muted = muted or any(self.requests[method] for method in self.swallow_answers)
                    if not (self.hang or muted):
                        late.put_nowait((loop.time() + self.delay_seconds, "{\x00" if self.garble else frame))
        finally:
            courier.cancel()


class BlackHole:
    """Accepts connections and never answers: a half-dead host."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def url(self) -> str:
        """Where clients connect, in vain."""
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.append(writer)
            with contextlib.suppress(OSError):
                while await reader.read(4096):
                    pass

        self._server = await asyncio.start_server(swallow, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()


def _field(frame: Any, name: str) -> str:
    try:
        message = json.loads(frame)
    except ValueError:
        return ""
    return str(message.get(name, "")) if isinstance(message, dict) else ""
