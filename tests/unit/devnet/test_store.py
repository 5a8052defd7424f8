import pytest

from taostack.devnet.errors import UnknownNameError
from taostack.devnet.profile import load_profile
from taostack.devnet.store import DiscardedError, SealedError, State, page

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"


@pytest.fixture
def state() -> State:
    state = State(load_profile(250).codec)
    with state.layer(0):
        for netuid in range(4):
            state.put("SubtensorModule", "Tempo", netuid, value=10 + netuid)
    return state


def test_an_absent_entry_reads_as_the_default_of_the_metadata(state: State) -> None:
    assert state.get("SubtensorModule", "Tempo", 99) == 10
    assert not state.has("SubtensorModule", "Tempo", 99)
    assert state.get("SubtensorModule", "Uids", 1, ALICE) is None


def test_entries_are_read_back_as_values(state: State) -> None:
    with state.layer(1):
        state.put("SubtensorModule", "Uids", 1, ALICE, value=7)
        state.put("SubtensorModule", "Keys", 1, 7, value=ALICE)
    assert state.get("SubtensorModule", "Uids", 1, ALICE) == 7
    assert state.get("SubtensorModule", "Keys", 1, 7) == ALICE
    assert list(state.items("SubtensorModule", "Uids", 1)) == [((ALICE,), 7)]
    assert list(state.items("SubtensorModule", "Uids")) == [((1, ALICE), 7)]


def test_an_unknown_item_is_an_error(state: State) -> None:
    with pytest.raises(UnknownNameError, match=r"SubtensorModule\.Tempi"):
        state.get("SubtensorModule", "Tempi", 1)
    with pytest.raises(UnknownNameError):
        state.get("SubtensorModule", "Tempi")


def test_a_write_outside_a_layer_is_refused(state: State) -> None:
    with pytest.raises(SealedError):
        state.put("SubtensorModule", "Tempo", 1, value=5)


def test_a_failed_layer_leaves_no_trace(state: State) -> None:
    with pytest.raises(RuntimeError), state.layer(1):
        state.put("SubtensorModule", "Tempo", 1, value=5)
        state.put("SubtensorModule", "Tempo", 9, value=5)
        raise RuntimeError
    assert state.get("SubtensorModule", "Tempo", 1) == 11
    assert len(state) == 4
    with state.layer(1):
        pass
    assert state.at(0).get("SubtensorModule", "Tempo", 1) == 11


def test_a_nested_transaction_rolls_back_alone(state: State) -> None:
    with state.layer(1), state.transaction():
        state.put("SubtensorModule", "Tempo", 1, value=50)
        with pytest.raises(ValueError, match="inner"), state.transaction():
            state.put("SubtensorModule", "Tempo", 1, value=51)
            state.delete("SubtensorModule", "Tempo", 2)
            state.put("SubtensorModule", "Tempo", 8, value=8)
            raise ValueError("inner")
        assert state.get("SubtensorModule", "Tempo", 1) == 50
    assert state.get("SubtensorModule", "Tempo", 1) == 50
    assert state.get("SubtensorModule", "Tempo", 2) == 12
    assert not state.has("SubtensorModule", "Tempo", 8)


def test_every_kept_block_reads_as_it_was(state: State) -> None:
    for block in range(1, 6):
        with state.layer(block):
            state.put("SubtensorModule", "Tempo", 1, value=100 + block)
            if block == 3:
                state.delete("SubtensorModule", "Tempo", 2)
                state.put("SubtensorModule", "Tempo", 7, value=7)
    assert [state.at(block).get("SubtensorModule", "Tempo", 1) for block in range(6)] == [11, 101, 102, 103, 104, 105]
    assert [key for (key,), _ in state.at(2).items("SubtensorModule", "Tempo")] == [0, 1, 2, 3]
    assert sorted(key for (key,), _ in state.at(3).items("SubtensorModule", "Tempo")) == [0, 1, 3, 7]
    assert state.at(2).has("SubtensorModule", "Tempo", 2)
    assert not state.at(5).has("SubtensorModule", "Tempo", 2)
    assert state.at(2).keys(b"")[:1] == state.at(5).keys(b"")[:1]


