from typing import Any

import pytest

from taostack.devnet.author import Chain, Limits
from taostack.devnet.codec import ED25519, keypair, ss58_encode
from taostack.devnet.errors import UnknownNameError
from taostack.devnet.extrinsics import bare_extrinsic
from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO
from taostack.devnet.pallets import balances
from taostack.devnet.pallets.dispatch import PoolRejection
from taostack.devnet.profile import load_profile
from taostack.devnet.signing import sign_call
from taostack.devnet.store import DiscardedError

ALICE, BOB = DEV_ACCOUNTS["//Alice"], DEV_ACCOUNTS["//Bob"]


def refused(ledger: Any, extrinsic: Any) -> tuple[int, str]:
    with pytest.raises(PoolRejection) as rejection:
        ledger.chain.submit(extrinsic)
    return rejection.value.code, rejection.value.data


def test_genesis_is_the_same_on_every_start_and_follows_the_metadata() -> None:
    assert Chain(load_profile(250)).genesis_hash == Chain(load_profile(250)).genesis_hash
    assert Chain(load_profile(250)).genesis_hash != Chain(load_profile(12_000)).genesis_hash


def test_the_dev_accounts_are_funded_and_alice_has_sudo(ledger: Any) -> None:
    assert {ledger.balance(uri) for uri in DEV_ACCOUNTS} == {DEV_BALANCE_RAO}
    assert ledger.chain.state.get("Sudo", "Key") == ALICE
    assert ledger.chain.state.get("Balances", "TotalIssuance") >= 6 * DEV_BALANCE_RAO


