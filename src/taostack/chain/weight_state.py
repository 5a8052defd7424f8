"""What the weight setter must not forget: kept as bytes in any store that holds bytes."""

import os
from pathlib import Path
from typing import Protocol

import msgspec

from taostack.chain.errors import WeightStateError
from taostack.chain.submission import Signed

MAX_COMMITS_KEPT = 16
"""Commits whose reveal is still awaited; an older one is given up."""


class Store(Protocol):
    """A named place for a few bytes. ``save`` returns once they are durable."""

    def load(self) -> bytes | None:
        """What was last saved, None when nothing was."""
        ...

    def save(self, data: bytes) -> None:
        """Replace what is there, all or nothing."""
        ...


class MemoryStore:
    """A store that forgets with its process."""

    def __init__(self, data: bytes | None = None) -> None:
        self._data = data

    def load(self) -> bytes | None:
        """What was last saved."""
        return self._data

    def save(self, data: bytes) -> None:
        """Replace what is there."""
        self._data = data


class FileStore:
    """A store in one file, replaced atomically and flushed to disk."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def load(self) -> bytes | None:
        """What was last saved, None when there is no file."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    def save(self, data: bytes) -> None:
        """Write beside the file, flush, and rename over it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(self._path.name + ".new")
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


class SentVector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A vector that the chain took: its digest, and the block."""

    digest: str
    block: int


class PendingExtrinsic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An extrinsic that may be on its way: written before it is sent, erased when its fate is known."""

    what: str
    extrinsic_hash: str
    signer: str
    nonce: int
    born_at: int
    last_valid_block: int
    digest: str
    reveal_round: int | None = None

    def signed(self) -> Signed:
        """As ``Submitter.resolve`` wants it."""
        return Signed(self.what, self.extrinsic_hash, self.signer, self.nonce, self.born_at, self.last_valid_block)


class PendingCommit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A timelocked commit that the chain holds and has not revealed yet."""

    digest: str
    block: int
    epoch: int
    reveal_round: int


class SetterState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the setter keeps over a restart. It holds digests, never a vector to send again."""

    genesis: str
    netuid: int
    hotkey: str
    last: SentVector | None = None
    pending: PendingExtrinsic | None = None
    commits: tuple[PendingCommit, ...] = ()
    version: int = 1


def encode_state(state: SetterState) -> bytes:
    """The state as JSON."""
    return msgspec.json.encode(state)


def decode_state(data: bytes) -> SetterState:
    """The state from JSON. Raises WeightStateError when it is damaged or from a newer version."""
    try:
        state = msgspec.json.decode(data, type=SetterState)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WeightStateError(f"the weight setter's state cannot be read: {error}") from error
    if state.version != 1:
        raise WeightStateError(f"the weight setter's state has version {state.version}, this program knows 1")
    return state
