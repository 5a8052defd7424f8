"""Keys that are open before work begins.

A neuron signs with its hotkey many times an hour and must never stop at a
password prompt: ``open_wallet`` reads the keys once, at the start, and says what
is missing or locked. The coldkey is opened only where it is asked for.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bittensor import Wallet as KeyfileWallet
from bittensor.sp_core import KeyfileError, Keypair, WrongPasswordError

from taostack.chain.errors import WalletLockedError, WalletMissingError

DEFAULT_WALLET_PATH = "~/.bittensor/wallets"
"""Where btcli keeps wallets."""


class Signer(Protocol):
    """Anything that signs: a key in memory, a device, a remote service.

    ``crypto_type`` is 0 for ed25519 and 1 for sr25519.
    """

    @property
    def ss58_address(self) -> str:
        """The account's address."""
        ...

    @property
    def public_key(self) -> bytes:
        """The 32-byte public key."""
        ...

    @property
    def crypto_type(self) -> int:
        """The signature scheme's number."""
        ...

    def sign(self, payload: bytes) -> bytes:
        """The 64-byte signature of ``payload``."""
        ...


@dataclass(frozen=True, slots=True)
class Wallet:
    """An open hotkey and its coldkey's address; the coldkey too where it was asked for."""

    name: str
    hotkey_name: str
    hotkey: Signer = field(repr=False)
    coldkey_address: str
    _coldkey: Signer | None = field(default=None, repr=False)

    @property
    def hotkey_address(self) -> str:
        """ss58 address of the hotkey."""
        return self.hotkey.ss58_address

    @property
    def coldkey(self) -> Signer:
        """The coldkey; raises WalletLockedError when the wallet was opened without it."""
        if self._coldkey is None:
            raise WalletLockedError(
                f"the coldkey of wallet {self.name!r} is not open",
                remedy="open the wallet with coldkey=True and its password",
            )
        return self._coldkey

    @property
    def coldkeypub(self) -> Any:
        """The coldkey's public part, for fee estimates."""
        if self._coldkey is not None:
            return self._coldkey
        return Keypair(ss58_address=self.coldkey_address)


def open_wallet(
    name: str,
    hotkey: str = "default",
    path: str | os.PathLike[str] = DEFAULT_WALLET_PATH,
    *,
    coldkey: bool = False,
    password: str | None = None,
) -> Wallet:
    """Open a wallet of btcli's layout: the hotkey always, the coldkey when ``coldkey``.

    Never prompts. An encrypted key needs ``password`` or the environment variable
    that btcli uses for it. Raises WalletMissingError or WalletLockedError.
    """
    root = Path(path).expanduser()
    files = KeyfileWallet(name, hotkey, str(root))
    if not (root / name).is_dir():
        raise WalletMissingError(f"no wallet {name!r} in {root}")
    hotkey_pair = _open_key(files.hotkey_file, f"hotkey {hotkey!r} of wallet {name!r}", password)
    coldkey_pair = None
    if coldkey:
        coldkey_pair = _open_key(files.coldkey_file, f"coldkey of wallet {name!r}", password)
        address = coldkey_pair.ss58_address
    elif files.coldkeypub_file.exists_on_device():
        address = _open_key(files.coldkeypub_file, f"public coldkey of wallet {name!r}", password).ss58_address
    else:
        # A miner's machine may hold the hotkey alone; the chain knows its owner.
        address = ""
    return Wallet(name, hotkey, hotkey_pair, address, coldkey_pair)


def _open_key(keyfile: Any, what: str, password: str | None) -> Any:
    if not keyfile.exists_on_device():
        raise WalletMissingError(f"the {what} is missing: no file {keyfile.path}")
    if not keyfile.is_readable():
        raise WalletMissingError(
            f"the {what} cannot be read: {keyfile.path}", remedy="give this user the right to read it"
        )
    variable = keyfile.env_var_name()
    if keyfile.is_encrypted() and not password and not os.environ.get(variable):
        raise WalletLockedError(f"the {what} is encrypted and no password was given; set {variable}")
    try:
        return keyfile.get_keypair(password)
    except (KeyfileError, WrongPasswordError, ValueError, OSError) as error:
        raise WalletLockedError(
            f"the {what} could not be opened: {error}", remedy="check the password and the key file"
        ) from error


def dev_wallet(uri: str, *, hotkey: str | None = None) -> Wallet:
    """A wallet in memory from a derivation path such as ``//Alice``.

    ``hotkey`` is the path of its hotkey; by default the hotkey is the coldkey's own
    key, as the well-known development accounts have it. For local chains only.
    """
    cold = Keypair.create_from_uri(uri)
    hot = cold if hotkey is None else Keypair.create_from_uri(hotkey)
    return Wallet(uri, hotkey or uri, hot, cold.ss58_address, cold)


def create_wallet(
    name: str,
    hotkey: str = "default",
    path: str | os.PathLike[str] = DEFAULT_WALLET_PATH,
    *,
    password: str | None = None,
    coldkey_uri: str | None = None,
    hotkey_uri: str | None = None,
) -> Wallet:
    """Write a new wallet in btcli's layout and return it open.

    Without ``password`` the coldkey is stored in the clear: for local chains only.
    The keys are random, or derived from the given URIs. An existing wallet's files
    are never overwritten: FileExistsError.
    """
    root = Path(path).expanduser()
    files = KeyfileWallet(name, hotkey, str(root))
    cold = _new_key(coldkey_uri)
    hot = _new_key(hotkey_uri)
    for keyfile in (files.coldkey_file, files.hotkey_file):
        if keyfile.exists_on_device():
            raise FileExistsError(f"{keyfile.path} exists already")
    files.coldkey_file.set_keypair(cold, encrypt=password is not None, password=password)
    files.coldkeypub_file.set_keypair(_public_part(cold), encrypt=False)
    files.hotkey_file.set_keypair(hot, encrypt=False)
    files.hotkeypub_file.set_keypair(_public_part(hot), encrypt=False)
    return Wallet(name, hotkey, hot, cold.ss58_address, cold)


def _new_key(uri: str | None) -> Any:
    if uri is not None:
        return Keypair.create_from_uri(uri)
    return Keypair.create_from_mnemonic(Keypair.generate_mnemonic(12))


def _public_part(pair: Any) -> Any:
    return Keypair(ss58_address=pair.ss58_address, public_key=bytes(pair.public_key), crypto_type=pair.crypto_type)
