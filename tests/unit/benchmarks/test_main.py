import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import __main__ as program
from benchmarks.figure import Figure, written

FAST = Figure("speed", "calls a second", 12345.6, "calls/s", "≥ 5,000", True, "one core")
SLOW = Figure("speed", "start", 0.4, "s", "< 0.3", False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of benchmarks with the one area ``speed``."""
    (tmp_path / "speed.py").touch()
    (tmp_path / "_helper.py").touch()
    (tmp_path / "figure.py").touch()
    module = ModuleType("benchmarks.speed")
    module.figures = lambda full=False: [FAST, SLOW] if full else [FAST]
    monkeypatch.setitem(sys.modules, "benchmarks.speed", module)
    monkeypatch.setattr(program, "HOME", tmp_path)
    monkeypatch.setattr(program, "RESULTS", tmp_path / "RESULTS.md")
    return tmp_path


@pytest.mark.parametrize(
    ("value", "text"), [(12345.6, "12,346"), (0.012345, "0.0123"), (7.0, "7"), (999.4, "999"), (-2500.0, "-2,500")]
)
def test_a_value_is_written_as_a_person_writes_it(value: float, text: str) -> None:
    assert written(value) == text


def test_areas_are_the_modules_beside_the_program(home: Path) -> None:
    assert program.areas() == ["speed"]


def test_measuring_prints_a_table_and_writes_the_results(home: Path, capsys) -> None:
    assert program.main(["speed"]) == 0
    assert "calls a second" in capsys.readouterr().out
    text = (home / "RESULTS.md").read_text()
    assert "## speed" in text
    assert "`python -m benchmarks speed`" in text
    assert "| calls a second | 12,346 calls/s | ≥ 5,000 | yes | one core |" in text


def test_other_areas_keep_their_rows(home: Path) -> None:
    other = program.section("wire", [FAST], date="2026-01-01", command="python -m benchmarks wire")
    (home / "RESULTS.md").write_text(program.merged("", {"wire": other}))
    program.main([])
    program.main(["speed", "--full"])
    text = (home / "RESULTS.md").read_text()
    assert text.count("# Benchmark results") == 1
    assert text.count("## wire") == 1
    assert text.count("## speed") == 1
    assert "2026-01-01 · `python -m benchmarks wire`" in text
    assert "| start | 0.4 s | < 0.3 | no |  |" in text


def test_a_missed_target_fails_only_when_asked_to(home: Path, capsys) -> None:
    assert program.main(["--full", "--no-write"]) == 0
    assert program.main(["--full", "--no-write", "--strict"]) == 1
    assert "1 target missed" in capsys.readouterr().out
    assert not (home / "RESULTS.md").exists()


def test_an_unknown_area_is_refused(home: Path, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        program.main(["spede"])
    assert caught.value.code == 2
    assert "there are speed" in capsys.readouterr().err


def test_an_area_without_a_long_form_is_measured_as_it_is(home: Path) -> None:
    sys.modules["benchmarks.speed"].figures = lambda: [FAST]
    assert program.measure("speed", full=True) == [FAST]
