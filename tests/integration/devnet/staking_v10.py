"""Staking with the unmodified bittensor 10, run by its own Python: prints one line of JSON."""

import json
import sys
from typing import Any

import bittensor
from bittensor.utils.balance import Balance


class Wallet:
    """Keys from secret URIs, in the shape of the SDK's wallet."""

    def __init__(self, coldkey: str, hotkey: str) -> None:
        self.coldkey = self.coldkeypub = bittensor.Keypair.create_from_uri(coldkey)
        self.hotkey = bittensor.Keypair.create_from_uri(hotkey)
        self.name = self.hotkey_str = "dev"

    def unlock_coldkey(self) -> Any:
        """The coldkey, as after the password was given."""
        return self.coldkey

    def unlock_hotkey(self) -> Any:
        """The hotkey."""
        return self.hotkey


def main(url: str) -> None:
    """Found a subnet, stake on it in every way, and report."""
    chain = bittensor.Subtensor(network=url)
    alice, bob = Wallet("//Alice", "//Alice//owner"), Wallet("//Bob", "//Bob//validator")
    hotkey, coldkey = bob.hotkey.ss58_address, bob.coldkey.ss58_address
    netuid = 2

    def alpha(amount: float) -> Balance:
        return Balance.from_tao(amount).set_unit(netuid)

    on = {"wallet": bob, "netuid": netuid, "hotkey_ss58": hotkey}
    done = {
        "register_subnet": chain.register_subnet(alice),
        "start_call": chain.start_call(alice, netuid=netuid),
        "burned_register": chain.burned_register(bob, netuid=netuid),
        "add_stake": chain.add_stake(**on, amount=Balance.from_tao(10)),
        "add_stake_safely": chain.add_stake(**on, amount=Balance.from_tao(1), safe_staking=True),
        "unstake": chain.unstake(**on, amount=alpha(3)),
        "move_stake": chain.move_stake(bob, netuid, hotkey, netuid, alice.hotkey.ss58_address, amount=alpha(1)),
        "swap_stake": chain.swap_stake(bob, hotkey, netuid, 0, alpha(1)),
        "transfer_stake": chain.transfer_stake(bob, alice.coldkey.ss58_address, hotkey, netuid, netuid, alpha(1)),
    }
    refused = {
        "too much slippage": chain.add_stake(**on, amount=Balance.from_tao(500), safe_staking=True),
        "too little": chain.add_stake(**on, amount=Balance.from_rao(1_000)),
    }
    positions = chain.get_stake_info_for_coldkey(coldkey)
    report = {
        "done": {name: response.success for name, response in done.items()},
        "refused": {name: response.message for name, response in refused.items()},
        "stake": chain.get_stake(coldkey, hotkey, netuid).rao,
        "positions": [[each.netuid, each.stake.rao] for each in positions],
        "price": chain.get_subnet_price(netuid).rao,
        "fee": chain.get_stake_add_fee(Balance.from_tao(1), netuid).rao,
        "quote": chain.sim_swap(0, netuid, Balance.from_tao(1)).alpha_amount.rao,
    }
    print(json.dumps(report))


main(sys.argv[1])
