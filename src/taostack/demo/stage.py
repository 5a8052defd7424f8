"""Sets the stage: wallets, funds, a subnet with its economy started, registered and staked neurons.

Everything is done as on mainnet, by signed extrinsics; only the funds come from
the well-known development account ``//Alice``, which is also the local chain's
sudo key.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from taostack.chain import operations
from taostack.chain.client import Chain
from taostack.chain.records import RAO_PER_TAO
from taostack.chain.wallet import Wallet, create_wallet, dev_wallet
from taostack.demo.cast import Cast

OWNER = "owner"
"""The wallet that founds the subnet."""
OWNER_FUNDS_TAO = 2_500
"""Enough for the lock price of a first subnet (1,000 TAO) and all fees."""
NEURON_FUNDS_TAO = 100
"""Enough to register and to pay fees."""

Step = Callable[[str], None]
"""Told what has been done."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A subnet that is ready for its neurons."""

    netuid: int
    owner: Wallet
    wallets: dict[str, Wallet]
    """By name of the role."""


def make_wallets(cast: Cast, folder: Path, seed: int | None) -> dict[str, Wallet]:
    """One wallet for the owner and one for each neuron, in btcli's layout under ``folder``.

    With a seed the keys are derived from it, so that a run can be repeated.
    """
    salt = secrets.token_hex(16) if seed is None else f"tour-{seed}"

    def make(name: str) -> Wallet:
        return create_wallet(
            name, "default", folder, coldkey_uri=f"//{salt}//{name}", hotkey_uri=f"//{salt}//{name}//hotkey"
        )

    return {name: make(name) for name in (OWNER, *cast.names)}


async def set_stage(chain: Chain, cast: Cast, wallets: dict[str, Wallet], *, tempo: int, step: Step) -> Stage:
    """Fund, found, configure, register and stake; raises what ``Chain.submit`` raises."""
    alice, owner = dev_wallet("//Alice"), wallets[OWNER]
    await _fund(chain, cast, wallets, alice)
    step(f"{len(wallets)} wallets made and funded")
    netuid = await operations.register_subnet(chain, owner)
    step(f"subnet {netuid} created")
    await _configure(chain, netuid, alice, tempo=tempo)
    await operations.start_subnet(chain, netuid, owner)
    step(f"subnet {netuid} started: an epoch every {tempo} blocks")
    async with asyncio.TaskGroup() as group:
        for name in cast.names:
            group.create_task(operations.register(chain, netuid, wallets[name]), name=f"register {name}")
    step(f"{len(cast.validators)} validators and {len(cast.miners)} miners registered (encrypted in the pool)")
    async with asyncio.TaskGroup() as group:
        for role in cast.validators:
            wallet = wallets[role.name]
            group.create_task(
                operations.add_stake(
                    chain, netuid, wallet.hotkey_address, role.stake_tao * RAO_PER_TAO, wallet, tolerance=2.0
                )
            )
    step("validators staked " + ", ".join(f"{role.stake_tao} τ" for role in cast.validators))
    return Stage(netuid=netuid, owner=owner, wallets=wallets)


async def _fund(chain: Chain, cast: Cast, wallets: dict[str, Wallet], alice: Wallet) -> None:
    stakes = {role.name: role.stake_tao for role in cast.validators}
    for name, wallet in wallets.items():
        amount = OWNER_FUNDS_TAO if name == OWNER else NEURON_FUNDS_TAO + stakes.get(name, 0)
        await operations.transfer(chain, alice, wallet.coldkey_address, amount * RAO_PER_TAO)


async def _configure(chain: Chain, netuid: int, alice: Wallet, *, tempo: int) -> None:
    """What a laptop needs other than mainnet: short epochs, and weights that need no drand round to be revealed."""
    for name, value in (
        ("tempo", tempo),
        ("weights_set_rate_limit", 0),
        ("commit_reveal_weights_enabled", False),
        ("subnet_emission_enabled", True),
    ):
        await operations.set_parameter(chain, netuid, name, value, alice, as_root=True)
