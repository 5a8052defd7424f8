"""Tables for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track
from rich.table import Table

from taostack.reasonforge.leaderboard import Leaderboard
from taostack.reasonforge.simulator import EpochRecord
from taostack.reasonforge.tasks.model import Family

Item = TypeVar("Item")

_RAO = 1_000_000_000


def progress(items: Sequence[Item], what: str, *, enabled: bool) -> Iterable[Item]:
    """The items, with a bar on stderr while they are taken."""
    if not enabled:
        return items
    return track(items, description=what, console=Console(stderr=True), transient=True)


def _table(title: str, columns: Sequence[tuple[str, str]]) -> Table:
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name, justify in columns:
        # Words may wrap; numbers and keys, of which every character counts, never do.
        right = justify == "right"
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right or name == "hotkey")
    return table


def leaderboard(board: Leaderboard, *, console: Console | None = None) -> None:
    """One epoch's miners, best first; the reasons stand below the table."""
    console = console or Console()
    on_chain = any(row.incentive is not None for row in board.rows)
    names = ["#", "uid", "hotkey", "S", "±", "right", "PEB", "trap", "weight"]
    names += ["incentive", "earned α"] if on_chain else []
    table = _table("", [(name, "" if name == "hotkey" else "right") for name in names])
    for row in board.rows:
        cells = [
            str(row.rank),
            str(row.uid),
            _short(row.hotkey),
            f"{row.s_epoch:.3f}",
            f"{row.standard_error:.2f}",
            f"{row.correct}/{row.assigned}",
            f"{row.peb:.2f}",
            f"{row.trap_penalty:.2f}",
            f"{row.weight:.3f}",
        ]
        if on_chain:
            cells.append("–" if row.incentive is None else f"{row.incentive:.3f}")
            cells.append("–" if row.emission_rao is None else f"{row.emission_rao / _RAO:.3f}")
        table.add_row(*cells)
    title = f"Epoch {board.epoch} of subnet {board.netuid}: {board.tasks} tasks, mean CMS {board.average_cms:.3f}"
    console.print(title, style="bold")
    console.print(table)
    console.print()
    for row in board.rows:
        console.print(f"{row.rank:>3}  {_short(row.hotkey)}  {row.reason}", soft_wrap=True, highlight=False)
    console.print()
    console.print(f"seed {board.seed or 'not published yet'}", style="dim", soft_wrap=True)


def _short(hotkey: str) -> str:
    return hotkey if len(hotkey) <= 12 else f"{hotkey[:6]}…{hotkey[-4:]}"


def families(rows: Sequence[Family], *, console: Console | None = None) -> None:
    """The task families."""
    columns = [("family", ""), ("what", ""), ("topic", ""), ("levels", "right")]
    table = _table(f"{len(rows)} task families", columns)
    for each in rows:
        table.add_row(each.name, each.title, each.topic, " ".join(map(str, each.levels)))
    (console or Console()).print(table)


def simulation(records: Sequence[EpochRecord], config: Mapping[str, object], *, console: Console | None = None) -> None:
    """Simulated epochs: miners, validators, and what can be seen in them."""
    console = console or Console()
    console.print("ReasonForge simulation", style="bold")
    console.print(", ".join(f"{name} {value}" for name, value in config.items()), style="dim")
    for record in records:
        console.print()
        _miners(record, console)
        console.print()
        _validators(record, console)
    if records:
        console.print()
        for line in observations(records[-1]):
            console.print(line)
    console.print("★ top three  ⚠ trap penalty  ✓ VAS > .8  △ VAS > .6  ✗ below", style="dim")


def _miners(record: EpochRecord, console: Console) -> None:
    title = (
        f"Epoch {record.epoch_id}: {record.tasks_processed} tasks, {record.traps_injected} audited, "
        f"{record.breakthroughs} breakthroughs, mean CMS {record.avg_cms:.3f}"
    )
    columns = [("rank", "right"), ("name", ""), ("S", "right"), ("PEB", "right"), ("streak", "right")]
    table = _table(title, [*columns, ("TAO", "right"), ("total", "right"), ("", "")])
    for row in record.miners:
        marks = ("★" if row.rank <= 3 else "") + ("⚠" if row.trap_penalty < 1 else "")
        amounts = (f"{row.epoch_tao:.4f}", f"{row.total_tao:.4f}")
        table.add_row(str(row.rank), row.name, f"{row.s_epoch:.4f}", f"{row.peb:.4f}", str(row.streak), *amounts, marks)
    console.print(table)


def _validators(record: EpochRecord, console: Console) -> None:
    columns = [("validator", ""), ("stake", "right"), ("VAS", "right"), ("skill", "right"), ("rep ×", "right")]
    table = _table("", [*columns, ("TAO", "right"), ("slashed", "right"), ("", "")])
    for row in record.validators:
        mark = "✓" if row.vas > 0.8 else "△" if row.vas > 0.6 else "✗"
        numbers = (f"{row.stake:.2f}", f"{row.vas:.4f}", f"{row.skill:.4f}", f"{row.reputation:.3f}")
        table.add_row(row.name, *numbers, f"{row.epoch_tao:.4f}", f"{row.slashed:.4f}", mark)
    console.print(table)


def observations(record: EpochRecord) -> list[str]:
    """A few sentences about an epoch."""
    best, last = record.miners[0], record.miners[-1]
    lines = [
        f"{best.name} leads with S {best.s_epoch:.3f} and has earned {best.total_tao:.2f} TAO; "
        f"{last.name} is last with {last.total_tao:.2f} TAO."
    ]
    slashed = [row.name for row in record.validators if row.slashed > 0]
    if slashed:
        lines.append(f"Slashed this epoch, for a skill below the threshold over the last epochs: {', '.join(slashed)}.")
    return lines
