"""A chain on disk: one file, appended to, that survives a kill at any moment.

    magic (16 bytes) · format version (u32)
    record · record · record …
    record = length (u32) · crc32 of the length (u32) · crc32 of the payload (u32) · payload (msgpack)

The first record is a *base*: a whole state, its block, and every block hash
since genesis. After it come blocks, patches and reverts in the order in which
they happened. A block is written and flushed to the disk before anyone hears
that it exists, so what was reported ``inBlock`` is in the file.

A process that dies while writing leaves a torn last record. Opening the file
cuts it off. A record that is wrong with more behind it is no torn tail but
damage, and refused. When the file has outgrown its base many times it is
written anew beside itself and put in its place by a rename.
"""

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from taostack.devnet.author import Base, Chain
from taostack.devnet.block import Block, Header
from taostack.devnet.errors import StateFileError, StateFileWriteError
from taostack.devnet.profile import RuntimeProfile
from taostack.devnet.store import Writes
from taostack.process.logs import get_logger

MAGIC = b"taostack devnet\n"
FORMAT = 1
COMPACT_AFTER_BYTES = 256 * 2**20
"""The file is written anew when its records since the base take more than this."""

_PREAMBLE = MAGIC + FORMAT.to_bytes(4, "little")
_HEAD = len(_PREAMBLE)
_FRAME = 12
_MAX_RECORD = 2**31

_log = get_logger("taostack.devnet.state")


class _Header(msgspec.Struct, array_like=True, frozen=True):
    number: int
    parent: bytes
    state_root: bytes
    extrinsics_root: bytes
    logs: tuple[bytes, ...]


class _Base(msgspec.Struct, array_like=True, frozen=True, tag="base"):
    fingerprint: bytes
    block_time_ms: int
    header: _Header
    extrinsics: tuple[bytes, ...]
    root: bytes
    hashes: bytes
    entries: list[tuple[bytes, bytes]]


class _Block(msgspec.Struct, array_like=True, frozen=True, tag="block"):
    header: _Header
    extrinsics: tuple[bytes, ...]
    writes: list[tuple[bytes, bytes | None]]


class _Patch(msgspec.Struct, array_like=True, frozen=True, tag="patch"):
    block: int
    writes: list[tuple[bytes, bytes | None]]


class _Revert(msgspec.Struct, array_like=True, frozen=True, tag="revert"):
    layers: int
    block: int
    root: bytes


_Record = _Base | _Block | _Patch | _Revert
_decode: Callable[[bytes], _Record] = msgspec.msgpack.Decoder(_Record).decode
_encode = msgspec.msgpack.Encoder().encode


