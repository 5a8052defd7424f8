from pathlib import Path

import pytest

from taostack.demo.cli import MARKER, closing_lines, prepare_folder, program
from taostack.process.errors import UsageError


def test_a_new_folder_is_made_and_marked(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / MARKER).exists()


def test_an_earlier_tours_folder_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "tour"
    prepare_folder(folder)
    (folder / "old").write_text("x")
    prepare_folder(folder)
    assert [each.name for each in folder.iterdir()] == [MARKER]


def test_files_of_others_are_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UsageError, match="holds files that no tour made"):
        prepare_folder(tmp_path)
    assert (tmp_path / "mine").exists()


def test_a_folder_that_cannot_be_made_is_told_with_a_remedy() -> None:
    with pytest.raises(UsageError, match="cannot be made anew: ") as caught:
        prepare_folder(Path("/proc/tour"))
    assert "--folder" in caught.value.remedy


def test_a_link_to_a_folder_is_told_and_kept(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    with pytest.raises(UsageError, match="cannot be made anew: "):
        prepare_folder(link)
    assert (tmp_path / "real").is_dir()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        prepare_folder(place)


def test_the_closing_lines_name_the_chain_the_subnet_and_the_best_miner(tmp_path: Path) -> None:
    text = "\n".join(closing_lines(tmp_path, 7, "ace"))
    assert f"taostack devnet --port 9944 --state {tmp_path}/chain.state" in text
    assert "subnets metagraph 7" in text
    assert "--wallet ace" in text


def test_a_folder_with_spaces_is_quoted(tmp_path: Path) -> None:
    text = "\n".join(closing_lines(tmp_path / "my tour", 2, "ace"))
    assert f"--state '{tmp_path}/my tour/chain.state'" in text
    assert f"--wallet-path '{tmp_path}/my tour/wallets'" in text


def test_a_command_is_named_by_its_path_where_it_is_not_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "btcli").write_text("#!/bin/sh\n")
    (folder / "btcli").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert program("btcli") == str(folder / "btcli")
    monkeypatch.chdir(tmp_path)
    assert program("btcli") == ".venv/bin/btcli"
    monkeypatch.setenv("PATH", str(folder))
    assert program("btcli") == "btcli"
    assert program("not-installed-anywhere") == "not-installed-anywhere"
