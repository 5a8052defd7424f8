import subprocess
from pathlib import Path

import pytest

from tests.docs.blocks import blocks, python_script, shell_script

PAGE = """
```bash
echo one
```

<!-- no-run: needs mainnet -->
```bash
btcli wallet list
```

```console no-run="shows a failure"
$ false
```

- item

  ```console
  $ echo two
  two
  ```

```python
x = 1
```

```json
{}
```

```python
assert x == 1
```
"""


@pytest.fixture
def page(tmp_path: Path):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return blocks(path, "page.md")


def test_blocks_know_language_place_and_reason(page) -> None:
    assert [(each.language, each.line, each.no_run) for each in page] == [
        ("bash", 2, None),
        ("bash", 7, "needs mainnet"),
        ("console", 11, "shows a failure"),
        ("console", 17, None),
        ("python", 22, None),
        ("python", 30, None),
    ]


def test_the_script_runs_commands_and_leaves_out_their_output(page) -> None:
    done = subprocess.run(["bash", "-c", shell_script(page)], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "one\ntwo\n"


def test_python_blocks_share_names_and_keep_their_lines(page) -> None:
    program = python_script(page)
    assert program.splitlines()[22] == "x = 1"
    exec(program, {})  # noqa: S102 (our own page, three lines above)


def test_a_failing_command_fails_the_page(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("```bash\nfalse\necho unreached\n```\n")
    done = subprocess.run(["bash", "-c", shell_script(blocks(path, "p"))], capture_output=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stdout == b""


def test_a_background_block_runs_while_the_page_goes_on_and_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(
        "<!-- background: ready -->\n```bash\nsh -c 'echo \"$$\" > pid; echo ready; exec sleep 60'\n```\n"
        "```bash\nkill -0 $(cat pid)\n```\n"
    )
    subprocess.run(["bash", "-c", shell_script(blocks(path, "p"))], cwd=tmp_path, timeout=30, check=True)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_a_background_block_that_never_says_its_text_fails_the_page(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text('```bash background="ready"\necho broken\n```\n')
    script = shell_script(blocks(path, "p")).replace("seq 300", "seq 3")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "broken" in done.stderr


def test_a_page_without_code_has_no_script(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("Words.\n")
    assert shell_script(blocks(path, "p")) == ""
    assert python_script(blocks(path, "p")) == ""
