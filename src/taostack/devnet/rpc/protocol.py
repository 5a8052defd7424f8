"""JSON-RPC 2.0 frames: parse whatever arrives, answer every request exactly once.

Ids are echoed byte for byte (one SDK sends numbers, the other strings). Nothing
that a client sends may raise past ``answer``: malformed JSON, wrong shapes and
unknown methods have their error replies.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from taostack.devnet.extrinsics import UndecodableError
from taostack.devnet.pallets.dispatch import DispatchFailed, PoolRejection
from taostack.devnet.store import DiscardedError
from taostack.process.errors import TaostackError, UsageError
from taostack.process.logs import get_logger

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
TOO_MANY_SUBSCRIPTIONS = -32006
BATCH_TOO_LARGE = -32010
CLIENT_ERROR = 4003
BAD_FORMAT = 1001

MAX_BATCH = 1_000

_log = get_logger("taostack.devnet.rpc")


class RpcError(Exception):
    """An error reply."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class _Request(msgspec.Struct, forbid_unknown_fields=False):
    method: str
    params: Any = None
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_request_decoder = msgspec.json.Decoder(_Request)
_batch_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_any_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_NULL = msgspec.Raw(b"null")

Handler = Callable[[str, list[Any]], Any]


def answer(frame: str | bytes, handle: Handler) -> bytes | None:
    """The reply to one frame, or None when it holds notifications only.

    ``handle(method, params)`` returns the result or raises.
    """
    data = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
    if data.lstrip()[:1] != b"[":
        return _answer_one(data, handle)
    try:
        batch = _batch_decoder.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return _error(_NULL, RpcError(PARSE_ERROR, "Parse error"))
    if not batch:
        return _error(_NULL, RpcError(INVALID_REQUEST, "Invalid request"))
    if len(batch) > MAX_BATCH:
        return _error(_NULL, RpcError(BATCH_TOO_LARGE, "The batch request was too large", f"Exceeded max {MAX_BATCH}"))
    replies = [reply for each in batch if (reply := _answer_one(bytes(each), handle)) is not None]
    return b"[" + b",".join(replies) + b"]" if replies else None


def notification(method: str, subscription: str, result: Any) -> bytes:
    """A subscription's message."""
    return _encoder.encode(
        {"jsonrpc": "2.0", "method": method, "params": {"subscription": subscription, "result": result}}
    )


def _answer_one(data: bytes, handle: Handler) -> bytes | None:
    try:
        request = _request_decoder.decode(data)
    except msgspec.ValidationError:
        return _error(_id_of(data), RpcError(INVALID_REQUEST, "Invalid request"))
    except (msgspec.DecodeError, RecursionError):
        return _error(_NULL, RpcError(PARSE_ERROR, "Parse error"))
    identifier = request.id
    try:
        params = _positional(request.params)
        result = handle(request.method, params)
    except RpcError as error:
        return None if identifier is msgspec.UNSET else _error(identifier, error)
    except Exception as error:
        return None if identifier is msgspec.UNSET else _error(identifier, as_rpc_error(request.method, error))
    if identifier is msgspec.UNSET:
        return None
    return b'{"jsonrpc":"2.0","result":' + _encoder.encode(result) + b',"id":' + bytes(identifier) + b"}"


def _positional(params: Any) -> list[Any]:
    if params is None:
        return []
    if isinstance(params, list):
        return params
    raise RpcError(INVALID_PARAMS, "Invalid params", "parameters are taken by position, in a list")


def as_rpc_error(method: str, error: Exception) -> RpcError:
    """The error reply for whatever a method raised."""
    if isinstance(error, PoolRejection):
        return RpcError(error.code, error.message, error.data)
    if isinstance(error, DiscardedError):
        return RpcError(CLIENT_ERROR, f"Client error: UnknownBlock: {error}")
    if isinstance(error, UndecodableError):
        return RpcError(BAD_FORMAT, "Extrinsic has invalid format", str(error))
    if isinstance(error, UsageError | ValueError | OverflowError | TypeError):
        return RpcError(INVALID_PARAMS, f"Invalid params: {error}")
    if isinstance(error, DispatchFailed):
        return RpcError(CLIENT_ERROR, f"Client error: Execution failed: {error}")
    if isinstance(error, TaostackError):
        return RpcError(INTERNAL_ERROR, str(error), error.remedy)
    _log.error("method ended in a fault", method=method, exc_info=error)
    return RpcError(INTERNAL_ERROR, "Internal error", f"{type(error).__name__} in {method}")


def _id_of(data: bytes) -> msgspec.Raw:
    """The id of a frame that is JSON but no request, as far as it has one."""
    try:
        value = _any_decoder.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return _NULL
    if isinstance(value, dict) and isinstance(value.get("id"), str | int | float):
        return msgspec.Raw(_encoder.encode(value["id"]))
    return _NULL


def _error(identifier: msgspec.Raw, error: RpcError) -> bytes:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return b'{"jsonrpc":"2.0","error":' + _encoder.encode(body) + b',"id":' + bytes(identifier) + b"}"
