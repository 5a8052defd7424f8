"""What the README and the documentation tell people to type is typed here, page by page, in an empty folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks, python_script, shell_script

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SECONDS = 180

# Top-level ``await`` stands for the inside of an async function, as in a notebook.
RUNNER = """
import ast, asyncio, inspect, sys
source = open(sys.argv[1], encoding="utf-8").read()
code = compile(source, sys.argv[2], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
names = {"__name__": "__main__"}
result = eval(code, names)
if inspect.iscoroutine(result):
    asyncio.run(result)
"""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def page_of(path: Path) -> list[Block]:
    return blocks(path, named(path))


def run(arguments: list[str], folder: Path) -> None:
    """Run to the end, or end the whole process group; what it printed is the failure's text."""
    environ = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONWARNINGS": "default",
    }
    with subprocess.Popen(
        arguments,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            printed, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed, _ = process.communicate()
            printed += f"\nnot ended after {SECONDS} s"
    assert process.returncode == 0, printed[-4000:]


@pytest.mark.parametrize("path", [each for each in PAGES if shell_script(page_of(each))], ids=named)
def test_the_pages_commands_run(path: Path, tmp_path: Path) -> None:
    run(["bash", "-c", shell_script(page_of(path))], tmp_path)


@pytest.mark.parametrize("path", [each for each in PAGES if python_script(page_of(each))], ids=named)
def test_the_pages_python_runs(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "page.py"
    file.write_text(python_script(page_of(path)), encoding="utf-8")
    run([sys.executable, "-c", RUNNER, str(file), named(path)], tmp_path)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_a_block_that_is_not_run_says_why(path: Path) -> None:
    silent = [f"{each.page}:{each.line}" for each in page_of(path) if each.no_run is not None and len(each.no_run) < 8]
    assert silent == []


def test_the_readmes_test_command_is_the_one_that_ci_runs() -> None:
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
