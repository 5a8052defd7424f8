"""The wire against bittensor 10.5.0: same machine, same run, server and client on a core each.

Needs the environment of the unmodified peer (``make setup`` makes it; its
Python is ``.venv-v10/bin/python`` or what ``TAOSTACK_V10_PYTHON`` names).
"""

import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.figure import Figure

HOME = Path(__file__).parent
SERVER_CORE, CLIENT_CORE = "0", "1"
TURNS = 3
CALLS, FULL_CALLS = 100_000, 1_000_000


class Cell(NamedTuple):
    """One row of the comparison: targets, payload, how long each side is measured, and the factor to reach."""

    name: str
    targets: int
    size: int
    seconds: float
    factor: float


CELLS = (
    Cell("one signed 1 KB call", 1, 1024, 2.0, 20.0),
    Cell("signed 1 KB calls to 64 targets", 64, 1024, 3.0, 35.0),
    Cell("one signed 1 MB call", 1, 1024 * 1024, 2.0, 8.0),
)


def v10_python() -> str:
    """The Python of the unmodified bittensor 10 environment."""
    path = Path(os.environ.get("TAOSTACK_V10_PYTHON", HOME.parent / ".venv-v10" / "bin" / "python"))
    if not path.exists():
        raise SystemExit(f"{path} is missing: run `make setup`")
    return str(path)


def own_command() -> list[str]:
    """How our half is started."""
    return [sys.executable, "-m", "benchmarks._wire_own"]


def v10_command() -> list[str]:
    """How the peer's half is started."""
    return [v10_python(), str(HOME / "_wire_v10.py")]


@contextmanager
def serving(command: list[str], targets: int) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A server process and the ports it listens on, comma-separated."""
    process = subprocess.Popen(
        [*command, "serve", SERVER_CORE, str(targets)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=HOME.parent,
    )
    try:
        yield process, ",".join(str(port) for port in answer_of(process)["ports"])
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def answer_of(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """The next JSON line of a process (other lines are passed over)."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            found: dict[str, Any] = json.loads(line)
            return found
    raise SystemExit("a benchmark process ended before it answered")


def client(command: list[str], *arguments: str, timeout: float) -> dict[str, Any]:
    """Run a client process to its end and read its answer."""
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=timeout, cwd=HOME.parent, check=False
    )
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            found: dict[str, Any] = json.loads(line)
            return found
    raise SystemExit(f"a benchmark client failed: {done.stderr[-2000:]}")


def rate(found: dict[str, Any]) -> float:
    """Round trips a second: by the median round, which a neighbour's burst of work moves less than the mean."""
    per_round = found["asked"] / len(found["rounds"])
    return float(per_round / statistics.median(found["rounds"]))


def compared(cell: Cell) -> Figure:
    """One cell of the comparison: the two sides in turn, several times, the best of each.

    In turn, so that a neighbour's work slows both; the best, because whatever
    else runs on the machine only ever slows. Only the measured server runs:
    idle v10 axons burn a hundredth of a core each.
    """
    best = {"own": 0.0, "v10": 0.0}
    work = {"own": math.inf, "v10": math.inf}
    lost = 0
    for _ in range(TURNS):
        for side, command in (("v10", v10_command()), ("own", own_command())):
            with serving(command, cell.targets) as (server, ports):
                before = cpu_seconds(server.pid)
                found = client(command, "ask", CLIENT_CORE, ports, str(cell.size), str(cell.seconds), timeout=180)
                used = cpu_seconds(server.pid) - before + found["cpu_seconds"]
            work[side] = min(work[side], 1000 * used / found["asked"])
            best[side] = max(best[side], rate(found))
            lost += found["asked"] - found["good"] if side == "own" else 0
    factor = best["own"] / best["v10"]
    return Figure(
        area="wire",
        name=f"{cell.name}: times bittensor 10.5.0",
        value=factor,
        unit="×",
        target=f"≥ {cell.factor:g}",
        met=factor >= cell.factor and lost == 0,
        how=f"{best['own']:,.0f} against {best['v10']:,.0f} round trips/s, best of {TURNS}; "
        f"CPU of both sides {work['own']:.2f} against {work['v10']:.2f} ms a call; "
        "v10 echoes the request, ours does not",
    )


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def endurance(calls: int) -> list[Figure]:
    """Exactly ``calls`` calls: none lost, memory flat on both sides."""
    with serving(own_command(), 1) as (server, ports):
        client(own_command(), "count", CLIENT_CORE, ports, "1024", "20000", timeout=120)
        before = _server_memory(server)
        found = client(own_command(), "count", CLIENT_CORE, ports, "1024", str(calls), timeout=3600)
        after = _server_memory(server)
    lost = found["asked"] - found["good"]
    half = found["client_kib"][len(found["client_kib"]) // 2 :]
    client_growth = (half[-1] - half[0]) / 1024
    server_growth = (after - before) / 1024
    return [
        Figure(
            area="wire",
            name=f"lost of {calls:,} signed calls",
            value=float(lost),
            unit="calls",
            target="0",
            met=lost == 0,
            how=f"64 in flight, 1 KB; failures: {found['failures'] or 'none'}",
        ),
        Figure(
            area="wire",
            name=f"server memory growth over {calls:,} calls",
            value=server_growth,
            unit="MiB",
            target="≤ 40 (nonces of the freshness window)",
            met=server_growth <= 40,
            how=f"{before / 1024:.0f} MiB after the first 20,000 calls, {after / 1024:.0f} MiB at the end",
        ),
        Figure(
            area="wire",
            name=f"client memory growth over the second half of {calls:,} calls",
            value=client_growth,
            unit="MiB",
            target="≤ 5",
            met=client_growth <= 5,
            how=f"{half[-1] / 1024:.0f} MiB at the end",
        ),
    ]


def _server_memory(server: "subprocess.Popen[str]") -> int:
    assert server.stdin is not None
    server.stdin.write("memory\n")
    server.stdin.flush()
    return int(answer_of(server)["kib"])


def figures(*, full: bool = False) -> list[Figure]:
    """All figures; ``full`` makes the endurance run a million calls long."""
    return [*(compared(cell) for cell in CELLS), *endurance(FULL_CALLS if full else CALLS)]
