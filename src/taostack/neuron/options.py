"""Command-line options made from a settings tree, so that help, flags and settings never differ.

    app = typer.Typer()

    @app.command()
    @with_settings(MySettings)
    def miner(settings: MySettings) -> None:
        '''Run a miner.'''

Every leaf of the tree becomes an option of its dotted name; ``--settings FILE``
names a TOML file. What is not given comes from the environment
(``TAOSTACK_WALLET_NAME``), the file, or the default, in this order.
"""

import ast
import functools
import inspect
import os
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec
import typer

from taostack.process import settings as process_settings

Tree = TypeVar("Tree", bound=msgspec.Struct)

SETTINGS_VARIABLE = "TAOSTACK_SETTINGS"
"""Names the settings file when ``--settings`` is not given."""


def with_settings(
    tree: type[Tree], *, environ: Mapping[str, str] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Turn ``command(settings, …)`` into a typer command with one option for each leaf of ``tree``.

    Parameters of ``command`` besides ``settings`` stay typer parameters.
    ``environ`` is read when the command runs; default: the process's own.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        names = {_parameter(leaf.name): leaf.name for leaf in process_settings.describe(tree)}
        own = [
            each for name, each in inspect.signature(command, eval_str=True).parameters.items() if name != "settings"
        ]

        @functools.wraps(command)
        def run(**given: Any) -> Any:
            variables = os.environ if environ is None else environ
            flags = {dotted: given.pop(name) for name, dotted in names.items()}
            file = given.pop("settings_file") or _path_of(variables.get(SETTINGS_VARIABLE))
            settings = process_settings.load(tree, flags=flags, environ=variables, file=file)
            return command(settings=settings, **given)

        parameters = [*own, *_options(tree), _settings_file_option()]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def _options(tree: type[msgspec.Struct]) -> list[inspect.Parameter]:
    helps = _helps(tree, "")
    return [
        inspect.Parameter(
            _parameter(leaf.name),
            inspect.Parameter.KEYWORD_ONLY,
            default=typer.Option(
                None,
                _flag(leaf),
                help=_help(leaf, helps.get(leaf.name, "")),
                show_default=False,
                rich_help_panel=_panel(leaf.name),
            ),
            annotation=bool | None if leaf.type is bool else str | None,
        )
        for leaf in process_settings.describe(tree)
    ]


def _flag(leaf: process_settings.Setting) -> str:
    if leaf.type is bool:
        head, _, tail = leaf.name.rpartition(".")
        return f"--{leaf.name}/--{head}{'.' if head else ''}no_{tail}"
    return f"--{leaf.name}"


def _help(leaf: process_settings.Setting, text: str) -> str:
    if leaf.required:
        note = "required"
    elif leaf.default in (None, "", (), frozenset()):
        note = f"or {leaf.variable}"
    else:
        shown = str(leaf.default).lower() if isinstance(leaf.default, bool) else str(leaf.default)
        note = f"default: {shown}"
    # rich reads square brackets as markup; parentheses are safe.
    return f"{text} ({note})".strip()


def _panel(name: str) -> str:
    group, dot, _ = name.partition(".")
    return f"{group} options" if dot else "Options"


def _settings_file_option() -> inspect.Parameter:
    return inspect.Parameter(
        "settings_file",
        inspect.Parameter.KEYWORD_ONLY,
        default=typer.Option(None, "--settings", help="A TOML file with settings.", rich_help_panel="Options"),
        annotation=Path | None,
    )


def _parameter(dotted: str) -> str:
    return dotted.replace(".", "__").replace("-", "_")


def _path_of(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _helps(tree: type[msgspec.Struct], prefix: str) -> dict[str, str]:
    """Dotted name -> the text that stands under the field in the source.

    Python keeps no docstrings of fields, so the class's source is read; without
    a source (a frozen program) options simply have no text.
    """
    found: dict[str, str] = {}
    hints = get_type_hints(tree)
    for field in msgspec.structs.fields(tree):
        name = prefix + field.encode_name
        hint = hints[field.name]
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            found |= _helps(hint, f"{name}.")
        else:
            for owner in tree.__mro__:
                text = _field_texts(owner).get(field.name)
                if text:
                    found[name] = text
                    break
    return found


@functools.cache
def _field_texts(owner: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(owner))
    except (OSError, TypeError):
        return {}
    definition = ast.parse(source).body[0]
    if not isinstance(definition, ast.ClassDef):
        return {}
    texts: dict[str, str] = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            first_line = " ".join(text.value.value.split())
            texts[field.target.id] = first_line.replace("``", "").rstrip(".")
    return texts
