"""An extrinsic is sent once, whatever the wire does."""

import pytest
from bittensor import calls

from taostack.chain.client import Chain
from taostack.chain.errors import ChainRefusedError, FateUnknownError, InsufficientFundsError
from taostack.chain.operations import sudo, transfer
from taostack.chain.wallet import dev_wallet
from tests.faults import FaultyProxy

TAO = 10**9
TO = dev_wallet("//Receiver").coldkey_address
SUBMIT = "author_submitAndWatchExtrinsic"


async def test_a_transfer_is_included_with_its_fee(chain, alice):
    before = await chain.balance(alice.coldkey_address)
    receipt = await transfer(chain, alice, TO, 3 * TAO)
    assert receipt.fee_rao > 0
    assert receipt.block_hash == await chain.block_hash(receipt.block)
    assert await chain.balance(TO) == 3 * TAO
    assert await chain.balance(alice.coldkey_address) == before - 3 * TAO - receipt.fee_rao


async def test_an_account_without_funds_is_told_so(chain):
    with pytest.raises(InsufficientFundsError):
        await transfer(chain, dev_wallet("//Penniless"), TO, TAO)


async def test_a_failed_dispatch_carries_the_chains_word_and_block(chain, alice):
    with pytest.raises(ChainRefusedError) as error:
        await chain.submit(
            "register nowhere",
            calls.SubtensorModule.burned_register(netuid=77, hotkey=alice.hotkey_address),
            alice.coldkey,
        )
    assert error.value.name == "SubnetNotExists"
    assert error.value.block is not None


async def test_only_root_may_run_a_call_as_root(chain):
    with pytest.raises(ChainRefusedError) as error:
        await sudo(chain, "no", calls.AdminUtils.sudo_set_tempo(netuid=1, tempo=20), dev_wallet("//Bob"))
    assert error.value.name == "RequireSudo"


async def test_many_sends_of_one_account_do_not_collide(chain, alice):
    for _ in range(3):
        await transfer(chain, alice, TO, TAO)
    assert await chain.balance(TO) == 3 * TAO


async def test_a_cut_before_the_answer_is_looked_up_and_not_sent_again(devnet, alice):
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=10) as chain:
        proxy.cut_after = SUBMIT
        receipt = await transfer(chain, alice, TO, TAO)
        assert receipt.block > 0
        assert proxy.requests[SUBMIT] == 1
    assert devnet.state.get("System", "Account", TO)["data"]["free"] == TAO


async def test_a_cut_before_sending_leaves_the_fate_open_and_nothing_sent(devnet, alice):
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=1.5) as chain:
        proxy.cut_before = SUBMIT
        with pytest.raises(FateUnknownError) as error:
            await transfer(chain, alice, TO, TAO)
        assert error.value.extrinsic_hash.startswith("0x")
        assert error.value.last_valid_block > (await chain.head()).number
        assert await chain.balance(TO) == 0


async def test_an_answer_that_never_comes_is_looked_up(devnet, alice):
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=1.5) as chain:
        written: list[str] = []

        async def write_down(signed) -> None:
            written.append(signed.extrinsic_hash)
            proxy.swallow_answers = {SUBMIT}

        call = calls.Balances.transfer_keep_alive(dest=TO, value=TAO)
        with pytest.raises(FateUnknownError):
            await chain.submit("transfer", call, alice.coldkey, before_sending=write_down)
        proxy.swallow_answers = set()
        assert await chain.balance(TO) == TAO
        assert len(written) == 1
