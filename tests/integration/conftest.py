"""What several integration tests need: the unmodified bittensor 10.5.0 in a Python of its own."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def v10_python() -> Path:
    """The interpreter that has bittensor 10.5.0 (``TAOSTACK_V10_PYTHON``, else ``.venv-v10``)."""
    python = Path(os.environ.get("TAOSTACK_V10_PYTHON") or ROOT / ".venv-v10" / "bin" / "python")
    if not python.exists():
        pytest.fail(f"no Python with bittensor 10.5.0 at {python}: run `make setup`, or set TAOSTACK_V10_PYTHON")
    return python


@pytest.fixture
def run_v10(v10_python: Path, tmp_path: Path) -> Callable[..., str]:
    """Run a program text under bittensor 10.5.0, with arguments; returns what it printed."""

    def run(program: str, *arguments: str, timeout_seconds: float = 90) -> str:
        home = {"HOME": str(tmp_path), "PATH": os.environ.get("PATH", ""), "BT_LOGGING_DEBUG": "0"}
        done = subprocess.run(
            [str(v10_python), "-c", program, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            env=home,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
