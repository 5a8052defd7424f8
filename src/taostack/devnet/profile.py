"""A runtime profile: one metadata blob, the edits made to it, and its codec.

The blob is upstream's, spec 461 (see ``data/NOTICE``). Edits, all of them:

* ``Aura.SlotDuration`` and ``Timestamp.MinimumPeriod`` follow the devnet's block
  time, because clients read the block time from there;
* three storage items that SDK 11.3.0 reads and the blob does not have yet;
* the module errors whose index or name differs in SDK 11.3.0's tables, so that
  a name means the same error to the chain and to the client.

Types of added items are inferred from the SDK; the list is kept as short as
the flows need.
"""

import functools
import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from taostack.devnet.codec import Codec, blake2_256
from taostack.devnet.errors import MetadataError, UnknownNameError
from taostack.devnet.metadata import (
    Map,
    Metadata,
    MetadataV15,
    PalletStorage,
    Plain,
    PortableType,
    Primitive,
    StorageEntry,
    Variant,
    Variants,
    compact,
    read,
    write,
)

SPEC_NAME = "node-subtensor"
SPEC_VERSION = 461
TRANSACTION_VERSION = 1

_BLOB = "subtensor-461.xz"
_OPTIONAL, _DEFAULT = 0, 1
_BLAKE2_128_CONCAT, _IDENTITY = 2, 6
_U16, _U64 = 4, 6

# SDK 11.3.0's table of SubtensorModule errors where it differs from the blob.
_ERRORS: tuple[tuple[int, str, str], ...] = (
    (160, "RootWeightCapExceeded", "A root weight exceeds the cap for one subnet."),
    (162, "InvalidBatchLength", "The batch is empty or longer than allowed."),
    (163, "TooManyStakingHotkeys", "The coldkey stakes to too many hotkeys for this operation."),
    (164, "ColdkeySwapTooHeavy", "The coldkey holds too much to be swapped in one call."),
    (165, "BasketConcentrationCapExceeded", ""),
    (166, "BasketTradingDisabled", ""),
    (167, "BasketTradingFrozen", ""),
    (168, "BasketTurnoverBudgetExceeded", ""),
    (169, "BasketSameSubnet", ""),
    (170, "BasketLiquidityCapExceeded", ""),
    (171, "BasketMinOutNotMet", ""),
    (172, "BasketSwapBatchEmpty", "The batch of basket swaps is empty."),
    (173, "CommitPayloadTooLarge", "The payload of the weight commit is too large."),
    (174, "CommitQueueFull", "Too many weight commits wait to be revealed."),
)


@dataclass(frozen=True, slots=True)
class RuntimeProfile:
    """What a running devnet knows of its runtime."""

    spec_name: str
    spec_version: int
    transaction_version: int
    block_time_ms: int
    metadata_v15: bytes
    codec: Codec
    constants: tuple[tuple[str, bytes], ...] = ()

    @property
    def fingerprint(self) -> bytes:
        """Hash of the edited metadata; genesis depends on it."""
        return blake2_256(self.metadata_v15)

    @property
    def metadata_v14(self) -> bytes:
        """The V14 blob with the same edits (made when first asked for)."""
        return _metadata_v14(self.block_time_ms, self.constants)


def load_profile(block_time_ms: int = 250, constants: Mapping[str, bytes] | None = None) -> RuntimeProfile:
    """The default profile.

    ``block_time_ms`` goes into ``Aura.SlotDuration``; ``constants`` maps
    ``Pallet.Name`` to the SCALE bytes that replace a constant (same length).
    """
    return _load_profile(block_time_ms, tuple(sorted((constants or {}).items())))


@functools.lru_cache(maxsize=2)
def _load_profile(block_time_ms: int, constants: tuple[tuple[str, bytes], ...]) -> RuntimeProfile:
    tree = read(_blobs()[0])
    if not isinstance(tree, MetadataV15):
        raise MetadataError("the packaged metadata is not V15")
    _edit(tree, block_time_ms, constants)
    blob = write(tree)
    codec = Codec(blob, tree, SPEC_VERSION, TRANSACTION_VERSION)
    return RuntimeProfile(SPEC_NAME, SPEC_VERSION, TRANSACTION_VERSION, block_time_ms, blob, codec, constants)


@functools.lru_cache(maxsize=1)
def _metadata_v14(block_time_ms: int, constants: tuple[tuple[str, bytes], ...]) -> bytes:
    tree = read(_blobs()[1])
    _edit(tree, block_time_ms, constants)
    return write(tree)


def packaged_blobs() -> tuple[bytes, bytes]:
    """The unedited (V15, V14) blobs that ship with the package."""
    return _blobs()


def _blobs() -> tuple[bytes, bytes]:
    packed = resources.files("taostack.devnet").joinpath("data", _BLOB).read_bytes()
    try:
        both = lzma.decompress(packed)
    except lzma.LZMAError as error:
        raise MetadataError(f"{_BLOB} cannot be decompressed: {error}") from error
    length = int.from_bytes(both[:4], "little")
    return both[4 : 4 + length], both[4 + length :]


# --- edits --------------------------------------------------------------------------------------


