"""How a pallet is written: decorated functions on a ``Context``.

    @call("SubtensorModule.burned_register", weight=354_200_000)
    def burned_register(ctx: Context, netuid: int, hotkey: str) -> None:
        coldkey = ctx.signed()
        if not ctx.state.has("SubtensorModule", "NetworksAdded", netuid):
            ctx.fail("SubtensorModule", "SubnetNotExists")
        ...
        ctx.emit("SubtensorModule", "NeuronRegistered", netuid, uid, hotkey)

A call's writes and events vanish when it fails; fee and nonce stay. Names are
those of the metadata; an unknown one raises ``UnknownNameError`` at once.
Modules of ``pallets/`` and ``apis/`` register at import and are imported by
their package, so adding a pallet is adding a file.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from taostack.devnet.errors import UnknownNameError
from taostack.devnet.profile import RuntimeProfile
from taostack.devnet.store import State

DEFAULT_WEIGHT = 200_000_000
"""Weight (reference time, picoseconds) of a call whose handler states none."""

INVALID_TRANSACTION = 1010

Handler = Callable[..., Any]


class DispatchFailed(Exception):  # noqa: N818 (a result of the chain, not a fault of the program)
    """A call failed; ``error`` is the ``sp_runtime::DispatchError`` value, ``name`` reads ``Pallet.Error``."""

    def __init__(self, error: Any, name: str, post: "Post | None" = None) -> None:
        super().__init__(name)
        self.error = error
        self.name = name
        self.post = post or Post()


class PoolRejection(Exception):  # noqa: N818
    """A transaction is not valid: it enters neither the pool nor a block."""

    def __init__(self, code: int, data: str, message: str = "Invalid Transaction") -> None:
        super().__init__(f"{message}: {data}")
        self.code = code
        self.data = data
        self.message = message

    @classmethod
    def custom(cls, number: int) -> "PoolRejection":
        """``Custom error: N``, as a transaction extension refuses."""
        return cls(INVALID_TRANSACTION, f"Custom error: {number}")

    @classmethod
    def payment(cls) -> "PoolRejection":
        """The sender cannot pay the fee."""
        return cls(INVALID_TRANSACTION, "Inability to pay some fees (e.g. account balance too low)")

    @classmethod
    def stale(cls) -> "PoolRejection":
        """The nonce was used, or the era is over."""
        return cls(INVALID_TRANSACTION, "Transaction is outdated")

    @classmethod
    def bad_proof(cls) -> "PoolRejection":
        """The signature does not fit the payload, chain, runtime or era."""
        return cls(INVALID_TRANSACTION, "Transaction has a bad signature")

    @classmethod
    def call_not_expected(cls) -> "PoolRejection":
        """The call may not be made this way."""
        return cls(INVALID_TRANSACTION, "Transaction call is not expected")


@dataclass(frozen=True, slots=True)
class Origin:
    """Who makes a call."""

    kind: Literal["signed", "root", "none"]
    account: str | None = None

    @classmethod
    def signed_by(cls, account: str) -> "Origin":
        """The origin of a signed extrinsic."""
        return cls("signed", account)


ROOT = Origin("root")
NONE = Origin("none")


@dataclass(frozen=True, slots=True)
class Post:
    """What a handler may return: the weight really used, and whether the fee is kept."""

    weight: int | None = None
    pays_fee: bool = True


class Events:
    """The events of one block, encoded as they are emitted."""

    __slots__ = ("_profile", "phase", "records")

    def __init__(self, profile: RuntimeProfile) -> None:
        self._profile = profile
        self.records: list[bytes] = []
        self.phase = b"\x02"

    def in_initialization(self) -> None:
        """Following events belong to the start of the block."""
        self.phase = b"\x02"

    def in_finalization(self) -> None:
        """Following events belong to the end of the block."""
        self.phase = b"\x01"

    def in_extrinsic(self, index: int) -> None:
        """Following events belong to extrinsic ``index``."""
        self.phase = b"\x00" + index.to_bytes(4, "little")

    @property
    def extrinsic_index(self) -> int:
        """The place in the block of the extrinsic being applied; 0 outside of one."""
        return int.from_bytes(self.phase[1:5], "little")

    def emit(self, pallet: str, name: str, *args: Any, **fields: Any) -> None:
        """Append an event with positional fields, or with fields by name."""
        self.records.append(self.phase + self._profile.codec.encode_event(pallet, name, args, fields) + b"\x00")


class Context:
    """What a handler sees: state, block, time, origin, events and the runtime's names."""

    __slots__ = ("block", "events", "extrinsics", "failures", "now_ms", "origin", "profile", "state")

    def __init__(
        self,
        state: State,
        block: int,
        now_ms: int,
        origin: Origin,
        events: Events,
        profile: RuntimeProfile,
        extrinsics: list[bytes] | None = None,
        failures: dict[str, str] | None = None,
    ) -> None:
        self.state = state
        self.block = block
        self.now_ms = now_ms
        self.origin = origin
        self.events = events
        self.profile = profile
        self.extrinsics = extrinsics if extrinsics is not None else []
        self.failures = failures if failures is not None else {}

    def as_origin(self, origin: Origin) -> "Context":
        """The same block and state under another origin."""
        return Context(
            self.state, self.block, self.now_ms, origin, self.events, self.profile, self.extrinsics, self.failures
        )

    # -- origin --------------------------------------------------------------------------------

    def signed(self) -> str:
        """The signer's address; BadOrigin for root and unsigned calls."""
        if self.origin.kind != "signed" or self.origin.account is None:
            self.fail_with("BadOrigin")
        return self.origin.account

    def root(self) -> None:
        """Return for root; BadOrigin for anyone else."""
        if self.origin.kind != "root":
            self.fail_with("BadOrigin")

    # -- results -------------------------------------------------------------------------------

    def emit(self, pallet: str, name: str, *args: Any, **fields: Any) -> None:
        """Deposit an event with positional fields, or with fields by name."""
        self.events.emit(pallet, name, *args, **fields)

    def fail(self, pallet: str, error: str) -> NoReturn:
        """End the call with a module error by name."""
        raise module_failure(self.profile, pallet, error)

    def fail_with(self, kind: str, detail: str | None = None) -> NoReturn:
        """End the call with ``BadOrigin``, ``CannotLookup``, ``Other``, or ``Token``/``Arithmetic`` and a detail."""
        raise DispatchFailed({kind: detail}, kind if detail is None else f"{kind}.{detail}")

    def constant(self, pallet: str, name: str) -> Any:
        """A pallet constant of the metadata."""
        return self.profile.codec.constant(pallet, name)

    def include_extrinsic(self, raw: bytes) -> None:
        """Put a further extrinsic into this block, after the present one (the MEV shield's inner one)."""
        self.extrinsics.append(raw)

    def attempt(self, decoded: Mapping[str, Any], origin: Origin) -> DispatchFailed | None:
        """Make a call inside this one; returns its failure instead of raising it."""
        try:
            self.dispatch(decoded, origin)
        except DispatchFailed as failure:
            return failure
        return None

    # -- nesting -------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Writes and events of the body, or none of them when it raises."""
        mark = len(self.events.records)
        try:
            with self.state.transaction():
                yield
        except BaseException:
            del self.events.records[mark:]
            raise

    def dispatch(self, decoded: Mapping[str, Any], origin: Origin, data: bytes | None = None) -> Post:
        """Make a decoded call under ``origin`` in a transaction; DispatchFailed when it fails."""
        name = call_name(decoded)
        arguments = self.profile.codec.call_arguments(decoded, data)
        forced = self.failures.pop(name, None)
        if forced is not None:
            raise named_failure(self.profile, name, forced)
        spec = CALLS.get(name)
        if spec is None:
            # The call exists on the real chain but is not modelled here: say so as the chain would say "not allowed".
            self.fail("System", "CallFiltered")
        with self.transaction():
            outcome = spec.handler(self.as_origin(origin), **arguments)
        return outcome if isinstance(outcome, Post) else Post()


