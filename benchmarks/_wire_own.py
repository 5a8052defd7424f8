"""Our side of the wire benchmark, each half a process on a core of its own.

``serve CORE N`` starts N axons and prints their ports; ``ask CORE PORTS BYTES
SECONDS`` queries them round after round; ``count CORE PORTS BYTES CALLS`` makes
exactly that many calls. Both print what they measured, as JSON. The server
answers ``memory`` on standard input with its resident size.
"""

import asyncio
import json
import os
import resource
import sys
import time
from pathlib import Path

import bittensor_core
import uvloop

from taostack.process.clock import SystemClock
from taostack.wire import Axon, AxonLimits, Caller, Dendrite, Endpoint, Message, Route
from taostack.wire.gate import Gate, GateRules

SERVER = bittensor_core.Keypair.create_from_uri("//Bob")
CLIENT = bittensor_core.Keypair.create_from_uri("//Alice")


class Text(Message, frozen=True):
    """One text there."""

    text: str


class Length(Message, frozen=True):
    """One number back."""

    length: int


ROUTE = Route("exchange", 1, Text, Length)


async def measure(request: Text, caller: Caller) -> Length:
    """Answer with the text's length."""
    return Length(length=len(request.text))


def resident_kib() -> int:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


async def serve(count: int) -> None:
    """Run axons until standard input closes."""
    clock = SystemClock()
    rules = GateRules(require_registered=False, max_in_flight_per_hotkey=1024, max_in_flight=1024)
    axons = []
    for _ in range(count):
        axon = Axon(SERVER, gate=Gate(lambda: None, rules, clock), limits=AxonLimits())
        axon.attach(ROUTE, measure)
        await axon.__aenter__()
        axons.append(axon)
    print(json.dumps({"ports": [axon.port for axon in axons]}), flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps({"kib": resident_kib()}), flush=True)
    for axon in axons:
        await axon.__aexit__(None, None, None)


async def ask(ports: list[int], size: int, seconds: float) -> dict[str, object]:
    """Rounds over all ports for that long."""
    request = Text(text="x" * size)
    calls = [(Endpoint(SERVER.ss58_address, "127.0.0.1", port), request) for port in ports]
    async with Dendrite(CLIENT) as dendrite:

        async def one_round() -> int:
            if len(calls) == 1:
                answers = [await dendrite.ask(calls[0][0], ROUTE, request, deadline_seconds=60)]
            else:
                answers = await dendrite.ask_all(ROUTE, calls, deadline_seconds=60)
            return sum(answer.reply is not None and answer.reply.length == size for answer in answers)

        await one_round()
        rounds: list[float] = []
        good = 0
        worked, ends = time.process_time(), time.perf_counter() + seconds
        while not rounds or time.perf_counter() < ends:
            started = time.perf_counter()
            good += await one_round()
            rounds.append(time.perf_counter() - started)
    return {
        "rounds": rounds,
        "good": good,
        "asked": len(rounds) * len(ports),
        "cpu_seconds": time.process_time() - worked,
    }


async def count_calls(ports: list[int], size: int, total: int) -> dict[str, object]:
    """Exactly ``total`` calls, 64 in flight; how many came back right, and the memory on the way."""
    request = Text(text="x" * size)
    calls = [(Endpoint(SERVER.ss58_address, "127.0.0.1", ports[n % len(ports)]), request) for n in range(1000)]
    good, done, memory = 0, 0, []
    failures: dict[str, int] = {}
    async with Dendrite(CLIENT) as dendrite:
        while done < total:
            batch = calls[: min(len(calls), total - done)]
            for answer in await dendrite.ask_all(ROUTE, batch, deadline_seconds=60, concurrency=64):
                if answer.failure is None:
                    good += 1
                else:
                    failures[answer.failure.code] = failures.get(answer.failure.code, 0) + 1
            done += len(batch)
            if done % max(1000, total // 20) < 1000:
                memory.append(resident_kib())
    return {"good": good, "asked": total, "failures": failures, "client_kib": memory}


def main() -> None:
    """Dispatch on the first argument."""
    os.sched_setaffinity(0, {int(sys.argv[2])})
    if sys.argv[1] == "serve":
        uvloop.run(serve(int(sys.argv[3])))
        return
    ports = [int(port) for port in sys.argv[3].split(",")]
    if sys.argv[1] == "ask":
        found = uvloop.run(ask(ports, int(sys.argv[4]), float(sys.argv[5])))
    else:
        found = uvloop.run(count_calls(ports, int(sys.argv[4]), int(sys.argv[5])))
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
