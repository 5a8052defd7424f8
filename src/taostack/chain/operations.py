"""What owners and newcomers do: fund accounts, found and start a subnet, register, stake, configure.

Neurons need ``register`` at most; the rest serves tools, tests and local networks.
Amounts are rao. Every function raises what ``Chain.submit`` raises.
"""

from collections.abc import Mapping
from typing import Any

from bittensor import BurnedRegister, calls, runtime_api, storage

from taostack.chain.client import Chain
from taostack.chain.errors import (
    AnswerShapeError,
    ChainRefusedError,
    ChainUnavailableError,
    FateUnknownError,
    InsufficientFundsError,
    NotIncludedError,
)
from taostack.chain.records import RAO_PER_TAO, Receipt, Registration
from taostack.chain.sdk import ANSWERS, refusal
from taostack.chain.wallet import Wallet
from taostack.process.logs import get_logger

_log = get_logger(__name__)

SHIELDED_LIFE_BLOCKS = 8
"""The chain refuses shielded extrinsics that live longer."""

SHIELDED_FEE_RAO = 10_000_000
"""Kept free beyond a registration's price: the carrier's and the inner call's fee, generously."""

_OPEN_FATES = frozenset({"Dropped", "Usurped", "Invalid", "Retracted", "FinalityTimeout"})
"""What the pool says of an extrinsic it took in: no proof that the chain does not hold it."""

_RETRY_ONCE = frozenset({"Stale", "Future"})


async def transfer(chain: Chain, wallet: Wallet, to: str, rao: int) -> Receipt:
    """Move ``rao`` from the wallet's coldkey to the address ``to``, leaving the sender alive."""
    call = calls.Balances.transfer_keep_alive(dest=to, value=rao)
    return await chain.submit(f"transfer {rao / RAO_PER_TAO:g} TAO to {to}", call, wallet.coldkey)


async def register_subnet(chain: Chain, wallet: Wallet) -> int:
    """Found a subnet owned by the wallet's coldkey, with its hotkey as owner hotkey; returns the netuid.

    Costs the network's lock price. Raises ChainRefusedError when the chain is at its
    subnet limit and queues the registration instead of making the subnet at once.
    """
    call = calls.SubtensorModule.register_network(hotkey=wallet.hotkey_address)
    receipt = await chain.submit("register a subnet", call, wallet.coldkey)
    added = find_event(receipt, "SubtensorModule", "NetworkAdded")
    if added is None:
        raise ChainRefusedError(
            f"no subnet was made in block {receipt.block}: the registration waits in a queue",
            remedy="wait until the chain has dissolved a subnet, then look who owns the new one",
        )
    first = added.get("netuid") if isinstance(added, Mapping) else added[0]
    if first is None:
        raise AnswerShapeError(f"event NetworkAdded of block {receipt.block} names no netuid: {added}")
    return int(first)


async def start_subnet(chain: Chain, netuid: int, wallet: Wallet) -> Receipt:
    """Start a subnet's economy (``start_call``); its owner may do so once, after the chain's delay."""
    return await chain.submit(f"start subnet {netuid}", calls.SubtensorModule.start_call(netuid=netuid), wallet.coldkey)


async def registration_price_rao(chain: Chain, netuid: int) -> int:
    """What a registration on the subnet costs at the newest block."""
    burn = await chain.read(
        f"registration price of subnet {netuid}",
        lambda client: client.query(storage.SubtensorModule.Burn, [netuid]),
    )
    return int(burn or 0)


async def register(chain: Chain, netuid: int, wallet: Wallet, *, deadline_seconds: float | None = None) -> Registration:
    """Register the wallet's hotkey, paid by its coldkey; returns at once when it is registered already.

    The call is shielded, as the chain demands: encrypted until the block's author runs it.
    Raises InsufficientFundsError before anything is sent.
    """
    hotkey = wallet.hotkey_address
    present = await chain.registration(netuid, hotkey)
    if present is not None:
        return present
    await _check_funds(chain, netuid, wallet)
    limit = max(chain.connection.deadline_seconds, (SHIELDED_LIFE_BLOCKS + 4) * await chain.block_seconds())
    limit = limit if deadline_seconds is None else deadline_seconds
    what = f"register {hotkey} on subnet {netuid}"
    intent = BurnedRegister(netuid=netuid, hotkey_ss58=hotkey)

    async def act(client: Any) -> Any:
        return await client.submit_shielded(intent, wallet, wait_for_inclusion=True)

    async with chain.submitter.account_lock(wallet.coldkey_address):
        for attempt in range(2):
            sent_at = (await chain.head()).number
            try:
                result = await chain.connection.once(what, act, deadline_seconds=limit)
            except ANSWERS as error:
                _log.warning("chain.submission_interrupted", what=what, reason=str(error))
                return await _registered_after(chain, netuid, hotkey, sent_at + SHIELDED_LIFE_BLOCKS + 2, limit)
            if result.success:
                break
            name = result.error.name if result.error is not None else None
            if name is None or name in _OPEN_FATES:
                return await _registered_after(chain, netuid, hotkey, sent_at + SHIELDED_LIFE_BLOCKS + 2, limit)
            if attempt or name not in _RETRY_ONCE:
                raise refusal(what, result.error)
    place = await chain.registration(netuid, hotkey)
    if place is None:
        raise ChainRefusedError(
            f"{what}: included, but the hotkey holds no uid", remedy="it may have been pruned at once"
        )
    return place


