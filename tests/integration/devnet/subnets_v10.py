"""Subnets with the unmodified bittensor 10, run by its own Python: prints one line of JSON."""

import asyncio
import json
import sys
from typing import Any

import bittensor

NETUID = 2


class Wallet:
    """Keys from secret URIs, in the shape of the SDK's wallet."""

    def __init__(self, coldkey: str, hotkey: str) -> None:
        self.coldkey = self.coldkeypub = bittensor.Keypair.create_from_uri(coldkey)
        self.hotkey = self.hotkeypub = bittensor.Keypair.create_from_uri(hotkey)
        self.name = self.hotkey_str = "dev"

    def unlock_coldkey(self) -> Any:
        """The coldkey, as after the password was given."""
        return self.coldkey

    def unlock_hotkey(self) -> Any:
        """The hotkey."""
        return self.hotkey


def found(chain: bittensor.Subtensor, alice: Wallet, bob: Wallet, charlie: Wallet) -> dict[str, Any]:
    """Found a subnet and fill it; the responses by name."""
    axon = bittensor.Axon(bob, port=8091, ip="127.0.0.1", external_ip="127.0.0.2", external_port=8091)
    return {
        "register_subnet": chain.register_subnet(alice),
        "start_call": chain.start_call(alice, netuid=NETUID),
        "burned_register": chain.burned_register(bob, NETUID),
        "burned_register_shielded": chain.burned_register(charlie, NETUID, mev_protection=True),
        "serve_axon": chain.serve_axon(NETUID, axon),
        "set_commitment": chain.set_commitment(bob, NETUID, "hello"),
    }


def main(url: str) -> None:
    """Found a subnet, use it in every way, and report."""
    chain = bittensor.Subtensor(network=url)
    alice = Wallet("//Alice", "//Alice//owner")
    bob, charlie = Wallet("//Bob", "//Bob//miner"), Wallet("//Charlie", "//Charlie//miner")
    cost = chain.get_subnet_burn_cost().rao
    done = found(chain, alice, bob, charlie)
    chain.wait_for_block(chain.block + 2)
    vector = {"uids": [1, 2], "weights": [0.75, 0.25]}
    refused = {
        "registered twice": chain.burned_register(bob, NETUID),
        "no such subnet": chain.burned_register(bob, 77),
        "not the owner": chain.start_call(bob, netuid=NETUID),
    }
    sudo = chain.compose_call(
        "AdminUtils", "sudo_set_weights_set_rate_limit", {"netuid": NETUID, "weights_set_rate_limit": 0}
    )
    done["sudo"] = chain.sign_and_send_extrinsic(
        chain.compose_call("Sudo", "sudo", {"call": sudo}), alice, wait_for_inclusion=True
    )
    chain.wait_for_block(chain.block + 1)
    done["set_weights"] = chain.set_weights(alice, NETUID, **vector)
    hide = chain.compose_call(
        "AdminUtils", "sudo_set_commit_reveal_weights_enabled", {"netuid": NETUID, "enabled": True}
    )
    done["commit_reveal_on"] = chain.sign_and_send_extrinsic(hide, alice, wait_for_inclusion=True)
    plain = chain.weights(NETUID)
    chain.wait_for_block(chain.block + 1)
    done["commit_weights"] = chain.set_weights(alice, NETUID, **vector)
    graph = chain.metagraph(NETUID, lite=False)
    report = {
        "cost": cost,
        "done": {name: bool(response.success) for name, response in done.items()},
        "messages": {name: str(response.message) for name, response in done.items()},
        "refused": {name: str(response.message) for name, response in refused.items()},
        "weights": plain,
        "hotkeys": list(graph.hotkeys),
        "axon": [graph.axons[1].ip, graph.axons[1].port],
        "commitment": chain.get_commitment(NETUID, 1),
        "neurons": [len(chain.neurons(NETUID)), len(chain.neurons_lite(NETUID))],
        "tempo": chain.get_subnet_hyperparameters(NETUID).tempo,
        "subnets": [each.netuid for each in chain.all_subnets() or []],
        "next_epoch": chain.get_next_epoch_start_block(NETUID) - chain.block,
        "waiting_commits": len(chain.get_timelocked_weight_commits(NETUID)),
    }
    report["async"] = asyncio.run(read_async(url))
    print(json.dumps(report))


async def read_async(url: str) -> dict[str, Any]:
    """The same reads with the asynchronous client."""
    async with bittensor.AsyncSubtensor(network=url) as chain:
        graph = await chain.metagraph(NETUID)
        info = await chain.subnet(NETUID)
        return {"n": int(graph.n), "tempo": info.tempo, "owner": info.owner_coldkey}


if __name__ == "__main__":
    main(sys.argv[1])
