"""``taostack demo``: the tour on the command line."""

import asyncio
import shutil
import signal
import sys
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

MARKER = "made-by-taostack-demo"
"""A folder with this file in it was made by an earlier tour and may be replaced."""


@app.command()
def demo(
    epochs: Annotated[int, typer.Option(min=1, max=100, help="How many epochs to play.")] = 4,
    seed: Annotated[int | None, typer.Option(help="Fixes the wallets' keys and the miners' slips.")] = None,
    folder: Annotated[
        Path, typer.Option(help="Where wallets, databases, log and chain go; replaced if an earlier tour made it.")
    ] = Path("taostack-demo"),
    block_time: Annotated[float, typer.Option(min=0.05, max=12.0, help="Seconds between blocks.")] = 0.25,
    tempo: Annotated[int, typer.Option(min=20, max=360, help="Blocks in an epoch.")] = 60,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The chain's port; 0 takes a free one.")] = 0,
    hold: Annotated[bool, typer.Option("--hold", help="Keep everything running afterwards, until Ctrl-C.")] = False,
) -> None:
    """A whole subnet on a local chain: two validators, six miners, weights, emission, a leaderboard.

    Everything is real but the money: signed extrinsics, signed tasks over HTTP,
    Yuma consensus. Takes about two minutes.
    """
    from taostack.demo.show import Show
    from taostack.demo.tour import TourSettings
    from taostack.process import logs

    prepare_folder(folder)
    settings = TourSettings(folder=folder, epochs=epochs, seed=seed, block_seconds=block_time, tempo=tempo, port=port)
    with (folder / "tour.log").open("w", encoding="utf-8") as log:
        logs.configure(level="info", format="json", stream=log)
        with Show() as show:
            asyncio.run(_play(settings, show, hold=hold))


async def _play(settings: "TourSettings", show: "Show", *, hold: bool) -> None:  # type: ignore[name-defined]  # noqa: F821
    from taostack.demo.tour import run_tour

    held: asyncio.Event | None = None
    if hold:
        held = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, held.set)
    result = await run_tour(settings, show, hold=held)
    show.closing(closing_lines(settings.folder, result.netuid, result.earned[0].name))


def closing_lines(folder: Path, netuid: int, best: str) -> list[str]:
    """How to look at the chain with the tools that everybody has."""
    url, btcli = "ws://127.0.0.1:9944", program("btcli")
    return [
        "  Start the chain again where it stopped, in a terminal of its own:",
        f"    {program('taostack')} devnet --port 9944 --state {quote(str(folder / 'chain.state'))}",
        "  and look at it with the unmodified btcli:",
        f"    {btcli} --network {url} subnets metagraph {netuid}",
        f"    {btcli} --network {url} --wallet-path {quote(str(folder / 'wallets'))} wallet overview --wallet {best}",
        f"  Everything the neurons did: {folder}/tour.log (JSON lines), {folder}/state (SQLite).",
    ]


def program(name: str) -> str:
    """What to type for an installed command: its name, or its path where the environment is not on PATH."""
    beside = Path(sys.executable).with_name(name)
    if shutil.which(name) or not beside.exists():
        return name
    return str(beside.relative_to(Path.cwd())) if beside.is_relative_to(Path.cwd()) else str(beside)


def prepare_folder(folder: Path) -> None:
    """An empty folder with our marker; refuses to replace one that an earlier tour did not make."""
    from taostack.process.errors import UsageError

    try:
        if folder.exists():
            if not folder.is_dir():
                raise UsageError(f"{folder} is a file", remedy="name another --folder")
            if any(folder.iterdir()) and not (folder / MARKER).exists():
                raise UsageError(f"{folder} holds files that no tour made", remedy="name another --folder")
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / MARKER).touch()
    except OSError as error:
        problem = f"{folder} cannot be made anew: {error.strerror or error}"
        raise UsageError(problem, remedy="name another --folder") from error
