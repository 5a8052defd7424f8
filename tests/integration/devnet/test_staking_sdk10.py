"""The unmodified bittensor 10 stakes on the devnet."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from taostack.devnet import Devnet

TAO = 10**9


def test_bittensor_10_adds_removes_moves_swaps_and_transfers_stake(tmp_path: Path) -> None:
    python = Path(os.environ.get("TAOSTACK_V10_PYTHON", Path(__file__).parents[3] / ".venv-v10" / "bin" / "python"))
    if not python.exists():
        pytest.fail(f"{python} is missing: run `make setup`")
    with Devnet(seal="instant") as devnet:
        peer = subprocess.run(
            [str(python), str(Path(__file__).with_name("staking_v10.py")), devnet.url],
            capture_output=True,
            text=True,
            timeout=90,
            cwd=tmp_path,
            check=False,
        )
    assert peer.returncode == 0, peer.stderr[-2_000:]
    report = json.loads(peer.stdout.splitlines()[-1])
    assert all(report["done"].values()), report["done"]
    assert "SlippageTooHigh" in report["refused"]["too much slippage"]
    assert "AmountTooLow" in report["refused"]["too little"]
    # 11 TAO bought a little under 11 alpha; 3 were sold and 3 times 1 went elsewhere
    assert 4.5 * TAO < report["stake"] < 5 * TAO
    assert [netuid for netuid, _ in report["positions"]] == [0, 2, 2]
    assert 1.0 * TAO < report["price"] < 1.1 * TAO
    assert report["fee"] == TAO * 33 // 65_535
    assert 0.9 * TAO < report["quote"] < TAO
