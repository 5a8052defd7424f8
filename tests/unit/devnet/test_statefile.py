from pathlib import Path
from typing import Any

import pytest

from taostack.devnet import statefile
from taostack.devnet.author import Base, Chain, NoJournal
from taostack.devnet.errors import StateFileError, StateFileWriteError
from taostack.devnet.genesis import DEV_ACCOUNTS
from taostack.devnet.pallets import balances
from taostack.devnet.profile import load_profile
from taostack.devnet.statefile import StateFile

BOB = DEV_ACCOUNTS["//Bob"]
PROFILE = load_profile(250)


def make(base: Base | None) -> Chain:
    return Chain(PROFILE, None, base)


def opened(path: Path, **changes: Any) -> tuple[StateFile, Chain]:
    file = StateFile(path, **changes)
    return file, file.open(PROFILE, make)


def grow(chain: Chain, blocks: int) -> None:
    for _ in range(blocks):
        chain.seal(chain.last_ms + 1_000)


def test_a_chain_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "chain"
    file, chain = opened(path)
    grow(chain, 3)
    chain.patch(lambda ctx: balances.set_free(ctx.state, BOB, 77_777))
    grow(chain, 2)
    file.close()
    again, restored = opened(path)
    assert restored.head.hash == chain.head.hash
    assert restored.genesis_hash == chain.genesis_hash
    assert restored.hash_at(2) == chain.hash_at(2)
    assert restored.last_ms == chain.last_ms
    assert balances.free_balance(restored.state, BOB) == 77_777
    assert restored.state_at(chain.hash_at(3)).get("System", "Number") == 3
    chain.journal = NoJournal()
    grow(chain, 1)
    grow(restored, 1)
    assert restored.head.hash == chain.head.hash
    again.close()


def test_a_revert_is_kept_too(tmp_path: Path) -> None:
    file, chain = opened(tmp_path / "chain")
    grow(chain, 2)
    chain.patch(lambda ctx: balances.set_free(ctx.state, BOB, 5_000))
    snapshot = chain.snapshot()
    grow(chain, 3)
    chain.patch(lambda ctx: balances.set_free(ctx.state, BOB, 6_000))
    chain.revert(snapshot)
    grow(chain, 1)
    file.close()
    again, restored = opened(tmp_path / "chain")
    assert restored.head.hash == chain.head.hash
    assert balances.free_balance(restored.state, BOB) == 5_000
    again.close()


def test_a_torn_tail_is_cut_wherever_the_kill_came(tmp_path: Path) -> None:
    path = tmp_path / "chain"
    file, chain = opened(path)
    grow(chain, 1)
    size = path.stat().st_size
    kept = chain.head.hash
    grow(chain, 1)
    file.close()
    whole = path.read_bytes()
    for length in {size, size + 1, size + 11, size + 12, size + 13, (size + len(whole)) // 2, len(whole) - 1}:
        path.write_bytes(whole[:length])
        again, restored = opened(path)
        assert restored.head.hash == kept
        assert path.stat().st_size == size
        grow(restored, 1)
        again.close()


def test_a_file_killed_in_its_first_record_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "chain"
    opened(path)[0].close()
    path.write_bytes(path.read_bytes()[:200])
    file, chain = opened(path)
    assert chain.number == 0
    file.close()
    path.write_bytes(b"taostack")
    file, chain = opened(path)
    assert chain.number == 0
    file.close()


def test_blocks_that_the_power_cut_left_as_zeros_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "chain"
    file, chain = opened(path)
    grow(chain, 1)
    file.close()
    path.write_bytes(path.read_bytes() + bytes(100))
    again, restored = opened(path)
    assert restored.head.hash == chain.head.hash
    again.close()


@pytest.mark.parametrize("part", ["length", "payload"])
def test_damage_before_the_end_is_refused(tmp_path: Path, part: str) -> None:
    path = tmp_path / "chain"
    file, chain = opened(path)
    first = path.stat().st_size
    grow(chain, 3)
    file.close()
    data = bytearray(path.read_bytes())
    data[first + (3 if part == "length" else 40)] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(StateFileError, match=f"damaged at byte {first}"):
        opened(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x", "is not a devnet state file"),
        (b"x" * 100, "is not a devnet state file"),
        (b"SQLite format 3\x00" + bytes(100), "is not a devnet state file"),
        (statefile.MAGIC + (9).to_bytes(4, "little") + bytes(40), "has format 9"),
    ],
)
def test_a_foreign_file_is_left_alone(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "chain"
    path.write_bytes(content)
    with pytest.raises(StateFileError, match=message):
        opened(path)
    assert path.read_bytes() == content


def test_a_chain_with_another_block_time_says_which(tmp_path: Path) -> None:
    path = tmp_path / "chain"
    opened(path)[0].close()
    other = load_profile(1_000)
    with pytest.raises(StateFileError, match=r"block time 0\.25 s") as refused:
        StateFile(path).open(other, lambda base: Chain(other, None, base))
    assert "--block-time 0.25" in refused.value.remedy


def test_two_devnets_cannot_share_a_file(tmp_path: Path) -> None:
    file, _ = opened(tmp_path / "chain")
    with pytest.raises(StateFileError, match="in use by another devnet"):
        opened(tmp_path / "chain")
    file.close()
    opened(tmp_path / "chain")[0].close()


def test_a_path_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StateFileError, match="cannot be opened"):
        opened(tmp_path)


