"""``taostack doctor``: what this machine has, what taostack needs, and what to do about the difference."""

import errno
import importlib.util
import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from taostack.cli.parts import OPTIONAL_PARTS, install_command

OLDEST_PYTHON = (3, 11)
SDK_MAJOR = 11
DEVNET_PORT = 9944
NEURON_ADDRESS = "127.0.0.2"
ENOUGH_DISK_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``remedy`` is empty when all is well."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    required: bool = True


def examine(
    *,
    version_of: Callable[[str], str] = metadata.version,
    has_module: Callable[[str], bool] = lambda name: importlib.util.find_spec(name) is not None,
    home: Path | None = None,
) -> list[Finding]:
    """Look at everything; nothing is changed and nothing is sent anywhere."""
    folder = home or Path.home()
    return [
        python_is_new_enough(sys.version_info[:2]),
        sdk_is_right(version_of),
        *parts_installed(has_module),
        address_usable(NEURON_ADDRESS),
        port_free("127.0.0.1", DEVNET_PORT),
        folder_writable(folder),
        disk_has_room(folder),
    ]


def python_is_new_enough(version: tuple[int, ...]) -> Finding:
    """Python 3.11 brought the task groups and exception groups that everything here uses."""
    text = f"{'.'.join(map(str, version))} on {platform.system()} {platform.machine()}"
    if version >= OLDEST_PYTHON:
        return Finding("Python", True, text)
    return Finding("Python", False, text, "install Python 3.11 or newer")


def sdk_is_right(version_of: Callable[[str], str]) -> Finding:
    """The chain layer stands on bittensor 11."""
    try:
        version = version_of("bittensor")
    except metadata.PackageNotFoundError:
        return Finding("bittensor", False, "not installed", f"pip install 'bittensor>={SDK_MAJOR}.3,<{SDK_MAJOR + 1}'")
    if version.split(".")[0] == str(SDK_MAJOR):
        return Finding("bittensor", True, version)
    return Finding("bittensor", False, version, f"pip install 'bittensor>={SDK_MAJOR}.3,<{SDK_MAJOR + 1}'")


def parts_installed(has_module: Callable[[str], bool]) -> Iterator[Finding]:
    """Each optional part, by the modules that its extra brings."""
    for part, modules in OPTIONAL_PARTS.items():
        missing = [name for name in modules if not has_module(name)]
        if missing:
            detail = f"lacks {', '.join(missing)}"
            yield Finding(f"part {part}", False, detail, install_command(part), required=False)
        else:
            yield Finding(f"part {part}", True, "installed", required=False)


def address_usable(address: str) -> Finding:
    """Local neurons listen on 127.0.0.2 and up, because the chain refuses an axon on 127.0.0.1."""
    with closing(socket.socket()) as probe:
        try:
            probe.bind((address, 0))
        except OSError as problem:
            remedy = f"add the address to the loopback interface (macOS: sudo ifconfig lo0 alias {address})"
            return Finding(f"address {address}", False, problem.strerror or str(problem), remedy, required=False)
    return Finding(f"address {address}", True, "local neurons can listen")


def port_free(host: str, port: int) -> Finding:
    """The devnet's own port; another one can be given, so a taken one is no failure."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            detail = "taken" if problem.errno == errno.EADDRINUSE else problem.strerror or str(problem)
            remedy = "stop what listens there, or start with taostack devnet --port 0"
            return Finding(f"port {port}", False, detail, remedy, required=False)
    return Finding(f"port {port}", True, "free for the devnet", required=False)


def folder_writable(folder: Path) -> Finding:
    """Wallets and state live below the home folder."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            return Finding("home folder", True, f"{existing} is writable")
    except OSError as problem:
        remedy = f"make {existing} writable for {os.environ.get('USER', 'this user')}, or set HOME"
        return Finding("home folder", False, f"{existing}: {problem.strerror}", remedy)


def disk_has_room(folder: Path) -> Finding:
    """A journal that cannot grow stops a neuron."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / 1e9:,.1f} GB free at {existing}"
    if free >= ENOUGH_DISK_BYTES:
        return Finding("disk", True, text)
    return Finding("disk", False, text, "free at least 1 GB")


def print_findings(findings: Sequence[Finding], console: Console | None = None) -> None:
    """One row per finding, and a closing line."""
    console = console or Console()
    table = Table(box=None, show_header=False, pad_edge=False)
    for each in findings:
        mark = "[green]ok[/]" if each.ok else "[red]missing[/]" if each.required else "[yellow]note[/]"
        # As text: a remedy's square brackets are no markup.
        table.add_row(mark, each.name, Text(each.detail + (f" → {each.remedy}" if each.remedy else "")))
    console.print(table)
    broken = sum(each.required and not each.ok for each in findings)
    console.print(f"{broken} thing{'s' if broken > 1 else ''} to repair" if broken else "ready")
