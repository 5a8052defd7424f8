"""The ``dev_*`` methods: what only a developer may do to a chain.

Each is a function on a ``Control``, which the in-process ``Devnet`` offers as
Python methods too. Pallets add their own through ``@dev_method``.
"""

from collections.abc import Callable
from typing import Any, Protocol

from taostack.devnet.author import Chain
from taostack.devnet.pallets.dispatch import DEV_METHODS, Context
from taostack.devnet.rpc.params import address, hex_bytes, invalid, number, optional, required, text
from taostack.devnet.rpc.protocol import METHOD_NOT_FOUND, RpcError

MAX_BLOCKS_AT_ONCE = 100_000


class Control(Protocol):
    """What the node can be told to do."""

    @property
    def chain(self) -> Chain:
        """The chain."""
        ...

    def mine(self, count: int) -> str:
        """Seal blocks; the new head's hash."""
        ...

    def patch(self, change: Callable[[Context], Any]) -> Any:
        """Change the head's state."""
        ...

    def set_balance(self, account: str, rao: int) -> None:
        """Set a free balance."""
        ...

    def snapshot(self) -> int:
        """Remember this point."""
        ...

    def revert(self, snapshot: int) -> None:
        """Go back to a point."""
        ...

    def set_time(self, now_ms: int) -> None:
        """Move the chain's clock forward."""
        ...

    def drop_connections(self) -> int:
        """Cut every connection."""
        ...

    def pause_heads(self) -> None:
        """Stop sealing."""
        ...

    def resume_heads(self) -> None:
        """Seal again."""
        ...


Method = Callable[[Control, list[Any]], Any]


def _mine(control: Control, params: list[Any]) -> Any:
    count = 1 if optional(params, 0) is None else number(params[0], "count", low=1, high=MAX_BLOCKS_AT_ONCE)
    return control.mine(count)


def _set_balance(control: Control, params: list[Any]) -> Any:
    account = address(required(params, 0, "account"))
    control.set_balance(account, number(required(params, 1, "rao"), "rao"))
    return True


def _set_storage(control: Control, params: list[Any]) -> Any:
    entries = required(params, 0, "entries")
    if isinstance(entries, str):
        entries = [[entries, optional(params, 1)]]
    if not isinstance(entries, list) or any(not isinstance(each, list) or len(each) != 2 for each in entries):
        raise invalid("entries must be a key and a value, or a list of such pairs")
    writes = [(hex_bytes(key, "key"), None if value is None else hex_bytes(value, "value")) for key, value in entries]

    def change(ctx: Context) -> None:
        for key, value in writes:
            ctx.state.write(key, value)

    control.patch(change)
    return len(writes)


def _snapshot(control: Control, params: list[Any]) -> Any:
    return control.snapshot()


def _revert(control: Control, params: list[Any]) -> Any:
    control.revert(number(required(params, 0, "snapshot"), "snapshot", low=1))
    return True


def _set_time(control: Control, params: list[Any]) -> Any:
    control.set_time(number(required(params, 0, "milliseconds"), "milliseconds"))
    return True


def _fail_next(control: Control, params: list[Any]) -> Any:
    call = text(required(params, 0, "call"), "call")
    control.chain.fail_next(call, text(required(params, 1, "error"), "error"))
    return True


def _drop_connections(control: Control, params: list[Any]) -> Any:
    return control.drop_connections()


def _pause_heads(control: Control, params: list[Any]) -> Any:
    control.pause_heads()
    return True


def _resume_heads(control: Control, params: list[Any]) -> Any:
    control.resume_heads()
    return True


METHODS: dict[str, Method] = {
    "dev_mine": _mine,
    "dev_setBalance": _set_balance,
    "dev_setStorage": _set_storage,
    "dev_snapshot": _snapshot,
    "dev_revert": _revert,
    "dev_setTime": _set_time,
    "dev_failNext": _fail_next,
    "dev_dropConnections": _drop_connections,
    "dev_pauseHeads": _pause_heads,
    "dev_resumeHeads": _resume_heads,
}


def names() -> set[str]:
    """Every ``dev_*`` method there is."""
    return {*METHODS, *DEV_METHODS}


def run(control: Control, method: str, params: list[Any]) -> Any:
    """Run a ``dev_*`` method; RpcError when there is none of that name."""
    own = METHODS.get(method)
    if own is not None:
        return own(control, params)
    of_pallet = DEV_METHODS.get(method)
    if of_pallet is None:
        raise RpcError(METHOD_NOT_FOUND, "Method not found", method)
    try:
        return control.patch(lambda ctx: of_pallet(ctx, *params))
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        raise invalid(f"{method} does not take these: {error}") from error
