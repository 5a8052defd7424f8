"""Before a neuron works: an open wallet and a place on the subnet, or the command that brings it."""

import shlex

from taostack.chain.client import Chain
from taostack.chain.errors import WalletMissingError
from taostack.chain.records import Registration
from taostack.chain.wallet import Wallet, open_wallet
from taostack.neuron.config import NeuronSettings
from taostack.neuron.errors import NotRegisteredError


def open_neuron_wallet(settings: NeuronSettings) -> Wallet:
    """The wallet of the settings with its hotkey open.

    Raises WalletMissingError with the command that makes it, or WalletLockedError.
    """
    wallet = settings.wallet
    try:
        return open_wallet(wallet.name, wallet.hotkey, wallet.path)
    except WalletMissingError as error:
        raise WalletMissingError(
            str(error), remedy=f"make it with `{create_command(settings)}`, or correct --wallet.name and the others"
        ) from error


def create_command(settings: NeuronSettings) -> str:
    """The btcli command that makes the wallet of the settings."""
    return _command("wallet create", *_wallet_flags(settings))


def register_command(settings: NeuronSettings) -> str:
    """The btcli command that registers the settings' hotkey on their subnet."""
    endpoint = settings.subtensor.endpoints[0]
    flags = ("--netuid", str(settings.netuid), "--network", endpoint)
    return _command("subnets register", *flags, *_wallet_flags(settings))


async def require_registration(chain: Chain, settings: NeuronSettings, wallet: Wallet) -> Registration:
    """The hotkey's place on the subnet.

    Raises SubnetUnknownError, or NotRegisteredError with the command to register.
    """
    await chain.owner(settings.netuid)
    found = await chain.registration(settings.netuid, wallet.hotkey_address)
    if found is None:
        raise NotRegisteredError(
            f"hotkey {wallet.hotkey_address} is not registered on subnet {settings.netuid}",
            remedy=f"register it with `{register_command(settings)}`",
        )
    return found


def _wallet_flags(settings: NeuronSettings) -> tuple[str, ...]:
    wallet = settings.wallet
    return ("--wallet", wallet.name, "--wallet-hotkey", wallet.hotkey, "--wallet-path", wallet.path)


def _command(name: str, *arguments: str) -> str:
    return " ".join(["btcli", name, *(shlex.quote(each) for each in arguments)])