# --- registries ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallSpec:
    """A registered call."""

    name: str
    handler: Handler
    weight: "int | Callable[[Mapping[str, Any]], int]"
    proof_size: int
    pays_fee: bool
    dispatch_class: Literal["Normal", "Operational", "Mandatory"]

    def weigh(self, arguments: Mapping[str, Any]) -> int:
        """Weight for given arguments."""
        return self.weight if isinstance(self.weight, int) else self.weight(arguments)


@dataclass(frozen=True, slots=True)
class Hook:
    """A function with its place in the order (low first)."""

    order: int
    run: Callable[[Context], None]


CALLS: dict[str, CallSpec] = {}
GUARDS: dict[str, list[Handler]] = {}
APIS: dict[str, Handler] = {}
DEV_METHODS: dict[str, Handler] = {}
_ON_INITIALIZE: list[Hook] = []
_ON_FINALIZE: list[Hook] = []
_GENESIS: list[Hook] = []


def call(
    name: str,
    *,
    weight: int | Callable[[Mapping[str, Any]], int] = DEFAULT_WEIGHT,
    proof_size: int = 0,
    pays_fee: bool = True,
    dispatch_class: Literal["Normal", "Operational", "Mandatory"] = "Normal",
) -> Callable[[Handler], Handler]:
    """Register ``handler(ctx, **arguments)`` for the call ``Pallet.name``.

    ``weight`` is reference time in picoseconds (fee = weight × 5e-4 + length),
    or a function of the decoded arguments. Byte-vector arguments are ``bytes``.
    """

    def register(handler: Handler) -> Handler:
        CALLS[name] = CallSpec(name, handler, weight, proof_size, pays_fee, dispatch_class)
        return handler

    return register


def guard(*names: str) -> Callable[[Handler], Handler]:
    """Register ``handler(ctx, **arguments)`` to refuse the outermost call by raising ``PoolRejection``.

    It runs when a transaction is submitted and again before it is applied; it must not write.
    """

    def register(handler: Handler) -> Handler:
        for name in names:
            GUARDS.setdefault(name, []).append(handler)
        return handler

    return register


