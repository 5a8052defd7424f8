"""Read, edit and write a runtime metadata blob (V14 and V15), byte for byte.

A blob is what ``state_getMetadata`` returns: the magic ``meta``, a version
byte and one SCALE value. The dataclasses below *are* the schema: the codec is
compiled from their annotations, so that a field can neither be read and not
written nor the other way round. ``write(read(blob)) == blob`` holds for every
blob that upstream ever published in the two versions (see the tests).

The devnet edits metadata for two reasons: a client reads the block time from
the constant ``Aura.SlotDuration``, and SDK releases are newer than the newest
published blob (``profile.py`` lists what is added).
"""

import types
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from taostack.devnet.errors import MetadataError

MAGIC = b"meta"

Compact = Annotated[int, "compact"]
"""An integer in SCALE's variable-length form; type ids are compact."""
U8 = Annotated[int, "u8"]
U32 = Annotated[int, "u32"]


@dataclass(slots=True)
class Field:
    """One field of a composite or of a variant."""

    name: str | None
    type: Compact
    type_name: str | None
    docs: list[str]


@dataclass(slots=True)
class Variant:
    """One arm of an enumeration: a call, an event, an error, or any other."""

    name: str
    fields: list[Field]
    index: U8
    docs: list[str]


@dataclass(slots=True)
class Composite:
    """Definition 0: named or unnamed fields in order."""

    fields: list[Field]


@dataclass(slots=True)
class Variants:
    """Definition 1: an enumeration."""

    variants: list[Variant]


@dataclass(slots=True)
class Sequence:
    """Definition 2: a vector of one type."""

    type: Compact


@dataclass(slots=True)
class Array:
    """Definition 3: a fixed number of values of one type."""

    length: U32
    type: Compact


@dataclass(slots=True)
class TupleOf:
    """Definition 4: a tuple of types."""

    types: list[Compact]


@dataclass(slots=True)
class Primitive:
    """Definition 5: bool, char, str, u8 … u256, i8 … i256 by position."""

    kind: U8


@dataclass(slots=True)
class CompactOf:
    """Definition 6: the compact form of a type."""

    type: Compact


@dataclass(slots=True)
class BitSequence:
    """Definition 7: bits, with the store and order types."""

    store: Compact
    order: Compact


Definition = Composite | Variants | Sequence | Array | TupleOf | Primitive | CompactOf | BitSequence


@dataclass(slots=True)
class TypeParameter:
    """A generic parameter of a type."""

    name: str
    type: Compact | None


@dataclass(slots=True)
class PortableType:
    """One entry of the type registry; ``id`` equals its position."""

    id: Compact
    path: list[str]
    parameters: list[TypeParameter]
    definition: Definition
    docs: list[str]


@dataclass(slots=True)
class Plain:
    """Storage kind 0: a single value."""

    value: Compact


@dataclass(slots=True)
class Map:
    """Storage kind 1: a map; ``key`` is a tuple type when there are several hashers."""

    hashers: list[U8]
    key: Compact
    value: Compact


@dataclass(slots=True)
class StorageEntry:
    """One storage item; modifier 0 is Optional, 1 is Default."""

    name: str
    modifier: U8
    kind: Plain | Map
    default: bytes
    docs: list[str]


@dataclass(slots=True)
class PalletStorage:
    """The storage items of a pallet under its prefix."""

    prefix: str
    entries: list[StorageEntry]


@dataclass(slots=True)
class Constant:
    """A pallet constant with its SCALE value."""

    name: str
    type: Compact
    value: bytes
    docs: list[str]


@dataclass(slots=True)
class Pallet:
    """A pallet of V14; calls, events and errors are ids of enumerations."""

    name: str
    storage: PalletStorage | None
    calls: Compact | None
    events: Compact | None
    constants: list[Constant]
    errors: Compact | None
    index: U8


@dataclass(slots=True)
class PalletV15(Pallet):
    """A pallet of V15."""

    docs: list[str]


@dataclass(slots=True)
class SignedExtension:
    """One signed extension: the type on the wire and the type only signed."""

    identifier: str
    type: Compact
    additional_signed: Compact


