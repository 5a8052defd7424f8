"""Reads the code blocks of a Markdown page, and what the page says about running them.

Every ``bash``, ``console`` and ``python`` block is run, in the order of the
page, unless it says why not:

- ``<!-- no-run: REASON -->`` on the line before the fence, or ``no-run="REASON"`` in the fence's info string;
- ``<!-- background: TEXT -->`` before a shell block (or ``background="TEXT"``) starts it in the background and goes
  on when TEXT stands in its output; it ends with the page.
"""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

SHELL = ("bash", "sh", "console")
PYTHON = ("python", "py")

_FENCE = re.compile(
    r"(?P<note><!--\s*(?:no-run|background):[^>]*-->\s*\n)?"
    r"(?P<indent>[ \t]*)```(?P<language>[a-z]+)(?P<info>[^\n`]*)\n(?P<body>.*?)\n(?P=indent)```",
    re.DOTALL,
)
_WORD = re.compile(r'(?P<key>no-run|background)(?:="(?P<quoted>[^"]*)"|:\s*(?P<plain>.*?)\s*-->)')


@dataclass(frozen=True)
class Block:
    """One code block: where it stands, what it holds, and how it wants to be run."""

    page: str
    line: int
    language: str
    code: str
    no_run: str | None = None
    background: str | None = None


def blocks(path: Path, name: str) -> list[Block]:
    """Every shell and Python block of the page, in order."""
    text = path.read_text(encoding="utf-8")
    return [_block(match, name, text) for match in _FENCE.finditer(text) if match["language"] in (*SHELL, *PYTHON)]


def _block(match: re.Match[str], page: str, text: str) -> Block:
    words = {
        word["key"]: (word["quoted"] if word["quoted"] is not None else word["plain"])
        for word in _WORD.finditer((match["note"] or "") + match["info"])
    }
    code = textwrap.dedent(match["body"])
    if match["language"] == "console":
        code = "\n".join(line[2:] for line in code.splitlines() if line.startswith("$ "))
    line = text.count("\n", 0, match.start("language")) + 1
    return Block(page, line, match["language"], code, words.get("no-run"), words.get("background"))


def shell_script(page: list[Block]) -> str:
    """One bash script of all the page's shell blocks that are to be run; empty when there is none."""
    parts = []
    for block in page:
        if block.language not in SHELL or block.no_run is not None:
            continue
        where = f"{block.page}:{block.line}"
        if block.background is None:
            parts.append(f"echo '## {where}' >&2\n{block.code}")
        else:
            code = _quoted(f"exec {block.code.strip()}")
            parts.append(_BACKGROUND.format(where=where, code=code, text=_quoted(block.background)))
    return "\n".join([_PRELUDE, *parts]) if parts else ""


def python_script(page: list[Block]) -> str:
    """One program of all the page's Python blocks that are to be run, line numbers kept; empty when there is none."""
    lines: list[str] = []
    for block in page:
        if block.language in PYTHON and block.no_run is None:
            lines.extend([""] * (block.line - len(lines)))
            lines.extend(block.code.splitlines())
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# The page's own processes are ended, by their ids, when the page ends.
_PRELUDE = """set -euo pipefail
started=()
finish() { for each in "${started[@]:-}"; do [ -n "$each" ] && kill "$each" 2>/dev/null || true; done; wait; }
trap finish EXIT
"""
_BACKGROUND = """echo '## {where} (background)' >&2
output=$(mktemp)
bash -c {code} >"$output" 2>&1 &
started+=($!)
for _ in $(seq 300); do grep -qF -- {text} "$output" && break; sleep 0.1; done
grep -qF -- {text} "$output" || {{ cat "$output" >&2; exit 1; }}"""
