"""How a route looks to v10: the name of its synapse and which fields its body hash covers."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from taostack.wire.errors import RouteError

_CLASS_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")

RESERVED_FIELDS = frozenset({"name", "timeout", "total_size", "header_size", "dendrite", "axon", "computed_body_hash"})
"""Fields every synapse has; they carry no message."""


def _as_bytes(item: Any) -> bytes:
    return msgspec.json.encode(item) + b"\n"


@dataclass(frozen=True)
class V10Shape:
    """The synapse class that a route answers to.

    ``name`` is the v10 class name (its path is ``/name``). ``hash_fields`` is
    that class's ``required_hash_fields``, in class order; they must be fields
    of the request. A synapse without hash fields has a body that nothing
    protects and must be allowed with ``unhashed=True``.

    For a stream, ``to_chunk`` makes the raw bytes of an item (default: a line
    of JSON) and ``from_chunk`` an item of the raw bytes that arrive; v10 keeps
    no boundary between chunks.
    """

    name: str
    hash_fields: tuple[str, ...] = ()
    unhashed: bool = False
    to_chunk: Callable[[Any], bytes] = _as_bytes
    from_chunk: Callable[[bytes], Any] | None = None

    def check(self, request: type[msgspec.Struct], reply: type[msgspec.Struct]) -> None:
        """Raise ``RouteError`` when the shape does not fit the route's types."""
        if not _CLASS_NAME.fullmatch(self.name):
            raise RouteError(f"synapse name was {self.name!r}, must be a class name")
        if not self.hash_fields and not self.unhashed:
            raise RouteError(
                f"synapse {self.name} has no hash fields, so nothing protects its body",
                remedy="name its required_hash_fields, or accept that with unhashed=True",
            )
        for message in (request, reply):
            if message.__struct_fields__ != message.__struct_encode_fields__:
                raise RouteError(f"type {message.__name__} renames fields, synapse {self.name} has them as they are")
        fields = set(request.__struct_fields__)
        unknown = [name for name in self.hash_fields if name not in fields]
        if unknown:
            raise RouteError(f"hash field {unknown[0]!r} of synapse {self.name} is no field of the request")
        taken = sorted(RESERVED_FIELDS & (fields | set(reply.__struct_fields__)))
        if taken:
            raise RouteError(f"field {taken[0]!r} is reserved by v10 and cannot be in synapse {self.name}")
