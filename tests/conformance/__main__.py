"""``python -m tests.conformance SYSTEM FILE``: run a vector file through the library.

Each system has a runner ``tests/conformance/SYSTEM.py`` with
``run(path) -> tuple[passed, failures]``, where each failure is one line. The
output ends with ``N passed, N failed``; the exit code is 0 when none failed,
1 when some did, 2 when the call itself was wrong.
"""

import argparse
import difflib
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

HOME = Path(__file__).parent
NOT_SYSTEMS = frozenset({"__init__", "__main__", "conftest"})


def systems() -> list[str]:
    """The systems that have a runner."""
    names = (path.stem for path in HOME.glob("*.py"))
    return sorted(name for name in names if name not in NOT_SYSTEMS and not name.startswith(("test_", "_")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one vector file and say how it went."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__.splitlines()[0])
    parser.add_argument("system", help=f"one of: {', '.join(systems())}")
    parser.add_argument("file", type=Path, help="a vector file in that system's format")
    given = parser.parse_args(arguments)
    if given.system not in systems():
        near = difflib.get_close_matches(given.system, systems(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(systems())}"
        return _wrong(f"no conformance runner for {given.system!r} ({hint})")
    if not given.file.is_file():
        return _wrong(f"no vector file {given.file} (give the path of a file)")
    problem = _unreadable(given.file)
    if problem is not None:
        return _wrong(f"{given.file} is not a vector file: {problem} (give a JSON object with a list of vectors)")
    passed, failures = importlib.import_module(f"tests.conformance.{given.system}").run(given.file)
    for failure in failures:
        print(failure)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


def _unreadable(path: Path) -> str | None:
    """Why no runner could take this file, or nothing."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"
    vectors = document.get("vectors") if isinstance(document, dict) else None
    if not isinstance(vectors, list):
        return "it holds no list named vectors"
    odd = next((number for number, vector in enumerate(vectors) if not isinstance(vector, dict)), None)
    return None if odd is None else f"vector {odd} is not an object"


def _wrong(message: str) -> int:
    print(f"error[usage]: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
