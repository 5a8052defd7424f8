"""The chain itself: judge, apply, seal, look up, go back.

``Chain`` is synchronous and does no I/O but through the ``Journal`` it is given:
the node decides when to seal and what time it is. Between two calls the state
is always that of a sealed head.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from taostack.devnet import apis, pallets
from taostack.devnet.block import Block, Header, extrinsics_root, next_state_root, slot_log
from taostack.devnet.errors import UnknownNameError
from taostack.devnet.execute import Execution
from taostack.devnet.extrinsics import Extrinsic, bare_extrinsic, decode_extrinsic
from taostack.devnet.metadata import compact
from taostack.devnet.pallets import balances
from taostack.devnet.pallets.dispatch import (
    APIS,
    NONE,
    ROOT,
    Context,
    Events,
    check_call_name,
    finalize_hooks,
    genesis_hooks,
    initialize_hooks,
    named_failure,
    pool_rejection,
)
from taostack.devnet.pool import Entry, Pool
from taostack.devnet.profile import RuntimeProfile
from taostack.devnet.store import DiscardedError, LayerMark, Reader, State, Writes
from taostack.devnet.validity import Validator, Verdict

ZERO_HASH = bytes(32)
HASH_LENGTH = 32


class Journal(Protocol):
    """Where sealed blocks are made durable before anyone hears of them."""

    def block(self, block: Block, writes: Writes) -> None:
        """Record a sealed block."""
        ...

    def patch(self, block: int, writes: Writes) -> None:
        """Record a change made between two blocks."""
        ...

    def revert(self, sequence: int, block: int, root: bytes) -> None:
        """Record a return to an earlier point."""
        ...


class NoJournal:
    """A chain that lives in memory only."""

    def block(self, block: Block, writes: Writes) -> None:
        """Nothing to do."""

    def patch(self, block: int, writes: Writes) -> None:
        """Nothing to do."""

    def revert(self, sequence: int, block: int, root: bytes) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What came of one call of ``Chain.seal``."""

    block: Block
    writes: Writes
    included: tuple[Entry, ...]
    invalid: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A point to which the chain can be taken back."""

    mark: LayerMark
    number: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Base:
    """A whole chain at one block, without its past: what a state file begins with."""

    block: Block
    root: bytes
    hashes: bytes
    entries: dict[bytes, bytes]


@dataclass(slots=True)
class Limits:
    """Bounds of the chain in memory; ``keep_blocks`` None keeps every block."""

    keep_blocks: int | None = 1_200
    pool: int = 8_192
    block_weight: int = 3_000_000_000_000
    """Reference time of normal extrinsics in one block, picoseconds (``System.BlockWeights``)."""
    block_length: int = 7_864_320
    """Bytes of extrinsics in one block (``System.BlockLength``)."""


@dataclass(slots=True)
class _Blocks:
    """Kept blocks by number and by hash, and every hash since genesis."""

    kept: dict[int, Block] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=dict)
    hashes: bytearray = field(default_factory=bytearray)
    oldest: int = 0

    def append(self, block: Block) -> None:
        self.kept[block.number] = block
        self.numbers[block.hash] = block.number
        self.hashes += block.hash

    def truncate(self, number: int) -> None:
        for gone in [each for each in self.kept if each > number]:
            del self.numbers[self.kept.pop(gone).hash]
        del self.hashes[(number + 1) * HASH_LENGTH :]

    def prune(self, oldest: int) -> None:
        while self.oldest < oldest:
            block = self.kept.pop(self.oldest, None) if self.oldest else None
            if block is not None:
                del self.numbers[block.hash]
            self.oldest += 1


class Chain:
    """One chain from genesis to head."""

    def __init__(self, profile: RuntimeProfile, limits: Limits | None = None, base: Base | None = None) -> None:
        pallets.load_all()
        apis.load_all()
        self.profile = profile
        self.limits = limits or Limits()
        self.state = State(profile.codec)
        self.pool = Pool(self.limits.pool)
        self.failures: dict[str, str] = {}
        self.journal: Journal = NoJournal()
        self._validator = Validator(profile)
        self._blocks = _Blocks()
        self._snapshots: list[Snapshot] = []
        self._api_answers: dict[tuple[bytes, str, bytes], bytes] = {}
        self._root = ZERO_HASH
        self._last_ms = 0
        if base is None:
            self._build_genesis()
        else:
            self._start_from(base)

    # -- the head ------------------------------------------------------------------------------

    @property
    def head(self) -> Block:
        """The newest block; it is final."""
        return self._blocks.kept[self.number]

    @property
    def number(self) -> int:
        """Height of the head."""
        return len(self._blocks.hashes) // HASH_LENGTH - 1

    @property
    def genesis_hash(self) -> bytes:
        """Hash of block 0."""
        return bytes(self._blocks.hashes[:HASH_LENGTH])

    @property
    def last_ms(self) -> int:
        """Time of the head, milliseconds since 1970, UTC (0 at genesis)."""
        return self._last_ms

    def hash_at(self, number: int) -> bytes | None:
        """The hash of a block by height, however old; None above the head."""
        if not 0 <= number <= self.number:
            return None
        return bytes(self._blocks.hashes[number * HASH_LENGTH : (number + 1) * HASH_LENGTH])

    def block_by_hash(self, block_hash: bytes) -> Block | None:
        """A kept block; None when it is unknown or dropped."""
        number = self._blocks.numbers.get(block_hash)
        return None if number is None else self._blocks.kept[number]

    @property
    def oldest_parent(self) -> bytes | None:
        """The hash of the block before the oldest kept one; None while nothing was dropped."""
        oldest = self._blocks.oldest
        return self.hash_at(oldest - 1) if oldest else None

    def state_at(self, block_hash: bytes | None) -> Reader:
        """The state after a block (None: the head); DiscardedError when it is not kept."""
        if block_hash is None:
            return self.state
        number = self._blocks.numbers.get(block_hash)
        if number is None:
            raise DiscardedError(f"block 0x{block_hash.hex()} is not kept")
        return self.state if number == self.number else self.state.at(number)

    # -- building ------------------------------------------------------------------------------

    def _build_genesis(self) -> None:
        with self.state.layer(0):
            ctx = self._context(0, ROOT, Events(self.profile))
            for hook in genesis_hooks():
                hook.run(ctx)
            writes = self.state.pending_writes()
        # The metadata is no storage entry, but clients cache it by genesis hash: so it must be part of that hash.
        self._root = next_state_root(self.profile.fingerprint, writes)
        self._blocks.append(Block(Header(0, ZERO_HASH, self._root, extrinsics_root(()), ()), ()))

    def _start_from(self, base: Base) -> None:
        number = base.block.number
        with self.state.layer(number):
            for key, value in base.entries.items():
                self.state.write(key, value)
        self.state.prune(number)
        self._blocks = _Blocks({number: base.block}, {base.block.hash: number}, bytearray(base.hashes), number)
        self._root = base.root
        self._last_ms = int(self.state.get("Timestamp", "Now"))

    def base(self) -> Base:
        """The chain at its head, without its past."""
        entries = {key: value for key in self.state.keys(b"") if (value := self.state.raw(key)) is not None}
        return Base(self.head, self._root, bytes(self._blocks.hashes), entries)

    def _context(self, block: int, origin: Any, events: Events, now_ms: int | None = None) -> Context:
        return Context(
            self.state,
            block,
            self._last_ms if now_ms is None else now_ms,
            origin,
            events,
            self.profile,
            failures=self.failures,
        )

    def seal(self, now_ms: int) -> Sealed:
        """Build the next block from what the pool has ready, record it, and make it the head.

        The block's time is ``now_ms``, or one millisecond after its parent's if
        that is later. When recording fails the chain stays at its old head.
        """
        number = self.number + 1
        now_ms = max(now_ms, self._last_ms + 1)
        parent = self.head.hash
        logs = (slot_log(now_ms, self.profile.block_time_ms),)
        with self.state.layer(number):
            execution = self._execute(number, now_ms, parent, logs)
            writes = self.state.pending_writes()
            root = next_state_root(self._root, writes)
            extrinsics = tuple(execution.extrinsics)
            block = Block(Header(number, parent, root, extrinsics_root(extrinsics), logs), extrinsics)
            self.journal.block(block, writes)
        self._accept(block, root, now_ms)
        for entry in execution.included + execution.invalid:
            self.pool.remove(entry)
        expired = self.pool.expire(number + 1, self.account_nonce)
        return Sealed(block, writes, tuple(execution.included), (*execution.invalid, *expired))

    def _execute(self, number: int, now_ms: int, parent: bytes, logs: tuple[bytes, ...]) -> Execution:
        state = self.state
        events = Events(self.profile)
        ctx = self._context(number, NONE, events, now_ms)
        state.put("System", "Number", value=number)
        state.put("System", "ParentHash", value="0x" + parent.hex())
        state.put("System", "BlockHash", number - 1, value="0x" + parent.hex())
        state.write(state.codec.key("System", "Digest", ()), compact(len(logs)) + b"".join(logs))
        events.in_initialization()
        root_ctx = ctx.as_origin(ROOT)
        for hook in initialize_hooks():
            hook.run(root_ctx)
        execution = Execution(self, ctx)
        execution.inherent(self._inherent(now_ms))
        for entry in self.pool.ready(self.account_nonce):
            if not execution.has_room(entry):
                break
            execution.apply_entry(entry)
        events.in_finalization()
        for hook in finalize_hooks():
            hook.run(root_ctx)
        execution.settle()
        state.put("System", "EventCount", value=len(events.records))
        state.write(state.codec.key("System", "Events", ()), compact(len(events.records)) + b"".join(events.records))
        return execution

    def _inherent(self, now_ms: int) -> Extrinsic:
        raw = bare_extrinsic(self.profile.codec.compose_call("Timestamp", "set", {"now": now_ms}))
        return self.decode(raw)

    def _accept(self, block: Block, root: bytes, now_ms: int) -> None:
        self._root = root
        self._last_ms = now_ms
        self._blocks.append(block)
        self._api_answers.clear()
        self._prune()

    def _prune(self) -> None:
        if self.limits.keep_blocks is None:
            return
        oldest = self.number - self.limits.keep_blocks
        if self._snapshots:
            oldest = min(oldest, self._snapshots[0].number)
        if oldest > 0:
            self.state.prune(oldest)
            self._blocks.prune(oldest)

    # -- transactions --------------------------------------------------------------------------

    def decode(self, raw: bytes) -> Extrinsic:
        """Take an extrinsic apart; UndecodableError."""
        return decode_extrinsic(raw, self.profile, self._validator.extensions)

    def judge(self, extrinsic: Extrinsic, ctx: Context | None = None, known: Verdict | None = None) -> Verdict:
        """Whether a transaction may be applied in the next block (or in ``ctx``); PoolRejection."""
        if ctx is None:
            ctx = self._context(self.number + 1, NONE, Events(self.profile))
        birth = extrinsic.era.birth(ctx.block)
        return self._validator.judge(extrinsic, ctx, self.genesis_hash, self._birth_hash(birth, ctx.block), known=known)

    def _birth_hash(self, birth: int, block: int) -> bytes | None:
        if birth and block - birth > int(self.profile.codec.constant("System", "BlockHashCount")):
            return None
        return self.hash_at(birth)

    def submit(self, extrinsic: Extrinsic) -> Entry:
        """Take a transaction into the pool; PoolRejection says why not."""
        verdict = self.judge(extrinsic)
        return self.pool.add(extrinsic, verdict)

    def account_nonce(self, account: str) -> int:
        """The next nonce of an account on chain."""
        return balances.nonce(self.state, account)

    def next_nonce(self, account: str) -> int:
        """The next nonce that neither the chain nor the pool has used."""
        return self.pool.next_nonce(account, self.account_nonce(account))

    # -- runtime APIs --------------------------------------------------------------------------

    def has_api(self, name: str) -> bool:
        """True when the devnet answers ``Api.method``."""
        return name in APIS and self.profile.codec.api(name) is not None

    def call_api(self, name: str, data: bytes, block_hash: bytes | None) -> bytes:
        """The SCALE answer of ``Api.method`` at a block.

        UnknownNameError when there is no such method; ValueError when the
        parameters do not decode.
        """
        shape = self.profile.codec.api(name)
        handler = APIS.get(name)
        if shape is None or handler is None:
            raise UnknownNameError(f"Exported method {name.replace('.', '_')} is not found")
        at = block_hash or self.head.hash
        known = self._api_answers.get((at, name, data))
        if known is not None:
            return known
        state = self.state_at(block_hash)
        number = self._blocks.numbers[at]
        ctx = self._context(number, NONE, Events(self.profile))
        if state is not self.state:
            ctx = _at_past(ctx, state)
        if getattr(handler, "takes_raw_parameters", False):
            answer = handler(ctx, data)
        else:
            answer = handler(ctx, **self.profile.codec.decode_params(shape, data))
        encoded = answer if isinstance(answer, bytes) else self.profile.codec.encode(shape.output, answer)
        if len(self._api_answers) < 256:
            self._api_answers[at, name, data] = encoded
        return encoded

    # -- a developer's hands -------------------------------------------------------------------

    def patch(self, change: Callable[[Context], Any]) -> tuple[Any, Writes]:
        """Apply ``change`` as root to the head's own state; it is recorded like a block.

        Returns what ``change`` returned, and the writes it made.
        """
        number = self.number
        with self.state.layer(number):
            result = change(self._context(number, ROOT, Events(self.profile)))
            writes = self.state.pending_writes()
            self.journal.patch(number, writes)
        self._root = next_state_root(self._root, writes)
        self._api_answers.clear()
        return result, writes

    def fail_next(self, call: str, error: str) -> None:
        """Let the next ``Pallet.call`` fail with a named error (dispatch or pool)."""
        check_call_name(self.profile, call)
        if pool_rejection(error) is None:
            named_failure(self.profile, call, error)
        self.failures[call] = error

    def snapshot(self) -> int:
        """Remember the present point; returns its number."""
        self._snapshots.append(Snapshot(self.state.mark(), self.number, self._root))
        return len(self._snapshots)

    @property
    def has_snapshots(self) -> bool:
        """True while a snapshot may be reverted to."""
        return bool(self._snapshots)

    def revert(self, snapshot: int) -> list[Entry]:
        """Go back to a snapshot, which is used up with all later ones; returns the dropped transactions."""
        if not 1 <= snapshot <= len(self._snapshots):
            raise UnknownNameError(f"there is no snapshot {snapshot}")
        point = self._snapshots[snapshot - 1]
        self.journal.revert(point.mark.sequence, point.number, point.root)
        del self._snapshots[snapshot - 1 :]
        self._go_back(point.mark, point.number, point.root)
        return self.pool.clear()

    def _go_back(self, mark: LayerMark, number: int, root: bytes) -> None:
        self.state.revert(mark)
        self._blocks.truncate(number)
        self._root = root
        self._last_ms = int(self.state.get("Timestamp", "Now"))
        self._api_answers.clear()

    # -- replay --------------------------------------------------------------------------------

    def replay_block(self, block: Block, writes: Writes) -> bool:
        """Take over a recorded block; False when it does not fit on the head."""
        root = next_state_root(self._root, writes)
        if block.header.parent != self.head.hash or block.header.state_root != root:
            return False
        with self.state.layer(block.number):
            for key, value in writes.items():
                self.state.write(key, value)
        self._accept(block, root, int(self.state.get("Timestamp", "Now")))
        return True

    def replay_revert(self, sequence: int, number: int, root: bytes) -> None:
        """Take over a recorded return to the layer ``sequence`` and the block ``number``."""
        self._go_back(LayerMark(sequence, number), number, root)

    def replay_patch(self, writes: Writes) -> None:
        """Take over a recorded patch of the head."""
        with self.state.layer(self.number):
            for key, value in writes.items():
                self.state.write(key, value)
        self._root = next_state_root(self._root, writes)


def _at_past(ctx: Context, state: Reader) -> Context:
    """The context of a runtime call at an older block: its state, number and time."""
    return Context(
        state,  # type: ignore[arg-type]  # runtime APIs only read
        int(state.get("System", "Number")),
        int(state.get("Timestamp", "Now")),
        ctx.origin,
        ctx.events,
        ctx.profile,
    )
