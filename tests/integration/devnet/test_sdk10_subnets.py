"""The unmodified bittensor 10 founds a subnet, registers, serves and sets weights on the devnet."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from taostack.devnet import Devnet
from taostack.devnet.genesis import DEV_ACCOUNTS


@pytest.fixture(scope="module")
def report(v10_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the other Python saw; blocks come in intervals, because a shielded call waits for the next one."""
    with Devnet(block_time=0.1) as devnet:
        peer = subprocess.run(
            [str(v10_python), str(Path(__file__).with_name("subnets_v10.py")), devnet.url],
            capture_output=True,
            text=True,
            timeout=90,
            cwd=tmp_path_factory.mktemp("v10"),
            check=False,
        )
    assert peer.returncode == 0, peer.stderr[-3_000:]
    answer: dict[str, Any] = json.loads(peer.stdout.splitlines()[-1])
    return answer


def test_every_extrinsic_of_bittensor_10_succeeds(report: dict[str, Any]) -> None:
    assert all(report["done"].values()), report["messages"]
    assert report["cost"] == 1_000 * 10**9


def test_refusals_have_the_chain_s_names(report: dict[str, Any]) -> None:
    assert report["refused"]["registered twice"] == "Already registered."  # the SDK looks before it sends
    assert report["refused"]["no such subnet"] == "Subnet 77 does not exist."
    assert "BadOrigin" in report["refused"]["not the owner"]


def test_what_was_written_is_read_back(report: dict[str, Any]) -> None:
    assert len(report["hotkeys"]) == 3
    assert report["neurons"] == [3, 3]
    assert report["axon"] == ["127.0.0.2", 8091]
    assert report["commitment"] == "hello"
    assert report["weights"] == [[0, [[1, 65_535], [2, 21_845]]]]
    assert report["waiting_commits"] == 1
    assert report["subnets"] == [0, 1, 2]
    assert report["tempo"] == 10
    assert 0 <= report["next_epoch"] <= 10


def test_the_asynchronous_client_reads_the_same(report: dict[str, Any]) -> None:
    assert report["async"] == {"n": 3, "tempo": 10, "owner": DEV_ACCOUNTS["//Alice"]}
