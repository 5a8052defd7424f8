from typing import Any

from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO
from taostack.devnet.pallets.utility import derived_account

ALICE, BOB, EVE = DEV_ACCOUNTS["//Alice"], DEV_ACCOUNTS["//Bob"], DEV_ACCOUNTS["//Eve"]


def pay(ledger: Any, value: int, dest: str = EVE) -> bytes:
    return bytes(ledger.call("Balances.transfer_keep_alive", dest=dest, value=value))


def test_a_batch_stops_at_the_first_failure_and_keeps_what_went_before(ledger: Any, names: Any) -> None:
    calls = [pay(ledger, 10), pay(ledger, 10**18), pay(ledger, 30)]
    events = ledger.send("//Alice", "Utility.batch", calls=calls)
    interrupted = next(each for each in events if each["event_id"] == "BatchInterrupted")
    assert interrupted["attributes"] == {"index": 1, "error": {"Token": "FundsUnavailable"}}
    assert ledger.balance("//Eve") == DEV_BALANCE_RAO + 10
    done = ledger.send("//Alice", "Utility.batch", calls=[pay(ledger, 10)])
    assert "Utility.BatchCompleted" in names(done)


def test_batch_all_is_all_or_nothing(ledger: Any, names: Any) -> None:
    events = ledger.send("//Alice", "Utility.batch_all", calls=[pay(ledger, 10), pay(ledger, 10**18)])
    assert events[-1]["attributes"]["dispatch_error"] == {"Token": "FundsUnavailable"}
    assert "Balances.Transfer" not in names(events)
    assert ledger.balance("//Eve") == DEV_BALANCE_RAO
    ledger.send("//Alice", "Utility.batch_all", calls=[pay(ledger, 10), pay(ledger, 20)])
    assert ledger.balance("//Eve") == DEV_BALANCE_RAO + 30


def test_force_batch_goes_on(ledger: Any, names: Any) -> None:
    calls = [pay(ledger, 10), pay(ledger, 10**18), pay(ledger, 30)]
    events = ledger.send("//Alice", "Utility.force_batch", calls=calls)
    assert {"Utility.ItemFailed", "Utility.BatchCompletedWithErrors"} <= set(names(events))
    assert ledger.balance("//Eve") == DEV_BALANCE_RAO + 40
    assert "Utility.BatchCompleted" in names(ledger.send("//Alice", "Utility.force_batch", calls=calls[:1]))


def test_a_batch_is_weighed_by_what_it_carries(ledger: Any) -> None:
    one = ledger.send("//Alice", "Utility.batch", calls=[pay(ledger, 10)])[-1]
    three = ledger.send("//Alice", "Utility.batch", calls=[pay(ledger, 10)] * 3)[-1]
    weights = [each["attributes"]["dispatch_info"]["weight"]["ref_time"] for each in (one, three)]
    assert weights[1] - weights[0] == 2 * 224_051_000


def test_a_derived_account_acts_for_itself(ledger: Any) -> None:
    mine = derived_account(ALICE, 7)
    assert mine != derived_account(ALICE, 8)
    ledger.send("//Alice", "Balances.transfer_keep_alive", dest=mine, value=10**9)
    ledger.send("//Alice", "Utility.as_derivative", index=7, call=pay(ledger, 10**8))
    assert ledger.balance(mine) == 9 * 10**8


def test_root_dispatches_as_any_origin(ledger: Any) -> None:
    as_bob = {"system": {"Signed": BOB}}
    for call in ("Utility.dispatch_as", "Utility.dispatch_as_fallible"):
        inner = ledger.call(call, as_origin=as_bob, call=pay(ledger, 100))
        ledger.send("//Alice", "Sudo.sudo", call=inner)
    assert ledger.balance("//Bob") == DEV_BALANCE_RAO - 200
    root = ledger.call("Balances.force_set_balance", who=BOB, new_free=5_000)
    inner = ledger.call("Utility.dispatch_as", as_origin={"system": "Root"}, call=root)
    ledger.send("//Alice", "Sudo.sudo", call=inner)
    assert ledger.balance("//Bob") == 5_000
    nobody = ledger.call("Utility.dispatch_as", as_origin={"system": "None"}, call=root)
    ledger.send("//Alice", "Sudo.sudo", call=nobody)
    assert ledger.balance("//Bob") == 5_000
    events = ledger.send("//Alice", "Utility.dispatch_as", as_origin=as_bob, call=pay(ledger, 1))
    assert events[-1]["attributes"]["dispatch_error"] == "BadOrigin"


def test_root_chooses_a_weight(ledger: Any) -> None:
    root = ledger.call("Balances.force_set_balance", who=BOB, new_free=5_000)
    inner = ledger.call("Utility.with_weight", call=root, weight={"ref_time": 1, "proof_size": 0})
    ledger.send("//Alice", "Sudo.sudo", call=inner)
    assert ledger.balance("//Bob") == 5_000


def test_a_fallback_is_used_when_the_first_call_fails(ledger: Any, names: Any) -> None:
    events = ledger.send("//Alice", "Utility.if_else", main=pay(ledger, 10**18), fallback=pay(ledger, 5))
    assert "Utility.IfElseFallbackCalled" in names(events)
    events = ledger.send("//Alice", "Utility.if_else", main=pay(ledger, 5), fallback=pay(ledger, 7))
    assert "Utility.IfElseMainSuccess" in names(events)
    assert ledger.balance("//Eve") == DEV_BALANCE_RAO + 10
    events = ledger.send("//Alice", "Utility.if_else", main=pay(ledger, 10**18), fallback=pay(ledger, 10**18))
    assert events[-1]["event_id"] == "ExtrinsicFailed"


def test_too_many_calls_are_refused(ledger: Any) -> None:
    calls = [ledger.call("System.remark", remark=b"")] * 10_923
    events = ledger.send("//Alice", "Utility.batch", calls=calls)
    assert ledger.failure(events[-1]["attributes"]["dispatch_error"]) == "Utility.TooManyCalls"


def test_a_deep_nest_of_calls_does_no_harm(ledger: Any) -> None:
    call = ledger.call("System.remark", remark=b"")
    for _ in range(80):
        call = ledger.call("Utility.batch", calls=[call])
    extrinsic = ledger.sign("//Alice", "Utility.batch", calls=[call])
    ledger.chain.submit(extrinsic)
    assert extrinsic.raw in ledger.seal().block.extrinsics
    assert ledger.send("//Alice", "System.remark", remark=b"")[-1]["event_id"] == "ExtrinsicSuccess"
