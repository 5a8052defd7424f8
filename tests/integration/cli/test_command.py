"""The installed command, as a person calls it."""

import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).with_name("taostack")


def test_the_installed_command_and_the_module_say_the_same() -> None:
    installed = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, timeout=60, check=True)
    module = subprocess.run(
        [sys.executable, "-m", "taostack", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert installed.stdout == module.stdout


def test_doctor_finds_the_environment_ready() -> None:
    done = subprocess.run([COMMAND, "doctor"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("ready\n")


def test_a_closed_pipe_is_no_error() -> None:
    done = subprocess.run(
        ["sh", "-c", f'"{COMMAND}" --help | true'], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
