"""kill -9 of a validator and a miner at random moments: no double epoch, nothing finished is lost."""

import asyncio
import itertools
import json
import random
import subprocess
from collections import Counter

import sqlalchemy as sa

from taostack.chain.client import Chain
from taostack.devnet import Devnet
from taostack.neuron.tables import epochs
from taostack.storage import open_database
from tests.integration.neuron.support import NETUID, Subnet, make_subnet, results, start_process

KILLS = 8
MOMENTS = ("epoch.done", "epoch.begun", "neuron.registered")
"""Events after which, by a random while, the validator is killed."""
TEMPO = 12


class Log:
    """The JSON lines that a neuron wrote, taken in as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, object]] = []
        self.broken: list[str] = []

    async def read_to(self, event: str) -> None:
        """Until the first line of that event."""
        while not self.events or self.events[-1].get("event") != event:
            line = await asyncio.to_thread(self.process.stderr.readline)
            assert line, f"ended before {event}: {self.broken} {self.events[-3:]}"
            self.take(line)

    def take(self, line: str) -> None:
        try:
            self.events.append(json.loads(line))
        except json.JSONDecodeError:
            self.broken.append(line)

    async def kill(self) -> None:
        """kill -9, then what was still in the pipe."""
        self.process.kill()
        _, rest = await asyncio.to_thread(self.process.communicate)
        for line in rest.split("\n")[:-1]:
            self.take(line)

    def told_done(self) -> set[int]:
        """Epochs that the process said were done."""
        return {int(each["epoch"]) for each in self.events if each.get("event") == "epoch.done"}


Book = dict[int, tuple[str, int, bytes]]
"""epoch -> (status, attempt, seed)"""


def book(subnet: Subnet) -> Book:
    """The validator's book as it is on disk."""
    with open_database(subnet.book) as database, database.reading() as connection:
        query = sa.select(epochs.c.epoch, epochs.c.status, epochs.c.attempt, epochs.c.seed)
        return {row.epoch: (row.status, row.attempt, bytes(row.seed)) for row in connection.execute(query)}


def answers(subnet: Subnet) -> list[tuple[int, int, str, str]]:
    """(epoch, attempt, word, hotkey) as the program wrote them."""
    with open_database(subnet.book) as database, database.reading() as connection:
        query = sa.select(results.c.epoch, results.c.attempt, results.c.word, results.c.hotkey)
        return [tuple(row) for row in connection.execute(query)]


def check(
    subnet: Subnet, told: set[int], before: dict[int, tuple[str, int, bytes]]
) -> dict[int, tuple[str, int, bytes]]:
    """What must hold after every kill."""
    now = book(subnet)
    closed = {epoch: row for epoch, row in before.items() if row[0] != "open"}
    assert {epoch: now[epoch] for epoch in closed} == closed, "a closed epoch changed"
    assert {epoch: now[epoch][2] for epoch in before} == {epoch: row[2] for epoch, row in before.items()}
    assert {epoch for epoch in told if now.get(epoch, ("",))[0] != "done"} == set(), "a finished epoch is lost"
    assert sum(1 for row in now.values() if row[0] == "open") <= 1
    found = answers(subnet)
    twice = [key for key, count in Counter((epoch, hotkey) for epoch, _, _, hotkey in found).items() if count > 1]
    assert twice == [], "an epoch was counted twice"
    for epoch, attempt, word, _ in found:
        status, last_attempt, seed = now[epoch]
        assert (status, attempt) == ("done", last_attempt)
        assert word == f"{random.Random(seed).getrandbits(64):016x}", "a resumed epoch drew another seed"
    return now


async def test_a_validator_killed_at_random_points_loses_and_doubles_nothing(tmp_path):
    rng = random.Random(7)
    with Devnet(block_time=0.1) as devnet:
        subnet = await make_subnet(devnet, tmp_path, miners=1, tempo=TEMPO)
        miner = Log(start_process(subnet, "miner", "miner0"))
        await miner.read_to("endpoint.live")
        told: set[int] = set()
        rows: Book = {}
        for moment in itertools.islice(itertools.cycle(MOMENTS), KILLS):
            log = Log(start_process(subnet, "validator", "validator", "--pause", "0.3"))
            await log.read_to(moment)
            await asyncio.sleep(rng.uniform(0, 0.4))
            await log.kill()
            assert log.broken == []
            told |= log.told_done()
            rows = check(subnet, told, rows)
        last = Log(start_process(subnet, "validator", "validator"))
        await last.read_to("weights.outcome")
        await last.kill()
        check(subnet, told | last.told_done(), rows)
        await miner.kill()
        assert Counter(row[0] for row in rows.values())["done"] >= 2
        async with Chain.connect(devnet.url, deadline_seconds=10.0) as chain:
            assert (await chain.weights(NETUID))[1] == {2: 65_535}


async def test_a_killed_miner_comes_back_on_its_port_and_is_asked_again(tmp_path):
    with Devnet(block_time=0.1) as devnet:
        subnet = await make_subnet(devnet, tmp_path, miners=1, tempo=TEMPO)
        first = Log(start_process(subnet, "miner", "miner0"))
        await first.read_to("endpoint.live")
        port = next(int(each["port"]) for each in first.events if each.get("event") == "miner.listening")
        await first.kill()
        first = Log(start_process(subnet, "miner", "miner0", "--axon.port", str(port)))
        await first.read_to("endpoint.live")
        assert first.events[-1]["status"] == "unchanged"
        validator = Log(start_process(subnet, "validator", "validator"))
        await validator.read_to("weights.outcome")
        await validator.kill()
        await first.kill()
        with open_database(subnet.book) as database, database.reading() as connection:
            assert connection.execute(sa.select(sa.func.count()).where(results.c.right)).scalar() >= 1
