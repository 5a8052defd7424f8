"""The node: a chain, its author, its server; and ``Devnet``, which runs one in a thread.

``Node`` is asynchronous and is what ``taostack devnet`` runs. ``Devnet`` is what
tests hold: a context manager, plain or asynchronous, whose node lives in a
thread with an event loop of its own, so that a client in the same process may
block as it likes.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from taostack.devnet import statefile
from taostack.devnet.author import Base, Chain, Limits, Sealed
from taostack.devnet.codec import keypair, ss58_encode
from taostack.devnet.errors import NotRunningError
from taostack.devnet.extrinsics import Extrinsic
from taostack.devnet.genesis import DEV_ACCOUNTS
from taostack.devnet.pallets import balances
from taostack.devnet.pallets.dispatch import Context
from taostack.devnet.pool import Entry
from taostack.devnet.profile import load_profile
from taostack.devnet.rpc import dev
from taostack.devnet.rpc.server import MAX_CONNECTIONS, RpcServer, require_loopback
from taostack.devnet.signing import compose, sign_call
from taostack.devnet.store import Reader, Writes
from taostack.process.clock import Clock, SystemClock
from taostack.process.errors import UsageError
from taostack.process.logs import get_logger

Seal = Literal["interval", "instant", "manual"]
SEALS: tuple[Seal, ...] = ("interval", "instant", "manual")

_START_SECONDS = 30.0
_CALL_SECONDS = 120.0

_log = get_logger("taostack.devnet")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DevnetSettings:
    """Everything a devnet can be told before it starts."""

    host: str = "127.0.0.1"
    """Address to listen on; only loopback unless ``allow_remote``."""
    port: int = 0
    """Port; 0 takes any free one."""
    block_time: float = 0.25
    """Seconds between blocks; clients read it from the metadata (``Aura.SlotDuration``)."""
    seal: Seal = "interval"
    """A block every ``block_time``, as soon as a transaction is ready, or only by ``mine``."""
    state_file: Path | None = None
    """Keep the chain in this file and continue from it."""
    keep_blocks: int | None = 1_200
    """How many past blocks can be read; None keeps all (memory grows with the chain)."""
    allow_remote: bool = False
    """Listen beyond this machine, although everyone knows the keys."""
    max_connections: int = MAX_CONNECTIONS
    """Websocket connections at once."""
    constants: Mapping[str, bytes] = field(default_factory=dict)
    """``Pallet.Name`` to the SCALE bytes that replace a metadata constant."""

    def check(self) -> None:
        """UsageError when a value makes no sense."""
        if self.seal not in SEALS:
            raise UsageError(f"seal was {self.seal!r}", remedy=f"choose one of {', '.join(SEALS)}")
        if not 0.001 <= self.block_time <= 3_600:
            raise UsageError(
                f"block time was {self.block_time} s", remedy="give a number of seconds from 0.001 to 3600"
            )
        if not 0 <= self.port <= 65_535:
            raise UsageError(f"port was {self.port}", remedy="give a port from 0 to 65535")
        if self.keep_blocks is not None and self.keep_blocks < 1:
            raise UsageError(f"keep_blocks was {self.keep_blocks}", remedy="keep at least one block")
        require_loopback(self.host, allow_remote=self.allow_remote)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's event loop where it is installed: it halves the time of a request."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


class Node:
    """One chain with its author and server, on the running event loop."""

    def __init__(self, settings: DevnetSettings, clock: Clock) -> None:
        settings.check()
        self.settings = settings
        self._clock = clock
        self._profile = load_profile(max(1, round(settings.block_time * 1000)), settings.constants)
        self._limits = Limits(keep_blocks=settings.keep_blocks)
        self._file = None if settings.state_file is None else statefile.StateFile(settings.state_file)
        self.chain = self._make(None) if self._file is None else self._file.open(self._profile, self._make)
        self._server = RpcServer(self, max_connections=settings.max_connections)
        self._wanted = asyncio.Event()
        self._stop = asyncio.Event()
        self._paused = False
        self._ahead_ms = 0
        self.port = 0

    def _make(self, base: Base | None) -> Chain:
        return Chain(self._profile, self._limits, base)

    @property
    def url(self) -> str:
        """Where clients connect."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"ws://{host}:{self.port}"

    async def run(self, started: Callable[[], None]) -> None:
        """Serve and seal until ``stop``; ``started`` is called once clients can connect."""
        try:
            self.port = await self._server.start(self.settings.host, self.settings.port)
            started()
            async with asyncio.TaskGroup() as tasks:
                author = tasks.create_task(self._author(), name="author")
                await self._stop.wait()
                author.cancel()
        finally:
            await self._server.close()
            if self._file is not None:
                self._file.close()

    def stop(self) -> None:
        """Let ``run`` return."""
        self._stop.set()

    # -- sealing -------------------------------------------------------------------------------

    async def _author(self) -> None:
        if self.settings.seal == "interval":
            await self._seal_in_intervals()
        elif self.settings.seal == "instant":
            await self._seal_on_demand()

    async def _seal_in_intervals(self) -> None:
        interval = self.settings.block_time
        due = self._clock.monotonic() + interval
        while True:
            now = self._clock.monotonic()
            await self._clock.sleep(due - now)
            # A block that took longer than the interval moves the beat; it is not made up for in a burst.
            due = max(due + interval, self._clock.monotonic())
            if not self._paused:
                self.seal()

    async def _seal_on_demand(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while not self._paused and self.chain.pool.has_ready(self.chain.account_nonce):
                if not self.seal().included:
                    break
                await asyncio.sleep(0)

    def seal(self) -> Sealed:
        """Seal one block and tell everyone."""
        sealed = self.chain.seal(self._clock.now_ms() + self._ahead_ms)
        block_hash = "0x" + sealed.block.hash.hex()
        for entry in sealed.invalid:
            entry.tell("invalid")
        for entry in sealed.included:
            entry.tell({"inBlock": block_hash})
            entry.tell({"finalized": block_hash})
        self._server.sealed(sealed)
        if self._file is not None:
            self._file.compact(self.chain)
        return sealed

    # -- what sessions ask for -----------------------------------------------------------------

    def submit(self, extrinsic: Extrinsic) -> Entry:
        """Take a transaction into the pool and wake the author."""
        entry = self.chain.submit(extrinsic)
        self._wanted.set()
        return entry

    def develop(self, method: str, params: list[Any]) -> Any:
        """Run a ``dev_*`` method."""
        return dev.run(self, method, params)

    # -- a developer's hands -------------------------------------------------------------------

    def mine(self, count: int) -> str:
        """Seal ``count`` blocks, also while heads are paused; the new head's hash."""
        for _ in range(count):
            self.seal()
        return "0x" + self.chain.head.hash.hex()

    def patch(self, change: Callable[[Context], T]) -> T:
        """Change the head's state and tell those who watch it."""
        result, writes = self.chain.patch(change)
        self._changed(writes)
        return result  # type: ignore[no-any-return]

    def _changed(self, writes: Writes) -> None:
        self._server.changed(self.chain.head.hash, writes)

    def set_balance(self, account: str, rao: int) -> None:
        """Set a free balance at the head."""
        self.patch(lambda ctx: balances.set_free(ctx.state, account, rao))

    def snapshot(self) -> int:
        """Remember this point; returns its number."""
        return self.chain.snapshot()

    def revert(self, snapshot: int) -> None:
        """Go back to a snapshot; waiting transactions are dropped."""
        for entry in self.chain.revert(snapshot):
            entry.tell("dropped")

    def set_time(self, now_ms: int) -> None:
        """Let the chain's clock go on from ``now_ms``; it cannot go back behind the head."""
        if now_ms <= self.chain.last_ms:
            raise UsageError(f"time was {now_ms} ms, the head's is {self.chain.last_ms} ms", remedy="give a later time")
        self._ahead_ms = now_ms - self._clock.now_ms()

    def drop_connections(self) -> int:
        """Cut every websocket; returns how many."""
        return self._server.drop_connections()

    def pause_heads(self) -> None:
        """Seal no more blocks, as a chain that has stalled."""
        self._paused = True

    def resume_heads(self) -> None:
        """Seal again."""
        self._paused = False
        self._wanted.set()


class Devnet:
    """A local chain in this process: ``with Devnet() as devnet: client(devnet.url)``.

    Settings are those of ``DevnetSettings``. All methods may be called from any
    thread while it runs; they answer when the chain has done what was asked.
    """

    accounts: Mapping[str, str] = DEV_ACCOUNTS
    """``//Alice`` to ``//Ferdie``: secret URI to address. Each owns 1,000,000 TAO at genesis."""

    def __init__(self, settings: DevnetSettings | None = None, *, clock: Clock | None = None, **changes: Any) -> None:
        self.settings = settings or DevnetSettings(**changes)
        if settings is not None and changes:
            raise UsageError("settings were given twice", remedy="pass DevnetSettings or keywords, not both")
        self.settings.check()
        self._clock = clock or SystemClock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._node: Node | None = None

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start serving; returns when clients can connect."""
        if self._thread is not None:
            raise NotRunningError("this devnet has been started before", remedy="make a new Devnet")
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="devnet", daemon=True)
        self._thread.start()
        started.result(_START_SECONDS)
        return self

    def close(self) -> None:
        """Stop serving and wait for the thread; harmless when it is not running."""
        thread, loop, node = self._thread, self._loop, self._node
        if thread is None:
            return
        if loop is not None and node is not None and not loop.is_closed():
            loop.call_soon_threadsafe(node.stop)
        thread.join(_START_SECONDS)
        self._node = self._loop = None

    def _run(self, started: Future[None]) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._main(started))
        except BaseException as error:
            if started.done():
                _log.error("the devnet ended with a fault", exc_info=error)
            else:
                started.set_exception(error)

    async def _main(self, started: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._node = Node(self.settings, self._clock)
        try:
            await self._node.run(lambda: started.set_result(None))
        finally:
            self._node = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    # -- reading -------------------------------------------------------------------------------

    def call(self, function: Callable[[Node], T]) -> T:
        """Run ``function(node)`` in the devnet's own thread and return its result."""
        loop, node = self._loop, self._node
        if loop is None or node is None or loop.is_closed():
            raise NotRunningError("the devnet is not running")
        if threading.current_thread() is self._thread:
            return function(node)
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(function(node))
            except BaseException as error:
                answer.set_exception(error)

        loop.call_soon_threadsafe(run)
        return answer.result(_CALL_SECONDS)

    @property
    def url(self) -> str:
        """Where clients connect, ``ws://127.0.0.1:PORT``."""
        return self.call(lambda node: node.url)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self.call(lambda node: node.port)

    @property
    def block(self) -> int:
        """Height of the head."""
        return self.call(lambda node: node.chain.number)

    @property
    def block_hash(self) -> str:
        """Hash of the head, ``0x…``."""
        return self.call(lambda node: "0x" + node.chain.head.hash.hex())

    @property
    def state(self) -> "StateView":
        """Typed reads of the head's storage."""
        return StateView(self, None)

    def state_at(self, block: int) -> "StateView":
        """Typed reads of the storage of an older block."""
        return StateView(self, block)

    def balance(self, account: str) -> int:
        """Free rao of an address."""
        return self.call(lambda node: balances.free_balance(node.chain.state, account))

    # -- a developer's hands -------------------------------------------------------------------

    def mine(self, count: int = 1) -> int:
        """Seal ``count`` blocks at once; returns the new height."""
        self.call(lambda node: node.mine(count))
        return self.block

    def set_balance(self, account: str, rao: int) -> None:
        """Set a free balance at the head."""
        self.call(lambda node: node.set_balance(account, rao))

    def set_storage(self, pallet: str, item: str, *keys: Any, value: Any) -> None:
        """Set (value None: remove) one storage entry at the head."""

        def change(ctx: Context) -> None:
            if value is None:
                ctx.state.delete(pallet, item, *keys)
            else:
                ctx.state.put(pallet, item, *keys, value=value)

        self.call(lambda node: node.patch(change))

    def snapshot(self) -> int:
        """Remember this point; returns its number for ``revert``."""
        return self.call(lambda node: node.snapshot())

    def revert(self, snapshot: int) -> None:
        """Take the chain back to a snapshot; that one and all later ones are used up."""
        self.call(lambda node: node.revert(snapshot))

    def set_time(self, now_ms: int) -> None:
        """Let the chain's clock go on from ``now_ms`` (milliseconds since 1970, UTC)."""
        self.call(lambda node: node.set_time(now_ms))

    def fail_next(self, call: str, error: str) -> None:
        """Let the next ``Pallet.call`` fail with ``error``: a module error, a token error, ``Custom error: 6``, …"""
        self.call(lambda node: node.chain.fail_next(call, error))

    def drop_connections(self) -> int:
        """Cut every websocket without goodbye; returns how many there were."""
        return self.call(lambda node: node.drop_connections())

    def pause_heads(self) -> None:
        """Make no more blocks (``mine`` still does)."""
        self.call(lambda node: node.pause_heads())

    def resume_heads(self) -> None:
        """Make blocks again."""
        self.call(lambda node: node.resume_heads())

    def submit(self, uri: str, call: str, /, **arguments: Any) -> str:
        """Sign ``Pallet.call`` with a secret URI such as ``//Alice`` and put it into the pool; its hash.

        PoolRejection when the chain does not take it.
        """

        def run(node: Node) -> str:
            chain = node.chain
            codec = chain.profile.codec
            nonce = chain.next_nonce(ss58_encode(bytes(keypair(uri).public_key)))
            raw = sign_call(codec, uri, compose(codec, call, arguments), nonce=nonce, genesis_hash=chain.genesis_hash)
            return "0x" + node.submit(chain.decode(raw)).extrinsic.hash.hex()

        return self.call(run)

    def develop(self, method: str, *params: Any) -> Any:
        """Run any ``dev_*`` method, also those that pallets add."""
        return self.call(lambda node: node.develop(method, list(params)))

    def reveal(self, *params: Any) -> Any:
        """Reveal a timelocked weight commit with its plaintext (``dev_revealCommit``)."""
        return self.develop("dev_revealCommit", *params)

    def save(self, path: Path) -> None:
        """Write the head to a new file that ``state_file`` can start from."""
        self.call(lambda node: statefile.save(node.chain, path))


class StateView:
    """Typed, thread-safe reads of a running devnet's storage."""

    def __init__(self, devnet: Devnet, block: int | None) -> None:
        self._devnet = devnet
        self._block = block

    def _read(self, function: Callable[[Reader], T]) -> T:
        block = self._block
        return self._devnet.call(
            lambda node: function(node.chain.state if block is None else node.chain.state.at(block))
        )

    def get(self, pallet: str, item: str, *keys: Any) -> Any:
        """The decoded value, or the metadata's default."""
        return self._read(lambda state: state.get(pallet, item, *keys))

    def get_bytes(self, pallet: str, item: str, *keys: Any) -> bytes | None:
        """The exact content of a byte-vector entry."""
        return self._read(lambda state: state.get_bytes(pallet, item, *keys))

    def has(self, pallet: str, item: str, *keys: Any) -> bool:
        """True when the entry is stored."""
        return self._read(lambda state: state.has(pallet, item, *keys))

    def items(self, pallet: str, item: str, *prefix_keys: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """(free key parts, value) of every stored entry."""
        return self._read(lambda state: state.items(pallet, item, *prefix_keys))

    def raw(self, key: bytes) -> bytes | None:
        """The bytes under a storage key."""
        return self._read(lambda state: state.raw(key))
