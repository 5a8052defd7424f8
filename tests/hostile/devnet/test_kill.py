"""``kill -9`` of ``taostack devnet --state`` at random moments: what was called final is there afterwards."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO
from taostack.devnet.profile import load_profile
from taostack.devnet.signing import compose, sign_call

BOB = DEV_ACCOUNTS["//Bob"]
WAIT_SECONDS = 30
KILLS = 15
PROGRAM = (sys.executable, "-c", "from taostack.cli import main; main()", "devnet")
FAST = ("--port", "0", "--block-time", "0.005")


class Killable:
    """The command, running on one state file until it is killed."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, *FAST, "--state", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("Ready "):
                break
        assert lines, self.process.communicate(timeout=WAIT_SECONDS)
        self.url = lines[-1].split()[1]

    def kill(self) -> str:
        self.process.kill()
        return self.process.communicate(timeout=WAIT_SECONDS)[1]


def ask(connection: ClientConnection, method: str, *params: Any) -> Any:
    connection.send(json.dumps({"id": 1, "method": method, "params": params}))
    while True:
        reply = json.loads(connection.recv(WAIT_SECONDS))
        if reply.get("id") == 1:
            assert "result" in reply, reply
            return reply["result"]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_nothing_that_was_final_is_lost(tmp_path: Path) -> None:
    rng = random.Random(20_261_120)
    codec = load_profile(5).codec
    account = "0x" + codec.key("System", "Account", (BOB,)).hex()
    final: dict[int, str] = {}
    final_transfers = 0
    genesis = ""
    for round_number in range(KILLS):
        devnet = Killable(tmp_path / "chain")
        with connect(devnet.url) as connection:
            if final:
                height = max(final)
                assert ask(connection, "chain_getBlockHash", height) == final[height]
                assert ask(connection, "chain_getBlockHash", min(final)) == final[min(final)]
                assert int(ask(connection, "chain_getHeader")["number"], 16) >= height
            genesis = genesis or ask(connection, "chain_getBlockHash", 0)
            assert ask(connection, "chain_getBlockHash", 0) == genesis
            data = ask(connection, "state_getStorage", account)
            free = codec.decode(codec.item("System", "Account").value_type, bytes.fromhex(data[2:]))["data"]["free"]
            assert free - DEV_BALANCE_RAO >= final_transfers * 10**6
            final_transfers = (free - DEV_BALANCE_RAO) // 10**6
            ask(connection, "chain_subscribeFinalizedHeads")
            nonce = ask(connection, "account_nextIndex", DEV_ACCOUNTS["//Alice"])
            call = compose(codec, "Balances.transfer_keep_alive", {"dest": BOB, "value": 10**6})
            for each in range(nonce, nonce + 5):
                raw = sign_call(codec, "//Alice", call, nonce=each, genesis_hash=bytes.fromhex(genesis[2:]))
                connection.send(
                    json.dumps({"id": 2, "method": "author_submitAndWatchExtrinsic", "params": ["0x" + raw.hex()]})
                )
            for _ in range(rng.randrange(1, 40)):
                message = json.loads(connection.recv(WAIT_SECONDS))
                if message.get("method") == "chain_finalizedHead":
                    header = message["params"]["result"]
                    final[int(header["number"], 16) - 1] = header["parentHash"]
                elif message.get("method") == "author_extrinsicUpdate":
                    status = message["params"]["result"]
                    final_transfers += isinstance(status, dict) and "finalized" in status
            complaint = devnet.kill()
            assert "Traceback" not in complaint, (round_number, complaint)
            with pytest.raises(ConnectionClosed):
                while True:
                    connection.recv(WAIT_SECONDS)
    assert len(final) >= KILLS
