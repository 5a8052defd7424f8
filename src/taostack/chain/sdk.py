"""The one place that touches the SDK's transport.

``open_link`` gives a connected SDK client for one endpoint. The SDK could rotate
through several endpoints itself, but a node that answers pings and nothing else
looks healthy to it; so ``Connection`` decides when an endpoint is dead, and each
SDK client knows one endpoint only.

The SDK keeps decoded runtime metadata on disk, under ``~/.bittensor/runtime-cache``
or the directory in ``BITTENSOR_RUNTIME_CACHE_DIR``, keyed by genesis and runtime
version: a first connect downloads about 390 kB, later ones do not.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bittensor import Client
from bittensor._substrate import RpcSubstrate
from bittensor._transport.errors import (
    BlockNotFound,
    ExtrinsicNotFound,
    StateDiscardedError,
    StorageFunctionNotFound,
    SubstrateRequestException,
)
from bittensor.result import BittensorError, ChainError, ConnectionNotReady, RpcConnectionError
from websockets.exceptions import WebSocketException

from taostack.chain.errors import (
    AnswerShapeError,
    BlockUnknownError,
    ChainRefusedError,
    InsufficientFundsError,
    NotRegisteredError,
    RateLimitedError,
    SubnetUnknownError,
)
from taostack.process.errors import TaostackError

NETWORKS = {
    "finney": (
        "wss://entrypoint-finney.opentensor.ai:443",
        "wss://lite.chain.opentensor.ai:443",
    ),
    "test": ("wss://test.finney.opentensor.ai:443",),
    "local": ("ws://127.0.0.1:9944",),
}
"""Endpoints behind the network names of ``--subtensor.network``, in order of preference."""

_CHAIN_SAID_NO = {
    "insufficient_balance": InsufficientFundsError,
    "not_registered": NotRegisteredError,
    "rate_limited": RateLimitedError,
    "subnet_not_exists": SubnetUnknownError,
}

FAREWELL_SECONDS = 0.5
"""How long a node gets to confirm the end of a subscription."""

_FAREWELLS = ("chain_unsubscribe", "author_unwatch")

_NODE_LACKS = (StateDiscardedError, BlockNotFound, ExtrinsicNotFound)


class SingleEndpointSubstrate(RpcSubstrate):  # type: ignore[misc]  # the SDK is untyped here
    """The SDK's chain access, with four of its traps closed.

    A connect that is cancelled closes what it had opened. The next nonce is always
    asked of the node: the SDK's cache holds a wrong one after a shielded submission,
    whose inner extrinsic used the number after it. And ending a subscription has a
    deadline: the SDK asks the node for leave, even while it is being cancelled, and a
    node that hangs would hold up whoever wants to get away from it. And a request on
    a closed session is an error, where the SDK would silently connect again.
    """

    _substrate: Any

    async def connect(self) -> None:
        """Open the connection; leaves nothing behind when it fails or is cancelled."""
        if self._substrate is not None:
            return
        connection = self._interface(self.endpoint, [])
        try:
            await connection.initialize()
        except BaseException:
            with contextlib.suppress(Exception):
                await connection.close()
            raise
        self._substrate = connection

    def _interface(self, endpoint: str, fallbacks: list[str]) -> Any:
        connection = super()._interface(endpoint, fallbacks)
        connection._session.request = _guarded(connection._session, connection._session.request)
        return connection

    async def account_next_index(self, address: str) -> int:
        """The account's next nonce, pool included, as the node knows it now."""
        return int(await self.raw.get_account_next_index(address, use_cache=False))


def _guarded(session: Any, request: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """``session.request``, refused once the session is closed, and with a deadline for what ends a subscription."""

    async def guarded(method: str, params: list[Any] | None = None) -> Any:
        if session._closing:
            raise SubstrateRequestException("RPC session closed")
        if not method.startswith(_FAREWELLS):
            return await request(method, params)
        async with asyncio.timeout(FAREWELL_SECONDS):
            return await request(method, params)

    return guarded


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A connected SDK client and the endpoint it talks to."""

    endpoint: str
    client: Any
    substrate: Any

    async def close(self) -> None:
        """Hang up."""
        await self.substrate.close()


async def open_link(endpoint: str) -> Link:
    """Connect to one endpoint and read its runtime; raises what the transport raises."""
    substrate = SingleEndpointSubstrate(endpoint)
    await substrate.connect()
    return Link(endpoint, Client(endpoint, substrate=substrate), substrate)


def substrate_of(client: Any) -> Any:
    """The transport under an SDK client: for hashes, nonces and signed extrinsics, which the client keeps to itself."""
    return client._substrate


def endpoints_of(network: str) -> tuple[str, ...]:
    """The endpoints behind a network name, a URL, or a comma-separated list of either.

    Raises KeyError for a name that is neither known nor a ws:// or wss:// URL.
    """
    found: list[str] = []
    for part in (piece.strip() for piece in network.split(",")):
        if part.startswith(("ws://", "wss://")):
            found.append(part)
        elif part:
            found.extend(NETWORKS[part])
    return tuple(dict.fromkeys(found))


def is_transport_failure(error: BaseException) -> bool:
    """Whether the endpoint is at fault, so that another one may answer.

    The SDK reports a dead session in several ways: its own connection errors, bare
    socket errors, and a ``ChainError`` without a name around a transport exception
    that carries no JSON-RPC error.
    """
    if isinstance(error, RpcConnectionError | ConnectionNotReady | OSError | TimeoutError | WebSocketException):
        return True
    cause = error.__cause__ if isinstance(error, ChainError) else error
    if isinstance(cause, _NODE_LACKS):
        return False
    if isinstance(cause, SubstrateRequestException):
        return cause.payload is None or "error" not in cause.payload
    if isinstance(error, ChainError) and cause is not None:
        return is_transport_failure(cause)
    return False


def rpc_error_code(error: BaseException) -> int | None:
    """The number of the JSON-RPC error behind ``error`` (1010, 1013, ...), None when there is none."""
    cause = error.__cause__ if isinstance(error, ChainError) else error
    payload = getattr(cause, "payload", None)
    if isinstance(payload, dict) and isinstance(payload.get("error"), dict):
        code = payload["error"].get("code")
        return int(code) if isinstance(code, int) else None
    return None


def translate(error: BaseException, what: str) -> TaostackError:
    """An SDK error that is the chain's answer, as one of ours; ``what`` names the request."""
    cause = error.__cause__ if isinstance(error, ChainError) else error
    if isinstance(cause, _NODE_LACKS):
        return BlockUnknownError(f"{what}: {cause}")
    if isinstance(error, ChainError):
        return refusal(what, error)
    if isinstance(error, StorageFunctionNotFound | KeyError | ValueError | TypeError | IndexError):
        return AnswerShapeError(f"{what}: {type(error).__name__}: {error}")
    return ChainRefusedError(f"{what}: {error}")


def refusal(what: str, error: Any, *, block: int | None = None) -> TaostackError:
    """A ``ChainError`` as the error class that says what the caller can do."""
    code = str(getattr(getattr(error, "code", None), "value", ""))
    name = str(error.name or "")
    detail = f"{what}: {name}: {error}" if name and name not in str(error) else f"{what}: {error}"
    kind = _CHAIN_SAID_NO.get(code, ChainRefusedError)
    return kind(detail, name=name, block=block, remedy=str(error.remediation))


ANSWERS = (
    BittensorError,
    SubstrateRequestException,
    StorageFunctionNotFound,
    OSError,
    TimeoutError,
    WebSocketException,
)
"""Everything the SDK raises for something outside this process."""
