"""An endpoint is published once."""

import pytest

from taostack.chain.errors import EndpointInvalidError, NotRegisteredError
from taostack.chain.metagraph import AxonInfo
from taostack.chain.operations import register, set_parameter
from taostack.chain.wallet import dev_wallet

HOT = dev_wallet("//Alice", hotkey="//Alice//serve")


async def test_an_endpoint_is_published_and_then_left_alone(chain):
    place = await register(chain, 1, HOT)
    first = await chain.serve(1, ip="127.0.0.2", port=8091, wallet=HOT)
    assert first.status == "published"
    assert (await chain.metagraph(1)).axons[place.uid] == first.endpoint
    head = await chain.head()
    second = await chain.serve(1, ip="127.0.0.2", port=8091, wallet=HOT)
    assert (second.status, second.is_live) == ("unchanged", True)
    assert second.block >= head.number


async def test_a_change_within_the_rate_limit_waits_for_the_named_block(chain, devnet, alice):
    await register(chain, 1, HOT)
    await set_parameter(chain, 1, "serving_rate_limit", 30, alice, as_root=True)
    first = await chain.serve(1, ip="127.0.0.2", port=8091, wallet=HOT)
    early = await chain.serve(1, ip="127.0.0.2", port=8092, wallet=HOT)
    assert (early.status, early.is_live) == ("too-soon", False)
    assert early.retry_at_block == first.block + 30
    devnet.mine(30)
    later = await chain.serve(1, ip="127.0.0.2", port=8092, wallet=HOT)
    assert later.status == "published"


async def test_ipv6_version_and_protocol_travel_whole(chain):
    place = await register(chain, 1, HOT)
    await chain.serve(1, ip="2001:db8::5", port=65_535, wallet=HOT, protocol=6, version=10_005_000)
    assert (await chain.metagraph(1)).axons[place.uid] == AxonInfo("2001:db8::5", 65_535, 10_005_000, 6)


async def test_loopback_is_refused_before_anything_is_sent(chain):
    await register(chain, 1, HOT)
    with pytest.raises(EndpointInvalidError):
        await chain.serve(1, ip="127.0.0.1", port=8091, wallet=HOT)


async def test_who_is_not_registered_cannot_serve(chain):
    with pytest.raises(NotRegisteredError) as error:
        await chain.serve(1, ip="127.0.0.2", port=8091, wallet=dev_wallet("//Ferdie"))
    assert "register" in error.value.remedy


async def test_a_rate_limit_that_another_process_used_up_is_an_outcome(chain, devnet):
    await register(chain, 1, HOT)
    devnet.fail_next("SubtensorModule.serve_axon", "ServingRateLimitExceeded")
    outcome = await chain.serve(1, ip="127.0.0.2", port=8091, wallet=HOT)
    assert outcome.status == "too-soon"
    assert outcome.retry_at_block is not None
    assert outcome.retry_at_block > outcome.block
    devnet.mine(1)
    assert (await chain.serve(1, ip="127.0.0.2", port=8091, wallet=HOT)).status == "published"
