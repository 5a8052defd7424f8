"""``taostack demo`` as a newcomer runs it, and the unmodified btcli on the chain that it leaves behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import TAOSTACK, Program, wait_until

# One worker runs all of this file, so that the tour is played once.
pytestmark = pytest.mark.xdist_group("tour")

BTCLI = Path(sys.executable).with_name("btcli")
HONEST = ("ace", "steady", "average", "careless")
CHEATS = ("copier", "spammer")
ROW = re.compile(r"^\s*(\d) │ (\w+)\s+│\s+(\d+)/(\d+) │\s+([\d.]+) │\s+([\d.]+)% │\s+([\d.]+)% │\s+([\d.]+)\s*$", re.M)


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the output of a short tour."""
    folder = tmp_path_factory.mktemp("tour") / "demo"
    done = subprocess.run(
        [*TAOSTACK, "demo", "--epochs", "2", "--seed", "5", "--folder", str(folder)],
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_honest_miners_earn_by_skill_and_cheats_end_at_the_bottom(tour: tuple[Path, str]) -> None:
    rows = {name: values for _, name, *values in ROW.findall(tour[1])}
    assert set(rows) == {*HONEST, *CHEATS}, tour[1]
    order = [name for _, name, *_ in ROW.findall(tour[1])]
    assert set(order[-2:]) == set(CHEATS)
    assert order[0] == "ace"
    earned = {name: float(values[-1]) for name, values in rows.items()}
    incentive = {name: float(values[-2]) for name, values in rows.items()}
    # Tasks are drawn from secret seeds, so a cheat may guess one right; it must not live on that.
    assert max(earned[name] for name in CHEATS) < min(earned[name] for name in HONEST)
    assert sum(incentive[name] for name in CHEATS) < 15
    assert sum(incentive.values()) == pytest.approx(100, abs=0.5)


def test_every_miner_is_told_why(tour: tuple[Path, str]) -> None:
    for name in (*HONEST, *CHEATS):
        assert re.search(rf"^  {name}, .+: \d+ of \d+ right", tour[1], re.M), tour[1]


def test_the_closing_lines_show_the_same_chain_to_an_unmodified_btcli(tour: tuple[Path, str], tmp_path: Path) -> None:
    folder, output = tour
    commands = [line.strip() for line in output.splitlines() if line.startswith("    ")]
    (resume,) = [line for line in commands if "taostack devnet" in line]
    looks = [line for line in commands if "btcli --network" in line]
    assert len(looks) == 2
    arguments = resume.replace("--port 9944", "--port 0").split()[1:]
    chain = Program("devnet", [*TAOSTACK, *arguments], tmp_path)
    chain.start()
    try:
        wait_until(lambda: "Ready " in chain.tail(), 30, "the chain is ready", chain)
        ready = re.search(r"Ready (ws://\S+)", chain.tail())
        assert ready is not None
        shown = []
        for look in looks:
            words = look.replace("ws://127.0.0.1:9944", ready[1]).split()
            done = subprocess.run(
                [str(BTCLI), *words[1:]],
                capture_output=True,
                text=True,
                timeout=90,
                check=False,
                env={**os.environ, "COLUMNS": "200"},
            )
            assert done.returncode == 0, done.stdout + done.stderr
            shown.append(done.stdout)
        assert len(re.findall(r"\buid \d+ ", shown[0])) == 9, shown[0]
        assert "netuid 2" in shown[1], shown[1]
    finally:
        assert chain.stop() == 0
    assert (folder / "state").is_dir()


def test_a_folder_that_no_tour_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = subprocess.run(
        [*TAOSTACK, "demo", "--folder", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "holds files that no tour made" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
