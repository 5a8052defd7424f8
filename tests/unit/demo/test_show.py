import io

from rich.console import Console

from taostack.demo.show import Show
from taostack.process.clock import ManualClock
from taostack.reasonforge.judging import EpochOutcome
from taostack.reasonforge.tasks.registry import Slot
from taostack.reasonforge.validator import EpochJudged, EpochOpened, RoundDone


async def test_steps_tell_the_time_since_the_start() -> None:
    screen, clock = io.StringIO(), ManualClock()
    show = Show(Console(file=screen, width=80), clock=clock)
    await clock.advance(2.5)
    show.step("done")
    assert screen.getvalue() == "  ✓ done 2.5 s\n"


def test_an_epochs_bar_follows_its_rounds_on_a_terminal() -> None:
    screen = io.StringIO()
    slot = Slot(index=0, family="lattice-paths", level=1, audited=False)
    with Show(Console(file=screen, width=100, force_terminal=True)) as show:
        show.event("v", EpochOpened(epoch=4, attempt=1, commitment="c", slots=(slot, slot), miners=6))
        show.event("v", RoundDone(epoch=4, slot=slot, transcripts=()))
        show.event("v", EpochJudged(epoch=4, outcome=EpochOutcome(answers=(), standings=(), void_slots=())))
    text = screen.getvalue()
    assert "v, epoch 4" in text
    assert "1/2" in text


def test_closing_lines_are_printed_as_they_are() -> None:
    screen = io.StringIO()
    Show(Console(file=screen, width=20)).closing(["  a [b] command that is longer than the console"])
    assert "  a [b] command that is longer than the console\n" in screen.getvalue()
