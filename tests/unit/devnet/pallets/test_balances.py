from typing import Any

import pytest

from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO
from taostack.devnet.pallets import balances

ALICE, BOB = DEV_ACCOUNTS["//Alice"], DEV_ACCOUNTS["//Bob"]
NOBODY = "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"


def failed_with(events: list[dict[str, Any]]) -> Any:
    assert events[-1]["event_id"] == "ExtrinsicFailed"
    return events[-1]["attributes"]["dispatch_error"]


def test_a_new_account_is_announced(ledger: Any, names: Any) -> None:
    events = ledger.send("//Alice", "Balances.transfer_keep_alive", dest=NOBODY, value=5_000)
    assert {"System.NewAccount", "Balances.Endowed", "Balances.Transfer"} <= set(names(events))
    assert ledger.balance(NOBODY) == 5_000
    assert ledger.chain.state.get("System", "Account", NOBODY)["providers"] == 1


def test_less_than_the_existential_deposit_makes_no_account(ledger: Any) -> None:
    events = ledger.send("//Alice", "Balances.transfer_keep_alive", dest=NOBODY, value=499)
    assert failed_with(events) == {"Token": "BelowMinimum"}


def test_keep_alive_does_not_let_the_sender_vanish_but_allow_death_does(ledger: Any, names: Any) -> None:
    spendable = DEV_BALANCE_RAO - 1_000_000
    events = ledger.send("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=spendable)
    assert events[-1]["event_id"] == "ExtrinsicSuccess"
    left = ledger.balance("//Alice")
    fee = DEV_BALANCE_RAO - spendable - left
    ledger.chain.patch(lambda ctx: balances.set_free(ctx.state, ALICE, fee + 1_000 + 2))
    assert failed_with(ledger.send("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=900)) == {
        "Token": "NotExpendable"
    }
    ledger.chain.patch(lambda ctx: balances.set_free(ctx.state, ALICE, 10 * fee))
    ledger.chain.patch(lambda ctx: balances.set_free(ctx.state, BOB, 1_000))
    extrinsic = ledger.sign("//Alice", "Balances.transfer_allow_death", dest=BOB, value=9 * fee - 100)
    due = 332_208_000 // 2_000 + len(extrinsic.raw)
    exact = ledger.sign("//Alice", "Balances.transfer_allow_death", dest=BOB, value=10 * fee - due - 3)
    ledger.chain.submit(exact)
    ledger.seal()
    events = ledger.events(1)
    assert "System.KilledAccount" in names(events)
    assert "Balances.DustLost" in names(events)
    assert not ledger.chain.state.has("System", "Account", ALICE)


def test_transfer_all_leaves_the_existential_deposit_or_nothing(ledger: Any) -> None:
    ledger.send("//Alice", "Balances.transfer_all", dest=BOB, keep_alive=True)
    assert ledger.balance("//Alice") == 500
    ledger.send("//Bob", "Balances.transfer_all", dest=DEV_ACCOUNTS["//Eve"], keep_alive=False)
    assert ledger.balance("//Bob") == 0


def test_sending_to_oneself_needs_the_money(ledger: Any) -> None:
    assert ledger.send("//Alice", "Balances.transfer_keep_alive", dest=ALICE, value=5)[-1]["event_id"] == (
        "ExtrinsicSuccess"
    )
    events = ledger.send("//Alice", "Balances.transfer_keep_alive", dest=ALICE, value=2 * DEV_BALANCE_RAO)
    assert failed_with(events) == {"Token": "FundsUnavailable"}


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("Balances.force_transfer", {"source": BOB, "dest": ALICE, "value": 5}),
        ("Balances.force_set_balance", {"who": BOB, "new_free": 5}),
    ],
)
def test_forcing_is_for_root(ledger: Any, call: str, arguments: dict[str, Any]) -> None:
    assert failed_with(ledger.send("//Alice", call, **arguments)) == "BadOrigin"


