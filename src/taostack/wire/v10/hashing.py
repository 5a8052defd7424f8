"""The v10 body hash: SHA3 over the Python ``str`` of each hash field.

``sha3(sha3(str(v1)) + sha3(str(v2)) + …)`` in hex, over the values as pydantic
holds them after coercion; so a peer has to speak Python's ``repr``. Values here
are taken after conversion to the route's types, which does the same coercions
for JSON's types (an integer in a float field becomes a float, and prints so).
"""

from collections.abc import Iterable
from hashlib import sha3_256
from typing import Any

import msgspec


def _sha3(text: str) -> str:
    return sha3_256(text.encode()).hexdigest()


def plain(value: Any) -> Any:
    """Structs as dicts, all the way down; everything else, tuples and sets too, as it is."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    return value


def body_hash(values: Iterable[Any]) -> str:
    """The hash over hash fields in class order; over nothing it is the hash of the empty string."""
    return _sha3("".join(_sha3(str(plain(value))) for value in values))


def message_hash(message: msgspec.Struct, fields: Iterable[str]) -> str:
    """The body hash of a request."""
    return body_hash(getattr(message, name) for name in fields)