def _edit(tree: Metadata, block_time_ms: int, constants: tuple[tuple[str, bytes], ...]) -> None:
    patch_constant(tree, "Aura", "SlotDuration", block_time_ms.to_bytes(8, "little"))
    patch_constant(tree, "Timestamp", "MinimumPeriod", max(1, block_time_ms // 2).to_bytes(8, "little"))
    _add_missing_storage(tree)
    _align_errors(tree)
    for name, value in constants:
        pallet, _, constant = name.partition(".")
        patch_constant(tree, pallet, constant, value)


def patch_constant(tree: Metadata, pallet: str, name: str, value: bytes) -> None:
    """Replace a constant's SCALE bytes; the length must stay the same."""
    for each in tree.pallets:
        if each.name == pallet:
            for constant in each.constants:
                if constant.name == name:
                    if len(constant.value) != len(value):
                        raise MetadataError(
                            f"constant {pallet}.{name} has {len(constant.value)} bytes, was given {len(value)}"
                        )
                    constant.value = value
                    return
    raise UnknownNameError(f"no constant {pallet}.{name} in the metadata")


def add_type(tree: Metadata, path: list[str], definition: Variants) -> int:
    """Append a type to the registry; returns its id."""
    type_id = len(tree.types)
    tree.types.append(PortableType(type_id, path, [], definition, []))
    return type_id


def find_type(tree: Metadata, path_end: str) -> int:
    """The id of the first type whose path ends in ``path_end``."""
    for each in tree.types:
        if each.path[-1:] == [path_end]:
            return each.id
    raise UnknownNameError(f"no type {path_end} in the metadata")


def find_primitive(tree: Metadata, kind: int) -> int:
    """The id of a primitive type by its kind (4 is u16, 6 is u64)."""
    for each in tree.types:
        if isinstance(each.definition, Primitive) and each.definition.kind == kind:
            return each.id
    raise UnknownNameError(f"no primitive of kind {kind} in the metadata")


def storage_of(tree: Metadata, pallet: str) -> PalletStorage:
    """The storage section of a pallet."""
    for each in tree.pallets:
        if each.name == pallet and each.storage is not None:
            return each.storage
    raise UnknownNameError(f"no pallet {pallet} with storage in the metadata")


def add_storage(tree: Metadata, pallet: str, entry: StorageEntry) -> None:
    """Append a storage item, unless the blob already has one of that name."""
    storage = storage_of(tree, pallet)
    if all(each.name != entry.name for each in storage.entries):
        storage.entries.append(entry)


def _key_type(tree: Metadata, pallet: str, item: str) -> int:
    for each in storage_of(tree, pallet).entries:
        if each.name == item and isinstance(each.kind, Map):
            return each.kind.key
    raise UnknownNameError(f"no map {pallet}.{item} in the metadata")


def _add_missing_storage(tree: Metadata) -> None:
    netuid = _key_type(tree, "SubtensorModule", "Tempo")
    account = find_type(tree, "AccountId32")
    arms = [Variant("Yuma", [], 0, []), Variant("Null", [], 1, [])]
    mode = add_type(tree, ["pallet_subtensor", "pallet", "EpochConsensus"], Variants(arms))
    pallet = "SubtensorModule"
    add_storage(
        tree,
        pallet,
        StorageEntry(
            "SubnetEpochConsensus", _DEFAULT, Map([_IDENTITY], netuid, mode), b"\x00", ["Consensus of a subnet."]
        ),
    )
    add_storage(
        tree,
        pallet,
        StorageEntry(
            "NullPruningTarget",
            _OPTIONAL,
            Map([_IDENTITY], netuid, find_primitive(tree, _U16)),
            b"\x00",
            ["Number of uids to which a subnet under Null consensus is being trimmed."],
        ),
    )
    add_storage(
        tree,
        pallet,
        StorageEntry(
            "LastPowRegistrationBlock",
            _DEFAULT,
            Map([_BLAKE2_128_CONCAT], account, find_primitive(tree, _U64)),
            bytes(8),
            ["Block at which a hotkey last registered with proof of work."],
        ),
    )


def _align_errors(tree: Metadata) -> None:
    pallet = next(each for each in tree.pallets if each.name == "SubtensorModule")
    definition = tree.types[pallet.errors].definition if pallet.errors is not None else None
    if not isinstance(definition, Variants):
        raise MetadataError("SubtensorModule has no errors in the metadata")
    documented = {each.name: each.docs for each in definition.variants}
    moved = {index for index, _, _ in _ERRORS}
    kept = [each for each in definition.variants if each.index not in moved]
    added = [Variant(name, [], index, documented.get(name) or [text]) for index, name, text in _ERRORS]
    definition.variants = sorted(kept + added, key=lambda each: each.index)


def opaque(blob: bytes) -> bytes:
    """``Some(OpaqueMetadata)``: what ``Metadata_metadata_at_version`` answers."""
    return b"\x01" + compact(len(blob)) + blob


def is_plain(entry: StorageEntry) -> bool:
    """True for a single value, False for a map."""
    return isinstance(entry.kind, Plain)
