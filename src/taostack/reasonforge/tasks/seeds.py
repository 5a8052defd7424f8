"""Secret seeds and what follows from them, so that anyone can recompute an epoch once its seed is published.

An epoch has one seed of 32 bytes. Its commitment is published before the first
task goes out, the seed itself after the epoch closed. Every hotkey gets its own
variant of every slot (HKDF over seed, hotkey, slot, attempt), so an answer
overheard from a neighbour is an answer to another question.

``Draw`` is the generator that families draw from: SHA-256 in counter mode, so
the same seed gives the same task in any Python and any other language.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import TypeVar

from taostack.reasonforge.errors import TaskError

SEED_BYTES = 32
_COMMIT_TAG = b"rf-seed-v1"
_TASK_SALT = b"rf-task-v1"
_PLAN_SALT = b"rf-plan-v1"
_AUDIT_SALT = b"rf-audit-v1"

Item = TypeVar("Item")


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int = SEED_BYTES) -> bytes:
    """HKDF-SHA-256 (RFC 5869): ``length`` bytes, at most 8,160."""
    if not 0 < length <= 255 * 32:
        raise TaskError(f"{length} bytes were asked of HKDF", remedy="ask for 1 … 8160")
    key = hmac.digest(salt or bytes(32), secret, "sha256")
    block, output = b"", b""
    counter = 1
    while len(output) < length:
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        output += block
        counter += 1
    return output[:length]


def framed(*parts: str | int | bytes) -> bytes:
    """The parts, each behind its length in four bytes: no two lists give the same bytes."""
    encoded = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def seed_commitment(seed: bytes, *, netuid: int, epoch: int, validator: str) -> str:
    """SHA-256 over tag, subnet, epoch, validator hotkey and seed; lower-case hex."""
    return hashlib.sha256(_COMMIT_TAG + framed(netuid, epoch, validator, seed)).hexdigest()


def variant_seed(seed: bytes, *, hotkey: str, slot: int, attempt: int = 1) -> bytes:
    """The 32 bytes from which one hotkey's task in one slot is drawn."""
    return hkdf(seed, _TASK_SALT, framed(hotkey, slot, attempt))


def plan_seed(seed: bytes) -> bytes:
    """The 32 bytes from which families and levels of the epoch's slots are drawn: the same for all hotkeys."""
    return hkdf(seed, _PLAN_SALT, b"")


def is_audited(seed: bytes, slot: int, rate: float) -> bool:
    """Whether a slot's outcome enters the trap window: HMAC of the slot under the secret seed, below ``rate``.

    By slot, not by miner, so everyone is audited equally often.
    """
    digest = hmac.digest(hkdf(seed, _AUDIT_SALT, b""), framed(slot), "sha256")
    return int.from_bytes(digest[:8], "big") < rate * 2**64


class Draw:
    """Uniform draws from a seed; ``below(n)`` rejects what would bias it."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._counter = 0
        self._pool = b""

    def _take(self, count: int) -> int:
        while len(self._pool) < count:
            self._pool += hashlib.sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        taken, self._pool = self._pool[:count], self._pool[count:]
        return int.from_bytes(taken, "big")

    def below(self, bound: int) -> int:
        """An integer in [0, bound)."""
        if bound <= 0:
            raise TaskError(f"a draw below {bound} was asked for", remedy="give a positive bound")
        width = (bound.bit_length() + 7) // 8
        limit = 256**width - 256**width % bound
        while True:
            value = self._take(width)
            if value < limit:
                return value % bound

    def between(self, low: int, high: int) -> int:
        """An integer in [low, high], both included."""
        return low + self.below(high - low + 1)

    def nonzero(self, low: int, high: int) -> int:
        """An integer in [low, high] that is not 0."""
        while True:
            value = self.between(low, high)
            if value:
                return value

    def chance(self, numerator: int, denominator: int) -> bool:
        """True in ``numerator`` of ``denominator`` cases."""
        return self.below(denominator) < numerator

    def pick(self, items: Sequence[Item]) -> Item:
        """One of ``items``."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """All of ``items`` in a drawn order (Fisher and Yates)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order

    def sample(self, items: Sequence[Item], count: int) -> list[Item]:
        """``count`` different ones of ``items``."""
        return self.shuffled(items)[:count]