def test_a_grown_file_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "chain"
    file, chain = opened(path, compact_after=20_000)
    while path.stat().st_size < file._base_size + 20_000:
        grow(chain, 1)
    snapshot = chain.snapshot()
    assert not file.compact(chain)
    chain.revert(snapshot)
    before = path.stat().st_size
    assert file.compact(chain)
    assert path.stat().st_size < before
    grow(chain, 2)
    snapshot = chain.snapshot()
    grow(chain, 1)
    chain.revert(snapshot)
    grow(chain, 1)
    file.close()
    again, restored = opened(path)
    assert restored.head.hash == chain.head.hash
    assert restored.hash_at(1) == chain.hash_at(1)
    assert restored.genesis_hash == chain.genesis_hash
    again.close()


def test_a_full_disk_leaves_the_chain_at_its_last_block(tmp_path: Path) -> None:
    file, chain = opened(tmp_path / "chain")
    grow(chain, 1)
    head, size = chain.head.hash, (tmp_path / "chain").stat().st_size

    class Full:
        """A disk that takes a few bytes of each record, then no more."""

        def __init__(self, inner: Any) -> None:
            self.inner = inner
            self.left = 10

        def write(self, data: Any) -> int:
            if not self.left:
                raise OSError(28, "No space left on device")
            self.left = 0
            return int(self.inner.write(data[:10]))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    inner, file._file = file._file, Full(file._file)
    with pytest.raises(StateFileWriteError, match="No space left"):
        grow(chain, 1)
    assert chain.head.hash == head
    assert chain.state.get("System", "Number") == 1
    assert (tmp_path / "chain").stat().st_size == size
    file._file = inner
    grow(chain, 1)
    file.close()
    again, restored = opened(tmp_path / "chain")
    assert restored.head.hash == chain.head.hash
    again.close()


def test_a_closed_file_takes_no_blocks(tmp_path: Path) -> None:
    file, chain = opened(tmp_path / "chain")
    file.close()
    with pytest.raises(StateFileError, match="is closed"):
        grow(chain, 1)


def test_a_saved_chain_can_be_started_from(tmp_path: Path) -> None:
    chain = make(None)
    grow(chain, 4)
    chain.patch(lambda ctx: balances.set_free(ctx.state, BOB, 77_777))
    statefile.save(chain, tmp_path / "saved")
    file, restored = opened(tmp_path / "saved")
    assert restored.head.hash == chain.head.hash
    assert balances.free_balance(restored.state, BOB) == 77_777
    file.close()
    with pytest.raises(StateFileError, match="exists"):
        statefile.save(chain, tmp_path / "saved")
