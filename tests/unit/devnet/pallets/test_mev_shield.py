import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taostack.devnet.pallets.mev_shield import (
    Shielded,
    ShieldError,
    key_pair,
    parse,
    published_key_hash,
    unseal,
)
from tests.support.ledger_chain import ALICE
from tests.support.subnet_chain import SubnetChain, seal_for_shield

SUBMIT = "MevShield.submit_encrypted"


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


def test_the_chain_publishes_one_key(chain: SubnetChain) -> None:
    assert chain.state.get_bytes("MevShield", "NextKey") == key_pair()[0]
    assert len(key_pair()[0]) == 1184


def test_what_a_client_seals_is_opened() -> None:
    sealed = seal_for_shield(key_pair()[0], b"an extrinsic")
    assert sealed[:16] == published_key_hash()
    assert unseal(parse(sealed)) == b"an extrinsic"


def test_what_was_changed_or_sealed_for_another_key_stays_closed() -> None:
    from kyber_py.ml_kem import ML_KEM_768

    other, _ = ML_KEM_768.key_derive(b"o" * 64)
    with pytest.raises(ShieldError, match="another key"):
        unseal(parse(seal_for_shield(other, b"an extrinsic")))
    sealed = bytearray(seal_for_shield(key_pair()[0], b"an extrinsic"))
    sealed[-1] ^= 1
    with pytest.raises(ShieldError, match="changed"):
        unseal(parse(bytes(sealed)))


def test_the_pool_refuses_what_is_no_ciphertext_of_this_key(chain: SubnetChain) -> None:
    sealed = seal_for_shield(key_pair()[0], b"an extrinsic")
    assert chain.pool_code(ALICE, SUBMIT, ciphertext=sealed) is None
    assert chain.pool_code(ALICE, SUBMIT, ciphertext=sealed[:100]) == 23
    assert chain.pool_code(ALICE, SUBMIT, ciphertext=b"") == 23
    assert chain.pool_code(ALICE, SUBMIT, ciphertext=bytes(16) + sealed[16:]) == 24


def test_a_ciphertext_that_does_not_open_fails_in_the_block(chain: SubnetChain) -> None:
    sealed = bytearray(seal_for_shield(key_pair()[0], b"an extrinsic"))
    sealed[-1] ^= 1
    assert chain.refused(ALICE, SUBMIT, ciphertext=bytes(sealed)) == "Unreachable"


def test_a_submission_is_announced_by_its_hash(chain: SubnetChain) -> None:
    events = chain.run(ALICE, SUBMIT, ciphertext=seal_for_shield(key_pair()[0], b"an extrinsic"))
    assert events[-1]["event_id"] == "EncryptedSubmitted"
    assert events[-1]["attributes"]["who"] == ALICE


def test_announced_keys_must_have_the_length_of_keys(chain: SubnetChain) -> None:
    announce = "MevShield.announce_next_key"
    assert chain.refused(ALICE, announce, enc_key=b"short") == "BadEncKeyLen"
    chain.run(ALICE, announce, enc_key=bytes(1184))
    chain.run(ALICE, announce, enc_key=None)


@given(st.binary(max_size=1300))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    with contextlib.suppress(ShieldError):
        assert isinstance(parse(data), Shielded)


@pytest.mark.parametrize(
    ("call", "item"),
    [
        ("set_max_pending_extrinsics_number", "MaxPendingExtrinsicsLimit"),
        ("set_on_initialize_weight", "OnInitializeWeight"),
        ("set_stored_extrinsic_lifetime", "ExtrinsicLifetime"),
        ("set_max_extrinsic_weight", "MaxExtrinsicWeight"),
    ],
)
def test_the_shield_s_limits_are_root_s(chain: SubnetChain, call: str, item: str) -> None:
    assert chain.refused(ALICE, f"MevShield.{call}", value=7) == "BadOrigin"
    chain.run(None, f"MevShield.{call}", value=7)
    assert chain.state.get("MevShield", item) == 7
