"""The set-up on machines that lack something, played with small stand-ins for ``python3``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FINDER = ROOT / "tools" / "find-python.sh"


def find(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the finder where only ``folder`` and the basic tools are on the path."""
    return subprocess.run(
        ["/bin/sh", str(FINDER)],
        env={"PATH": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def stand_in(folder: Path, name: str, answer: str, *, status: int = 0) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{answer}'\nexit {status}\n")
    path.chmod(0o755)


def test_no_python_at_all_is_told_with_the_package_that_brings_it(tmp_path: Path) -> None:
    done = find(tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error[python]: no Python found (apt-get install python3")
    assert done.stderr.count("\n") == 1


def test_an_old_python_is_told_with_its_version(tmp_path: Path) -> None:
    stand_in(tmp_path, "python3", "old 3.9")
    done = find(tmp_path)
    assert done.returncode == 2
    assert "Python is 3.9, and 3.11 or newer is needed" in done.stderr


def test_a_python_without_venv_names_the_debian_package(tmp_path: Path) -> None:
    stand_in(tmp_path, "python3", "bare 3.12")
    done = find(tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error[python]: Python 3.12 has no venv module (apt-get install python3.12-venv)\n"


def test_a_newer_python_beside_an_old_one_is_taken(tmp_path: Path) -> None:
    stand_in(tmp_path, "python3", "old 3.9")
    stand_in(tmp_path, "python3.12", "", status=127)
    stand_in(tmp_path, "python3.11", "good /opt/with space/python3.11")
    assert find(tmp_path).stdout == "/opt/with space/python3.11\n"


def test_the_python_that_was_asked_for_is_taken_alone(tmp_path: Path) -> None:
    stand_in(tmp_path, "python3", "good /usr/bin/python3")
    stand_in(tmp_path, "mine", "old 3.8")
    assert find(tmp_path, PYTHON="mine").returncode == 2


def test_the_real_interpreter_answers_the_probe() -> None:
    done = find(Path("/nowhere"), PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    assert os.path.realpath(done.stdout.strip()) == os.path.realpath(sys.executable)


def test_every_target_of_the_makefile_has_a_line_of_help() -> None:
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    for target in ("setup", "demo", "test", "check", "bench", "docs", "clean", "help"):
        assert f"make {target} " in shown.stdout


@pytest.mark.parametrize("name", ["base", "dev", "v10", "bootstrap"])
def test_a_lock_pins_every_package_by_hash_and_holds_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    entries = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert entries
    assert all("==" in entry for entry in entries)
    assert text.count("--hash=sha256:") >= len(entries)
    assert "://" not in text
    assert " @ " not in text


def test_the_locks_agree_on_what_they_share() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / "requirements" / f"{name}.lock").read_text().splitlines()
        return {line.split()[0] for line in lines if "==" in line}

    assert pins("base") <= pins("dev")
    assert pins("bootstrap") <= pins("dev")
