from typing import Any

from taostack.devnet.codec import blake2_256


def test_block_hashes_are_kept_for_as_long_as_an_era_may_last(ledger: Any) -> None:
    state = ledger.chain.state
    for _ in range(3):
        ledger.seal()
    assert state.get("System", "BlockHash", 1) == "0x" + ledger.chain.hash_at(1).hex()
    assert state.get("System", "ParentHash") == "0x" + ledger.chain.hash_at(2).hex()
    ledger.chain.patch(lambda ctx: ctx.state.put("System", "BlockHash", 2, value="0x" + "11" * 32))
    assert state.get("System", "Number") == 3


def test_a_remark_may_leave_an_event(ledger: Any) -> None:
    events = ledger.send("//Alice", "System.remark_with_event", remark=b"hello")
    remarked = next(each for each in events if each["event_id"] == "Remarked")
    assert remarked["attributes"]["hash"] == "0x" + blake2_256(b"hello").hex()


def test_a_longer_remark_weighs_more(ledger: Any) -> None:
    short = ledger.send("//Alice", "System.remark", remark=b"")[-1]
    long = ledger.send("//Alice", "System.remark", remark=b"x" * 1_000)[-1]
    weights = [each["attributes"]["dispatch_info"]["weight"]["ref_time"] for each in (short, long)]
    assert weights[1] - weights[0] == 400_000


def test_root_writes_and_removes_raw_storage(ledger: Any) -> None:
    key, value = b"\x01" * 40, b"\x02\x03"
    state = ledger.chain.state
    ledger.send("//Alice", "Sudo.sudo", call=ledger.call("System.set_storage", items=[(key, value)]))
    assert state.raw(key) == value
    ledger.send("//Alice", "Sudo.sudo", call=ledger.call("System.kill_storage", keys=[key]))
    assert state.raw(key) is None
    ledger.send("//Alice", "Sudo.sudo", call=ledger.call("System.set_storage", items=[(key, value)]))
    ledger.send("//Alice", "Sudo.sudo", call=ledger.call("System.kill_prefix", prefix=key[:33], subkeys=9))
    assert state.raw(key) is None


def test_nobody_else_does(ledger: Any) -> None:
    events = ledger.send("//Alice", "System.set_storage", items=[(b"\x01" * 40, b"\x02")])
    assert events[-1]["attributes"]["dispatch_error"] == "BadOrigin"


def test_time_is_set_by_the_author_only(ledger: Any) -> None:
    events = ledger.send("//Alice", "Sudo.sudo", call=ledger.call("Timestamp.set", now=5))
    sudid = next(each for each in events if each["event_id"] == "Sudid")
    assert sudid["attributes"]["sudo_result"] == {"Err": "BadOrigin"}