@dataclass(slots=True)
class ExtrinsicV14:
    """The extrinsic format, version 14."""

    type: Compact
    version: U8
    signed_extensions: list[SignedExtension]


@dataclass(slots=True)
class ExtrinsicV15:
    """The extrinsic format, version 15."""

    version: U8
    address: Compact
    call: Compact
    signature: Compact
    extra: Compact
    signed_extensions: list[SignedExtension]


@dataclass(slots=True)
class ApiInput:
    """A parameter of a runtime API method."""

    name: str
    type: Compact


@dataclass(slots=True)
class ApiMethod:
    """One runtime API method."""

    name: str
    inputs: list[ApiInput]
    output: Compact
    docs: list[str]


@dataclass(slots=True)
class RuntimeApi:
    """A runtime API trait."""

    name: str
    methods: list[ApiMethod]
    docs: list[str]


@dataclass(slots=True)
class OuterEnums:
    """The enumerations over all pallets."""

    call: Compact
    event: Compact
    error: Compact


@dataclass(slots=True)
class CustomValue:
    """An entry of the custom section."""

    name: str
    type: Compact
    value: bytes


@dataclass(slots=True)
class MetadataV14:
    """A whole V14 blob."""

    types: list[PortableType]
    pallets: list[Pallet]
    extrinsic: ExtrinsicV14
    runtime: Compact


@dataclass(slots=True)
class MetadataV15:
    """A whole V15 blob."""

    types: list[PortableType]
    pallets: list[PalletV15]
    extrinsic: ExtrinsicV15
    runtime: Compact
    apis: list[RuntimeApi]
    outer_enums: OuterEnums
    custom: list[CustomValue]


Metadata = MetadataV14 | MetadataV15

_VERSIONS: dict[int, type[MetadataV14] | type[MetadataV15]] = {14: MetadataV14, 15: MetadataV15}

Reader = Callable[[bytes, int], tuple[Any, int]]
Writer = Callable[[Any, bytearray], None]


def read(blob: bytes) -> Metadata:
    """Parse a blob; ``MetadataError`` when it is not V14 or V15 or is cut short."""
    if blob[:4] != MAGIC:
        raise MetadataError("metadata does not begin with the magic 'meta'")
    shape = _VERSIONS.get(blob[4] if len(blob) > 4 else -1)
    if shape is None:
        raise MetadataError(f"metadata version was {blob[4:5].hex() or 'missing'}, 14 or 15 is read")
    try:
        value, end = _codec(shape)[0](blob, 5)
    except (IndexError, UnicodeDecodeError, KeyError) as error:
        raise MetadataError(f"metadata is cut short or damaged: {error}") from error
    if end != len(blob):
        raise MetadataError(f"metadata has {len(blob) - end} bytes too many")
    return value  # type: ignore[no-any-return]


def write(metadata: Metadata) -> bytes:
    """The blob of ``metadata``: the inverse of ``read``."""
    out = bytearray(MAGIC)
    out.append(14 if isinstance(metadata, MetadataV14) else 15)
    _codec(type(metadata))[1](metadata, out)
    return bytes(out)


# --- the codec, compiled once per shape ---------------------------------------------------------


def read_compact(data: bytes, at: int) -> tuple[int, int]:
    """A compact integer at ``at`` and the offset after it; IndexError when it is cut short."""
    first = data[at]
    mode = first & 3
    if mode == 0:
        return first >> 2, at + 1
    if mode == 1:
        return (first | data[at + 1] << 8) >> 2, at + 2
    if mode == 2:
        data[at + 3]
        return int.from_bytes(data[at : at + 4], "little") >> 2, at + 4
    length = (first >> 2) + 4
    data[at + length]
    return int.from_bytes(data[at + 1 : at + 1 + length], "little"), at + 1 + length


def compact(value: int) -> bytes:
    """The compact form of a non-negative integer."""
    if value < 1 << 6:
        return bytes((value << 2,))
    if value < 1 << 14:
        return (value << 2 | 1).to_bytes(2, "little")
    if value < 1 << 30:
        return (value << 2 | 2).to_bytes(4, "little")
    length = (value.bit_length() + 7) // 8
    return bytes(((length - 4) << 2 | 3,)) + value.to_bytes(length, "little")


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = read_compact(data, at)
    end = at + length
    if end > len(data):
        raise IndexError("byte string runs past the end")
    return data[at:end], end


