"""No room left: one clear error, nothing acknowledged is lost, and work goes on when there is room again."""

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taostack.storage import Journal, open_database
from taostack.storage.errors import StorageFullError

LIMITED = """
import resource, signal, sys
from taostack.process.errors import TaostackError
from taostack.storage import Journal, open_database

journal = Journal(open_database(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
try:
    while True:
        print(journal.append("tick", bytes(5000)), flush=True)
except TaostackError as error:
    print(error.line(), file=sys.stderr)
    sys.exit(error.exit_code)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mount.returncode != 0:
        pytest.skip("this user may not mount a tmpfs; the test with RLIMIT_FSIZE covers the same path")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(journal: Journal) -> tuple[list[int], StorageFullError]:
    acknowledged: list[int] = []
    try:
        while len(acknowledged) < 1000:
            acknowledged.append(journal.append("tick", bytes(5000)))
    except StorageFullError as error:
        return acknowledged, error
    raise AssertionError("the small disk never got full")


def test_a_full_disk_is_one_clear_error_and_loses_nothing(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(400_000))
    with open_database(small_disk / "state.sqlite") as database:
        journal = Journal(database)
        acknowledged, error = fill(journal)
        assert error.code == "storage-full"
        assert "make room" in error.remedy
        assert "state.sqlite" in str(error)
        assert acknowledged == list(range(1, len(acknowledged) + 1))
        assert journal.verify().seq == len(acknowledged)
        ballast.unlink()
        assert journal.append("tick", bytes(5000)) == len(acknowledged) + 1
    with open_database(small_disk / "state.sqlite") as database:
        assert Journal(database).verify().seq == len(acknowledged) + 1


def test_a_full_disk_at_the_first_opening_is_a_clear_error(small_disk):
    with (small_disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(4096))
    with pytest.raises(StorageFullError):
        open_database(small_disk / "state.sqlite")


def test_a_file_size_limit_counts_as_a_full_disk(tmp_path):
    path = tmp_path / "state.sqlite"
    process = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert process.returncode == 2, process.stderr
    assert "error[storage-full]" in process.stderr
    assert "Traceback" not in process.stderr
    acknowledged = [int(line) for line in process.stdout.split()]
    assert acknowledged
    with open_database(path) as database:
        assert Journal(database).verify().seq == len(acknowledged)


def test_this_process_keeps_its_own_limits():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] in (resource.RLIM_INFINITY, -1) or os.name != "posix"
