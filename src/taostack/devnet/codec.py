"""The one place that knows ``bittensor_core``, the SDK's SCALE codec in Rust.

Everything else in the devnet asks a ``Codec``. It adds what the devnet needs
and a client does not: names to indices (errors, events), and byte-exact call
arguments.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bittensor_core

from taostack.devnet import metadata
from taostack.devnet.errors import UnknownNameError
from taostack.devnet.metadata import MetadataV15, Variants, read_compact

SS58_FORMAT = 42
ED25519 = 0
SR25519 = 1
ECDSA = 2

_KEYS_REMEMBERED = 4_096
"""Storage keys kept ready; hashing one takes longer than looking it up."""


@dataclass(frozen=True, slots=True)
class StorageItem:
    """One storage item: its 32-byte key prefix, SCALE types and default."""

    pallet: str
    name: str
    prefix: bytes
    value_type: str
    key_types: tuple[str, ...]
    hashers: tuple[str, ...]
    optional: bool
    default: bytes


@dataclass(frozen=True, slots=True)
class EventShape:
    """How an event is written: two index bytes, then the fields in order."""

    index: bytes
    names: tuple[str | None, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ApiShape:
    """A runtime API method: parameter names and types, and the type of its answer."""

    inputs: tuple[tuple[str, str], ...]
    output: str


def blake2_256(data: bytes) -> bytes:
    """The chain's hash of blocks, extrinsics and calls."""
    return hashlib.blake2b(data, digest_size=32).digest()


def ss58_encode(public_key: bytes) -> str:
    """The address (prefix 42) of a 32-byte public key."""
    return str(bittensor_core.ss58_encode(public_key, SS58_FORMAT))


def ss58_decode(address: str) -> bytes:
    """The 32-byte public key of an address; ValueError when it is not one."""
    return bytes(bittensor_core.ss58_decode(address))


def verify(payload: bytes, signature: bytes, address: str, scheme: int) -> bool:
    """True when ``address`` signed ``payload`` under ``scheme`` (0 ed25519, 1 sr25519)."""
    return bool(bittensor_core.verify(payload, signature, address, scheme))


def keypair(uri: str, scheme: int = SR25519) -> Any:
    """The key pair of a secret URI such as ``//Alice``; it has ``public_key`` and ``sign``."""
    return bittensor_core.Keypair.create_from_uri(uri, scheme)


def multisig_account(signatories: Sequence[str], threshold: int) -> str:
    """The address of the multisignature account of ``signatories``."""
    account, _ = bittensor_core.multisig_account_id([ss58_decode(each) for each in signatories], threshold)
    return ss58_encode(bytes(account))


def metadata_digest(blob: bytes, spec_version: int, spec_name: str) -> bytes:
    """RFC 78 digest of a metadata blob, which a hardware signer signs along with the call."""
    return bytes(bittensor_core.metadata_digest(blob, spec_version, spec_name, SS58_FORMAT, 9, "TAO"))


