"""``python -m benchmarks [AREA …] [--full] [--strict] [--no-write]``: measure, print a table, keep it in RESULTS.md.

Every module beside this one that has a function ``figures()`` is an area. Its
rows in RESULTS.md are replaced when it is measured; those of other areas stay.
"""

import argparse
import importlib
import inspect
import platform
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure, written
from taostack.process.clock import SystemClock, utc_text

HOME = Path(__file__).parent
RESULTS = HOME / "RESULTS.md"
NOT_AREAS = frozenset({"__init__", "__main__", "figure"})
HEADER = """# Benchmark results

Written by `make bench` (`python -m benchmarks`). Each area keeps the figures of its last run.
"""


def areas() -> list[str]:
    """The names of all areas, sorted."""
    names = (path.stem for path in HOME.glob("*.py"))
    return sorted(name for name in names if name not in NOT_AREAS and not name.startswith("_"))


def measure(area: str, *, full: bool) -> list[Figure]:
    """Run one area; ``full`` asks for the long form where the area has one."""
    figures: Callable[..., Sequence[Figure]] = importlib.import_module(f"benchmarks.{area}").figures
    if "full" in inspect.signature(figures).parameters:
        return list(figures(full=full))
    return list(figures())


def section(area: str, figures: Sequence[Figure], *, date: str, command: str) -> str:
    """An area's part of RESULTS.md."""
    rows = [
        f"| {_cell(each.name)} | {written(each.value)} {each.unit} | {_cell(each.target)} "
        f"| {'yes' if each.met else 'no'} | {_cell(each.how)} |"
        for each in figures
    ]
    head = ["| figure | measured | target | met | how |", "|---|---|---|---|---|"]
    machine = f"Python {platform.python_version()}, {platform.machine()}"
    return "\n".join([f"## {area}", "", f"{date} · `{command}` · {machine}", "", *head, *rows, ""])


def merged(old: str, new: dict[str, str]) -> str:
    """The text of RESULTS.md with the sections in ``new`` put in place of their old ones."""
    sections = {
        match["area"]: match[0].rstrip() + "\n"
        for match in re.finditer(r"^## (?P<area>\S+)\n.*?(?=^## |\Z)", old, re.MULTILINE | re.DOTALL)
    }
    sections |= new
    return "\n".join([HEADER, *(sections[area] for area in sorted(sections))])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _shown(console: Console, area: str, figures: Sequence[Figure]) -> None:
    table = Table(title=area, title_justify="left")
    for column, justify in (
        ("figure", "left"),
        ("measured", "right"),
        ("target", "left"),
        ("", "left"),
        ("how", "left"),
    ):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for each in figures:
        mark = "[green]met[/]" if each.met else "[red]missed[/]"
        table.add_row(each.name, f"{written(each.value)} {each.unit}", each.target, mark, each.how)
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the given areas (all by default); 1 when ``--strict`` and a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure and compare with the targets.")
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of: {', '.join(areas()) or 'none yet'}")
    parser.add_argument("--full", action="store_true", help="the long runs too (minutes)")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target was missed")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.areas) - set(areas()))
    if unknown:
        parser.error(f"no area named {', '.join(unknown)}; there are {', '.join(areas())}")
    console = Console()
    missed = 0
    for area in chosen.areas or areas():
        figures = measure(area, full=chosen.full)
        missed += sum(not each.met for each in figures)
        _shown(console, area, figures)
        if not chosen.no_write:
            command = f"python -m benchmarks {area}{' --full' if chosen.full else ''}"
            text = section(area, figures, date=utc_text(SystemClock().now_ms())[:10], command=command)
            old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
            RESULTS.write_text(merged(old, {area: text}), encoding="utf-8")
    console.print(f"{missed} target{'' if missed == 1 else 's'} missed" if missed else "all targets met")
    return 1 if missed and chosen.strict else 0


if __name__ == "__main__":
    sys.exit(main())
