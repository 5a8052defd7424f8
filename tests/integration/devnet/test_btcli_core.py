"""The unmodified btcli of bittensor 11 against a devnet: wallets, balance, transfer, dry run, clear errors."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from taostack.devnet import Devnet
from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO

ALICE, BOB = DEV_ACCOUNTS["//Alice"], DEV_ACCOUNTS["//Bob"]
BTCLI = Path(sys.executable).with_name("btcli")


class Btcli:
    """Runs btcli in a home of its own."""

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.wallets = home / "wallets"
        self.env = {
            "HOME": str(home),
            "PATH": os.environ.get("PATH", ""),
            "NO_COLOR": "1",
            "BITTENSOR_RUNTIME_CACHE_DIR": os.environ["BITTENSOR_RUNTIME_CACHE_DIR"],
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(BTCLI), *words, "--network", self.url, "--wallet-path", str(self.wallets), "--json"]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=90, env=self.env, stdin=subprocess.DEVNULL, check=False
        )

    def json(self, *words: str) -> Any:
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def chain() -> Iterator[Devnet]:
    with Devnet(block_time=0.1) as devnet:
        yield devnet


@pytest.fixture
def btcli(chain: Devnet, tmp_path: Path) -> Btcli:
    return Btcli(chain.url, tmp_path)


def test_a_new_wallet_is_funded_and_spends(chain: Devnet, btcli: Btcli) -> None:
    created = btcli.run("wallet", "create", "--wallet", "anna", "--no-password")
    assert created.returncode == 0, created.stderr
    anna = json.loads((btcli.wallets / "anna" / "coldkeypub.txt").read_text())["ss58Address"]
    chain.set_balance(anna, 10 * 10**9)
    send = ("wallet", "transfer", "--wallet", "anna", "--dest", BOB, "--amount")
    btcli.json(*send, "1", "--dry-run")
    assert chain.balance(BOB) == DEV_BALANCE_RAO
    sent = btcli.run(*send, "1", "--yes")
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert chain.balance(BOB) == DEV_BALANCE_RAO + 10**9
    too_much = btcli.run(*send, "1000", "--yes")
    assert too_much.returncode != 0
    assert "insufficient" in (too_much.stdout + too_much.stderr).lower()


def test_a_balance_is_shown(btcli: Btcli) -> None:
    assert btcli.json("wallet", "balance", ALICE)["free_tao"] == 1_000_000.0
