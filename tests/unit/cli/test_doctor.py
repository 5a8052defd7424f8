import io
import socket
from importlib import metadata
from pathlib import Path

import pytest
from rich.console import Console

from taostack.cli import doctor
from taostack.cli.program import main


def test_every_required_thing_is_here_where_the_tests_run(tmp_path: Path) -> None:
    findings = doctor.examine(home=tmp_path)
    assert [each for each in findings if each.required and not each.ok] == []


def test_an_old_python_is_refused_with_a_remedy() -> None:
    finding = doctor.python_is_new_enough((3, 10))
    assert not finding.ok
    assert "3.11" in finding.remedy


@pytest.mark.parametrize("version", ["10.5.0", "12.0.0"])
def test_another_sdk_is_refused(version: str) -> None:
    assert not doctor.sdk_is_right(lambda name: version).ok


def test_a_missing_sdk_is_told_with_the_command_that_installs_it() -> None:
    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    assert doctor.sdk_is_right(absent).remedy == "pip install 'bittensor>=11.3,<12'"


def test_a_missing_part_is_a_note_and_not_a_fault() -> None:
    findings = {each.name: each for each in doctor.parts_installed(lambda name: name != "zstandard")}
    assert findings["part devnet"].ok
    assert findings["part wire"] == doctor.Finding(
        "part wire", False, "lacks zstandard", "pip install 'taostack[wire]'", required=False
    )


def test_a_taken_port_is_seen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert doctor.port_free("127.0.0.1", taken.getsockname()[1]).detail == "taken"


def test_an_address_that_is_not_ours_is_seen() -> None:
    assert not doctor.address_usable("192.0.2.1").ok
    assert not doctor.port_free("192.0.2.1", 1).ok


def test_a_home_that_does_not_exist_yet_is_judged_by_the_folder_above(tmp_path: Path) -> None:
    finding = doctor.folder_writable(tmp_path / "not" / "yet")
    assert finding.ok
    assert str(tmp_path) in finding.detail


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(dir: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    finding = doctor.folder_writable(tmp_path)
    assert not finding.ok
    assert "Read-only" in finding.detail


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ENOUGH_DISK_BYTES", 1 << 62)
    assert not doctor.disk_has_room(tmp_path).ok


def test_the_findings_are_a_table_with_a_closing_line() -> None:
    good = doctor.Finding("Python", True, "3.11")
    bad = doctor.Finding("bittensor", False, "not installed", "pip install 'taostack[x]'")
    note = doctor.Finding("port 9944", False, "taken", "stop it", required=False)
    out = io.StringIO()
    doctor.print_findings([good, bad, note], Console(file=out, width=200))
    text = out.getvalue()
    assert "not installed → pip install 'taostack[x]'" in text
    assert text.endswith("1 thing to repair\n")
    out = io.StringIO()
    doctor.print_findings([good, note], Console(file=out, width=200))
    assert out.getvalue().endswith("ready\n")


def test_the_command_exits_with_1_when_something_is_to_repair(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: [doctor.Finding("disk", False, "full", "free some")])
    with pytest.raises(SystemExit) as caught:
        main(["doctor"])
    assert caught.value.code == 1
    assert "free some" in capsys.readouterr().out
