"""A devnet with a registered validator and two miners."""

from collections.abc import AsyncIterator

import pytest

from taostack.devnet import Devnet
from tests.integration.neuron.support import BLOCK_SECONDS, Subnet, make_subnet


@pytest.fixture
async def subnet(tmp_path) -> AsyncIterator[Subnet]:
    with Devnet(block_time=BLOCK_SECONDS) as devnet:
        yield await make_subnet(devnet, tmp_path)
