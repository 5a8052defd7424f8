"""Typed reads of a real chain."""

import pytest

from taostack.chain.client import Chain
from taostack.chain.errors import BlockUnknownError, ChainUnavailableError, SubnetUnknownError
from taostack.chain.wallet import dev_wallet
from taostack.process.errors import StateError, UsageError

TAO = 10**9


async def test_the_head_moves_and_its_hash_is_the_blocks(chain, devnet):
    first = await chain.head()
    devnet.mine(3)
    second = await chain.head()
    assert second.number >= first.number + 3
    assert second.hash == await chain.block_hash(second.number)


async def test_a_metagraph_is_one_block_with_hash_and_stamp(chain):
    graph = await chain.metagraph(1)
    assert graph.block_hash == await chain.block_hash(graph.block)
    assert graph.age_ms(chain.clock) < 10_000
    assert len(graph) == len(graph.hotkeys) == len(graph.axons)


async def test_a_read_can_be_pinned_to_an_older_block(chain, devnet):
    bob = dev_wallet("//Bob").coldkey_address
    devnet.set_balance(bob, 5 * TAO)
    devnet.mine(1)
    before = (await chain.head()).number
    devnet.mine(1)
    devnet.set_balance(bob, 9 * TAO)
    devnet.mine(1)
    assert await chain.balance(bob, block=before) == 5 * TAO
    assert await chain.balance(bob) == 9 * TAO
    assert (await chain.metagraph(1, block=before)).block == before


async def test_an_unknown_account_holds_nothing(chain):
    assert await chain.balance(dev_wallet("//Nobody").coldkey_address) == 0


async def test_a_subnet_that_does_not_exist_is_named(chain):
    for request in (chain.metagraph, chain.owner, chain.hyperparameters, chain.epoch_schedule):
        with pytest.raises(SubnetUnknownError, match="no subnet 77"):
            await request(77)


async def test_a_block_from_the_future_is_unknown(chain):
    with pytest.raises(BlockUnknownError):
        await chain.block_hash(10_000_000)


async def test_hyperparameters_and_schedule_agree_on_the_tempo(chain):
    settings = await chain.hyperparameters(1)
    schedule = await chain.epoch_schedule(1)
    assert settings.tempo == schedule.tempo > 0
    assert settings.max_weight_limit <= 65_535
    assert isinstance(settings.commit_reveal, bool)
    assert settings.immunity_period >= 0
    assert schedule.next_epoch_block is not None
    assert schedule.next_epoch_block > schedule.block


async def test_an_unregistered_hotkey_has_no_registration(chain):
    assert await chain.registration(1, dev_wallet("//Nobody").hotkey_address) is None


async def test_time_and_pace_come_from_the_chain(chain, devnet):
    devnet.mine(1)
    assert await chain.block_seconds() == pytest.approx(0.1)
    assert abs(await chain.timestamp_ms() - chain.clock.now_ms()) < 60_000


async def test_an_unknown_network_is_a_usage_error():
    with pytest.raises(UsageError, match="unknown network 'finey'"):
        Chain.connect("finey")


async def test_a_closed_chain_says_so(devnet):
    async with Chain.connect(devnet.url) as chain:
        pass
    with pytest.raises(StateError):
        await chain.head()


async def test_a_chain_that_is_not_there_is_told_with_its_address_within_the_deadline(unused_tcp_port):
    endpoint = f"ws://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(ChainUnavailableError, match=endpoint):
        async with Chain.connect(endpoint, deadline_seconds=0.8):
            raise AssertionError("connected to nothing")
