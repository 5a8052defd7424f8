"""Programs under test as real processes: started, watched, killed by their own id."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

TAOSTACK = (sys.executable, "-m", "taostack")


class Program:
    """One command line that may be killed and started again; its output goes to a file."""

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        self.name = name
        self.output = folder / f"{name}.out"
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self.output.open("ab") as sink:
            self._process = subprocess.Popen(
                self._command, stdout=sink, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=dict(os.environ)
            )

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it by SIGTERM; returns the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(timeout=30)

    def tail(self, lines: int = 15) -> str:
        text = self.output.read_text(errors="replace") if self.output.exists() else ""
        return f"--- {self.name}\n" + "\n".join(text.splitlines()[-lines:])


def wait_until(condition: Callable[[], bool], seconds: float, what: str, *watched: Program) -> None:
    """Poll a condition about other processes, whose time is the machine's own."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            tails = "\n".join(program.tail() for program in watched)
            raise AssertionError(f"not within {seconds} s: {what}\n{tails}")
        time.sleep(0.05)
