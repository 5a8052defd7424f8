"""The fixture that ships with the package: a fresh chain in one line.

    def test_my_subnet(devnet):
        client = MyClient(devnet.url)

Installing taostack is enough; pytest finds the plugin by its entry point. A
chain seals as soon as a transaction is ready, or as a marker says:

    @pytest.mark.devnet(seal="instant", block_time=0.1)
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from taostack.devnet.node import Devnet


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "devnet(**settings): settings of the devnet fixture, as DevnetSettings names them"
    )


@pytest.fixture
def devnet(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Iterator[Devnet]":
    """A running local chain of this test's own; instant sealing unless the ``devnet`` marker says otherwise.

    The SDK's metadata cache is kept inside the test's folder.
    """
    from taostack.devnet.node import Devnet

    settings: dict[str, Any] = {"seal": "instant"}
    marker = request.node.get_closest_marker("devnet")
    if marker is not None:
        settings |= marker.kwargs
    monkeypatch.setenv("BITTENSOR_RUNTIME_CACHE_DIR", str(tmp_path / "runtime-cache"))
    with Devnet(**settings) as running:
        yield running
