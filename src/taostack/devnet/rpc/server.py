"""The websocket server: connections, their limits, and news to all of them."""

import errno
import http
import ipaddress
import logging
import re
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.http11 import Request, Response

from taostack.devnet.author import Sealed
from taostack.devnet.errors import PortTakenError, UnsafeHostError
from taostack.devnet.rpc.session import Host, Session
from taostack.devnet.store import Writes
from taostack.process.logs import get_logger

MAX_FRAME_BYTES = 16 * 2**20
MAX_CONNECTIONS = 256
MAX_UNSENT_BYTES = 64 * 2**20
"""A connection that leaves more than this unread is cut."""

_LOCAL_ORIGIN = re.compile(r"^https?://(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$")

_log = get_logger("taostack.devnet.rpc")


def _is_our_concern(record: logging.LogRecord) -> bool:
    """Drop the tracebacks that the library logs when a browser or a port scan is no websocket client."""
    problem = record.exc_info[1] if record.exc_info else None
    return not isinstance(problem, InvalidHandshake | ConnectionClosed | OSError)


_handshakes = logging.getLogger("taostack.devnet.rpc.websockets")
_handshakes.addFilter(_is_our_concern)


def require_loopback(host: str, *, allow_remote: bool) -> None:
    """UnsafeHostError when ``host`` is reachable from elsewhere and nobody asked for that."""
    if allow_remote or host == "localhost":
        return
    try:
        safe = ipaddress.ip_address(host).is_loopback
    except ValueError:
        safe = False
    if not safe:
        raise UnsafeHostError(f"{host} is not a loopback address, and the keys of a devnet are public")


class RpcServer:
    """Serves one host until closed."""

    def __init__(self, host: Host, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._host = host
        self._max_connections = max_connections
        self._sessions: dict[ServerConnection, Session] = {}
        self._server: Server | None = None

    async def start(self, address: str, port: int) -> int:
        """Listen; returns the port. PortTakenError when it is in use."""
        try:
            self._server = await serve(
                self._serve,
                address,
                port,
                max_size=MAX_FRAME_BYTES,
                compression=None,
                ping_interval=None,
                process_request=self._admit,
                server_header=None,
                logger=_handshakes,
                close_timeout=1,
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTakenError(f"port {port} on {address} is in use") from error
            raise PortTakenError(
                f"cannot listen on {address}:{port}: {error.strerror or error}",
                remedy="choose an address of this machine with --host, or another port with --port",
            ) from error
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def close(self) -> None:
        """Stop listening and close every connection."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        # Any page in a browser may open a websocket to loopback; only pages served from here may use it.
        origin = request.headers.get("Origin")
        if origin is not None and not _LOCAL_ORIGIN.match(origin):
            host = urlsplit(origin).hostname or "that origin"
            return connection.respond(http.HTTPStatus.FORBIDDEN, f"pages from {host} may not use the devnet\n")
        if len(self._sessions) >= self._max_connections:
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "too many connections\n")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        session = Session(self._host, lambda message: self._push(connection, message))
        self._sessions[connection] = session
        try:
            async for frame in connection:
                for message in session.receive(frame):
                    await connection.send(message, text=True)
        except ConnectionClosed:
            pass  # the client went away between its request and our answer
        finally:
            session.close()
            del self._sessions[connection]

    def _push(self, connection: ServerConnection, message: bytes) -> None:
        """Send without waiting; a client that does not read is cut off."""
        if connection.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            _log.warning("connection cut: the client does not read", unsent_bytes=MAX_UNSENT_BYTES)
            connection.transport.abort()
            return
        broadcast((connection,), message, text=True)

    # -- news ----------------------------------------------------------------------------------

    def sealed(self, sealed: Sealed) -> None:
        """Tell every connection of a new block."""
        for session in list(self._sessions.values()):
            session.sealed(sealed)

    def changed(self, block: bytes, writes: Writes) -> None:
        """Tell every connection of changed storage."""
        for session in list(self._sessions.values()):
            session.changed(block, writes)

    def drop_connections(self) -> int:
        """Cut every connection without a closing handshake; returns how many."""
        connections = list(self._sessions)
        for connection in connections:
            connection.transport.abort()
        return len(connections)

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._sessions)
