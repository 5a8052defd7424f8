"""The unmodified bittensor 10 side of the wire benchmark; run by the Python of its own environment.

``serve CORE N`` starts N axons and prints their ports; ``ask CORE PORTS BYTES
SECONDS`` queries them round after round and prints what it measured, as JSON.
"""

import asyncio
import json
import os
import socket
import sys
import time
from types import SimpleNamespace

from bittensor.core.axon import Axon
from bittensor.core.chain_data import AxonInfo
from bittensor.core.dendrite import Dendrite
from bittensor.core.synapse import Synapse
from bittensor.utils import networking
from bittensor_wallet import Keypair

# Off line, the constructors' question for the own public address would fail.
networking.get_external_ip = lambda: "192.0.2.1"

SERVER = Keypair.create_from_uri("//Bob")
CLIENT = Keypair.create_from_uri("//Alice")


class Exchange(Synapse):  # type: ignore[misc]  # mypy does not see the other environment
    """One text there, one number back; the text is under the body hash."""

    text: str
    length: int = 0
    required_hash_fields = ("text",)


def forward(synapse: Exchange) -> Exchange:
    """Answer with the text's length."""
    synapse.length = len(synapse.text)
    return synapse


def free_port() -> int:
    """A port that nobody holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(count: int) -> None:
    """Run axons until standard input closes."""
    wallet = SimpleNamespace(hotkey=SERVER, coldkeypub=SERVER)
    axons = []
    for _ in range(count):
        axon = Axon(wallet=wallet, port=free_port(), ip="127.0.0.1", external_ip="127.0.0.1")
        axons.append(axon.attach(forward).start())
    print(json.dumps({"ports": [axon.port for axon in axons]}), flush=True)
    sys.stdin.read()
    os._exit(0)


async def ask(ports: list[int], size: int, seconds: float) -> dict[str, object]:
    """Rounds over all ports for that long."""
    dendrite = Dendrite(wallet=CLIENT)
    infos = [
        AxonInfo(
            version=10_005_000,
            ip="127.0.0.1",
            port=port,
            ip_type=4,
            hotkey=SERVER.ss58_address,
            coldkey=SERVER.ss58_address,
        )
        for port in ports
    ]
    text = "x" * size

    async def one_round() -> int:
        answers = await dendrite.forward(infos, Exchange(text=text), timeout=60, deserialize=False)
        return sum(answer.length == size for answer in answers)

    await one_round()
    rounds: list[float] = []
    good = 0
    worked, ends = time.process_time(), time.perf_counter() + seconds
    while not rounds or time.perf_counter() < ends:
        started = time.perf_counter()
        good += await one_round()
        rounds.append(time.perf_counter() - started)
    await dendrite.aclose_session()
    return {
        "rounds": rounds,
        "good": good,
        "asked": len(rounds) * len(ports),
        "cpu_seconds": time.process_time() - worked,
    }


def main() -> None:
    """Dispatch on the first argument."""
    os.sched_setaffinity(0, {int(sys.argv[2])})
    if sys.argv[1] == "serve":
        serve(int(sys.argv[3]))
    else:
        ports = [int(port) for port in sys.argv[3].split(",")]
        print(json.dumps(asyncio.run(ask(ports, int(sys.argv[4]), float(sys.argv[5])))), flush=True)


if __name__ == "__main__":
    main()
