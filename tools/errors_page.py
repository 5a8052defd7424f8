"""``python -m tools.errors_page``: write docs/errors.md from the error classes themselves."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import taostack
from taostack.process.errors import TaostackError

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"

OPENING = """# Errors

Every error that taostack raises on purpose has a stable code and says what to do about it.
The command line prints one line and exits with 2; `--debug` adds the traceback:

```text
error[port-taken]: port 9944 on 127.0.0.1 is taken, so the devnet cannot listen there (stop the other process, …)
```

Code catches them by what the caller can do: all of them are `TaostackError`, and each kind below stands on one of
`UsageError` (change the input), `UnavailableError` (wait, or repair what does not answer), `RefusedError` (the other
side said no), `CorruptError` (bytes are not what was written) and `StateError` (the call came at the wrong moment).
An instance may give a more exact remedy than its class.

This page is written from the classes (`python -m tools.errors_page`), and a test holds it to them.
"""


def all_errors() -> list[type[TaostackError]]:
    """Every class of the tree that the package defines, by package, then by code."""
    for module in pkgutil.walk_packages(taostack.__path__, "taostack."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = {each for each in _below(TaostackError) if each.__module__.startswith("taostack.")}
    return sorted(found | {TaostackError}, key=lambda error: (_package(error), error.code, error.__name__))


def page(errors: Iterable[type[TaostackError]]) -> str:
    """The whole page."""
    parts = [OPENING]
    current = ""
    for error in errors:
        if _package(error) != current:
            current = _package(error)
            parts.append(f"\n## {current}\n\n| code | error | means | remedy |\n|---|---|---|---|\n")
        base = error.__bases__[0].__name__
        parts.append(
            f"| `{error.code}` | `{error.__name__}` ({base}) | {_cell(_means(error))} | {_cell(error.remedy)} |\n"
        )
    return "".join(parts)


def _below(kind: type[TaostackError]) -> Iterator[type[TaostackError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _package(error: type[TaostackError]) -> str:
    return error.__module__.split(".")[1]


def _means(error: type[TaostackError]) -> str:
    paragraph = inspect.cleandoc(error.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page(all_errors()), encoding="utf-8")
