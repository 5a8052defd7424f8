"""The chain's state: SCALE bytes under real storage keys, versioned.

There is no second, typed model of the chain: a pallet reads and writes values
through ``State.get`` and ``State.put``, which encode and decode at the edge, so
that every storage read a client may make is served by the same bytes.

How versions work. A *layer* is one batch of writes: a block, or a patch that a
developer applied between two blocks. A layer keeps, per key it changed, the
value from *before* (an undo log). The present is one dictionary lookup; a read
at an older block asks the first later layer that changed the key; reverting is
applying undo logs backwards; forgetting the past is dropping the oldest layers.
So memory grows with writes inside the window of kept blocks, not with the
length of the chain.
"""

import bisect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from taostack.devnet.codec import Codec
from taostack.devnet.metadata import compact, read_compact
from taostack.process.errors import StateError

PREFIX_LENGTH = 32
"""Bytes of ``twox128(pallet) ++ twox128(item)``, by which keys are grouped."""

Writes = dict[bytes, bytes | None]
"""Key to new value; None removes the key."""


class SealedError(StateError):
    """A write outside a layer: state changes only inside a block or a patch."""

    code = "devnet-sealed"
    remedy = "write inside 'with state.layer(block):'"


class DiscardedError(StateError):
    """The state of that block has been dropped."""

    code = "devnet-discarded"
    remedy = "read a newer block, or start the devnet with --archive"


class LayerMark(NamedTuple):
    """A point between two layers, to which the state can be reverted."""

    sequence: int
    block: int


@dataclass(slots=True)
class _Layer:
    block: int
    undo: Writes = field(default_factory=dict)


@dataclass(slots=True)
class _Bucket:
    """All keys under one 32-byte prefix."""

    values: dict[bytes, bytes] = field(default_factory=dict)
    order: list[bytes] | None = None
    changes: dict[bytes, list[int]] = field(default_factory=dict)

    def sorted_keys(self) -> list[bytes]:
        if self.order is None:
            self.order = sorted(self.values)
        return self.order


