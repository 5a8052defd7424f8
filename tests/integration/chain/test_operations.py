"""A subnet from nothing to started, by the flows of the unmodified SDK."""

import pytest
from bittensor import calls

from taostack.chain.client import Chain
from taostack.chain.errors import ChainRefusedError, FateUnknownError, InsufficientFundsError, NotIncludedError
from taostack.chain.operations import (
    add_stake,
    register,
    register_subnet,
    registration_price_rao,
    set_parameter,
    start_subnet,
    sudo,
    transfer,
)
from taostack.chain.wallet import dev_wallet
from tests.faults import FaultyProxy

TAO = 10**9
SUBMIT = "author_submitAndWatchExtrinsic"


async def test_a_subnet_is_founded_started_joined_and_staked_on(chain, devnet, alice):
    devnet.set_balance(alice.coldkey_address, 1_000_000 * TAO)
    await sudo(chain, "start without delay", calls.AdminUtils.sudo_set_start_call_delay(delay=0), alice)
    netuid = await register_subnet(chain, alice)
    assert await chain.owner(netuid) == (alice.coldkey_address, alice.hotkey_address)
    await start_subnet(chain, netuid, alice)
    bob = dev_wallet("//Bob", hotkey="//Bob//hot")
    await transfer(chain, alice, bob.coldkey_address, 1_000 * TAO)
    price = await registration_price_rao(chain, netuid)
    before = await chain.balance(bob.coldkey_address)
    place = await register(chain, netuid, bob)
    assert place == await chain.registration(netuid, bob.hotkey_address, block=place.block)
    assert before - await chain.balance(bob.coldkey_address) >= price * 0.9
    await add_stake(chain, netuid, bob.hotkey_address, 10 * TAO, bob)
    graph = await chain.metagraph(netuid)
    assert graph.stake_rao[place.uid] > 0
    assert graph.coldkeys[place.uid] == bob.coldkey_address


async def test_registering_twice_is_no_second_registration(chain, alice):
    hot = dev_wallet("//Alice", hotkey="//Alice//r")
    first = await register(chain, 1, hot)
    balance = await chain.balance(alice.coldkey_address)
    again = await register(chain, 1, hot)
    assert (again.uid, again.registered_at) == (first.uid, first.registered_at)
    assert await chain.balance(alice.coldkey_address) == balance


async def test_several_hotkeys_of_one_coldkey_register_one_after_the_other(chain, devnet, alice):
    places = [await register(chain, 1, dev_wallet("//Alice", hotkey=f"//Alice//{index}")) for index in range(3)]
    assert len({place.uid for place in places}) == 3


async def test_an_unfunded_coldkey_is_told_what_it_lacks_before_anything_is_sent(devnet):
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=10) as chain:
        with pytest.raises(InsufficientFundsError, match=r"holds 0\.0000 TAO"):
            await register(chain, 1, dev_wallet("//Penniless"))
        assert proxy.requests[SUBMIT] == 0


async def test_a_registration_whose_answer_is_cut_off_is_found_on_chain(devnet, alice):
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=10) as chain:
        proxy.cut_after = SUBMIT
        place = await register(chain, 1, dev_wallet("//Alice", hotkey="//Alice//cut"))
        assert place.uid >= 0
        assert proxy.requests[SUBMIT] == 1


async def test_a_parameter_is_set_by_its_owner_or_root_and_by_nobody_else(chain, alice):
    await set_parameter(chain, 1, "serving_rate_limit", 7, alice, as_root=True)
    assert (await chain.hyperparameters(1)).serving_rate_limit == 7
    with pytest.raises(ChainRefusedError):
        await set_parameter(chain, 1, "serving_rate_limit", 8, dev_wallet("//Ferdie"))
    with pytest.raises(ValueError, match="no call"):
        await set_parameter(chain, 1, "happiness", 8, alice)


async def test_starting_before_the_chains_delay_is_refused_by_name(chain, devnet, alice):
    devnet.set_balance(alice.coldkey_address, 1_000_000 * TAO)
    await sudo(chain, "long delay", calls.AdminUtils.sudo_set_start_call_delay(delay=10_000), alice)
    netuid = await register_subnet(chain, alice)
    with pytest.raises(ChainRefusedError) as error:
        await start_subnet(chain, netuid, alice)
    assert error.value.name == "NeedWaitingMoreBlocksToStarCall"


async def test_a_registration_that_never_leaves_stays_open(devnet, alice):
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=2) as chain:
        proxy.cut_before = SUBMIT
        with pytest.raises((FateUnknownError, NotIncludedError)):
            await register(chain, 1, dev_wallet("//Alice", hotkey="//Alice//lost"), deadline_seconds=1.0)
        assert await chain.registration(1, dev_wallet("//Alice//lost").hotkey_address) is None


async def test_a_closed_registration_is_refused_by_name(chain, alice):
    await set_parameter(chain, 1, "network_registration_allowed", False, alice, as_root=True)
    with pytest.raises(ChainRefusedError) as error:
        await register(chain, 1, dev_wallet("//Alice", hotkey="//Alice//late"))
    assert error.value.name == "SubNetRegistrationDisabled"


async def test_a_registration_over_a_node_that_hangs_ends_in_time_and_not_in_a_guess(devnet, alice):
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=1.5) as chain:
        proxy.swallow_answers = {"account_nextIndex"}
        with pytest.raises((FateUnknownError, NotIncludedError)):
            await register(chain, 1, dev_wallet("//Alice", hotkey="//Alice//hung"), deadline_seconds=1.0)
        assert proxy.requests[SUBMIT] == 0
