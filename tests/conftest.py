"""What holds for every test: a home of its own, no settings from outside, logging left as it was."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# bittensor reads these when it is imported, so they are set before any test module is.
_HOME = Path(tempfile.mkdtemp(prefix="taostack-tests-"))
os.environ["HOME"] = str(_HOME)
os.environ["BITTENSOR_RUNTIME_CACHE_DIR"] = str(_HOME / "runtime-cache")
# TAOSTACK_V10_PYTHON is for the tests themselves: where the unmodified bittensor 10 is.
for _name in [name for name in os.environ if name.startswith(("TAOSTACK_", "BT_"))]:
    if _name == "TAOSTACK_V10_PYTHON":
        continue
    del os.environ[_name]


def pytest_unconfigure() -> None:
    """Take the tests' home away again."""
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A test that configures logging leaves no handler behind."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
