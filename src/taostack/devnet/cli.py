"""``taostack devnet``: a local chain until Ctrl-C."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from taostack.devnet.node import DevnetSettings, Node

DEFAULT_PORT = 9944
"""Where SDKs and btcli look for the network named ``local``."""

_GRACE_SECONDS = 5.0

app = typer.Typer(add_completion=False)


@app.command()
def devnet(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")] = DEFAULT_PORT,
    block_time: Annotated[float, typer.Option(help="Seconds between blocks.")] = 0.25,
    seal: Annotated[str, typer.Option(help="interval, instant (a block for each transaction) or manual.")] = "interval",
    state: Annotated[Path | None, typer.Option(help="Keep the chain in this file and continue from it.")] = None,
    keep_blocks: Annotated[int, typer.Option(help="How many past blocks can be read.")] = 1_200,
    archive: Annotated[bool, typer.Option(help="Keep every block readable; memory grows with the chain.")] = False,
    allow_remote: Annotated[
        bool, typer.Option(help="Allow a --host beyond this machine, although everyone knows the keys.")
    ] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "warning",
    log_format: Annotated[str, typer.Option(help="console or json.")] = "console",
) -> None:
    """Run a local Bittensor chain for SDKs and btcli, until Ctrl-C.

    The keys //Alice to //Ferdie are funded and known to everyone; //Alice has
    sudo. Nothing on this chain is worth anything.
    """
    from taostack.devnet.node import DevnetSettings, loop_factory
    from taostack.process import logs, shutdown

    logs.configure(level=log_level, format=log_format)
    settings = DevnetSettings(
        host=host,
        port=port,
        block_time=block_time,
        seal=seal,  # type: ignore[arg-type]  # checked by the settings themselves
        state_file=state,
        keep_blocks=None if archive else keep_blocks,
        allow_remote=allow_remote,
    )
    settings.check()
    code = shutdown.run(_serve(settings), grace_seconds=_GRACE_SECONDS, loop_factory=loop_factory())
    if code:
        raise typer.Exit(code)


async def _serve(settings: "DevnetSettings") -> None:
    from taostack.devnet.node import Node
    from taostack.process.clock import SystemClock

    node = Node(settings, SystemClock())
    await node.run(lambda: _greet(node))


def _greet(node: "Node") -> None:
    for line in banner(node):
        typer.echo(line)
    typer.echo(f"Ready {node.url}")


def banner(node: "Node") -> list[str]:
    """What is printed once clients can connect, before the line ``Ready URL``."""
    from taostack.devnet.genesis import DEV_ACCOUNTS
    from taostack.devnet.pallets.balances import free_balance

    settings, chain = node.settings, node.chain
    pace = {
        "interval": f"a block every {settings.block_time:g} s",
        "instant": "a block for each transaction",
        "manual": "blocks by dev_mine only",
    }[settings.seal]
    kept = f", kept in {settings.state_file}" if settings.state_file is not None else ""
    lines = [
        f"taostack devnet: {pace}{kept}",
        f"  chain     block {chain.number}, genesis 0x{chain.genesis_hash.hex()}, spec {chain.profile.spec_version}",
        "  accounts  (secret URIs known to everyone; //Alice has sudo)",
    ]
    for uri, address in DEV_ACCOUNTS.items():
        tao = free_balance(chain.state, address) / 10**9
        lines.append(f"    {uri:<10} {address}  τ{tao:,.2f}")
    lines += [
        f"  btcli     btcli wallet balance --network {node.url}",
        f'  SDK       bittensor.Client("{node.url}")',
    ]
    if settings.allow_remote:
        lines.append("  WARNING   listening beyond this machine: whoever reaches the port can spend everything here")
    return lines
