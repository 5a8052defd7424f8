import json

import pytest
from typer.testing import CliRunner

from taostack.process.errors import TaostackError
from taostack.reasonforge.cli import app

RUNNER = CliRunner()


def run(*words):
    result = RUNNER.invoke(app, words)
    if isinstance(result.exception, TaostackError):
        raise result.exception
    return result


@pytest.mark.parametrize("command", ["miner", "validator", "simulate", "leaderboard", "families", "audit"])
def test_every_command_has_help(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_the_requirements_flags_are_there():
    text = run("miner", "--help").stdout
    for flag in ("--netuid", "--subtensor.network", "--wallet.name", "--wallet.hotkey", "--miner.backend"):
        assert flag in text
    assert "--validator.tasks_per_epoch" in run("validator", "--help").stdout


def test_a_simulation_prints_tables_or_json_and_writes_a_file(tmp_path):
    file = tmp_path / "run.json"
    shown = run("simulate", "--epochs", "2", "--seed", "3", "--verbose", "--output", str(file))
    assert shown.stdout.count("Epoch ") == 2
    document = json.loads(run("simulate", "--epochs", "2", "--seed", "3", "--json").stdout)
    assert json.loads(file.read_text()) == document
    assert document["config"] == {"epochs": 2, "emission": 100.0, "seed": 3, "rules": "rf-rules-1"}
    assert len(document["epochs"][0]["miners"]) == 12
    compat = json.loads(run("simulate", "--epochs", "1", "--compat", "--json").stdout)
    assert compat["config"]["rules"] == "upstream-compat"


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(TaostackError, match="could not be written"):
        run("simulate", "--epochs", "1", "--output", str(tmp_path / "absent" / "run.json"))


def test_families_are_listed_and_drawn():
    assert len(json.loads(run("families", "--json").stdout)) == 8
    assert "lattice_paths" in run("families").stdout
    drawn = json.loads(run("families", "--draw", "lattice_paths", "--level", "5", "--json").stdout)
    assert drawn["problem"].startswith("How many paths")
    assert "answer: " in run("families", "--draw", "lattice_paths").stdout
    with pytest.raises(TaostackError, match="no level"):
        run("families", "--draw", "lattice_paths", "--level", "4")


@pytest.mark.parametrize(
    "words",
    [
        ("audit",),
        ("audit", "absent.json"),
        ("audit", "--database", "absent.sqlite"),
        ("leaderboard", "--database", "absent.sqlite"),
        ("miner", "--netuid", "1", "--miner.backend", "oracle"),
        ("validator", "--netuid", "1", "--validator.families", "poetry"),
        ("validator", "--netuid", "70000"),
    ],
)
def test_what_cannot_work_is_told_in_one_line(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TaostackError) as told:
        run(*words)
    assert "\n" not in told.value.line()


def test_an_audit_of_a_changed_record_ends_with_1(tmp_path):
    import msgspec

    from tests.unit.reasonforge.test_judging import record

    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    base = record()
    good.write_bytes(msgspec.json.encode(base))
    bad.write_bytes(msgspec.json.encode(record(answers=base.answers[1:])))
    assert run("audit", str(good)).exit_code == 0
    result = run("audit", str(bad))
    assert result.exit_code == 1
    assert "does not follow" in result.stdout
    assert json.loads(run("audit", str(bad), "--json").stdout)["ok"] is False
