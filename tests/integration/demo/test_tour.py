"""The tour in this process, small: one validator, an honest miner and a spammer, on a real chain."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from taostack.demo.cast import Cast, MinerRole, ValidatorRole
from taostack.demo.show import Show
from taostack.demo.tour import TourSettings, TourStalledError, run_tour
from taostack.process.errors import TaostackError
from taostack.reasonforge.rules import Rules

CAST = Cast(
    validators=(ValidatorRole("judge", 50),),
    miners=(MinerRole("solver", "exact"), MinerRole("noise", "templates", behaviour="spammer")),
)


def _settings(folder: Path, **changes: object) -> TourSettings:
    given: dict = {
        "epochs": 2, "seed": 3, "block_seconds": 0.1, "tempo": 30, "cast": CAST, "rules": Rules(tasks_per_epoch=6),
    } | changes  # fmt: skip
    return TourSettings(folder=folder, **given)


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def show(screen: io.StringIO) -> Show:
    return Show(Console(file=screen, width=80, force_terminal=False))


async def test_the_solver_earns_and_the_spammer_does_not(tmp_path: Path, show: Show, screen: io.StringIO) -> None:
    with show:
        result = await run_tour(_settings(tmp_path), show)
    first, last = result.earned
    assert (first.name, last.name) == ("solver", "noise")
    assert first.earned_rao > 0
    # A guess may be right by luck now and then, with six tasks an epoch.
    assert first.incentive > 0.75
    assert first.incentive + last.incentive == pytest.approx(1.0, abs=1e-3)
    assert last.correct <= first.correct / 3
    assert len(result.epochs) == 2
    assert [board.epoch for board in result.boards] == list(result.epochs)
    text = screen.getvalue()
    assert "epoch 2 of 2" in text
    assert "judge: stake" in text
    assert max(map(len, text.splitlines())) <= 80


async def test_epochs_that_do_not_come_end_the_tour_with_one_error(tmp_path: Path, show: Show) -> None:
    # Without a validator nobody closes an epoch.
    nobody = Cast(validators=(), miners=CAST.miners)
    settings = _settings(tmp_path, epochs=1, tempo=20, cast=nobody, patience_seconds=1.0)
    with pytest.raises(TourStalledError) as stalled:
        await run_tour(settings, show)
    assert isinstance(stalled.value, TaostackError)
    assert "0 of 1" in str(stalled.value)
