"""Settings by the flags that operators know."""

import subprocess
import sys
from pathlib import Path

import pytest

from taostack.neuron import NeuronSettings
from taostack.process.errors import SettingsError
from taostack.process.settings import load


def settings(flags: dict[str, object], environ: dict[str, str] | None = None) -> NeuronSettings:
    return load(NeuronSettings, flags={"netuid": "7", **flags}, environ=environ or {}, file=None)


def test_the_ecosystems_flags_reach_their_settings():
    found = settings(
        {
            "wallet.name": "cold",
            "wallet.hotkey": "hot",
            "wallet.path": "/keys",
            "subtensor.network": "test",
            "axon.ip": "127.0.0.2",
            "axon.port": "8000",
            "axon.external_ip": "203.0.113.7",
            "axon.external_port": "9000",
            "logging.format": "json",
            "health.port": "9100",
            "state.path": "/state",
        }
    )
    assert (found.netuid, found.wallet.name, found.wallet.hotkey, found.wallet.path) == (7, "cold", "hot", "/keys")
    assert found.subtensor.endpoints == ("test",)
    assert (found.axon.ip, found.axon.port, found.axon.external_ip, found.axon.external_port) == (
        "127.0.0.2",
        8000,
        "203.0.113.7",
        9000,
    )
    assert (found.logging.format, found.health.port) == ("json", 9100)
    assert found.state.database("miner", 7, "5Hot") == Path("/state/miner-7-5Hot.sqlite")


def test_chain_endpoints_win_over_the_network_and_keep_their_order():
    found = settings({"subtensor.chain_endpoint": "ws://one:1,ws://two:2"})
    assert found.subtensor.endpoints == ("ws://one:1", "ws://two:2")


def test_a_database_url_is_used_as_it_is():
    assert settings({"state.path": "postgresql://host/db"}).state.database("miner", 7, "5") == "postgresql://host/db"


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("axon.port", "65536"),
        ("axon.port", "-1"),
        ("netuid", "70000"),
        ("epoch.attempts", "0"),
        ("metagraph.every_blocks", "0"),
        ("logging.format", "xml"),
        ("registration.when_missing", "hope"),
        ("weights.when_empty", "everybody"),
        ("gate.min_stake_tao", "-1"),
    ],
)
def test_values_out_of_range_are_refused_by_name(flag, value):
    with pytest.raises(SettingsError, match=flag):
        settings({flag: value})


def test_a_typo_names_the_nearest_setting():
    with pytest.raises(SettingsError) as caught:
        settings({"wallet.hotky": "x"})
    assert "--wallet.hotkey" in caught.value.remedy


def test_settings_load_without_the_chain_and_the_wire():
    code = "import sys, taostack.neuron; print({'bittensor', 'aiohttp', 'sqlalchemy', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_every_public_name_can_be_imported():
    import taostack.neuron

    for name in taostack.neuron.__all__:
        assert getattr(taostack.neuron, name).__name__ == name
    with pytest.raises(AttributeError, match="Minner"):
        taostack.neuron.Minner  # noqa: B018