class Reader:
    """Typed reads over raw bytes; accounts are ss58 addresses (prefix 42).

    ``get`` returns the metadata's default for an absent entry of a Default
    item, and None for an absent entry of an Optional item.
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec

    def raw(self, key: bytes) -> bytes | None:
        """The bytes under ``key``, or None."""
        raise NotImplementedError

    def keys(self, prefix: bytes) -> list[bytes]:
        """All keys that begin with ``prefix``, sorted."""
        raise NotImplementedError

    def get(self, pallet: str, item: str, *keys: Any) -> Any:
        """The decoded value of one entry."""
        codec = self.codec
        shape = codec.item(pallet, item)
        data = self.raw(codec.key(pallet, item, keys))
        if data is None:
            if shape.optional:
                return None
            data = shape.default
        return codec.decode(shape.value_type, data)

    def get_bytes(self, pallet: str, item: str, *keys: Any) -> bytes | None:
        """The exact content of a byte-vector entry, without its length prefix; None when absent."""
        data = self.raw(self.codec.key(pallet, item, keys))
        if data is None:
            return None
        length, at = read_compact(data, 0)
        return data[at : at + length]

    def has(self, pallet: str, item: str, *keys: Any) -> bool:
        """True when the entry is stored (a default is not)."""
        return self.raw(self.codec.key(pallet, item, keys)) is not None

    def items(self, pallet: str, item: str, *prefix_keys: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """(free key parts, value) of every stored entry under ``prefix_keys``, in key order.

        The entries are read before the first is handed out, so that the loop's
        body may write.
        """
        prefix = self.codec.key(pallet, item, prefix_keys)
        keys = self.keys(prefix)
        values = [value for value in map(self.raw, keys) if value is not None]
        return iter(self.codec.decode_entries(pallet, item, keys, values, len(prefix_keys)))


class State(Reader):
    """The head of the chain, and the block being built."""

    def __init__(self, codec: Codec) -> None:
        super().__init__(codec)
        self._buckets: dict[bytes, _Bucket] = {}
        self._layers: dict[int, _Layer] = {}
        self._next_sequence = 0
        self._oldest_sequence = 0
        self._open: _Layer | None = None
        self._journal: list[tuple[bytes, bytes | None]] = []
        self._depth = 0
        self._last_sequence_of: dict[int, int] = {}
        self._oldest_block = 0
        self._size = 0

    # -- reads ---------------------------------------------------------------------------------

    def raw(self, key: bytes) -> bytes | None:
        """The bytes under ``key`` at the head (or in the block being built)."""
        bucket = self._buckets.get(key[:PREFIX_LENGTH])
        return None if bucket is None else bucket.values.get(key)

    def keys(self, prefix: bytes) -> list[bytes]:
        """All keys that begin with ``prefix``, sorted."""
        if len(prefix) < PREFIX_LENGTH:
            found: list[bytes] = []
            for name in sorted(name for name in self._buckets if name.startswith(prefix)):
                found += self._buckets[name].sorted_keys()
            return found
        bucket = self._buckets.get(prefix[:PREFIX_LENGTH])
        if bucket is None:
            return []
        return _under(bucket.sorted_keys(), prefix)

    def __len__(self) -> int:
        """Number of stored keys."""
        return self._size

    # -- writes --------------------------------------------------------------------------------

    def put(self, pallet: str, item: str, *keys: Any, value: Any) -> None:
        """Encode and store one entry."""
        codec = self.codec
        self.write(codec.key(pallet, item, keys), codec.encode(codec.item(pallet, item).value_type, value))

    def put_bytes(self, pallet: str, item: str, *keys: Any, value: bytes) -> None:
        """Store a byte-vector entry exactly."""
        self.write(self.codec.key(pallet, item, keys), compact(len(value)) + value)

    def delete(self, pallet: str, item: str, *keys: Any) -> None:
        """Remove one entry; nothing happens when it is absent."""
        self.write(self.codec.key(pallet, item, keys), None)

    def delete_prefix(self, pallet: str, item: str, *prefix_keys: Any) -> int:
        """Remove every entry under ``prefix_keys``; returns how many there were."""
        keys = list(self.keys(self.codec.key(pallet, item, prefix_keys)))
        for key in keys:
            self.write(key, None)
        return len(keys)

    def mutate(self, pallet: str, item: str, *keys: Any, fn: Callable[[Any], Any]) -> Any:
        """Store ``fn(current value)``; returns what was stored."""
        value = fn(self.get(pallet, item, *keys))
        self.put(pallet, item, *keys, value=value)
        return value

    def write(self, key: bytes, value: bytes | None) -> None:
        """Store raw bytes (None removes); SealedError outside a layer."""
        layer = self._open
        if layer is None:
            raise SealedError("state was written outside a block")
        bucket = self._buckets.get(key[:PREFIX_LENGTH])
        if bucket is None:
            bucket = self._buckets[key[:PREFIX_LENGTH]] = _Bucket()
        old = bucket.values.get(key)
        if old == value:
            return
        if key not in layer.undo:
            layer.undo[key] = old
            bucket.changes.setdefault(key, []).append(self._next_sequence)
        if self._depth:
            self._journal.append((key, old))
        self._set(bucket, key, old, value)

    def _set(self, bucket: _Bucket, key: bytes, old: bytes | None, value: bytes | None) -> None:
        if value is None:
            if old is None:
                return
            del bucket.values[key]
            self._size -= 1
            if bucket.order is not None:
                del bucket.order[bisect.bisect_left(bucket.order, key)]
            return
        bucket.values[key] = value
        if old is None:
            self._size += 1
            if bucket.order is not None:
                bisect.insort(bucket.order, key)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes of the body, or, when it raises, none. May be nested."""
        mark = len(self._journal)
        self._depth += 1
        try:
            yield
        except BaseException:
            self._rewind(mark)
            raise
        finally:
            self._depth -= 1
            if not self._depth:
                self._journal.clear()

    def _rewind(self, mark: int) -> None:
        while len(self._journal) > mark:
            key, old = self._journal.pop()
            bucket = self._buckets[key[:PREFIX_LENGTH]]
            self._set(bucket, key, bucket.values.get(key), old)

    # -- layers --------------------------------------------------------------------------------

    @contextmanager
    def layer(self, block: int) -> Iterator[None]:
        """Open a layer that belongs to ``block``; closing keeps it, an exception drops it."""
        if self._open is not None:
            raise SealedError("a block is already being built")
        self._open = _Layer(block)
        try:
            with self.transaction():
                yield
        except BaseException:
            self._forget_changes(self._open, self._next_sequence)
            self._open = None
            raise
        layer, self._open = self._open, None
        self._layers[self._next_sequence] = layer
        self._last_sequence_of[block] = self._next_sequence
        self._next_sequence += 1

    def pending_writes(self) -> Writes:
        """What the open layer has changed so far, sorted by key."""
        if self._open is None:
            raise SealedError("no block is being built")
        writes: Writes = {}
        for key in sorted(self._open.undo):
            value = self.raw(key)
            if value != self._open.undo[key]:
                writes[key] = value
        return writes

    def _forget_changes(self, layer: _Layer, sequence: int) -> None:
        for key in layer.undo:
            bucket = self._buckets[key[:PREFIX_LENGTH]]
            sequences = bucket.changes[key]
            if sequences[-1] == sequence:
                sequences.pop()
            if not sequences:
                del bucket.changes[key]

    def mark(self) -> LayerMark:
        """The present point, for ``revert``."""
        return LayerMark(self._next_sequence, max(self._last_sequence_of, default=0))

    def revert(self, mark: LayerMark) -> None:
        """Undo every layer since ``mark``; DiscardedError when one has been dropped."""
        if self._open is not None:
            raise SealedError("a block is being built")
        if mark.sequence < self._oldest_sequence or mark.sequence > self._next_sequence:
            raise DiscardedError("that point is no longer known")
        for sequence in range(self._next_sequence - 1, mark.sequence - 1, -1):
            layer = self._layers.pop(sequence)
            for key, old in layer.undo.items():
                bucket = self._buckets[key[:PREFIX_LENGTH]]
                self._set(bucket, key, bucket.values.get(key), old)
            self._forget_changes(layer, sequence)
        self._next_sequence = mark.sequence
        self._last_sequence_of = {
            block: min(sequence, mark.sequence - 1)
            for block, sequence in self._last_sequence_of.items()
            if block <= mark.block
        }

    def prune(self, oldest_block: int) -> None:
        """Forget how the state looked before ``oldest_block``; that block stays readable."""
        while self._oldest_sequence < self._next_sequence:
            layer = self._layers[self._oldest_sequence]
            if layer.block > oldest_block:
                break
            for key in layer.undo:
                bucket = self._buckets[key[:PREFIX_LENGTH]]
                sequences = bucket.changes[key]
                sequences.pop(0)
                if not sequences:
                    del bucket.changes[key]
            del self._layers[self._oldest_sequence]
            if layer.block < oldest_block:
                self._last_sequence_of.pop(layer.block, None)
            self._oldest_sequence += 1
        self._oldest_block = max(self._oldest_block, oldest_block)

    @property
    def oldest_block(self) -> int:
        """The oldest block whose state can be read."""
        return self._oldest_block

    def at(self, block: int) -> Reader:
        """Read-only state as it was after ``block``; DiscardedError when it is not kept."""
        sequence = self._last_sequence_of.get(block)
        if sequence is None or block < self._oldest_block:
            raise DiscardedError(f"the state of block {block} is not kept")
        if self._open is None and sequence == self._next_sequence - 1:
            return self
        return _Past(self, sequence)

    # Used by _Past.

    def _raw_at(self, key: bytes, sequence: int) -> bytes | None:
        bucket = self._buckets.get(key[:PREFIX_LENGTH])
        if bucket is None:
            return None
        return self._in_bucket_at(bucket, key, sequence)

    def _in_bucket_at(self, bucket: _Bucket, key: bytes, sequence: int) -> bytes | None:
        later = bucket.changes.get(key)
        if later is not None:
            position = bisect.bisect_right(later, sequence)
            if position < len(later):
                changed_by = later[position]
                layer = self._layers.get(changed_by) or self._open
                if layer is not None:
                    return layer.undo[key]
        return bucket.values.get(key)

    def _keys_at(self, prefix: bytes, sequence: int) -> list[bytes]:
        names = (
            [prefix[:PREFIX_LENGTH]]
            if len(prefix) >= PREFIX_LENGTH
            else sorted(name for name in self._buckets if name.startswith(prefix))
        )
        found: list[bytes] = []
        for name in names:
            bucket = self._buckets.get(name)
            if bucket is None:
                continue
            present = set(_under(bucket.sorted_keys(), prefix))
            for key, later in bucket.changes.items():
                if later[-1] > sequence and key.startswith(prefix):
                    if self._in_bucket_at(bucket, key, sequence) is None:
                        present.discard(key)
                    else:
                        present.add(key)
            found += sorted(present)
        return found


class _Past(Reader):
    """The state as it was after an older layer."""

    def __init__(self, state: State, sequence: int) -> None:
        super().__init__(state.codec)
        self._state = state
        self._sequence = sequence

    def raw(self, key: bytes) -> bytes | None:
        return self._state._raw_at(key, self._sequence)

    def keys(self, prefix: bytes) -> list[bytes]:
        return self._state._keys_at(prefix, self._sequence)


def page(reader: Reader, prefix: bytes, count: int, start: bytes | None) -> list[bytes]:
    """At most ``count`` keys of ``reader`` under ``prefix`` after ``start``, sorted."""
    keys = reader.keys(prefix)
    first = bisect.bisect_right(keys, start) if start else 0
    return keys[first : first + count]


def _under(keys: list[bytes], prefix: bytes) -> list[bytes]:
    """The slice of sorted ``keys`` that begins with ``prefix``."""
    if len(prefix) <= PREFIX_LENGTH:
        return keys
    first = bisect.bisect_left(keys, prefix)
    last = bisect.bisect_left(keys, prefix + b"\xff" * 80, lo=first)
    return keys[first:last]
