"""Messages and routes: what two neurons say to each other, typed.

A ``Route`` pairs a request type with a reply type under a name and a version,
which both stand in its path (``/name/v1``): a changed message gets a new
version, and an axon may serve several. Both types are msgspec Structs that
refuse unknown fields. JSON and msgpack say the same; which one a body is,
its content type tells.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from taostack.wire.errors import RouteError
from taostack.wire.v10.shape import V10Shape

JSON = "application/json"
MSGPACK = "application/msgpack"

Request = TypeVar("Request", bound=msgspec.Struct)
Reply = TypeVar("Reply", bound=msgspec.Struct)

_NAME = re.compile(r"[a-z][a-z0-9._-]{0,63}")

DECODE_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
"""What decoding hostile bytes can raise: msgspec's own, bad UTF-8, nesting, numbers out of range."""


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of requests and replies: immutable, keyword-only, unknown fields refused."""


class Codec:
    """Encodes and decodes one message type in both forms.

    Decoding refuses NaN and infinities wherever they stand: JSON cannot spell
    them, msgpack can, and a score made of NaN poisons everything after it.
    """

    __slots__ = ("_from_json", "_from_msgpack", "_has_floats", "type")

    def __init__(self, message: type[Any]) -> None:
        self.type = message
        self._from_json: Callable[[bytes], Any] = msgspec.json.Decoder(message).decode
        self._from_msgpack: Callable[[bytes], Any] = msgspec.msgpack.Decoder(message).decode
        self._has_floats = holds_floats(message)

    def encode(self, value: Any, media: str) -> bytes:
        """The bytes of ``value``; ``TypeError`` when it holds what cannot be sent."""
        if media == MSGPACK:
            return _to_msgpack(value)
        return _to_json(value)

    def decode(self, data: bytes, media: str) -> Any:
        """The message in ``data``; raises one of ``DECODE_ERRORS`` when there is none."""
        if media == MSGPACK:
            value = self._from_msgpack(data)
            if self._has_floats and not all_finite(value):
                raise ValueError("a number is not finite")
            return value
        return self._from_json(data)


_to_json = msgspec.json.Encoder().encode
_to_msgpack = msgspec.msgpack.Encoder().encode


def all_finite(value: Any) -> bool:
    """Whether no float anywhere in ``value`` is NaN or infinite."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                return False
        elif isinstance(item, msgspec.Struct):
            stack.extend(getattr(item, name) for name in item.__struct_fields__)
        elif isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list | tuple | set | frozenset):
            stack.extend(item)
    return True


def holds_floats(message: type[Any]) -> bool:
    """Whether a value of this type may hold a float (``Any`` may)."""
    seen: set[int] = set()
    stack: list[Any] = [msgspec.inspect.type_info(message)]
    while stack:
        info = stack.pop()
        if isinstance(info, msgspec.inspect.FloatType | msgspec.inspect.AnyType | msgspec.inspect.CustomType):
            return True
        if isinstance(info, msgspec.inspect.Type):
            if id(info) in seen:
                continue
            seen.add(id(info))
            stack.extend(getattr(info, name) for name in info.__struct_fields__)
        elif isinstance(info, msgspec.inspect.Field):
            stack.append(info.type)
        elif isinstance(info, tuple | list):
            stack.extend(info)
    return False


def _check_message(message: type[Any], role: str) -> None:
    if not (isinstance(message, type) and issubclass(message, msgspec.Struct)):
        raise RouteError(f"{role} type was {message!r}, must be a msgspec Struct")
    if not message.__struct_config__.forbid_unknown_fields:
        raise RouteError(f"{role} type {message.__name__} lets unknown fields through")


@dataclass(frozen=True)
class Route(Generic[Request, Reply]):
    """One request type, one reply type, a name and a version.

    ``idempotent`` allows a dendrite to repeat a call that may have reached the
    handler. ``v10`` names the synapse under which unmodified v10 neurons know
    the same thing: an axon then answers both on one port, a dendrite asks
    either. Raises ``RouteError`` for a wrong declaration.
    """

    name: str
    version: int
    request: type[Request]
    reply: type[Reply]
    idempotent: bool = False
    v10: V10Shape | None = None
    path: str = field(init=False)
    request_codec: Codec = field(init=False, repr=False, compare=False)
    reply_codec: Codec = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise RouteError(f"route name was {self.name!r}, must match {_NAME.pattern}")
        if self.version < 1:
            raise RouteError(f"route version was {self.version}, must be at least 1")
        _check_message(self.request, "request")
        _check_message(self.reply, "reply")
        if self.v10 is not None:
            self.v10.check(self.request, self.reply)
        object.__setattr__(self, "path", f"/{self.name}/v{self.version}")
        object.__setattr__(self, "request_codec", Codec(self.request))
        object.__setattr__(self, "reply_codec", Codec(self.reply))


@dataclass(frozen=True)
class StreamRoute(Route[Request, Reply]):
    """A route whose handler is an async generator: ``reply`` is the type of one item."""
