from typing import Any

from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO

ALICE, BOB = DEV_ACCOUNTS["//Alice"], DEV_ACCOUNTS["//Bob"]


def remark(ledger: Any) -> bytes:
    return bytes(ledger.call("System.remark_with_event", remark=b"x"))


def test_the_key_holder_makes_root_calls_for_nothing(ledger: Any, names: Any) -> None:
    call = ledger.call("Balances.force_set_balance", who=BOB, new_free=77_777)
    events = ledger.send("//Alice", "Sudo.sudo", call=call)
    sudid = next(each for each in events if each["event_id"] == "Sudid")
    assert sudid["attributes"]["sudo_result"] == {"Ok": None} or "Ok" in str(sudid["attributes"]["sudo_result"])
    assert ledger.balance("//Alice") == DEV_BALANCE_RAO
    assert events[-1]["attributes"]["dispatch_info"]["pays_fee"] == "No"


def test_anyone_else_is_refused_and_pays(ledger: Any) -> None:
    events = ledger.send("//Bob", "Sudo.sudo", call=remark(ledger))
    assert ledger.failure(events[-1]["attributes"]["dispatch_error"]) == "Sudo.RequireSudo"
    assert ledger.balance("//Bob") < DEV_BALANCE_RAO


def test_a_failure_inside_is_told_in_the_event(ledger: Any) -> None:
    call = ledger.call("Balances.force_transfer", source=BOB, dest=ALICE, value=10**18)
    events = ledger.send("//Alice", "Sudo.sudo", call=call)
    sudid = next(each for each in events if each["event_id"] == "Sudid")
    assert sudid["attributes"]["sudo_result"] == {"Err": {"Token": "FundsUnavailable"}}
    assert events[-1]["event_id"] == "ExtrinsicSuccess"


def test_root_acts_as_anyone(ledger: Any) -> None:
    call = ledger.call("Balances.transfer_keep_alive", dest=ALICE, value=10**9)
    ledger.send("//Alice", "Sudo.sudo_as", who=BOB, call=call)
    assert ledger.balance("//Bob") == DEV_BALANCE_RAO - 10**9


def test_the_key_is_handed_over_and_given_up(ledger: Any) -> None:
    ledger.send("//Alice", "Sudo.set_key", new=BOB)
    assert ledger.chain.state.get("Sudo", "Key") == BOB
    weight = {"ref_time": 1, "proof_size": 0}
    events = ledger.send("//Alice", "Sudo.sudo_unchecked_weight", call=remark(ledger), weight=weight)
    assert ledger.failure(events[-1]["attributes"]["dispatch_error"]) == "Sudo.RequireSudo"
    ledger.send("//Bob", "Sudo.sudo_unchecked_weight", call=remark(ledger), weight=weight)
    ledger.send("//Bob", "Sudo.remove_key")
    assert ledger.chain.state.get("Sudo", "Key") is None
