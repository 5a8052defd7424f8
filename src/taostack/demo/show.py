"""What the tour shows: steps with their time, a bar while an epoch runs, tables, and where to look next."""

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from taostack.chain.metagraph import Metagraph
from taostack.chain.records import RAO_PER_TAO
from taostack.demo.cast import Cast, MinerRole
from taostack.demo.verdict import Earned
from taostack.process.clock import Clock, SystemClock
from taostack.reasonforge.leaderboard import Leaderboard
from taostack.reasonforge.validator import EpochJudged, EpochOpened, Event, RoundDone


class Show:
    """Prints the tour to a console; bars only where the console is a terminal."""

    def __init__(self, console: Console | None = None, *, clock: Clock | None = None) -> None:
        self.console = console or Console()
        self._clock = clock or SystemClock()
        self._started = self._clock.monotonic()
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> "Show":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def heading(self, text: str) -> None:
        """A new part of the tour."""
        self.console.print(f"\n[bold]{text}[/bold]", highlight=False)

    def step(self, text: str) -> None:
        """Something has been done."""
        elapsed = self._clock.monotonic() - self._started
        self.console.print(f"  [green]✓[/green] {text} [dim]{elapsed:.1f} s[/dim]", highlight=False)

    def event(self, validator: str, event: Event) -> None:
        """What a validator's program tells while it works."""
        match event:
            case EpochOpened():
                self._bar(validator).reset(
                    self._bars[validator],
                    total=len(event.slots),
                    description=f"{validator}, epoch {event.epoch}: {event.miners} miners, rounds answered",
                )
            case RoundDone():
                self._bar(validator).advance(self._bars[validator])
            case EpochJudged():
                self._bar(validator).update(self._bars[validator], description=f"{validator}, epoch {event.epoch}")

    def _bar(self, validator: str) -> Progress:
        if validator not in self._bars:
            self._bars[validator] = self._progress.add_task(validator, total=None)
        return self._progress

    def epoch(self, number: int, of: int, boards: Sequence[Leaderboard], names: dict[str, str]) -> None:
        """One line about an epoch that all validators have closed."""
        correct = sum(row.correct for board in boards for row in board.rows)
        assigned = sum(row.assigned for board in boards for row in board.rows)
        order = " > ".join(names.get(row.hotkey, row.hotkey[:8]) for row in boards[0].rows)
        self.step(f"epoch {number} of {of}: {correct} of {assigned} answers verified right; {order}")

    def leaderboard(self, cast: Cast, earned: Sequence[Earned], epochs: int) -> None:
        """Who earned what over the whole tour, and why; fits a console of 80 columns."""
        table = Table(title=f"After {epochs} epochs", title_justify="left", title_style="bold", show_edge=False)
        for name in ("#", "miner", "right", "S", "weight", "incentive", "earned α"):
            table.add_column(name, justify="left" if name == "miner" else "right", no_wrap=True)
        roles: dict[str, MinerRole] = {role.name: role for role in cast.miners}
        for row in earned:
            table.add_row(
                str(row.rank),
                row.name,
                f"{row.correct}/{row.assigned}",
                f"{row.score:.3f}",
                f"{row.weight:.1%}",
                f"{row.incentive:.1%}",
                f"{row.earned_rao / RAO_PER_TAO:.3f}",
                style=None if roles[row.name].honest else "dim",
            )
        self.console.print()
        self.console.print(table)
        self.heading("Why (last epoch, as the first validator saw it)")
        for row in earned:
            self.console.print(Padding(f"{row.name}, {roles[row.name].character}: {row.reason}", (0, 0, 0, 2)))

    def validators(self, cast: Cast, metagraph: Metagraph, names: dict[str, str]) -> None:
        """What the cast's validators hold and earn."""
        self.heading("Validators")
        played = {role.name for role in cast.validators}
        for uid in metagraph.validators():
            name = names.get(metagraph.hotkeys[uid])
            if name not in played:
                continue
            self.console.print(
                f"  {name}: stake {metagraph.alpha_stake_rao[uid] / RAO_PER_TAO:.3f} α, "
                f"dividends {metagraph.dividends[uid]:.1%}, weights set in block {metagraph.last_update[uid]}",
                highlight=False,
            )
        total = int(np.sum(metagraph.emission_rao)) / RAO_PER_TAO
        self.console.print(f"  last epoch's emission: {total:.3f} α to miners and validators", highlight=False)

    def closing(self, lines: Sequence[str]) -> None:
        """Where to look next."""
        self.heading("Look at the same chain yourself")
        for line in lines:
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)
