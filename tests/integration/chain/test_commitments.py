"""Notes under a hotkey."""

import pytest

from taostack.chain.endpoints import encode_endpoint, published_endpoints
from taostack.chain.operations import register
from taostack.chain.wallet import dev_wallet
from taostack.process.errors import UsageError

HOT = dev_wallet("//Alice", hotkey="//Alice//note")


@pytest.mark.parametrize("data", [b"hello", "grüße".encode(), bytes(range(128)), b"0x0102", b"\x00"])
async def test_what_is_committed_is_read_back_byte_for_byte(chain, data):
    place = await register(chain, 1, HOT)
    receipt = await chain.commit(1, data, HOT)
    assert receipt is not None
    found = (await chain.commitments(1))[HOT.hotkey_address]
    assert (found.data, found.uid, found.status, found.block) == (data, place.uid, "plain", receipt.block)


async def test_the_same_note_is_not_published_twice(chain):
    await register(chain, 1, HOT)
    assert await chain.commit(1, "v1", HOT) is not None
    assert await chain.commit(1, "v1", HOT) is None
    assert await chain.commit(1, "v2", HOT) is not None
    assert (await chain.commitments(1))[HOT.hotkey_address].text == "v2"


@pytest.mark.parametrize("data", [b"", b"x" * 129])
async def test_nothing_and_too_much_are_refused(chain, data):
    with pytest.raises(UsageError, match="1 to 128 bytes"):
        await chain.commit(1, data, HOT)


async def test_an_endpoint_in_a_commitment_reaches_the_endpoint_book(chain):
    await register(chain, 1, HOT)
    await chain.commit(1, encode_endpoint("127.0.0.9", 9000), HOT)
    found = published_endpoints(await chain.metagraph(1), await chain.commitments(1))[HOT.hotkey_address]
    assert (found.host, found.port, found.protocol, found.source) == ("127.0.0.9", 9000, "btauth", "commitment")
