"""What is built is what was written: every file of the package, and nothing of the tree around it."""

import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        check=True,
    )
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: zipfile.ZipFile) -> None:
    tracked = subprocess.run(["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=True)
    expected = {path.removeprefix("src/") for path in tracked.stdout.splitlines()}
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert expected - held == set()
    assert {name.split("/")[0] for name in held} == {"taostack"}
    assert "taostack/py.typed" in held


def test_the_wheel_brings_the_command_and_an_extra_for_each_optional_part(wheel: zipfile.ZipFile) -> None:
    names = {Path(name).name: name for name in wheel.namelist() if ".dist-info/" in name}
    assert "taostack = taostack.cli:main" in wheel.read(names["entry_points.txt"]).decode()
    described = message_from_string(wheel.read(names["METADATA"]).decode())
    assert {"devnet", "wire"} <= set(described.get_all("Provides-Extra", []))
    assert described["Requires-Python"] == ">=3.11"
    assert described["License-Expression"] == "MIT"
