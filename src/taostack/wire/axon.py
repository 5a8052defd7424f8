"""The server half of a neuron: typed routes behind verified callers.

    axon = Axon(wallet.hotkey, host="0.0.0.0", port=8091, gate=gate)
    axon.attach(ROUTE, handler)
    async with axon:
        ...  # axon.port tells where

``axon.app`` is a plain ASGI application, for whoever serves it otherwise.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import TypeVar, overload

import msgspec

from taostack.process.clock import Clock, SystemClock
from taostack.wire import handshake
from taostack.wire.admission import Admission
from taostack.wire.app import AxonApp
from taostack.wire.caller import Caller
from taostack.wire.core import Core
from taostack.wire.errors import NotOpenError
from taostack.wire.gate import Gate, open_gate
from taostack.wire.limits import AxonLimits
from taostack.wire.message import Route, StreamRoute
from taostack.wire.replay import MemoryReplayStore, ReplayStore, check_store
from taostack.wire.server import HttpServer
from taostack.wire.signing import Signer

Request = TypeVar("Request", bound=msgspec.Struct)
Reply = TypeVar("Reply", bound=msgspec.Struct)


class Axon:
    """Answers signed requests on one port, btauth/1 and, for routes that have a v10 shape, v10.

    Without a ``gate`` every hotkey with a valid signature is let in. Without a
    ``replay`` store nonces are kept in memory, which protects one process;
    processes that share a hotkey need a shared store. Raises ``RouteError``
    for a signer, store or limit that cannot work.
    """

    def __init__(
        self,
        signer: Signer,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        gate: Gate | None = None,
        clock: Clock | None = None,
        limits: AxonLimits | None = None,
        replay: ReplayStore | None = None,
        rng: random.Random | None = None,
    ) -> None:
        clock = clock or SystemClock()
        limits = limits or AxonLimits()
        gate = gate or open_gate(clock)
        replay = replay or MemoryReplayStore(clock, retention_seconds=limits.retention_seconds)
        check_store(replay, limits.retention_seconds)
        self._core = Core(
            signer,
            gate=gate,
            clock=clock,
            limits=limits,
            replay=replay,
            admission=Admission(gate.rules, rng or random.SystemRandom()),
        )
        self.app = AxonApp(self._core)
        self.app.attach(handshake.HANDSHAKE, self._handshake, gated=False)
        self._server = HttpServer(self.app, host, port, limits)
        self._open = False

    @property
    def hotkey(self) -> str:
        """The address that requests must be signed for."""
        return self._core.hotkey

    @property
    def port(self) -> int:
        """The port it listens on; raises ``NotOpenError`` before it does."""
        if not self._open:
            raise NotOpenError("the axon does not listen yet")
        return self._server.port

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How many requests ended how: ``ok``, ``disconnected``, or a problem code."""
        return self._core.outcomes

    @property
    def in_flight(self) -> int:
        """Calls being handled now."""
        return self._core.admission.in_flight

    @overload
    def attach(
        self, route: StreamRoute[Request, Reply], handler: Callable[[Request, Caller], AsyncIterator[Reply]]
    ) -> None: ...

    @overload
    def attach(self, route: Route[Request, Reply], handler: Callable[[Request, Caller], Awaitable[Reply]]) -> None: ...

    def attach(
        self,
        route: Route[Request, Reply],
        handler: Callable[[Request, Caller], Awaitable[Reply] | AsyncIterator[Reply]],
    ) -> None:
        """Serve ``route`` with ``handler(request, caller)``.

        The handler of a ``Route`` is a coroutine function that returns the
        reply; of a ``StreamRoute``, an async generator of items. To refuse a
        request on purpose it raises ``problems.refuse(detail)``; whatever else
        it raises is logged and answered 500 without saying what.
        """
        self.app.attach(route, handler, gated=True)

    async def _handshake(self, request: handshake.HandshakeRequest, caller: Caller) -> handshake.Handshake:
        routes = self.app.routes
        return handshake.Handshake(
            hotkey=self._core.hotkey,
            protocols=handshake.protocols(any(route.v10 for route in routes)),
            encodings=handshake.encodings(),
            routes=tuple(
                handshake.RouteName(
                    route.name, route.version, isinstance(route, StreamRoute), route.v10.name if route.v10 else ""
                )
                for route in routes
            ),
            body_bytes=self._core.limits.body_bytes,
            now_ms=self._core.clock.now_ms(),
        )

    async def __aenter__(self) -> "Axon":
        self._core.stopping = False
        await self._server.start()
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        await self._server.stop(before_cut=self._cut)

    def _cut(self) -> None:
        self._core.stopping = True
