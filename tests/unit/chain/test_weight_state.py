"""The setter's memory survives damage and restarts."""

import pytest

from taostack.chain.errors import WeightStateError
from taostack.chain.weight_state import (
    FileStore,
    MemoryStore,
    PendingCommit,
    PendingExtrinsic,
    SentVector,
    SetterState,
    decode_state,
    encode_state,
)

STATE = SetterState(
    genesis="0xgen",
    netuid=2,
    hotkey="5F",
    last=SentVector("aa", 10),
    pending=PendingExtrinsic("set weights", "0xhash", "5F", 4, 10, 73, "bb", 99),
    commits=(PendingCommit("cc", 9, 3, 98),),
)


def test_a_state_comes_back_as_it_was():
    assert decode_state(encode_state(STATE)) == STATE


def test_a_pending_extrinsic_can_be_looked_up_again():
    assert STATE.pending is not None
    signed = STATE.pending.signed()
    assert (signed.extrinsic_hash, signed.nonce, signed.last_valid_block) == ("0xhash", 4, 73)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"genesis": 1}', b'{"unknown": 1}', b"\xff\xfe"])
def test_damaged_state_is_told_and_not_taken_for_an_empty_one(data):
    with pytest.raises(WeightStateError) as error:
        decode_state(data)
    assert "move the state file away" in error.value.remedy


def test_a_newer_version_is_refused():
    newer = encode_state(STATE).replace(b'"version":1', b'"version":2')
    with pytest.raises(WeightStateError, match="version 2"):
        decode_state(newer)


def test_a_file_store_replaces_its_file_whole(tmp_path):
    store = FileStore(tmp_path / "deep" / "weights.json")
    assert store.load() is None
    store.save(b"one")
    store.save(b"two")
    assert store.load() == b"two"
    assert [entry.name for entry in (tmp_path / "deep").iterdir()] == ["weights.json"]


def test_a_crash_while_writing_leaves_the_old_state(tmp_path):
    store = FileStore(tmp_path / "weights.json")
    store.save(b"one")
    (tmp_path / "weights.json.new").write_bytes(b"half of tw")
    assert FileStore(tmp_path / "weights.json").load() == b"one"


def test_a_memory_store_holds_what_it_was_given():
    store = MemoryStore(b"seed")
    assert store.load() == b"seed"
    store.save(b"more")
    assert store.load() == b"more"
