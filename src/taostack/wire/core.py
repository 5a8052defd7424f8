"""What the btauth and the v10 side of an axon share: bounded bodies, the gate, slots, deadlines, the log."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple

from taostack.process.clock import Clock
from taostack.process.logs import get_logger
from taostack.wire import problems, signing
from taostack.wire.admission import Admission
from taostack.wire.caller import Caller
from taostack.wire.errors import ProblemError
from taostack.wire.gate import Gate
from taostack.wire.limits import AxonLimits
from taostack.wire.message import Route
from taostack.wire.replay import ReplayStore, Verdict
from taostack.wire.signing import Credentials, Signer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Handler = Callable[[Any, Caller], Any]

GONE = "taostack.gone"
"""Our server puts this into the scope of a call whose peer has gone, and then cancels it."""

_SINGLE = frozenset(
    {
        b"x-bittensor-version",
        b"x-bittensor-hotkey",
        b"x-bittensor-receiver",
        b"x-bittensor-nonce",
        b"x-bittensor-crypto",
        b"x-bittensor-signature",
        b"content-type",
        b"content-encoding",
        b"content-length",
    }
)


class Attached(NamedTuple):
    """A route with its handler."""

    route: Route[Any, Any]
    handler: Handler
    gated: bool


class Disconnected(Exception):  # noqa: N818 - not an error: nobody is left to answer
    """The caller went away."""


class Call:
    """What is known of one request while it is answered."""

    __slots__ = ("body_read", "credentials", "headers", "scope")

    def __init__(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        self.scope = scope
        self.headers = headers
        self.credentials: Credentials | None = None
        self.body_read = False


class Core:
    """One axon's state: its key, limits, gate, slots, replay store and counters."""

    def __init__(
        self, signer: Signer, *, gate: Gate, clock: Clock, limits: AxonLimits, replay: ReplayStore, admission: Admission
    ) -> None:
        self.signer = signer
        self.hotkey = signer.ss58_address
        self.scheme = signing.scheme_of(signer)
        self.gate = gate
        self.clock = clock
        self.limits = limits
        self.replay = replay
        self.admission = admission
        self.outcomes: Counter[str] = Counter()
        self.log = get_logger("taostack.wire.axon")
        self.stopping = False
        """Set when calls in flight are being cut: a cancelled one then answers ``stopping`` instead of vanishing."""
        self._held_bytes = 0

    async def read_body(self, call: Call, receive: Receive) -> bytes:
        """The whole body, or 413, 408, 503."""
        declared = call.headers.get(b"content-length")
        limit = self.limits.body_bytes
        if declared is not None and (not declared.isdigit() or int(declared[:20]) > limit):
            raise ProblemError(problems.BODY_TOO_LARGE, f"more than {limit} bytes")
        chunks: list[bytes] = []
        held = 0
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Disconnected
                    chunk = message.get("body", b"")
                    held += len(chunk)
                    self._held_bytes += len(chunk)
                    if held > limit:
                        raise ProblemError(problems.BODY_TOO_LARGE, f"more than {limit} bytes")
                    if self._held_bytes > self.limits.held_body_bytes:
                        raise ProblemError(problems.BUSY, "too many bodies at once")
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise ProblemError(problems.BODY_TOO_SLOW, f"not complete within {self.limits.body_seconds:g} s") from None
        finally:
            self._held_bytes -= held
        call.body_read = True
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def remember(self, sender: str, nonce_ns: int) -> None:
        """Take the nonce, or refuse the replay; anything but ``Verdict.NEW`` refuses."""
        verdict = await self.replay.check_and_store(self.hotkey, sender, nonce_ns)
        if verdict is not Verdict.NEW:
            if verdict is Verdict.FULL:
                raise ProblemError(problems.REPLAY_STORE_FULL, "try again in a few seconds")
            raise ProblemError(problems.AUTH_REPLAYED, "this nonce was used before")

    def check_caller(self, hotkey: str, attached: Attached, protocol: str) -> Caller:
        """The verified hotkey as a ``Caller``, or the gate's refusal."""
        if not attached.gated:
            return Caller(hotkey, None, 0, False, protocol)
        standing = self.gate.standing(hotkey)
        if standing is None:
            return Caller(hotkey, None, 0, False, protocol)
        return Caller(hotkey, standing.uid, standing.stake_rao, standing.permit, protocol)

    async def handle(self, attached: Attached, request: Any, caller: Caller) -> Any:
        """The handler's reply, within its deadline and a slot."""
        await self.admission.enter(caller.hotkey, caller.stake_rao)
        try:
            deadline = asyncio.timeout(self.limits.handler_seconds)
            try:
                async with deadline:
                    return await attached.handler(request, caller)
            except TimeoutError:
                if deadline.expired():
                    raise self._too_late() from None
                raise
        finally:
            self.admission.leave(caller.hotkey)

    async def handle_stream(self, attached: Attached, request: Any, caller: Caller) -> AsyncGenerator[Any, None]:
        """The handler's items, all of them within the deadline and one slot."""
        await self.admission.enter(caller.hotkey, caller.stake_rao)
        try:
            loop = asyncio.get_running_loop()
            ends_at = loop.time() + self.limits.handler_seconds
            items = attached.handler(request, caller)
            try:
                while True:
                    deadline = asyncio.timeout_at(ends_at)
                    try:
                        async with deadline:
                            item = await anext(items)
                    except StopAsyncIteration:
                        return
                    except TimeoutError:
                        if deadline.expired():
                            raise self._too_late() from None
                        raise
                    yield item
            finally:
                await items.aclose()
        finally:
            self.admission.leave(caller.hotkey)

    def _too_late(self) -> ProblemError:
        return ProblemError(problems.HANDLER_TIMEOUT, f"no reply within {self.limits.handler_seconds:g} s")

    def log_internal(self, route: str, error: Exception) -> str:
        """Log a handler's or our own failure under a random id; the id is all that the caller learns."""
        error_id = secrets.token_hex(8)
        self.log.error("request failed", route=route, id=error_id, exc_info=error)
        return error_id


def cut_short(core: Core, call: Call) -> str | None:
    """Why a call was cancelled, when the server did it: its peer has gone, or the axon is going down."""
    if call.scope.get(GONE):
        return "disconnected"
    return problems.STOPPING.code if core.stopping else None


def refuse_repeated(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """A header that decides anything may stand there once: two readers might pick different ones."""
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in _SINGLE or name.startswith(b"bt_header_"):
            if name in seen:
                raise ProblemError(problems.AUTH_MALFORMED, "a header is repeated")
            seen.add(name)
