import os
import resource
import subprocess
import sys
from types import ModuleType

import pytest
import typer

import taostack
from taostack.cli.program import MOUNTED, Mounted, main
from taostack.process.errors import RefusedError
from taostack.process.tasks import TaskFailedError


def outcome(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    seen = capsys.readouterr()
    return caught.value.code, seen.out, seen.err


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """A command ``probe`` in a package of its own, mounted as the systems are."""
    app = typer.Typer()
    module = ModuleType("taostack_probe")
    module.app = app
    monkeypatch.setitem(sys.modules, "taostack_probe", module)
    monkeypatch.setattr(
        "taostack.cli.program.MOUNTED", {**MOUNTED, "probe": Mounted("taostack_probe", "Probe things.")}
    )
    return app


def test_version_prints_name_and_number(capsys) -> None:
    assert outcome(capsys, "--version") == (0, f"taostack {taostack.__version__}\n", "")


def test_help_lists_every_mounted_command_without_importing_it(capsys) -> None:
    code, out, _ = outcome(capsys, "--help")
    assert code == 0
    assert all(name in out and mounted.help in out for name, mounted in MOUNTED.items())


def test_help_imports_none_of_the_heavy_libraries() -> None:
    program = (
        "import sys\nfrom taostack.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'bittensor', 'numpy', 'aiohttp', 'sqlalchemy', 'uvicorn', 'sympy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_help_answers_at_once() -> None:
    """Seconds of processor time, the best of several: what else runs on the machine is not the command's doing."""
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "taostack", "--help"], env=unmeasured, capture_output=True, timeout=60, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)

    assert min(seconds() for _ in range(5)) < 0.3


def test_an_unknown_command_is_one_line_with_a_suggestion(capsys) -> None:
    code, out, err = outcome(capsys, "devnt")
    assert (code, out) == (2, "")
    assert err == "error[usage]: No such command 'devnt'. Did you mean 'devnet'? (see taostack --help)\n"


def test_an_unknown_option_is_one_line_with_a_suggestion(capsys) -> None:
    code, _, err = outcome(capsys, "--verzion")
    assert code == 2
    assert err.startswith("error[usage]: No such option: --verzion")
    assert "--version" in err
    assert err.count("\n") == 1


def test_no_command_shows_the_help(capsys) -> None:
    code, _, err = outcome(capsys)
    assert code == 2
    assert "Commands:" in err


def test_a_mounted_app_with_one_command_is_that_command(capsys, mounted) -> None:
    @mounted.command()
    def only(port: int = 1) -> None:
        """Say the port."""
        typer.echo(f"port {port}")

    assert outcome(capsys, "probe", "--port", "7") == (0, "port 7\n", "")
    assert "Say the port." in outcome(capsys, "probe", "--help")[1]


def test_a_mounted_app_with_several_commands_is_a_group(capsys, mounted) -> None:
    @mounted.command()
    def miner() -> None:
        typer.echo("mining")

    @mounted.command()
    def validator() -> None:
        raise typer.Exit(3)

    assert outcome(capsys, "probe", "miner") == (0, "mining\n", "")
    assert outcome(capsys, "probe", "validator")[0] == 3
    code, _, err = outcome(capsys, "probe", "minner")
    assert code == 2
    assert "Did you mean 'miner'?" in err
    assert "(see taostack probe --help)" in err


def failing(mounted: typer.Typer, error: BaseException) -> None:
    @mounted.command()
    def fails() -> None:
        raise error


def test_an_error_of_ours_is_one_line_and_exit_code_2(capsys, mounted) -> None:
    failing(mounted, RefusedError("the chain said no", remedy="ask again later"))
    assert outcome(capsys, "probe") == (2, "", "error[refused]: the chain said no (ask again later)\n")


def test_the_first_error_of_ours_inside_a_group_is_the_one_that_is_told(capsys, mounted) -> None:
    cause = RefusedError("not registered", remedy="register the hotkey")
    inner = ExceptionGroup("inner", [ValueError("x"), TaskFailedError("epochs", cause, 2)])
    failing(mounted, ExceptionGroup("outer", [inner]))
    code, _, err = outcome(capsys, "probe")
    assert code == 2
    assert err == ("error[task-failed]: task 'epochs' failed after 2 restarts: not registered (register the hotkey)\n")


def test_a_defect_of_ours_is_one_line_without_a_traceback(capsys, mounted) -> None:
    failing(mounted, ZeroDivisionError("by\nzero"))
    code, _, err = outcome(capsys, "probe")
    assert code == 1
    assert err.startswith("error[internal]: ZeroDivisionError: by zero (run again with --debug")
    assert err.count("\n") == 1


@pytest.mark.parametrize("place", ["before", "after", "variable"])
def test_debug_adds_the_traceback_wherever_it_stands(capsys, mounted, monkeypatch, place) -> None:
    failing(mounted, RefusedError("no"))
    if place == "variable":
        monkeypatch.setenv("TAOSTACK_DEBUG", "1")
    arguments = {"before": ["--debug", "probe"], "after": ["probe", "--debug"], "variable": ["probe"]}[place]
    code, _, err = outcome(capsys, *arguments)
    assert code == 2
    assert "Traceback" in err
    assert err.endswith(RefusedError("no").line() + "\n")


def test_debug_behind_two_dashes_belongs_to_the_command(capsys, mounted) -> None:
    @mounted.command()
    def echo(words: list[str]) -> None:
        typer.echo(" ".join(words))

    assert outcome(capsys, "probe", "--", "--debug") == (0, "--debug\n", "")


def test_an_interrupt_is_told_briefly(capsys, mounted) -> None:
    failing(mounted, KeyboardInterrupt())
    assert outcome(capsys, "probe")[0] == 130


def test_an_abort_is_told_briefly(capsys, mounted) -> None:
    failing(mounted, typer.Abort())
    assert outcome(capsys, "probe") == (130, "", "interrupted\n")


def test_a_reader_that_went_away_is_no_error(mounted, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    failing(mounted, BrokenPipeError())
    with pytest.raises(SystemExit) as caught:
        main(["probe"])
    assert caught.value.code == 0


@pytest.mark.parametrize("grouped", [False, True])
def test_a_command_whose_part_is_not_installed_says_how_to_install_it(capsys, mounted, grouped) -> None:
    error: Exception = ModuleNotFoundError("No module named 'kyber_py'", name="kyber_py.ml_kem")
    failing(mounted, ExceptionGroup("in a task", [error]) if grouped else error)
    code, _, err = outcome(capsys, "probe")
    assert code == 2
    assert err == (
        "error[part-missing]: this needs kyber_py, which is not installed (pip install 'taostack[devnet]')\n"
    )


def test_a_module_that_belongs_to_no_part_is_a_defect(capsys, mounted) -> None:
    failing(mounted, ModuleNotFoundError("No module named 'numpi'", name="numpi"))
    assert outcome(capsys, "probe")[0] == 1
