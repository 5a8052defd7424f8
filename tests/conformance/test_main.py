import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.__main__ import main, systems

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors"


@pytest.mark.parametrize("system", systems())
def test_every_runner_takes_its_published_vectors(system: str, capsys) -> None:
    assert main([system, str(VECTORS / f"{system}.json")]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    passed, failed = last.split(", ")
    assert failed == "0 failed"
    assert int(passed.removesuffix(" passed")) > 0


def test_an_unknown_system_is_one_clear_line(capsys) -> None:
    assert main(["reasonforg", "x.json"]) == 2
    err = capsys.readouterr().err
    assert err == "error[usage]: no conformance runner for 'reasonforg' (did you mean 'reasonforge'?)\n"


def test_an_unlike_name_lists_the_systems(capsys) -> None:
    assert main(["zzz", "x.json"]) == 2
    assert "there are " in capsys.readouterr().err


def test_a_missing_file_is_one_clear_line(capsys) -> None:
    assert main(["reasonforge", "/nowhere/x.json"]) == 2
    assert "no vector file /nowhere/x.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b"{}", b'{"vectors": 3}', b'{"vectors": [1]}', b"[" * 99999]
)
@pytest.mark.parametrize("system", systems())
def test_a_file_that_holds_no_vectors_is_one_clear_line(system: str, content: bytes, tmp_path: Path, capsys) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    assert main([system, str(path)]) == 2
    err = capsys.readouterr().err
    assert "is not a vector file: " in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("system", systems())
def test_a_vector_without_its_fields_fails_and_ends_nothing(system: str, tmp_path: Path, capsys) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"vectors": [{}]}')
    assert main([system, str(path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"


def test_a_failing_vector_is_shown_and_counted(capsys, monkeypatch) -> None:
    import tests.conformance.reasonforge as runner

    monkeypatch.setattr(runner, "run", lambda path: (3, ["F7 case 2: was 0.5, expected 0.25"]))
    assert main(["reasonforge", str(VECTORS / "reasonforge.json")]) == 1
    assert capsys.readouterr().out == "F7 case 2: was 0.5, expected 0.25\n3 passed, 1 failed\n"


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance", "zzz", "x"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error[usage]")