def test_a_transfer_is_applied_with_the_chain_s_events_and_fee(ledger: Any, names: Any) -> None:
    events = ledger.send("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=10**9)
    assert names(events) == [
        "Balances.Withdraw",
        "Balances.Transfer",
        "Balances.Deposit",
        "TransactionPayment.TransactionFeePaid",
        "System.ExtrinsicSuccess",
    ]
    fee = events[3]["attributes"]["actual_fee"]
    assert fee == 332_208_000 // 2_000 + len(ledger.chain.head.extrinsics[1])
    assert ledger.balance("//Alice") == DEV_BALANCE_RAO - 10**9 - fee
    assert ledger.balance("//Bob") == DEV_BALANCE_RAO + 10**9
    assert ledger.chain.account_nonce(ALICE) == 1
    weight = events[4]["attributes"]["dispatch_info"]["weight"]
    assert weight == {"ref_time": 332_208_000, "proof_size": 7_791}


def test_fees_and_nothing_else_leave_total_issuance(ledger: Any) -> None:
    before = ledger.chain.state.get("Balances", "TotalIssuance")
    free = sum(ledger.balance(uri) for uri in DEV_ACCOUNTS)
    ledger.send("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=10**9)
    lost = free - sum(ledger.balance(uri) for uri in DEV_ACCOUNTS)
    assert lost > 0
    assert before - ledger.chain.state.get("Balances", "TotalIssuance") == lost


def test_a_failed_call_costs_its_fee_and_changes_nothing_else(ledger: Any, names: Any) -> None:
    events = ledger.send("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=2 * DEV_BALANCE_RAO)
    assert names(events)[-1] == "System.ExtrinsicFailed"
    assert events[-1]["attributes"]["dispatch_error"] == {"Token": "FundsUnavailable"}
    assert "Balances.Transfer" not in names(events)
    assert ledger.balance("//Bob") == DEV_BALANCE_RAO
    assert ledger.balance("//Alice") < DEV_BALANCE_RAO
    assert ledger.chain.account_nonce(ALICE) == 1


def test_a_call_that_is_not_modelled_is_filtered(ledger: Any) -> None:
    events = ledger.send("//Alice", "Preimage.note_preimage", bytes=b"x")
    assert ledger.failure(events[-1]["attributes"]["dispatch_error"]) == "System.CallFiltered"


def test_a_used_nonce_is_stale_and_the_same_bytes_are_a_duplicate(ledger: Any) -> None:
    extrinsic = ledger.sign("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=1_000)
    ledger.chain.submit(extrinsic)
    assert refused(ledger, extrinsic)[0] == 1013
    ledger.seal()
    assert refused(ledger, extrinsic) == (1010, "Transaction is outdated")


def test_a_future_nonce_waits_until_the_gap_is_filled(ledger: Any) -> None:
    later = ledger.sign("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=1_000, nonce=1)
    ledger.chain.submit(later)
    assert len(ledger.seal().block.extrinsics) == 1
    ledger.chain.submit(ledger.sign("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=1_000, nonce=0))
    assert len(ledger.seal().block.extrinsics) == 3


def test_a_signer_without_money_cannot_pay(ledger: Any) -> None:
    chain = ledger.chain
    call = ledger.call("System.remark", remark=b"x")
    raw = sign_call(chain.profile.codec, "//Nobody", call, nonce=0, genesis_hash=chain.genesis_hash)
    expected = "Inability to pay some fees (e.g. account balance too low)"
    assert refused(ledger, chain.decode(raw)) == (1010, expected)


def test_tampered_calls_and_foreign_chains_have_a_bad_signature(ledger: Any) -> None:
    chain = ledger.chain
    codec = chain.profile.codec
    call = ledger.call("Balances.transfer_keep_alive", dest=BOB, value=1_000)
    raw = sign_call(codec, "//Alice", call, nonce=0, genesis_hash=chain.genesis_hash)
    tampered = raw[:-2] + bytes((raw[-2] ^ 4,)) + raw[-1:]
    foreign = sign_call(codec, "//Alice", call, nonce=0, genesis_hash=bytes(32))
    stranger = raw[:4] + bytes(keypair("//Bob").public_key) + raw[36:]
    for each in (tampered, foreign, stranger):
        assert refused(ledger, chain.decode(each)) == (1010, "Transaction has a bad signature")


def test_the_zero_key_is_no_sender(ledger: Any) -> None:
    call = ledger.call("System.remark", remark=b"x")
    codec = ledger.chain.profile.codec
    raw = sign_call(codec, "//Alice", call, nonce=0, genesis_hash=ledger.chain.genesis_hash)
    nobody = raw.replace(bytes(keypair("//Alice").public_key), bytes(32))
    assert refused(ledger, ledger.chain.decode(nobody)) == (1010, "Invalid signing address")


def test_an_unsigned_call_from_outside_is_refused(ledger: Any) -> None:
    raw = bare_extrinsic(ledger.call("Timestamp.set", now=5))
    assert refused(ledger, ledger.chain.decode(raw))[0] == 1011
    events = ledger.send("//Alice", "System.remark", remark=b"x")
    assert events[-1]["event_id"] == "ExtrinsicSuccess"


def test_a_mandatory_call_may_not_be_signed(ledger: Any) -> None:
    extrinsic = ledger.sign("//Alice", "Timestamp.set", now=5)
    code, text = refused(ledger, extrinsic)
    assert code == 1010
    assert "mandatory" in text


def test_ed25519_accounts_sign_too(ledger: Any) -> None:
    chain = ledger.chain
    who = ss58_encode(bytes(keypair("//Alice", ED25519).public_key))
    chain.patch(lambda ctx: balances.set_free(ctx.state, who, 10**10))
    call = ledger.call("System.remark", remark=b"x")
    raw = sign_call(chain.profile.codec, "//Alice", call, nonce=0, genesis_hash=chain.genesis_hash, scheme=ED25519)
    chain.submit(chain.decode(raw))
    assert len(ledger.seal().block.extrinsics) == 2


def mortal(ledger: Any, period: int, current: int, birth_hash: bytes) -> Any:
    chain = ledger.chain
    raw = sign_call(
        chain.profile.codec,
        "//Alice",
        ledger.call("System.remark", remark=b"x"),
        nonce=chain.next_nonce(ALICE),
        genesis_hash=chain.genesis_hash,
        period=period,
        current=current,
        birth_hash=birth_hash,
    )
    return chain.decode(raw)


def test_a_mortal_transaction_lives_for_its_period(ledger: Any) -> None:
    chain = ledger.chain
    for _ in range(10):
        ledger.seal()
    good = mortal(ledger, 4, 10, chain.hash_at(10))
    chain.judge(good)
    assert refused(ledger, mortal(ledger, 4, 10, chain.hash_at(9))) == (1010, "Transaction has a bad signature")
    for _ in range(4):
        ledger.seal()
    assert refused(ledger, good) == (1010, "Transaction has a bad signature")


def test_a_waiting_mortal_transaction_expires(ledger: Any) -> None:
    chain = ledger.chain
    ledger.seal()
    raw = sign_call(
        chain.profile.codec,
        "//Alice",
        ledger.call("System.remark", remark=b"x"),
        nonce=5,
        genesis_hash=chain.genesis_hash,
        period=4,
        current=1,
        birth_hash=chain.hash_at(1),
    )
    told: list[Any] = []
    chain.submit(chain.decode(raw)).watchers.append(told.append)
    invalid = [entry for _ in range(5) for entry in ledger.seal().invalid]
    assert len(invalid) == 1
    assert len(chain.pool) == 0


def test_a_transaction_that_became_invalid_is_dropped_when_its_turn_comes(ledger: Any) -> None:
    chain = ledger.chain
    ledger.chain.submit(ledger.sign("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=1_000))
    chain.patch(lambda ctx: balances.set_free(ctx.state, ALICE, 1_000))
    sealed = ledger.seal()
    assert [entry.sender for entry in sealed.invalid] == [ALICE]
    assert len(sealed.block.extrinsics) == 1


def test_a_block_s_weight_is_bounded_and_the_rest_waits(ledger: Any) -> None:
    ledger.chain.limits.block_weight = 700_000_000
    for _ in range(4):
        ledger.chain.submit(ledger.sign("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=1_000))
    sizes = [len(ledger.seal().block.extrinsics) - 1 for _ in range(4)]
    assert sum(sizes) == 4
    assert max(sizes) < 4


def test_blocks_are_found_by_height_and_hash(ledger: Any) -> None:
    chain = ledger.chain
    first = ledger.seal().block
    assert chain.hash_at(1) == first.hash
    assert chain.hash_at(2) is None
    assert chain.hash_at(-1) is None
    assert chain.block_by_hash(first.hash) is first
    assert chain.block_by_hash(bytes(32)) is None
    assert chain.state_at(chain.genesis_hash).get("System", "Number") == 0
    with pytest.raises(DiscardedError):
        chain.state_at(bytes(32))


def test_time_never_stands_still_between_blocks(ledger: Any) -> None:
    chain = ledger.chain
    chain.seal(5_000)
    chain.seal(5_000)
    chain.seal(1)
    assert chain.state.get("Timestamp", "Now") == 5_002


def test_old_blocks_are_dropped_but_their_hashes_stay() -> None:
    chain = Chain(load_profile(250), Limits(keep_blocks=5))
    hashes = [chain.seal(1_000 * (n + 1)).block.hash for n in range(20)]
    assert chain.hash_at(1) == hashes[0]
    assert chain.block_by_hash(hashes[0]) is None
    assert chain.block_by_hash(chain.genesis_hash) is not None
    with pytest.raises(DiscardedError):
        chain.state_at(hashes[0])
    assert chain.state_at(hashes[14]).get("System", "Number") == 15


def test_going_back_to_a_snapshot_restores_state_head_and_time(ledger: Any) -> None:
    chain = ledger.chain
    ledger.seal()
    number, head, at = chain.number, chain.head.hash, chain.last_ms
    snapshot = chain.snapshot()
    ledger.send("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=10**9)
    chain.patch(lambda ctx: balances.set_free(ctx.state, BOB, 5))
    waiting = ledger.sign("//Alice", "System.remark", remark=b"x")
    chain.submit(waiting)
    dropped = chain.revert(snapshot)
    assert [entry.extrinsic.hash for entry in dropped] == [waiting.hash]
    assert (chain.number, chain.head.hash, chain.last_ms) == (number, head, at)
    assert ledger.balance("//Bob") == DEV_BALANCE_RAO
    ledger.seal()
    with pytest.raises(UnknownNameError, match="no snapshot"):
        chain.revert(snapshot)


def test_a_snapshot_keeps_what_it_needs() -> None:
    chain = Chain(load_profile(250), Limits(keep_blocks=2))
    chain.seal(1_000)
    snapshot = chain.snapshot()
    for n in range(10):
        chain.seal(2_000 + n)
    chain.revert(snapshot)
    assert chain.number == 1


def test_the_next_call_fails_as_it_is_told(ledger: Any) -> None:
    chain = ledger.chain
    chain.fail_next("Balances.transfer_keep_alive", "ExistentialDeposit")
    events = ledger.send("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=1_000)
    assert ledger.failure(events[-1]["attributes"]["dispatch_error"]) == "Balances.ExistentialDeposit"
    assert ledger.send("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=1_000)[-1]["event_id"] == (
        "ExtrinsicSuccess"
    )


@pytest.mark.parametrize(
    ("error", "data"),
    [
        ("Custom error: 6", "Custom error: 6"),
        ("Stale", "Transaction is outdated"),
        ("BadProof", "Transaction has a bad signature"),
        ("Call", "Transaction call is not expected"),
    ],
)
def test_the_next_call_is_refused_by_the_pool_as_it_is_told(ledger: Any, error: str, data: str) -> None:
    ledger.chain.fail_next("System.remark", error)
    assert refused(ledger, ledger.sign("//Alice", "System.remark", remark=b"x")) == (1010, data)
    ledger.chain.submit(ledger.sign("//Alice", "System.remark", remark=b"x"))


@pytest.mark.parametrize(
    ("call", "error"), [("Balances.nope", "Stale"), ("System.remark", "Nope"), ("System.remark", "Nope.Nope")]
)
def test_unknown_names_cannot_be_told_to_fail(ledger: Any, call: str, error: str) -> None:
    with pytest.raises(UnknownNameError):
        ledger.chain.fail_next(call, error)


def test_events_of_every_phase_are_recorded(ledger: Any) -> None:
    ledger.seal()
    events = ledger.chain.state.get("System", "Events")
    assert any(each["phase"] == "ApplyExtrinsic" and each["extrinsic_idx"] == 0 for each in events)
    assert ledger.chain.state.get("System", "EventCount") == len(events)


def test_unknown_runtime_apis_and_damaged_parameters_are_errors(ledger: Any) -> None:
    chain = ledger.chain
    with pytest.raises(UnknownNameError):
        chain.call_api("Nope.nope", b"", None)
    with pytest.raises(ValueError, match="SCALE data"):
        chain.call_api("AccountNonceApi.account_nonce", b"\x01", None)


def test_runtime_apis_read_the_block_they_are_asked_about(ledger: Any) -> None:
    chain = ledger.chain
    before = chain.head.hash
    ledger.send("//Alice", "System.remark", remark=b"x")
    key = bytes(keypair("//Alice").public_key)
    assert chain.call_api("AccountNonceApi.account_nonce", key, None) == (1).to_bytes(4, "little")
    assert chain.call_api("AccountNonceApi.account_nonce", key, before) == bytes(4)
    assert chain.call_api("AccountNonceApi.account_nonce", key, before) == bytes(4)
