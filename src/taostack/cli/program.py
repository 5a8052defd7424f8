"""Finds the command, runs it, and tells a failure in one line.

Each system brings its own typer app; it is imported only when its name is the
first word of the command line, so that ``taostack --help`` answers at once.
"""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

import typer

import taostack
from taostack.cli.failures import reported

PROGRAM = "taostack"


@dataclass(frozen=True)
class Mounted:
    """A command that lives in another package: where its typer app is, and what it is for."""

    module: str
    help: str


MOUNTED: Mapping[str, Mounted] = {
    "demo": Mounted("taostack.demo.cli", "A whole subnet on a local chain, in one command."),
    "devnet": Mounted("taostack.devnet.cli", "A local Bittensor chain for SDKs and btcli."),
    "reasonforge": Mounted("taostack.reasonforge.cli", "The reasoning network: mine, validate, simulate."),
}

_root = typer.Typer(
    name=PROGRAM,
    help=taostack.__doc__,
    epilog="Errors are one line; --debug adds the traceback.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"{PROGRAM} {taostack.__version__}")
        raise typer.Exit


@_root.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a failure's traceback (also TAOSTACK_DEBUG=1).")] = False,
) -> None:
    pass


@_root.command()
def doctor() -> None:
    """Check what this machine has and what taostack needs."""
    from taostack.cli.doctor import examine, print_findings

    findings = examine()
    print_findings(findings)
    if any(each.required and not each.ok for each in findings):
        raise typer.Exit(1)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command line and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    words, debug = _without_debug(given)
    with reported(debug=debug or os.environ.get("TAOSTACK_DEBUG", "") not in ("", "0")):
        result = _command(words).main(args=words, prog_name=PROGRAM, standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)


def _without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """``--debug`` may stand anywhere before a ``--``, whatever the command."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    head = [each for each in arguments[:end] if each != "--debug"]
    return head + list(arguments[end:]), len(head) < end


def _command(arguments: Sequence[str]) -> Any:
    """The root command, with the real app for the first word and a one-line entry for every other."""
    root: Any = typer.main.get_command(_root)
    first = next((each for each in arguments if not each.startswith("-")), None)
    for name, mounted in MOUNTED.items():
        app = _app(mounted) if name == first else _entry(name, mounted)
        command = typer.main.get_command(app)
        command.name = name
        root.add_command(command, name)
    return root


def _app(mounted: Mounted) -> typer.Typer:
    app: typer.Typer = importlib.import_module(mounted.module).app
    app.rich_markup_mode = None  # every command's help looks the same
    return app


def _entry(name: str, mounted: Mounted) -> typer.Typer:
    app = typer.Typer(name=name, add_completion=False)
    app.command(help=mounted.help)(_unreachable)
    return app


def _unreachable() -> None:
    raise AssertionError("only listed in the help text")
