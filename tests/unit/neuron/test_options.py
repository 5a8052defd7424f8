"""A settings tree as command-line options."""

import os
from typing import Annotated

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from taostack.neuron.options import with_settings
from taostack.process.errors import SettingsError


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a tree."""

    name: str = "plain"
    """Which engine thinks."""
    careful: bool = False
    """Whether it thinks twice."""
    seeds: tuple[int, ...] = ()
    undocumented: int = 3


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """A tree."""

    netuid: int
    """The subnet."""
    engine: Engine = Engine()


class Child(Tree, frozen=True, kw_only=True):
    """Inherits."""

    extra: str = ""
    """Of its own."""


def run(arguments: list[str], environ: dict[str, str] | None = None, tree: type[Tree] = Tree):
    seen = []
    app = typer.Typer()

    @app.command()
    @with_settings(tree, environ=environ or {})
    def command(settings: Tree, count: Annotated[int, typer.Option(help="How often.")] = 1) -> None:
        """Do it."""
        seen.append((settings, count))

    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "TERM": "dumb"})
    return result, seen


def test_flags_become_settings_and_own_options_stay():
    result, seen = run(["--netuid", "7", "--engine.name", "fast", "--engine.seeds", "1,2", "--count", "4"])
    assert result.exit_code == 0, result.output
    assert seen == [(Tree(netuid=7, engine=Engine(name="fast", seeds=(1, 2))), 4)]


@pytest.mark.parametrize(("flag", "careful"), [("--engine.careful", True), ("--engine.no_careful", False)])
def test_a_switch_has_a_flag_for_each_side(flag, careful):
    assert run(["--netuid", "7", flag], {"TAOSTACK_ENGINE_CAREFUL": "true"})[1][0][0].engine.careful is careful


def test_what_is_not_given_comes_from_environment_and_file(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('netuid = 1\n[engine]\nname = "file"\nundocumented = 9\n')
    environ = {"TAOSTACK_ENGINE_NAME": "environment", "TAOSTACK_SETTINGS": str(file), "OTHER": "x"}
    assert run([], environ)[1][0][0] == Tree(netuid=1, engine=Engine(name="environment", undocumented=9))
    assert run(["--settings", str(file)])[1][0][0].engine.name == "file"


def test_help_shows_each_field_with_its_text_and_default():
    output = run(["--help"], tree=Child)[0].output
    for text in ("--netuid", "The subnet (required)", "Which engine thinks (default: plain)", "--extra", "Of its own"):
        assert text in output
    assert "Whether it thinks twice (default: false)" in output


def test_a_missing_setting_is_a_settings_error():
    result, _ = run([])
    assert isinstance(result.exception, SettingsError)


def test_the_processs_environment_is_the_default(monkeypatch):
    monkeypatch.setenv("TAOSTACK_NETUID", "12")
    seen = []
    app = typer.Typer()

    @app.command()
    @with_settings(Tree)
    def command(settings: Tree) -> None:
        seen.append(settings.netuid)

    CliRunner().invoke(app, [])
    assert seen == [12]
    assert os.environ["TAOSTACK_NETUID"] == "12"


def test_a_tree_without_a_source_still_has_options():
    namespace: dict[str, object] = {}
    exec("import msgspec\nclass Made(msgspec.Struct, frozen=True):\n    size: int = 1\n", namespace)  # noqa: S102
    seen = []
    app = typer.Typer()

    @app.command()
    @with_settings(namespace["Made"], environ={})  # type: ignore[type-var]
    def command(settings) -> None:
        seen.append(settings.size)

    assert CliRunner().invoke(app, ["--size", "5"]).exit_code == 0
    assert seen == [5]
