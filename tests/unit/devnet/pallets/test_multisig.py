from typing import Any

import pytest

from taostack.devnet.codec import blake2_256, multisig_account, ss58_decode
from taostack.devnet.genesis import DEV_ACCOUNTS

ALICE, BOB, EVE = DEV_ACCOUNTS["//Alice"], DEV_ACCOUNTS["//Bob"], DEV_ACCOUNTS["//Eve"]
NAMES = {address: uri for uri, address in DEV_ACCOUNTS.items()}
WEIGHT = {"ref_time": 10**9, "proof_size": 10**5}
DEPOSIT = 132_000_000 + 2 * 32_000_000


def others(who: str, everyone: tuple[str, ...] = (ALICE, BOB, EVE)) -> list[str]:
    return sorted((each for each in everyone if each != who), key=ss58_decode)


@pytest.fixture
def account(ledger: Any) -> str:
    address = multisig_account([ALICE, BOB, EVE], 2)
    ledger.send("//Alice", "Balances.transfer_keep_alive", dest=address, value=10**9)
    return address


def pay(ledger: Any) -> bytes:
    return bytes(ledger.call("Balances.transfer_keep_alive", dest=DEV_ACCOUNTS["//Dave"], value=10**8))


def as_multi(ledger: Any, who: str, timepoint: Any, call: bytes, **changes: Any) -> list[dict[str, Any]]:
    arguments = {"threshold": 2, "other_signatories": others(who), "maybe_timepoint": timepoint}
    return list(ledger.send(NAMES[who], "Multisig.as_multi", **(arguments | changes), call=call, max_weight=WEIGHT))


def when(ledger: Any) -> dict[str, int]:
    return {"height": ledger.chain.number, "index": 1}


def failure(ledger: Any, events: list[dict[str, Any]]) -> str:
    return str(ledger.failure(events[-1]["attributes"]["dispatch_error"]))


def test_the_last_approval_makes_the_call(ledger: Any, account: str, names: Any) -> None:
    before = ledger.balance("//Dave")
    events = as_multi(ledger, ALICE, None, pay(ledger))
    assert "Multisig.NewMultisig" in names(events)
    opened = when(ledger)
    assert ledger.chain.state.get("System", "Account", ALICE)["data"]["reserved"] == DEPOSIT
    assert ledger.balance("//Dave") == before
    events = as_multi(ledger, BOB, opened, pay(ledger))
    assert "Multisig.MultisigExecuted" in names(events)
    assert ledger.balance("//Dave") == before + 10**8
    assert ledger.chain.state.get("System", "Account", ALICE)["data"]["reserved"] == 0


def test_a_hash_may_be_approved_first(ledger: Any, account: str, names: Any) -> None:
    call_hash = "0x" + blake2_256(pay(ledger)).hex()
    common = {"threshold": 3, "call_hash": call_hash, "max_weight": WEIGHT}
    ledger.send("//Alice", "Multisig.approve_as_multi", other_signatories=others(ALICE), maybe_timepoint=None, **common)
    opened = when(ledger)
    events = ledger.send(
        "//Bob", "Multisig.approve_as_multi", other_signatories=others(BOB), maybe_timepoint=opened, **common
    )
    assert "Multisig.MultisigApproval" in names(events)
    again = ledger.send(
        "//Bob", "Multisig.approve_as_multi", other_signatories=others(BOB), maybe_timepoint=opened, **common
    )
    assert failure(ledger, again) == "Multisig.AlreadyApproved"


def test_timepoints_are_checked(ledger: Any, account: str) -> None:
    assert failure(ledger, as_multi(ledger, ALICE, {"height": 1, "index": 1}, pay(ledger))) == (
        "Multisig.UnexpectedTimepoint"
    )
    as_multi(ledger, ALICE, None, pay(ledger))
    assert failure(ledger, as_multi(ledger, BOB, None, pay(ledger))) == "Multisig.NoTimepoint"
    assert failure(ledger, as_multi(ledger, BOB, {"height": 1, "index": 9}, pay(ledger))) == "Multisig.WrongTimepoint"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"threshold": 1}, "MinimumThreshold"),
        ({"other_signatories": []}, "TooFewSignatories"),
        ({"other_signatories": others(ALICE)[::-1]}, "SignatoriesOutOfOrder"),
        ({"other_signatories": others(BOB)}, "SenderInSignatories"),
    ],
)
def test_a_wrong_set_of_signatories_is_refused(ledger: Any, changes: dict[str, Any], error: str) -> None:
    events = as_multi(ledger, ALICE, None, pay(ledger), **changes)
    assert failure(ledger, events) == f"Multisig.{error}"


def test_whoever_opened_it_may_cancel(ledger: Any, account: str, names: Any) -> None:
    as_multi(ledger, ALICE, None, pay(ledger))
    opened = when(ledger)
    call_hash = "0x" + blake2_256(pay(ledger)).hex()
    cancel = {"threshold": 2, "timepoint": opened, "call_hash": call_hash}
    events = ledger.send("//Bob", "Multisig.cancel_as_multi", other_signatories=others(BOB), **cancel)
    assert failure(ledger, events) == "Multisig.NotOwner"
    events = ledger.send("//Alice", "Multisig.cancel_as_multi", other_signatories=others(ALICE), **cancel)
    assert "Multisig.MultisigCancelled" in names(events)
    events = ledger.send("//Alice", "Multisig.cancel_as_multi", other_signatories=others(ALICE), **cancel)
    assert failure(ledger, events) == "Multisig.NotFound"


def test_a_threshold_of_one_needs_no_second_key(ledger: Any) -> None:
    address = multisig_account([ALICE, BOB], 1)
    ledger.send("//Alice", "Balances.transfer_keep_alive", dest=address, value=10**9)
    ledger.send("//Bob", "Multisig.as_multi_threshold_1", other_signatories=[ALICE], call=pay(ledger))
    assert ledger.balance(address) == 9 * 10**8
