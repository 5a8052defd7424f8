"""Wallets are opened before work begins, and never ask."""

import sys

import pytest
from bittensor.sp_core import Keypair

from taostack.chain.errors import WalletLockedError, WalletMissingError
from taostack.chain.wallet import create_wallet, dev_wallet, open_wallet

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A folder with one wallet whose coldkey is encrypted (made once: the key derivation takes seconds)."""
    folder = tmp_path_factory.mktemp("wallets")
    create_wallet("team", "miner", folder, password="s3cret")
    return folder


def test_a_created_wallet_opens_with_the_same_keys(tmp_path):
    made = create_wallet("team", "miner", tmp_path)
    opened = open_wallet("team", "miner", tmp_path, coldkey=True)
    assert opened.hotkey_address == made.hotkey_address
    assert opened.coldkey.ss58_address == made.coldkey_address == opened.coldkey_address
    assert opened.hotkey_address != opened.coldkey_address


def test_keys_can_be_derived_for_local_chains(tmp_path):
    made = create_wallet("alice", "hot", tmp_path, coldkey_uri="//Alice", hotkey_uri="//Alice//hot")
    assert made.coldkey_address == ALICE
    assert open_wallet("alice", "hot", tmp_path).hotkey_address == Keypair.create_from_uri("//Alice//hot").ss58_address


def test_an_existing_wallet_is_never_overwritten(tmp_path):
    create_wallet("team", "miner", tmp_path)
    with pytest.raises(FileExistsError):
        create_wallet("team", "miner", tmp_path)


def test_a_development_wallet_lives_in_memory():
    alice = dev_wallet("//Alice")
    assert alice.coldkey_address == alice.hotkey_address == ALICE
    signature = alice.hotkey.sign(b"hello")
    assert Keypair(ss58_address=ALICE).verify(b"hello", signature)
    assert dev_wallet("//Alice", hotkey="//Alice//1").hotkey_address != ALICE


def test_a_missing_wallet_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(WalletMissingError, match="no wallet 'ghost'") as error:
        open_wallet("ghost", path=tmp_path)
    assert "--wallet.name" in error.value.remedy


def test_a_missing_hotkey_is_named(tmp_path):
    create_wallet("team", "miner", tmp_path)
    with pytest.raises(WalletMissingError, match="hotkey 'other' of wallet 'team'"):
        open_wallet("team", "other", tmp_path)


def test_a_locked_coldkey_is_no_obstacle_for_who_needs_the_hotkey(locked):
    opened = open_wallet("team", "miner", locked)
    assert opened.coldkeypub.ss58_address == opened.coldkey_address != ""
    with pytest.raises(WalletLockedError, match="is not open"):
        _ = opened.coldkey


def test_a_locked_key_is_an_error_at_once_and_no_prompt(locked, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(WalletLockedError, match="BT_PW_"):
        open_wallet("team", "miner", locked, coldkey=True)


def test_a_locked_key_opens_with_its_password(locked):
    opened = open_wallet("team", "miner", locked, coldkey=True, password="s3cret")
    assert opened.coldkey.ss58_address == opened.coldkey_address


def test_a_wrong_password_is_told_without_repeating_it(locked):
    with pytest.raises(WalletLockedError, match="could not be opened") as error:
        open_wallet("team", "miner", locked, coldkey=True, password="guess-77")
    assert "guess-77" not in error.value.line()


def test_a_damaged_key_file_is_told(tmp_path):
    create_wallet("team", "miner", tmp_path)
    (tmp_path / "team" / "hotkeys" / "miner").write_bytes(b"{not json")
    with pytest.raises(WalletLockedError, match="could not be opened"):
        open_wallet("team", "miner", tmp_path)


def test_a_machine_with_the_hotkey_alone_can_work(tmp_path):
    create_wallet("team", "miner", tmp_path)
    (tmp_path / "team" / "coldkey").unlink()
    (tmp_path / "team" / "coldkeypub.txt").unlink()
    assert open_wallet("team", "miner", tmp_path).coldkey_address == ""


def test_secrets_do_not_show_when_a_wallet_is_printed(tmp_path):
    wallet = create_wallet("team", "miner", tmp_path)
    assert "Keypair" not in repr(wallet)