def runtime_api(name: str, *, raw: bool = False) -> Callable[[Handler], Handler]:
    """Register ``handler(ctx, **parameters)`` for ``Api.method``; its result is encoded by the metadata.

    ``ctx.state`` is the state of the block that was asked for, read-only. With
    ``raw`` it is ``handler(ctx, data)`` on the undecoded parameters. A result of
    ``bytes`` is answered as it is.
    """

    def register(handler: Handler) -> Handler:
        handler.takes_raw_parameters = raw  # type: ignore[attr-defined]
        APIS[name] = handler
        return handler

    return register


def dev_method(name: str) -> Callable[[Handler], Handler]:
    """Register ``handler(ctx, *parameters)`` as the JSON-RPC method ``name`` (``dev_…``).

    It runs as root in a layer of the head block, so it may write; its result is answered as JSON.
    """

    def register(handler: Handler) -> Handler:
        DEV_METHODS[name] = handler
        return handler

    return register


def _hook(hooks: list[Hook], order: int) -> Callable[[Callable[[Context], None]], Callable[[Context], None]]:
    def register(function: Callable[[Context], None]) -> Callable[[Context], None]:
        hooks.append(Hook(order, function))
        hooks.sort(key=lambda hook: (hook.order, hook.run.__module__, hook.run.__qualname__))
        return function

    return register


def on_initialize(order: int = 100) -> Callable[[Callable[[Context], None]], Callable[[Context], None]]:
    """Run a function at the start of every block, before its extrinsics, in ``order``."""
    return _hook(_ON_INITIALIZE, order)


def on_finalize(order: int = 100) -> Callable[[Callable[[Context], None]], Callable[[Context], None]]:
    """Run a function at the end of every block, in ``order``."""
    return _hook(_ON_FINALIZE, order)


def genesis(order: int = 100) -> Callable[[Callable[[Context], None]], Callable[[Context], None]]:
    """Run a function once, to build block 0, in ``order`` (System and Balances are 0 to 10)."""
    return _hook(_GENESIS, order)


def initialize_hooks() -> tuple[Hook, ...]:
    """The registered start-of-block functions in order."""
    return tuple(_ON_INITIALIZE)


def finalize_hooks() -> tuple[Hook, ...]:
    """The registered end-of-block functions in order."""
    return tuple(_ON_FINALIZE)


def genesis_hooks() -> tuple[Hook, ...]:
    """The registered genesis builders in order."""
    return tuple(_GENESIS)


# --- helpers ------------------------------------------------------------------------------------


def dispatch_result(failure: DispatchFailed | None) -> dict[str, Any]:
    """A ``DispatchResult`` value for an event."""
    return {"Ok": ()} if failure is None else {"Err": failure.error}


def call_name(decoded: Mapping[str, Any]) -> str:
    """``Pallet.call`` of a decoded call."""
    return f"{decoded['call_module']}.{decoded['call_function']}"


def module_failure(profile: RuntimeProfile, pallet: str, error: str) -> DispatchFailed:
    """The failure of a module error by name."""
    index, number = profile.codec.error_index(pallet, error)
    return DispatchFailed({"Module": {"index": index, "error": [number, 0, 0, 0]}}, f"{pallet}.{error}")


_TOKEN_ERRORS = frozenset(
    [
        "FundsUnavailable",
        "OnlyProvider",
        "BelowMinimum",
        "CannotCreate",
        "UnknownAsset",
        "Frozen",
        "Unsupported",
        "CannotCreateHold",
        "NotExpendable",
        "Blocked",
    ]
)
_POOL_TEXTS: dict[str, Callable[[], PoolRejection]] = {
    "Payment": PoolRejection.payment,
    "Stale": PoolRejection.stale,
    "BadProof": PoolRejection.bad_proof,
    "Call": PoolRejection.call_not_expected,
}


def named_failure(profile: RuntimeProfile, call: str, name: str) -> Exception:
    """A failure by a name that a developer types.

    ``SubnetNotExists`` (of the call's own pallet), ``Balances.InsufficientBalance``,
    ``FundsUnavailable`` and other token errors, or ``BadOrigin``.
    """
    if name in ("BadOrigin", "CannotLookup", "Other", "Exhausted", "Corruption", "Unavailable"):
        return DispatchFailed({name: None}, name)
    if name in _TOKEN_ERRORS:
        return DispatchFailed({"Token": name}, f"Token.{name}")
    pallet, _, error = name.rpartition(".")
    return module_failure(profile, pallet or call.partition(".")[0], error)


def pool_rejection(name: str) -> PoolRejection | None:
    """The pool rejection of a name (``Payment``, ``Stale``, ``Custom error: 6``), or None."""
    if name.startswith("Custom error: ") and name.removeprefix("Custom error: ").isdigit():
        return PoolRejection.custom(int(name.removeprefix("Custom error: ")))
    make = _POOL_TEXTS.get(name)
    return None if make is None else make()


def check_call_name(profile: RuntimeProfile, name: str) -> None:
    """UnknownNameError unless ``Pallet.call`` is a call of the runtime."""
    if not profile.codec.has_call(name):
        raise UnknownNameError(f"no call {name} in the metadata")