class Codec:
    """Encode and decode everything of one runtime."""

    def __init__(self, blob: bytes, tree: MetadataV15, spec_version: int, transaction_version: int) -> None:
        self._runtime = bittensor_core.Runtime(blob, spec_version, transaction_version, SS58_FORMAT)
        self._items: dict[tuple[str, str], StorageItem] = {}
        self._keys: dict[tuple[Any, ...], bytes] = {}
        self._constants: dict[tuple[str, str], Any] = {}
        self._errors: dict[tuple[str, str], tuple[int, int]] = {}
        self._error_names: dict[tuple[int, int], str] = {}
        self._events: dict[tuple[str, str], EventShape] = {}
        self._byte_types = _byte_vector_types(tree)
        self._call_names: set[str] = set()
        self._call_types: dict[bytes, tuple[tuple[str, str], ...]] = {}
        self._apis = {
            f"{api}.{method}": ApiShape(tuple((name, kind) for name, kind in shape["inputs"]), shape["output"])
            for api, methods in self._runtime.runtime_api_map().items()
            for method, shape in methods.items()
        }
        for pallet in tree.pallets:
            self._index_pallet(tree, pallet.name, pallet.index, pallet.errors, pallet.events, pallet.calls)

    def _index_pallet(
        self, tree: MetadataV15, name: str, index: int, errors: int | None, events: int | None, calls: int | None
    ) -> None:
        for variant in _variants(tree, errors):
            self._errors[name, variant.name] = (index, variant.index)
            self._error_names[index, variant.index] = f"{name}.{variant.name}"
        for variant in _variants(tree, events):
            self._events[name, variant.name] = EventShape(
                bytes((index, variant.index)),
                tuple(field.name for field in variant.fields),
                tuple(f"scale_info::{field.type}" for field in variant.fields),
            )
        for variant in _variants(tree, calls):
            self._call_names.add(f"{name}.{variant.name}")
            self._call_types[bytes((index, variant.index))] = tuple(
                (field.name or str(position), f"scale_info::{field.type}")
                for position, field in enumerate(variant.fields)
            )

    # -- values --------------------------------------------------------------------------------

    def decode(self, kind: str, data: bytes) -> Any:
        """The value of SCALE ``data`` of type ``kind``; ValueError when it does not fit."""
        return self._runtime.decode(kind, data)

    def encode(self, kind: str, value: Any) -> bytes:
        """The SCALE bytes of ``value``; ValueError when it does not fit the type."""
        return bytes(self._runtime.encode(kind, value))

    # -- storage -------------------------------------------------------------------------------

    def item(self, pallet: str, name: str) -> StorageItem:
        """The storage item ``pallet.name``; UnknownNameError when the runtime has none."""
        known = self._items.get((pallet, name))
        if known is None:
            try:
                entry = self._runtime.storage_entry(pallet, name)
            except KeyError:
                raise UnknownNameError(f"no storage item {pallet}.{name} in the metadata") from None
            known = self._items[pallet, name] = StorageItem(
                pallet,
                name,
                bytes(self._runtime.storage_prefix(pallet, name)),
                entry.value_type,
                tuple(entry.param_types),
                tuple(entry.param_hashers),
                entry.modifier == "Optional",
                bytes(entry.default_bytes),
            )
        return known

    def key(self, pallet: str, name: str, keys: Sequence[Any]) -> bytes:
        """The storage key of one entry, or the prefix of a part of a map."""
        if not keys:
            return self.item(pallet, name).prefix
        place = (pallet, name, *keys)
        try:
            known = self._keys.get(place)
        except TypeError:  # a key that is a list or a mapping
            return self._storage_key(pallet, name, keys)
        if known is None:
            known = self._storage_key(pallet, name, keys)
            if len(self._keys) >= _KEYS_REMEMBERED:
                self._keys.clear()
            self._keys[place] = known
        return known

    def _storage_key(self, pallet: str, name: str, keys: Sequence[Any]) -> bytes:
        try:
            return bytes(self._runtime.storage_key(pallet, name, list(keys)))
        except KeyError:
            raise UnknownNameError(f"no storage item {pallet}.{name} in the metadata") from None

    def decode_entries(
        self, pallet: str, name: str, keys: list[bytes], values: list[bytes], fixed: int
    ) -> list[tuple[tuple[Any, ...], Any]]:
        """Free key parts (a tuple) and value of each raw entry, in the given order."""
        pairs = self._runtime.decode_map_pairs(pallet, name, keys, values, fixed)
        free = len(self.item(pallet, name).key_types) - fixed
        if free == 1:
            return [((key,), value) for key, value in pairs]
        return [(tuple(key), value) for key, value in pairs]

    # -- names ---------------------------------------------------------------------------------

    def constant(self, pallet: str, name: str) -> Any:
        """The decoded pallet constant; UnknownNameError when there is none."""
        if (pallet, name) not in self._constants:
            value = self._runtime.constant(pallet, name)
            if value is None:
                raise UnknownNameError(f"no constant {pallet}.{name} in the metadata")
            self._constants[pallet, name] = value
        return self._constants[pallet, name]

    def error_index(self, pallet: str, name: str) -> tuple[int, int]:
        """The (pallet, error) indices of a module error."""
        try:
            return self._errors[pallet, name]
        except KeyError:
            raise UnknownNameError(f"no error {pallet}.{name} in the metadata") from None

    def error_name(self, pallet_index: int, error_index: int) -> str:
        """``Pallet.Error`` of a module error."""
        return self._error_names.get((pallet_index, error_index), f"{pallet_index}.{error_index}")

    def event(self, pallet: str, name: str) -> EventShape:
        """The shape of an event."""
        try:
            return self._events[pallet, name]
        except KeyError:
            raise UnknownNameError(f"no event {pallet}.{name} in the metadata") from None

    def encode_event(self, pallet: str, name: str, args: Sequence[Any], fields: Mapping[str, Any]) -> bytes:
        """An event's SCALE bytes from positional fields, or from fields by name."""
        shape = self.event(pallet, name)
        if fields:
            missing = [each for each in shape.names if each not in fields]
            if args or missing or len(fields) != len(shape.names):
                raise UnknownNameError(f"event {pallet}.{name} has the fields {shape.names}, given {sorted(fields)}")
            args = [fields[str(each)] for each in shape.names]
        if len(args) != len(shape.types):
            raise UnknownNameError(f"event {pallet}.{name} has {len(shape.types)} fields, given {len(args)}")
        encode = self._runtime.encode
        return shape.index + b"".join(encode(kind, value) for kind, value in zip(shape.types, args, strict=True))

    # -- runtime APIs --------------------------------------------------------------------------

    def api(self, name: str) -> ApiShape | None:
        """The shape of ``Api.method``, or None."""
        return self._apis.get(name)

    @property
    def api_names(self) -> frozenset[str]:
        """``Api.method`` of every runtime API method in the metadata."""
        return frozenset(self._apis)

    def decode_params(self, shape: ApiShape, data: bytes) -> dict[str, Any]:
        """A runtime call's parameters by name; ValueError when the bytes do not fit."""
        if not shape.inputs:
            if data:
                raise ValueError("this method takes no parameters")
            return {}
        kinds = [kind for _, kind in shape.inputs]
        if len(kinds) == 1:
            return {shape.inputs[0][0]: self._runtime.decode(kinds[0], data)}
        values = self._runtime.decode(f"({', '.join(kinds)})", data)
        return {name: value for (name, _), value in zip(shape.inputs, values, strict=True)}

    # -- calls ---------------------------------------------------------------------------------

    def has_call(self, name: str) -> bool:
        """True when the runtime has the call ``Pallet.name``."""
        return name in self._call_names

    def compose_call(self, pallet: str, name: str, args: Mapping[str, Any]) -> bytes:
        """A call's SCALE bytes; nested calls may be given as bytes."""
        return bytes(self._runtime.compose_call(pallet, name, dict(args)))

    def decode_call(self, data: bytes) -> dict[str, Any]:
        """The call as ``{call_module, call_function, call_args, call_hash}``; ValueError when it is none."""
        return self._runtime.decode_call(data)  # type: ignore[no-any-return]

    def call_arguments(self, call: Mapping[str, Any], data: bytes | None) -> dict[str, Any]:
        """Arguments by name; byte vectors as ``bytes``.

        The codec shows a byte vector as text when it happens to be UTF-8 and as
        hex otherwise, which loses the difference between the text ``0x41`` and
        the byte 0x41. With the call's own bytes in ``data`` that is undone.
        """
        arguments = {arg["name"]: arg["value"] for arg in call["call_args"]}
        kinds = self._call_types[bytes.fromhex(call["call_index"][2:])]
        if any(kind in self._byte_types for _, kind in kinds):
            at = 2
            for name, kind in kinds:
                if kind in self._byte_types:
                    if data is None:
                        arguments[name] = byte_string(arguments[name])
                        continue
                    length, start = read_compact(data, at)
                    at = start + length
                    arguments[name] = data[start:at]
                elif data is not None:
                    at += len(self._runtime.encode(kind, arguments[name]))
        return arguments

    def call_bytes(self, call: Mapping[str, Any]) -> bytes:
        """The SCALE bytes of a decoded call (used for calls inside calls)."""
        arguments = {arg["name"]: self._nested(arg["value"]) for arg in call["call_args"]}
        return self.compose_call(call["call_module"], call["call_function"], arguments)

    def _nested(self, value: Any) -> Any:
        if isinstance(value, dict):
            if "call_module" in value:
                return self.call_bytes(value)
            return {name: self._nested(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._nested(each) for each in value]
        return value

    # -- extrinsics ----------------------------------------------------------------------------

    @property
    def signed_extensions(self) -> list[str]:
        """The identifiers of the runtime's signed extensions, in order."""
        return list(self._runtime.signed_extension_identifiers())

    @property
    def runtime(self) -> Any:
        """The underlying ``bittensor_core.Runtime``, for composing extrinsics in tests and tools."""
        return self._runtime


def byte_string(value: Any) -> bytes:
    """Bytes of a byte vector as the codec shows it (UTF-8 text, ``0x`` hex, list of ints, bytes)."""
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if isinstance(value, list | tuple):
        return bytes(value)
    text = str(value)
    if text.startswith("0x"):
        try:
            return bytes.fromhex(text[2:])
        except ValueError:
            return text.encode()
    return text.encode()


def _variants(tree: MetadataV15, type_id: int | None) -> Iterable[Any]:
    if type_id is None:
        return ()
    definition = tree.types[type_id].definition
    return definition.variants if isinstance(definition, Variants) else ()


def _byte_vector_types(tree: MetadataV15) -> frozenset[str]:
    """The ids of ``Vec<u8>`` and of ``BoundedVec<u8, _>``."""
    bytes_u8 = 3  # Primitive.kind of u8

    def is_bytes(type_id: int) -> bool:
        definition = tree.types[type_id].definition
        if isinstance(definition, metadata.Sequence):
            inner = tree.types[definition.type].definition
            return isinstance(inner, metadata.Primitive) and inner.kind == bytes_u8
        if isinstance(definition, metadata.Composite) and tree.types[type_id].path[-1:] == ["BoundedVec"]:
            return len(definition.fields) == 1 and is_bytes(definition.fields[0].type)
        return False

    return frozenset(f"scale_info::{each.id}" for each in tree.types if is_bytes(each.id))
