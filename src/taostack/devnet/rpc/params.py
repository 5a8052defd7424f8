"""Reading positional parameters: hex, hashes, numbers; InvalidParams when they do not fit."""

from typing import Any

from taostack.devnet.codec import ss58_decode
from taostack.devnet.rpc.protocol import INVALID_PARAMS, RpcError

_HASH_LENGTH = 32


def invalid(what: str) -> RpcError:
    """The error reply for a parameter that does not fit."""
    return RpcError(INVALID_PARAMS, f"Invalid params: {what}")


def required(params: list[Any], position: int, name: str) -> Any:
    """The parameter at ``position``."""
    if position >= len(params):
        raise invalid(f"{name} is missing")
    return params[position]


def optional(params: list[Any], position: int) -> Any:
    """The parameter at ``position``, or None."""
    return params[position] if position < len(params) else None


def hex_bytes(value: Any, name: str) -> bytes:
    """Bytes of a hexadecimal string; the ``0x`` may be missing, as nodes (and the SDK's calls) have it."""
    if not isinstance(value, str):
        raise invalid(f"{name} must be a 0x string")
    try:
        return bytes.fromhex(value.removeprefix("0x"))
    except ValueError:
        raise invalid(f"{name} is not hexadecimal") from None


def block_hash(params: list[Any], position: int) -> bytes | None:
    """A block hash, or None where it is left out."""
    value = optional(params, position)
    if value is None:
        return None
    data = hex_bytes(value, "block hash")
    if len(data) != _HASH_LENGTH:
        raise invalid("a block hash has 32 bytes")
    return data


def number(value: Any, name: str, *, low: int = 0, high: int = 2**64 - 1) -> int:
    """An integer, also as a ``0x`` string, within bounds."""
    if isinstance(value, str):
        try:
            value = int(value, 16) if value.startswith("0x") else int(value)
        except ValueError:
            raise invalid(f"{name} is not a number") from None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise invalid(f"{name} must be an integer from {low} to {high}")
    return value


def address(value: Any, name: str = "account") -> str:
    """An ss58 address."""
    if not isinstance(value, str):
        raise invalid(f"{name} must be an address")
    try:
        ss58_decode(value)
    except ValueError:
        raise invalid(f"{name} is not an ss58 address") from None
    return value


def text(value: Any, name: str) -> str:
    """A string."""
    if not isinstance(value, str):
        raise invalid(f"{name} must be a string")
    return value