def test_root_moves_and_sets_balances(ledger: Any) -> None:
    move = ledger.call("Balances.force_transfer", source=BOB, dest=DEV_ACCOUNTS["//Eve"], value=10**9)
    ledger.send("//Alice", "Sudo.sudo", call=move)
    assert ledger.balance("//Eve") == DEV_BALANCE_RAO + 10**9
    ledger.send("//Alice", "Sudo.sudo", call=ledger.call("Balances.force_set_balance", who=BOB, new_free=77_777))
    assert ledger.balance("//Bob") == 77_777


def test_burning_one_s_own_shrinks_issuance(ledger: Any) -> None:
    before = ledger.chain.state.get("Balances", "TotalIssuance")
    ledger.send("//Alice", "Balances.burn", value=10**9, keep_alive=True)
    assert before - ledger.chain.state.get("Balances", "TotalIssuance") >= 10**9


def test_frozen_money_cannot_be_spent(ledger: Any) -> None:
    def freeze(ctx: Any) -> None:
        account = ctx.state.get("System", "Account", ALICE)
        account["data"]["frozen"] = DEV_BALANCE_RAO - 10**9
        ctx.state.put("System", "Account", ALICE, value=account)

    ledger.chain.patch(freeze)
    events = ledger.send("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=2 * 10**9)
    assert failed_with(events) == {"Token": "Frozen"}
    assert balances.spendable(ledger.chain.state, ALICE) < 10**9


def test_reserving_sets_aside_and_gives_back(ledger: Any) -> None:
    chain = ledger.chain
    chain.patch(lambda ctx: balances.reserve(ctx, ALICE, 10**9))
    assert chain.state.get("System", "Account", ALICE)["data"]["reserved"] == 10**9
    chain.patch(lambda ctx: balances.unreserve(ctx, ALICE, 5 * 10**9))
    assert chain.state.get("System", "Account", ALICE)["data"]["reserved"] == 0
    chain.patch(lambda ctx: balances.unreserve(ctx, ALICE, 1))
    assert ledger.balance("//Alice") == DEV_BALANCE_RAO


def test_minting_and_burning_follow_issuance(ledger: Any) -> None:
    chain = ledger.chain
    before = chain.state.get("Balances", "TotalIssuance")
    chain.patch(lambda ctx: balances.mint(ctx, NOBODY, 10_000))
    assert chain.state.get("Balances", "TotalIssuance") == before + 10_000
    chain.patch(lambda ctx: balances.burn(ctx, NOBODY, 10_000, keep_alive=False))
    assert chain.state.get("Balances", "TotalIssuance") == before
    assert not chain.state.has("System", "Account", NOBODY)


def test_setting_a_balance_to_nothing_removes_the_account(ledger: Any) -> None:
    ledger.chain.patch(lambda ctx: balances.set_free(ctx.state, BOB, 0))
    assert not ledger.chain.state.has("System", "Account", BOB)


def test_accounts_are_packed_as_the_codec_packs_them(ledger: Any) -> None:
    state = ledger.chain.state
    item = state.codec.item("System", "Account")
    data = {"free": 5, "reserved": 2**64 - 1, "frozen": 7, "flags": 2**127 + 9}
    value = {"nonce": 1, "consumers": 2, "providers": 3, "sufficients": 2**32 - 1, "data": data}

    def change(ctx: Any) -> None:
        ctx.state.put("System", "Account", NOBODY, value=value)
        balances.Account.read(ctx.state, NOBODY).write(ctx.state, ALICE)
        balances.use_nonce(ctx.state, BOB)

    ledger.chain.patch(change)
    assert state.get("System", "Account", ALICE) == value
    assert balances.Account.read(state, ALICE).reserved == 2**64 - 1
    assert balances.nonce(state, BOB) == state.get("System", "Account", BOB)["nonce"] == 1
    ledger.chain.patch(lambda ctx: ctx.state.delete("System", "Account", BOB))
    assert balances.nonce(state, BOB) == state.codec.decode(item.value_type, item.default)["nonce"] == 0


def test_a_balance_cannot_overflow(ledger: Any) -> None:
    ledger.chain.patch(lambda ctx: balances.set_free(ctx.state, BOB, 2**64 - 1))
    events = ledger.send("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=1)
    assert failed_with(events) == {"Arithmetic": "Overflow"}