def _write_bytes(value: bytes, out: bytearray) -> None:
    out += compact(len(value))
    out += value


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    raw, at = _read_bytes(data, at)
    return raw.decode(), at


def _write_text(value: str, out: bytearray) -> None:
    _write_bytes(value.encode(), out)


def _write_compact(value: int, out: bytearray) -> None:
    out += compact(value)


def _read_u8(data: bytes, at: int) -> tuple[int, int]:
    return data[at], at + 1


def _read_u32(data: bytes, at: int) -> tuple[int, int]:
    data[at + 3]
    return int.from_bytes(data[at : at + 4], "little"), at + 4


def _write_u32(value: int, out: bytearray) -> None:
    out += value.to_bytes(4, "little")


_SCALARS: dict[object, tuple[Reader, Writer]] = {
    Compact: (read_compact, _write_compact),
    U8: (_read_u8, lambda value, out: out.append(value)),
    U32: (_read_u32, _write_u32),
    str: (_read_text, _write_text),
    bytes: (_read_bytes, _write_bytes),
}
_COMPILED: dict[object, tuple[Reader, Writer]] = dict(_SCALARS)


def _codec(shape: Any) -> tuple[Reader, Writer]:
    known = _COMPILED.get(shape)
    if known is None:
        known = _COMPILED[shape] = _compile(shape)
    return known


def _compile(shape: Any) -> tuple[Reader, Writer]:
    if is_dataclass(shape):
        return _compile_record(shape)
    if get_origin(shape) is list:
        return _compile_list(*_codec(get_args(shape)[0]))
    if get_origin(shape) in (Union, types.UnionType):
        arms = get_args(shape)
        if type(None) in arms:
            return _compile_option(*_codec(arms[0]))
        return _compile_union(arms)
    raise TypeError(f"no codec for {shape!r}")


def _compile_record(shape: Any) -> tuple[Reader, Writer]:
    hints = get_type_hints(shape, include_extras=True)
    names = [field.name for field in fields(shape)]
    codecs = [_codec(hints[name]) for name in names]
    readers = [reader for reader, _ in codecs]
    writers = [(name, writer) for name, (_, writer) in zip(names, codecs, strict=True)]

    def read_record(data: bytes, at: int) -> tuple[Any, int]:
        values = []
        for reader in readers:
            value, at = reader(data, at)
            values.append(value)
        return shape(*values), at

    def write_record(value: Any, out: bytearray) -> None:
        for name, writer in writers:
            writer(getattr(value, name), out)

    return read_record, write_record


def _compile_list(reader: Reader, writer: Writer) -> tuple[Reader, Writer]:
    def read_list(data: bytes, at: int) -> tuple[list[Any], int]:
        count, at = read_compact(data, at)
        values = []
        for _ in range(count):
            value, at = reader(data, at)
            values.append(value)
        return values, at

    def write_list(values: list[Any], out: bytearray) -> None:
        out += compact(len(values))
        for value in values:
            writer(value, out)

    return read_list, write_list


def _compile_option(reader: Reader, writer: Writer) -> tuple[Reader, Writer]:
    def read_option(data: bytes, at: int) -> tuple[Any, int]:
        return reader(data, at + 1) if data[at] else (None, at + 1)

    def write_option(value: Any, out: bytearray) -> None:
        out.append(value is not None)
        if value is not None:
            writer(value, out)

    return read_option, write_option


def _compile_union(arms: tuple[Any, ...]) -> tuple[Reader, Writer]:
    codecs = [_codec(arm) for arm in arms]
    readers = [reader for reader, _ in codecs]
    writers = {arm: (tag, writer) for tag, (arm, (_, writer)) in enumerate(zip(arms, codecs, strict=True))}

    def read_union(data: bytes, at: int) -> tuple[Any, int]:
        return readers[data[at]](data, at + 1)

    def write_union(value: Any, out: bytearray) -> None:
        tag, writer = writers[type(value)]
        out.append(tag)
        writer(value, out)

    return read_union, write_union