class StateFile:
    """The journal of one chain; closed with ``close``."""

    def __init__(self, path: Path, *, compact_after: int = COMPACT_AFTER_BYTES) -> None:
        self._path = path
        self._compact_after = compact_after
        self._file: BinaryIO | None = None
        self._size = 0
        self._base_size = 0
        self._first_layer = 0

    def open(self, profile: RuntimeProfile, make: Callable[[Base | None], Chain]) -> Chain:
        """The chain in the file, or a new one that is written there.

        ``make`` builds a chain from a base (None: from genesis). StateFileError
        when the file is foreign, damaged, locked by another devnet, or of a
        chain with other settings.
        """
        self._file = self._open_locked()
        try:
            size = self._file.seek(0, os.SEEK_END)
            if size == 0 or (size < _HEAD and _PREAMBLE.startswith(self._path.read_bytes())):
                chain = make(None)
                self._start_anew(chain)
            else:
                chain = self._load(profile, make)
        except BaseException:
            self.close()
            raise
        chain.journal = self
        return chain

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open_locked(self) -> BinaryIO:
        import fcntl

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = open(self._path, "a+b", buffering=0)  # noqa: SIM115 (open as long as the chain runs)
        except OSError as error:
            raise StateFileError(
                f"{self._path} cannot be opened: {error.strerror}", remedy="give a --state path that can be written"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise StateFileError(
                f"{self._path} is in use by another devnet", remedy="stop the other devnet, or give another --state"
            ) from None
        return file

    # -- reading -------------------------------------------------------------------------------

    def _load(self, profile: RuntimeProfile, make: Callable[[Base | None], Chain]) -> Chain:
        data = self._path.read_bytes()
        if data[: len(MAGIC)] != MAGIC:
            raise StateFileError(f"{self._path} is not a devnet state file")
        version = int.from_bytes(data[len(MAGIC) : _HEAD], "little")
        if version != FORMAT:
            raise StateFileError(f"{self._path} has format {version}, this version reads {FORMAT}")
        records = self._records(data)
        first = next(records, None)
        if first is None:  # killed while the very first record was being written
            chain = make(None)
            self._start_anew(chain)
            return chain
        base, self._base_size = first
        if not isinstance(base, _Base):
            raise StateFileError(f"{self._path} does not begin with a base record")
        if base.fingerprint != profile.fingerprint:
            raise StateFileError(
                f"{self._path} holds a chain with other settings (block time {base.block_time_ms / 1000:g} s)",
                remedy=f"start with --block-time {base.block_time_ms / 1000:g}, or give another --state path",
            )
        chain = make(Base(Block(_header(base.header), base.extrinsics), base.root, base.hashes, dict(base.entries)))
        self._first_layer = chain.state.mark().sequence
        for record, end in records:
            self._replay(chain, record)
            self._size = end
        self._size = max(self._size, self._base_size)
        self._cut(len(data))
        return chain

    def _records(self, data: bytes) -> Iterator[tuple[_Record, int]]:
        at = _HEAD
        while at + _FRAME <= len(data):
            length = int.from_bytes(data[at : at + 4], "little")
            end = at + _FRAME + length
            if zlib.crc32(data[at : at + 4]).to_bytes(4, "little") != data[at + 4 : at + 8]:
                if not any(data[at:]):
                    return  # blocks that the file system had promised but not filled when the power went
                raise StateFileError(f"{self._path} is damaged at byte {at}")
            payload = data[at + _FRAME : end]
            if end > len(data):
                return
            if zlib.crc32(payload).to_bytes(4, "little") != data[at + 8 : at + 12]:
                if end == len(data):
                    return
                raise StateFileError(f"{self._path} is damaged at byte {at}")
            try:
                yield _decode(payload), end
            except msgspec.DecodeError as error:
                raise StateFileError(f"{self._path} holds a record at byte {at} that is none: {error}") from error
            at = end

    def _replay(self, chain: Chain, record: _Record) -> None:
        if isinstance(record, _Block):
            fits = chain.replay_block(Block(_header(record.header), record.extrinsics), dict(record.writes))
            if not fits:
                raise StateFileError(f"{self._path}: block {record.header.number} does not follow the one before")
        elif isinstance(record, _Patch):
            chain.replay_patch(dict(record.writes))
        elif isinstance(record, _Revert):
            chain.replay_revert(self._first_layer + record.layers, record.block, record.root)
        else:
            raise StateFileError(f"{self._path} holds a second base record")

    def _cut(self, length: int) -> None:
        if self._size < length and self._file is not None:
            _log.warning("cut a torn record off the state file", file=str(self._path), bytes=length - self._size)
            self._file.truncate(self._size)
            os.fsync(self._file.fileno())

    # -- writing -------------------------------------------------------------------------------

    def _start_anew(self, chain: Chain) -> None:
        if self._file is None:
            raise StateFileError(f"{self._path} is closed")
        self._file.truncate(0)
        self._size = self._base_size = self._write_all(self._file, chain)
        self._first_layer = chain.state.mark().sequence

    def _write_all(self, file: BinaryIO, chain: Chain) -> int:
        base = chain.base()
        record = _Base(
            chain.profile.fingerprint,
            chain.profile.block_time_ms,
            _stored(base.block.header),
            base.block.extrinsics,
            base.root,
            base.hashes,
            list(base.entries.items()),
        )
        data = _PREAMBLE + _framed(record)
        self._write(file, data)
        return len(data)

    def _append(self, record: _Record) -> None:
        if self._file is None:
            raise StateFileError(f"{self._path} is closed", remedy="start the devnet again")
        data = _framed(record)
        self._write(self._file, data)
        self._size += len(data)

    def _write(self, file: BinaryIO, data: bytes) -> None:
        try:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
            os.fdatasync(file.fileno())
        except OSError as error:
            try:
                file.truncate(self._size)
            except OSError:
                _log.error("could not cut a half-written record", file=str(self._path))
            raise StateFileWriteError(f"{self._path} cannot be written: {error.strerror}") from error

    def block(self, block: Block, writes: Writes) -> None:
        """Record a sealed block; it is on the disk when this returns."""
        self._append(_Block(_stored(block.header), block.extrinsics, list(writes.items())))

    def patch(self, block: int, writes: Writes) -> None:
        """Record a change made between two blocks."""
        self._append(_Patch(block, list(writes.items())))

    def revert(self, sequence: int, block: int, root: bytes) -> None:
        """Record a return to an earlier point."""
        self._append(_Revert(sequence - self._first_layer, block, root))

    def compact(self, chain: Chain) -> bool:
        """Write the file anew from the chain's head when it has outgrown its base; True when it did.

        Not while a snapshot is open, which may point before the new base. A
        kill during this leaves the old file.
        """
        if self._size - self._base_size < self._compact_after or chain.has_snapshots or self._file is None:
            return False
        beside = self._path.with_name(self._path.name + ".new")
        with open(beside, "wb", buffering=0) as file:
            size = self._write_all(file, chain)
        os.replace(beside, self._path)
        old, self._file = self._file, self._open_locked()
        old.close()
        _log.info("state file written anew", file=str(self._path), bytes_before=self._size, bytes_after=size)
        self._size = self._base_size = size
        self._first_layer = chain.state.mark().sequence
        return True


def _framed(record: _Record) -> bytes:
    payload = _encode(record)
    if len(payload) >= _MAX_RECORD:
        raise StateFileWriteError("a record is too large for the state file")
    length = len(payload).to_bytes(4, "little")
    return length + zlib.crc32(length).to_bytes(4, "little") + zlib.crc32(payload).to_bytes(4, "little") + payload


def _stored(header: Header) -> _Header:
    return _Header(header.number, header.parent, header.state_root, header.extrinsics_root, header.logs)


def _header(stored: _Header) -> Header:
    return Header(stored.number, stored.parent, stored.state_root, stored.extrinsics_root, tuple(stored.logs))


def save(chain: Chain, path: Path) -> None:
    """Write the chain's head to a new file that ``StateFile`` opens."""
    if path.exists():
        raise StateFileError(f"{path} exists", remedy="save to a path that is free")
    file = StateFile(path)
    file._file = file._open_locked()
    try:
        file._start_anew(chain)
    finally:
        file.close()
