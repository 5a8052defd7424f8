from typing import Any

import pytest

from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO
from taostack.devnet.pallets import transaction_payment
from taostack.devnet.pallets.transaction_payment import DispatchInfo

ALICE, BOB = DEV_ACCOUNTS["//Alice"], DEV_ACCOUNTS["//Bob"]


def test_the_fee_is_the_recorded_one() -> None:
    assert transaction_payment.fee(DispatchInfo(224_051_000, 7_791, "Normal", True), 143) == 166_247


def test_a_free_call_costs_nothing_whatever_the_tip() -> None:
    assert transaction_payment.fee(DispatchInfo(224_051_000, 0, "Normal", False), 143, 5) == 0


def test_the_base_weight_is_that_of_the_metadata(ledger: Any) -> None:
    weights = ledger.chain.profile.codec.constant("System", "BlockWeights")
    assert weights["per_class"]["normal"]["base_extrinsic"]["ref_time"] == transaction_payment.BASE_EXTRINSIC_WEIGHT


def test_a_tip_is_paid_on_top_and_told(ledger: Any) -> None:
    events = ledger.send("//Alice", "System.remark", remark=b"", tip=1_000_000)
    paid = next(each for each in events if each["event_id"] == "TransactionFeePaid")["attributes"]
    assert paid["tip"] == 1_000_000
    assert paid["actual_fee"] > 1_000_000
    assert ledger.balance("//Alice") == DEV_BALANCE_RAO - paid["actual_fee"]


def test_a_tip_raises_priority() -> None:
    info = DispatchInfo(224_051_000, 0, "Normal", True)
    assert transaction_payment.priority(info, 143, 10) > transaction_payment.priority(info, 143, 0)
    operational = DispatchInfo(224_051_000, 0, "Operational", True)
    assert transaction_payment.priority(operational, 143, 0) > transaction_payment.priority(info, 143, 0)


@pytest.mark.parametrize(
    ("call", "payer"),
    [
        ("SubtensorModule.set_weights", BOB),
        ("SubtensorModule.serve_axon", BOB),
        ("Commitments.set_commitment", BOB),
        ("Balances.transfer_keep_alive", ALICE),
    ],
)
def test_a_hotkey_s_work_is_paid_by_its_coldkey(ledger: Any, call: str, payer: str) -> None:
    ledger.chain.patch(lambda ctx: ctx.state.put("SubtensorModule", "Owner", ALICE, value=BOB))
    pallet, _, function = call.partition(".")
    decoded = {"call_module": pallet, "call_function": function, "call_args": []}
    assert transaction_payment.payer(ledger.chain.state, decoded, ALICE) == payer
    batched = {
        "call_module": "Utility",
        "call_function": "batch",
        "call_args": [{"name": "calls", "value": [decoded]}],
    }
    assert transaction_payment.payer(ledger.chain.state, batched, ALICE) == payer


def test_a_hotkey_without_an_owner_pays_itself(ledger: Any) -> None:
    decoded = {"call_module": "SubtensorModule", "call_function": "set_weights", "call_args": []}
    assert transaction_payment.payer(ledger.chain.state, decoded, "5" + ALICE[1:]) == "5" + ALICE[1:]
