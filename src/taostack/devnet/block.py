"""Headers and blocks, as the chain encodes and hashes them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from taostack.devnet.codec import blake2_256
from taostack.devnet.metadata import compact
from taostack.devnet.store import Writes

_PRE_RUNTIME = 6
_ENGINE = b"aura"


@dataclass(frozen=True)
class Header:
    """A block header; its hash is blake2b-256 of its SCALE bytes."""

    number: int
    parent: bytes
    state_root: bytes
    extrinsics_root: bytes
    logs: tuple[bytes, ...]

    @cached_property
    def hash(self) -> bytes:
        """The block's hash."""
        return blake2_256(
            self.parent
            + compact(self.number)
            + self.state_root
            + self.extrinsics_root
            + compact(len(self.logs))
            + b"".join(self.logs)
        )

    @property
    def json(self) -> dict[str, Any]:
        """The header as ``chain_getHeader`` answers it."""
        return {
            "parentHash": "0x" + self.parent.hex(),
            "number": hex(self.number),
            "stateRoot": "0x" + self.state_root.hex(),
            "extrinsicsRoot": "0x" + self.extrinsics_root.hex(),
            "digest": {"logs": ["0x" + log.hex() for log in self.logs]},
        }


@dataclass(frozen=True)
class Block:
    """A sealed block; extrinsics carry their length prefix."""

    header: Header
    extrinsics: tuple[bytes, ...]

    @property
    def number(self) -> int:
        """Height."""
        return self.header.number

    @property
    def hash(self) -> bytes:
        """The header's hash."""
        return self.header.hash


def slot_log(now_ms: int, slot_ms: int) -> bytes:
    """The digest entry that names the block's Aura slot."""
    slot = (now_ms // max(1, slot_ms)).to_bytes(8, "little")
    return bytes((_PRE_RUNTIME,)) + _ENGINE + compact(len(slot)) + slot


def next_state_root(root: bytes, writes: Writes) -> bytes:
    """The root after ``writes``: a hash chain over every change since genesis.

    Not a Merkle trie (the devnet proves nothing to light clients), but it has
    what a root is used for here: equal histories have equal roots.
    """
    out = bytearray(root)
    for key, value in sorted(writes.items()):
        out += compact(len(key)) + key
        out += b"\x00" if value is None else b"\x01" + compact(len(value)) + value
    return blake2_256(bytes(out))


def extrinsics_root(extrinsics: tuple[bytes, ...]) -> bytes:
    """A hash over the hashes of the extrinsics in order."""
    return blake2_256(b"".join(blake2_256(each) for each in extrinsics))
