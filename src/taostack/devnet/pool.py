"""Transactions that wait for a block: ready, future, and in which order.

The pool knows nonces and priorities, nothing of signatures or fees (those are
judged in ``author.py`` before a transaction comes here and again before it is
applied). It is a plain data structure: no clock, no network.
"""

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from taostack.devnet.extrinsics import Extrinsic
from taostack.devnet.pallets.dispatch import PoolRejection
from taostack.devnet.validity import Verdict

ALREADY_IMPORTED = 1013
PRIORITY_TOO_LOW = 1014
POOL_FULL = 1016

Status = str | dict[str, Any]
Watcher = Callable[[Status], None]


@dataclass(slots=True)
class Entry:
    """One waiting transaction; ``sender`` and ``nonce`` are its place."""

    extrinsic: Extrinsic
    sender: str
    nonce: int
    arrival: int
    verdict: Verdict
    watchers: list[Watcher] = field(default_factory=list)

    def tell(self, status: Status) -> None:
        """Report a status to everyone who watches."""
        for watcher in self.watchers:
            watcher(status)


class Pool:
    """At most ``limit`` transactions, by sender and nonce."""

    def __init__(self, limit: int = 8_192) -> None:
        self._limit = limit
        self._by_hash: dict[bytes, Entry] = {}
        self._by_sender: dict[str, dict[int, Entry]] = {}
        self._arrivals = itertools.count()

    def __len__(self) -> int:
        return len(self._by_hash)

    def __contains__(self, extrinsic_hash: bytes) -> bool:
        return extrinsic_hash in self._by_hash

    def add(self, extrinsic: Extrinsic, verdict: Verdict) -> Entry:
        """Take a valid transaction in.

        PoolRejection 1013 when it is already here, 1014 when another with the
        same nonce has at least its priority, 1016 when the pool is full. A
        replaced transaction's watchers hear ``usurped``.
        """
        if extrinsic.hash in self._by_hash:
            raise PoolRejection(ALREADY_IMPORTED, "0x" + extrinsic.hash.hex(), "Transaction Already Imported")
        sender = extrinsic.signer or ""
        queue = self._by_sender.setdefault(sender, {})
        rival = queue.get(extrinsic.nonce)
        if rival is not None and rival.verdict.priority >= verdict.priority:
            text = "The transaction has too low priority to replace another transaction already in the pool."
            raise PoolRejection(
                PRIORITY_TOO_LOW, text, f"Priority is too low: ({rival.verdict.priority} vs {verdict.priority})"
            )
        if rival is None and len(self._by_hash) >= self._limit:
            if not queue:
                del self._by_sender[sender]
            raise PoolRejection(
                POOL_FULL, "The transaction couldn't enter the pool because of the limit", "Immediately Dropped"
            )
        if rival is not None:
            del self._by_hash[rival.extrinsic.hash]
            rival.tell({"usurped": "0x" + extrinsic.hash.hex()})
        entry = Entry(extrinsic, sender, extrinsic.nonce, next(self._arrivals), verdict)
        queue[extrinsic.nonce] = entry
        self._by_hash[extrinsic.hash] = entry
        return entry

    def remove(self, entry: Entry) -> None:
        """Forget a transaction; nothing happens when it is gone."""
        if self._by_hash.pop(entry.extrinsic.hash, None) is None:
            return
        queue = self._by_sender[entry.sender]
        if queue.get(entry.nonce) is entry:
            del queue[entry.nonce]
        if not queue:
            del self._by_sender[entry.sender]

    def clear(self) -> list[Entry]:
        """Forget everything; returns what was here."""
        entries = list(self._by_hash.values())
        self._by_hash.clear()
        self._by_sender.clear()
        return entries

    def pending(self) -> list[Entry]:
        """Everything that waits, oldest first."""
        return list(self._by_hash.values())

    def next_nonce(self, sender: str, account_nonce: int) -> int:
        """The first nonce at or after the account's that no waiting transaction has."""
        queue = self._by_sender.get(sender, {})
        while account_nonce in queue:
            account_nonce += 1
        return account_nonce

    def has_ready(self, nonce_of: Callable[[str], int]) -> bool:
        """True when some transaction could be applied now."""
        return any(nonce_of(sender) in queue for sender, queue in self._by_sender.items())

    def ready(self, nonce_of: Callable[[str], int]) -> Iterator[Entry]:
        """Applicable transactions: by priority, then by arrival, each sender's in the order of nonces.

        A sender's next one is offered only after the caller has taken the one
        before; entries may be removed while iterating.
        """
        heap: list[tuple[int, int, Entry]] = []

        def offer(sender: str, nonce: int) -> None:
            entry = self._by_sender.get(sender, {}).get(nonce)
            if entry is not None:
                heapq.heappush(heap, (-entry.verdict.priority, entry.arrival, entry))

        for sender in list(self._by_sender):
            offer(sender, nonce_of(sender))
        while heap:
            entry = heapq.heappop(heap)[2]
            sender, nonce = entry.sender, entry.nonce
            yield entry
            if nonce_of(sender) == nonce + 1:
                offer(sender, nonce + 1)

    def expire(self, block: int, nonce_of: Callable[[str], int]) -> list[Entry]:
        """Remove and return what can no longer be applied in ``block``: era over, or nonce used."""
        gone = [
            entry
            for entry in self._by_hash.values()
            if entry.verdict.death <= block or entry.nonce < nonce_of(entry.sender)
        ]
        for entry in gone:
            self.remove(entry)
        return gone
