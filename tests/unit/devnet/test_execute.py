from typing import Any

import pytest

from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO
from taostack.devnet.pallets import balances
from taostack.devnet.pallets.dispatch import CALLS, CallSpec, Context, Post

BOB, EVE = DEV_ACCOUNTS["//Bob"], DEV_ACCOUNTS["//Eve"]


def replace(monkeypatch: pytest.MonkeyPatch, handler: Any) -> None:
    """Let ``System.remark`` do something else for one test."""
    monkeypatch.setitem(CALLS, "System.remark", CallSpec("System.remark", handler, 10**8, 0, True, "Normal"))


def test_a_fault_in_a_pallet_fails_the_call_and_nothing_else(ledger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(ctx: Context, remark: bytes) -> None:
        balances.transfer(ctx, DEV_ACCOUNTS["//Alice"], BOB, 10**9)
        raise ZeroDivisionError

    replace(monkeypatch, faulty)
    events = ledger.send("//Alice", "System.remark", remark=b"")
    assert events[-1]["attributes"]["dispatch_error"] == "Other"
    assert ledger.balance("//Bob") == DEV_BALANCE_RAO
    assert ledger.send("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=1)[-1]["event_id"] == (
        "ExtrinsicSuccess"
    )


def test_a_call_may_use_less_weight_than_it_announced(ledger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    replace(monkeypatch, lambda ctx, remark: Post(weight=10**6))
    events = ledger.send("//Alice", "System.remark", remark=b"")
    refund = next(each for each in events if each["event_id"] == "Deposit")["attributes"]["amount"]
    assert refund == (10**8 - 10**6) // 2_000
    paid = next(each for each in events if each["event_id"] == "TransactionFeePaid")["attributes"]["actual_fee"]
    assert ledger.balance("//Alice") == DEV_BALANCE_RAO - paid


def test_a_payer_that_gave_everything_away_gets_no_refund(ledger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def give_away(ctx: Context, remark: bytes) -> Post:
        who = ctx.signed()
        balances.transfer(ctx, who, BOB, balances.free_balance(ctx.state, who), keep_alive=False)
        return Post(weight=10**8 - 2_000)

    replace(monkeypatch, give_away)
    events = ledger.send("//Alice", "System.remark", remark=b"")
    assert events[-1]["event_id"] == "ExtrinsicSuccess"
    assert not any(each["event_id"] == "Deposit" for each in events)
    assert ledger.balance("//Alice") == 0


def test_a_call_may_bring_another_extrinsic_into_its_block(ledger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = ledger.sign("//Bob", "Balances.transfer_keep_alive", dest=EVE, value=10**9, nonce=0)
    replace(monkeypatch, lambda ctx, remark: ctx.include_extrinsic(inner.raw))
    ledger.chain.submit(ledger.sign("//Alice", "System.remark", remark=b""))
    sealed = ledger.seal()
    assert sealed.block.extrinsics[2] == inner.raw
    assert ledger.events(2)[-1]["event_id"] == "ExtrinsicSuccess"
    assert ledger.balance("//Eve") == DEV_BALANCE_RAO + 10**9


@pytest.mark.parametrize("nonce", [1, None])
def test_a_hidden_extrinsic_that_is_not_valid_is_left_out(
    ledger: Any, monkeypatch: pytest.MonkeyPatch, nonce: int | None
) -> None:
    inner = ledger.sign("//Bob", "Balances.transfer_keep_alive", dest=EVE, value=10**9, nonce=nonce or 0)
    raw = inner.raw if nonce else inner.raw[:-1]
    replace(monkeypatch, lambda ctx, remark: ctx.include_extrinsic(raw))
    ledger.chain.submit(ledger.sign("//Alice", "System.remark", remark=b""))
    assert len(ledger.seal().block.extrinsics) == 2
    assert ledger.balance("//Eve") == DEV_BALANCE_RAO


def test_a_block_s_length_is_bounded(ledger: Any) -> None:
    ledger.chain.limits.block_length = 3_000
    for _ in range(3):
        ledger.chain.submit(ledger.sign("//Alice", "System.remark", remark=b"x" * 1_200))
    assert len(ledger.seal().block.extrinsics) == 3
    assert len(ledger.seal().block.extrinsics) == 2
