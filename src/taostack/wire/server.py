"""Uvicorn's HTTP protocol inside the running loop, with bounds on connections and headers.

Uvicorn has no limit on the size or the duration of request headers, waits for
ever for the first request of a connection, and lets a peer that reads nothing
hold an answer. A subclass of its httptools protocol closes these holes; the
rest of uvicorn's server (signals, a tick every 0.1 s, reload) is left out:
the axon is a part of a process, not the process.
"""

import asyncio
import enum
import errno
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from taostack.wire import problems
from taostack.wire.core import GONE
from taostack.wire.errors import PortTakenError
from taostack.wire.limits import AxonLimits

_ABORT_TURNS = 3
_WAKE_BYTES = 2 * 1024 * 1024


class _Part(enum.Enum):
    """What the next byte of a connection belongs to."""

    BETWEEN = enum.auto()
    HEADERS = enum.auto()
    BODY = enum.auto()


class Bodies:
    """What all connections of a server have collected of bodies that are not answered yet."""

    collected = 0


class BoundedProtocol(HttpToolsProtocol):
    """One connection: headers bounded in size and time, answers in the time they may stay unread."""

    def __init__(self, config: Config, state: ServerState, limits: AxonLimits, bodies: Bodies) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        self._limits = limits
        self._part = _Part.BETWEEN
        self._bodies = bodies
        self._collected = 0
        self._header_bytes = 0
        self._field_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._refusal = problems.NOT_HTTP
        self._running: tuple[asyncio.Task[None], dict[str, Any]] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or close it when there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            transport.abort()
            return
        self._arm_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the timers with the connection."""
        self._disarm_header_timer()
        self._disarm_write_timer()
        self._release_body()
        super().connection_lost(exc)
        if self._running is not None and not self._running[0].done():
            # Nobody waits for this answer any more: its handler need not work for it, nor hold a slot.
            task, scope = self._running
            scope[GONE] = True
            task.cancel()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, counting what belongs to headers."""
        self._unset_keepalive_if_required()
        if self._part is not _Part.BODY:
            self._header_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(self._refusal)
            return
        if self._part is _Part.BODY or self.transport.is_closing():
            return
        if self._part is _Part.BETWEEN and self.cycle is not None and not self.cycle.response_complete:
            # The request is whole and being answered: nothing is owed by the peer.
            self._header_bytes = 0
            return
        if self._header_bytes > self._limits.header_bytes:
            self._refuse(problems.HEADERS_TOO_LARGE)
        elif self._header_timer is None:
            self._arm_header_timer()

    def on_message_begin(self) -> None:
        """A new request starts: its headers are counted by field from here."""
        super().on_message_begin()
        self._part = _Part.HEADERS
        self._field_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Count the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count one header."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The request is whole but for its body: hand it to the application."""
        self._disarm_header_timer()
        super().on_headers_complete()
        self._part = _Part.BODY
        self._header_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Collect; wake the application for the whole body, not for each piece that the network brings.

        Earlier only when the body gets large, or all bodies together do: then
        the application counts, and refuses when it has to.
        """
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        self._collected += len(body)
        self._bodies.collected += len(body)
        if len(cycle.body) > _WAKE_BYTES or self._bodies.collected > self._limits.held_body_bytes // 2:
            self.flow.pause_reading()
            cycle.message_event.set()

    def on_response_complete(self) -> None:
        """The body is no longer held."""
        self._release_body()
        super().on_response_complete()

    def _release_body(self) -> None:
        self._bodies.collected -= self._collected
        self._collected = 0

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._part = _Part.BETWEEN
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The peer does not read: start its clock."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self._limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._disarm_write_timer()
        super().resume_writing()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        self._running = (task, cast(dict[str, Any], cycle.scope))

    def _count(self, size: int) -> None:
        self._field_bytes += size
        if self._field_bytes > self._limits.header_bytes:
            self._refusal = problems.HEADERS_TOO_LARGE
            # Raised inside a parser callback, it stops the parser and comes back as its error.
            raise ValueError("headers too large")

    def _arm_header_timer(self) -> None:
        self._header_timer = self.loop.call_later(self._limits.header_seconds, self._headers_too_slow)

    def _disarm_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _disarm_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _headers_too_slow(self) -> None:
        self._header_timer = None
        self._refuse(problems.HEADERS_TOO_SLOW)

    def _refuse(self, kind: problems.ProblemKind) -> None:
        """Answer what never became a request, unless another answer is on its way, and close."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            body = problems.problem_body(kind, "the connection is closed")
            self.transport.write(
                b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
                % (kind.status, kind.title.encode(), problems.MEDIA_TYPE, len(body), body)
            )
        self.transport.close()


class HttpServer:
    """Serves an ASGI application on one port of the running loop, from ``start`` to ``stop``."""

    def __init__(self, app: Any, host: str, port: int, limits: AxonLimits) -> None:
        self._host = host
        self._wanted_port = port
        self._limits = limits
        self._state = ServerState()
        self._config = Config(
            app,
            http=HttpToolsProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=limits.keep_alive_seconds,  # type: ignore[arg-type]
        )
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before ``start``."""
        return self._port

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._state.connections)

    async def start(self) -> None:
        """Listen; raises ``PortTakenError`` when the address cannot be had."""
        if not self._config.loaded:
            self._config.load()
        listener = _listener(self._host, self._wanted_port)
        loop = asyncio.get_running_loop()
        bodies = Bodies()
        self._server = await loop.create_server(
            lambda: BoundedProtocol(self._config, self._state, self._limits, bodies), sock=listener, backlog=2048
        )
        self._port = listener.getsockname()[1]

    async def stop(self, before_cut: Callable[[], None] = lambda: None) -> None:
        """Stop listening, let calls in flight finish within ``shutdown_seconds``, then cut the rest.

        ``before_cut`` is called when some have to be cut.
        """
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        tasks = set(self._state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._limits.shutdown_seconds)
            if late:
                before_cut()
                for task in late:
                    task.cancel()
                await asyncio.wait(late, timeout=1.0)
        for connection in list(self._state.connections):
            connection.transport.abort()
        for _ in range(_ABORT_TURNS):
            # An aborted connection is reported lost in a later turn of the loop.
            await asyncio.sleep(0)
        self._server = None
        self._port = 0

    async def __aenter__(self) -> "HttpServer":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With protocol 0 asyncio would not recognise TCP and leave Nagle on: 40 ms for a two-part answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(f"{host}:{port} is in use by another process") from None
        raise PortTakenError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            remedy="choose an address of this machine and a port that this user may open",
        ) from None
    listener.setblocking(False)
    return listener
