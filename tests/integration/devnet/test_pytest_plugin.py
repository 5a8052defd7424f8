"""The fixture that any subnet project gets by installing the package."""

import subprocess
import sys
from pathlib import Path

PROJECT = """
import pytest

def test_one_line_is_enough(devnet):
    bob = devnet.accounts["//Bob"]
    before = devnet.balance(bob)
    devnet.submit("//Alice", "Balances.transfer_keep_alive", dest=bob, value=10**9)
    while devnet.block == 0:
        pass
    assert devnet.balance(bob) == before + 10**9

@pytest.mark.devnet(seal="manual", block_time=1.0)
def test_a_marker_changes_the_settings(devnet, tmp_path):
    import os
    assert devnet.settings.seal == "manual"
    assert devnet.block == 0
    assert devnet.mine(2) == 2
    assert os.environ["BITTENSOR_RUNTIME_CACHE_DIR"].startswith(str(tmp_path))
"""


def test_the_fixture_comes_with_the_package(tmp_path: Path) -> None:
    (tmp_path / "test_subnet.py").write_text(PROJECT)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider", "test_subnet.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_fixture_serves_this_very_test(devnet) -> None:  # type: ignore[no-untyped-def]
    assert devnet.mine() == 1