def test_an_older_block_stays_as_it_was_while_the_next_is_built(state: State) -> None:
    with state.layer(1):
        state.put("SubtensorModule", "Tempo", 1, value=99)
        assert state.at(0).get("SubtensorModule", "Tempo", 1) == 11


def test_a_discarded_block_cannot_be_read(state: State) -> None:
    for block in range(1, 10):
        with state.layer(block):
            state.put("SubtensorModule", "Tempo", 1, value=100 + block)
    state.prune(6)
    assert state.oldest_block == 6
    assert state.at(6).get("SubtensorModule", "Tempo", 1) == 106
    assert state.at(8).get("SubtensorModule", "Tempo", 1) == 108
    with pytest.raises(DiscardedError):
        state.at(5)
    with pytest.raises(DiscardedError):
        state.at(10)


def test_reverting_undoes_blocks_and_patches(state: State) -> None:
    with state.layer(1):
        state.put("SubtensorModule", "Tempo", 1, value=21)
    mark = state.mark()
    with state.layer(1):
        state.put("SubtensorModule", "Tempo", 1, value=31)
    with state.layer(2):
        state.put("SubtensorModule", "Tempo", 1, value=41)
        state.delete("SubtensorModule", "Tempo", 0)
    state.revert(mark)
    assert state.get("SubtensorModule", "Tempo", 1) == 21
    assert state.get("SubtensorModule", "Tempo", 0) == 10
    assert state.at(1).get("SubtensorModule", "Tempo", 1) == 21
    assert state.at(0).get("SubtensorModule", "Tempo", 1) == 11
    with pytest.raises(DiscardedError):
        state.at(2)


def test_a_mark_that_has_been_discarded_cannot_be_reverted_to(state: State) -> None:
    mark = state.mark()
    for block in range(1, 4):
        with state.layer(block):
            state.put("SubtensorModule", "Tempo", 1, value=block)
    state.prune(2)
    with pytest.raises(DiscardedError):
        state.revert(mark)


def test_pending_writes_are_only_real_changes(state: State) -> None:
    with state.layer(1):
        state.put("SubtensorModule", "Tempo", 1, value=5)
        state.put("SubtensorModule", "Tempo", 1, value=11)
        state.delete("SubtensorModule", "Tempo", 2)
        writes = state.pending_writes()
    assert list(writes.values()) == [None]


def test_keys_are_paged_in_order(state: State) -> None:
    prefix = state.codec.key("SubtensorModule", "Tempo", ())
    whole = state.keys(prefix)
    assert whole == sorted(whole)
    first = page(state, prefix, 3, None)
    assert first + page(state, prefix, 3, first[-1]) == whole


def test_a_page_under_a_longer_prefix_holds_only_that_part(state: State) -> None:
    with state.layer(1):
        for netuid in (1, 2):
            for uid in range(3):
                state.put("SubtensorModule", "Keys", netuid, uid, value=BOB)
    assert len(state.keys(state.codec.key("SubtensorModule", "Keys", (2,)))) == 3


def test_byte_vectors_are_kept_exactly(state: State) -> None:
    with state.layer(1):
        state.put_bytes("SubtensorModule", "TokenSymbol", 1, value=b"0x41")
    assert state.get_bytes("SubtensorModule", "TokenSymbol", 1) == b"0x41"
    assert state.get_bytes("SubtensorModule", "TokenSymbol", 2) is None


def test_mutate_and_delete_prefix(state: State) -> None:
    with state.layer(1):
        assert state.mutate("SubtensorModule", "Tempo", 1, fn=lambda tempo: tempo * 2) == 22
        assert state.delete_prefix("SubtensorModule", "Tempo") == 4
    assert len(state) == 0
