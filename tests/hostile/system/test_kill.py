"""Fifty times ``kill -9``: of the chain, the validator and the miners, at random points of real epochs."""

import asyncio
import random
import socket
import sqlite3
import time
from collections import Counter
from pathlib import Path

from taostack.chain.client import Chain
from taostack.demo.cast import Cast, MinerRole, ValidatorRole
from taostack.demo.stage import Stage, make_wallets, set_stage
from tests.support.processes import TAOSTACK, Program, wait_until

KILLS = 50
BLOCK_SECONDS = 0.2
TEMPO = 40
CAST = Cast(
    validators=(ValidatorRole("validator", 100),),
    miners=(MinerRole("first", "exact"), MinerRole("second", "exact")),
)


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class System:
    """A devnet, a validator and two miners as four processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port("127.0.0.1")
        self.url = f"ws://127.0.0.1:{self.port}"
        self.devnet = Program(
            "devnet",
            [
                *TAOSTACK, "devnet", "--port", str(self.port), "--block-time", str(BLOCK_SECONDS),
                "--state", str(folder / "chain.state"),
            ],
            folder,
        )  # fmt: skip
        self.neurons: list[Program] = []
        self.stage: Stage | None = None

    @property
    def programs(self) -> list[Program]:
        return [self.devnet, *self.neurons]

    @property
    def database(self) -> Path:
        assert self.stage is not None
        hotkey = self.stage.wallets["validator"].hotkey_address
        return self.folder / "state" / f"validator-{self.stage.netuid}-{hotkey}.sqlite"

    def start(self) -> None:
        self.devnet.start()
        wait_until(self._answers, 30, "the chain answers", self.devnet)
        wallets = make_wallets(CAST, self.folder / "wallets", 7)
        self.stage = asyncio.run(self._set(wallets))
        common = [
            "--netuid", str(self.stage.netuid), "--subtensor.network", self.url,
            "--wallet.path", str(self.folder / "wallets"), "--state.path", str(self.folder / "state"),
        ]  # fmt: skip
        self.neurons = [
            Program(
                "validator",
                [
                    *TAOSTACK,
                    "reasonforge",
                    "validator",
                    *common,
                    "--wallet.name",
                    "validator",
                    "--epoch.attempts",
                    "50",
                ],
                self.folder,
            )
        ]
        for place, role in enumerate(CAST.miners, 2):
            host = f"127.0.0.{place}"
            self.neurons.append(
                Program(
                    role.name,
                    [
                        *TAOSTACK, "reasonforge", "miner", *common, "--wallet.name", role.name,
                        "--miner.backend", "symbolic", "--axon.ip", host, "--axon.port", str(_free_port(host)),
                    ],
                    self.folder,
                )
            )  # fmt: skip
        for neuron in self.neurons:
            neuron.start()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def _set(self, wallets: dict) -> Stage:
        async with Chain.connect([self.url]) as chain:
            return await set_stage(chain, CAST, wallets, tempo=TEMPO, step=lambda _: None)

    def head(self) -> int:
        async def ask() -> int:
            async with Chain.connect([self.url], deadline_seconds=20) as chain:
                return (await chain.head()).number

        return asyncio.run(ask())

    def rows(self, query: str) -> list[tuple]:
        if not self.database.exists():
            return []
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError:
                return []

    def done(self) -> list[int]:
        return [epoch for (epoch,) in self.rows("SELECT epoch FROM neuron_epochs WHERE status = 'done'")]


def test_fifty_kills_lose_no_state_and_run_no_epoch_twice(tmp_path: Path) -> None:
    rng = random.Random(20_261_120)
    system = System(tmp_path)
    killed: Counter[str] = Counter()
    finalised = 0
    results: dict[int, tuple] = {}
    try:
        system.start()
        wait_until(lambda: len(system.done()) >= 1, 90, "a first epoch", *system.programs)
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.0, 1.5))
            head = system.head()
            assert head >= finalised, "a block that had been reported was lost"
            finalised = head
            for epoch, *rest in _closed(system):
                assert results.setdefault(epoch, tuple(rest)) == tuple(rest), f"epoch {epoch} changed after it was done"
            victim = rng.choice(system.programs)
            victim.kill()
            killed[victim.name] += 1
            time.sleep(rng.uniform(0.0, 0.3))
            victim.start()
            if victim is system.devnet:
                wait_until(system._answers, 30, "the chain answers again", system.devnet)
        before = len(system.done())
        wait_until(
            lambda: len(system.done()) >= before + 2, 120, "two more epochs after the last kill", *system.programs
        )
        assert all(program.alive for program in system.programs), "\n".join(each.tail() for each in system.programs)
        kept = {epoch: tuple(rest) for epoch, *rest in _closed(system)}
        assert kept.items() >= results.items(), "an epoch that was done is gone"
        judged = system.rows("SELECT epoch, count(*) FROM reasonforge_miner_epochs GROUP BY epoch")
        assert all(miners <= len(CAST.miners) for _, miners in judged), "an epoch was judged twice"
        assert system.rows("PRAGMA integrity_check") == [("ok",)]
        assert system.head() >= finalised
    finally:
        for program in reversed(system.programs):
            if program.alive:
                program.kill()
    assert sum(killed.values()) == KILLS
    assert len(killed) == len(system.programs), f"every kind of process was killed at least once: {killed}"


def _closed(system: System) -> list[tuple]:
    """What is final about each done epoch: its number, seed commitment, mean score and when it closed."""
    return system.rows(
        "SELECT epoch, commitment, average_cms, closed_ms, seed FROM reasonforge_epochs WHERE closed_ms > 0"
    )
