from typing import Any

import pytest

from taostack.devnet.extrinsics import Extrinsic
from taostack.devnet.pallets.dispatch import PoolRejection
from taostack.devnet.pallets.transaction_payment import DispatchInfo
from taostack.devnet.pool import ALREADY_IMPORTED, POOL_FULL, PRIORITY_TOO_LOW, Entry, Pool
from taostack.devnet.validity import Verdict

FOREVER = 2**64 - 1


def extrinsic(sender: str, nonce: int, salt: bytes = b"") -> Extrinsic:
    return Extrinsic(b"", f"{sender}{nonce}".encode() + salt, b"", {}, sender, nonce=nonce)


def add(pool: Pool, sender: str, nonce: int, priority: int = 1, *, death: int = FOREVER, salt: bytes = b"") -> Entry:
    verdict = Verdict(DispatchInfo(0, 0, "Normal", True), sender, 0, priority, b"", death)
    return pool.add(extrinsic(sender, nonce, salt), verdict)


class Nonces(dict[str, int]):
    def of(self, sender: str) -> int:
        return self.get(sender, 0)


def drain(pool: Pool, nonces: Nonces) -> list[tuple[str, int]]:
    """Apply everything that is ready."""
    applied = []
    for entry in pool.ready(nonces.of):
        applied.append((entry.sender, entry.nonce))
        nonces[entry.sender] = entry.nonce + 1
    return applied


def test_nonces_of_one_sender_are_applied_in_order_whatever_the_order_of_arrival() -> None:
    pool = Pool()
    for nonce in (2, 0, 1):
        add(pool, "a", nonce)
    assert drain(pool, Nonces()) == [("a", 0), ("a", 1), ("a", 2)]


def test_a_gap_in_nonces_waits() -> None:
    pool = Pool()
    add(pool, "a", 0)
    add(pool, "a", 2)
    nonces = Nonces()
    assert drain(pool, nonces) == [("a", 0)]
    assert pool.next_nonce("a", 0) == 1
    add(pool, "a", 1)
    assert pool.next_nonce("a", 0) == 3


def test_higher_priority_goes_first_and_equal_priority_by_arrival() -> None:
    pool = Pool()
    add(pool, "a", 0, 1)
    add(pool, "b", 0, 9)
    add(pool, "c", 0, 1)
    assert drain(pool, Nonces()) == [("b", 0), ("a", 0), ("c", 0)]


def test_a_sender_whose_transaction_was_not_applied_is_not_asked_again() -> None:
    pool = Pool()
    add(pool, "a", 0)
    add(pool, "a", 1)
    assert [entry.nonce for entry in pool.ready(lambda _: 0)] == [0]


def test_the_same_bytes_twice_are_a_duplicate() -> None:
    pool = Pool()
    add(pool, "a", 0)
    with pytest.raises(PoolRejection) as refused:
        add(pool, "a", 0)
    assert refused.value.code == ALREADY_IMPORTED


def test_only_a_higher_priority_replaces_the_same_nonce() -> None:
    pool = Pool()
    told: list[Any] = []
    first = add(pool, "a", 0, 5)
    first.watchers.append(told.append)
    with pytest.raises(PoolRejection) as refused:
        add(pool, "a", 0, 5, salt=b"x")
    assert refused.value.code == PRIORITY_TOO_LOW
    second = add(pool, "a", 0, 6, salt=b"y")
    assert told == [{"usurped": "0x" + second.extrinsic.hash.hex()}]
    assert len(pool) == 1
    assert second.extrinsic.hash in pool
    assert first.extrinsic.hash not in pool


def test_a_full_pool_takes_replacements_only() -> None:
    pool = Pool(limit=1)
    add(pool, "a", 0)
    with pytest.raises(PoolRejection) as refused:
        add(pool, "b", 0)
    assert refused.value.code == POOL_FULL
    add(pool, "a", 0, 2, salt=b"x")
    assert len(pool) == 1


def test_expired_and_used_transactions_leave() -> None:
    pool = Pool()
    add(pool, "a", 0)
    add(pool, "b", 3, death=10)
    add(pool, "c", 0)
    gone = pool.expire(10, Nonces(a=1).of)
    assert sorted(entry.sender for entry in gone) == ["a", "b"]
    assert [entry.sender for entry in pool.pending()] == ["c"]


def test_removing_twice_is_harmless_and_clearing_returns_everything() -> None:
    pool = Pool()
    entry = add(pool, "a", 0)
    add(pool, "b", 0)
    pool.remove(entry)
    pool.remove(entry)
    assert [each.sender for each in pool.clear()] == ["b"]
    assert len(pool) == 0
    assert not pool.has_ready(Nonces().of)


def test_readiness_follows_the_chain_s_nonces() -> None:
    pool = Pool()
    add(pool, "a", 1)
    assert not pool.has_ready(Nonces().of)
    assert pool.has_ready(Nonces(a=1).of)