async def _check_funds(chain: Chain, netuid: int, wallet: Wallet) -> None:
    price = await registration_price_rao(chain, netuid)
    balance = await chain.balance(wallet.coldkey_address)
    if balance < price + SHIELDED_FEE_RAO:
        raise InsufficientFundsError(
            f"coldkey {wallet.coldkey_address} holds {balance / RAO_PER_TAO:.4f} TAO; registering on subnet {netuid} "
            f"costs {price / RAO_PER_TAO:.4f} TAO and fees"
        )


async def _registered_after(chain: Chain, netuid: int, hotkey: str, last_block: int, limit: float) -> Registration:
    """Wait until the chain shows the registration, or can no longer make it."""
    what = f"register {hotkey} on subnet {netuid}"
    started = chain.clock.monotonic()
    while True:
        try:
            place = await chain.registration(netuid, hotkey)
            head = await chain.head()
        except ChainUnavailableError:
            place, head = None, None
        if place is not None:
            return place
        if head is not None and head.number > last_block:
            raise NotIncludedError(f"{what}: not included by block {last_block}, where it expired")
        if chain.clock.monotonic() - started > limit:
            raise FateUnknownError(
                f"{what}: sent, and not seen on chain yet", extrinsic_hash="", last_valid_block=last_block
            )
        await chain.clock.sleep(0.2)


async def add_stake(
    chain: Chain, netuid: int, hotkey: str, rao: int, wallet: Wallet, *, tolerance: float = 0.05
) -> Receipt:
    """Stake ``rao`` of the coldkey's TAO on a hotkey; refused when the price rises by more than ``tolerance``."""
    price = await chain.read(
        f"alpha price of subnet {netuid}",
        lambda client: client.runtime(runtime_api.SwapRuntimeApi.current_alpha_price, [netuid]),
    )
    call = calls.SubtensorModule.add_stake_limit(
        hotkey=hotkey,
        netuid=netuid,
        amount_staked=rao,
        limit_price=int(int(price) * (1 + tolerance)),
        allow_partial=False,
    )
    return await chain.submit(f"stake {rao / RAO_PER_TAO:g} TAO on subnet {netuid}", call, wallet.coldkey)


async def sudo(chain: Chain, what: str, call: Any, wallet: Wallet) -> Receipt:
    """Run a call as root; the wallet's coldkey must be the chain's sudo key."""

    async def compose(client: Any) -> Any:
        return await client.compose(calls.Sudo.sudo(call=await client.compose(call)))

    return await chain.submit(what, compose, wallet.coldkey)


async def set_parameter(
    chain: Chain, netuid: int, name: str, value: Any, wallet: Wallet, *, as_root: bool = False
) -> Receipt:
    """Set a subnet's parameter through ``AdminUtils.sudo_set_<name>``, as its owner or ``as_root``.

    ``name`` is the call's, for instance ``tempo``, ``weights_set_rate_limit``,
    ``commit_reveal_weights_enabled``, ``subnet_emission_enabled``. Raises ValueError for
    a name that the runtime has not.
    """
    build = getattr(calls.AdminUtils, f"sudo_set_{name}", None)
    if build is None:
        raise ValueError(f"the runtime has no call AdminUtils.sudo_set_{name}")
    call = build(netuid, value)
    what = f"set {name} of subnet {netuid} to {value}"
    if as_root:
        return await sudo(chain, what, call, wallet)
    return await chain.submit(what, call, wallet.coldkey)


def find_event(receipt: Receipt, module: str, name: str) -> Any:
    """The attributes of the first event of that name, None when there is none."""
    for record in receipt.events:
        event = record.get("event", record)
        if event.get("module_id") == module and event.get("event_id") == name:
            return event.get("attributes")
    return None
