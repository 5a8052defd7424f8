"""Settings: one frozen tree per process, from flags > environment > TOML file > default.

A settings class is a frozen msgspec Struct whose fields are values or further
such Structs; a field's dotted name is its flag, its place in the file, and,
upper-cased behind a prefix, its environment variable:

    class Wallet(Struct, frozen=True):
        name: str = "default"

    class Settings(Struct, frozen=True):
        netuid: int
        wallet: Wallet = Wallet()

    load(Settings, flags={"wallet.name": "alice"}, environ={"TAOSTACK_NETUID": "2"}, file=None)

A value of the wrong type, a missing one, and a name that no field has are
``SettingsError``; the last names the nearest valid one, so a typo never
silently leaves a default in place.
"""

import difflib
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import FieldInfo

from taostack.process.errors import SettingsError

Tree = TypeVar("Tree", bound=msgspec.Struct)

ENV_PREFIX = "TAOSTACK_"
# Read by the command line itself, whatever the command: not settings of any tree.
RESERVED_VARIABLES = frozenset({"TAOSTACK_DEBUG", "TAOSTACK_SETTINGS"})


@dataclass(frozen=True)
class Setting:
    """One leaf of a settings tree, as help texts and documentation need it."""

    name: str
    type: Any
    required: bool
    default: object
    variable: str


@dataclass(frozen=True)
class _Given:
    value: object
    source: str


def load(
    tree: type[Tree],
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
    env_prefix: str = ENV_PREFIX,
    ignore_variables: Collection[str] = RESERVED_VARIABLES,
) -> Tree:
    """Build ``tree`` from what was given; a flag whose value is ``None`` was not given.

    ``environ`` may hold anything; names that start with ``env_prefix`` must be
    settings (or be in ``ignore_variables``). Text from flags and variables is
    converted to the field's type; lists are written with commas.
    """
    leaves = {each.name: each for each in describe(tree, env_prefix=env_prefix)}
    given: dict[str, _Given] = {}
    if file is not None:
        given.update(_from_file(file, leaves))
    given.update(_from_environment(environ, leaves, env_prefix, ignore_variables))
    given.update(_from_flags(flags, leaves))
    values = {name: _converted(leaves[name], each) for name, each in given.items()}
    return _built(tree, "", values, leaves, None)


def describe(tree: type[msgspec.Struct], *, env_prefix: str = ENV_PREFIX) -> list[Setting]:
    """Every leaf of the tree, in the order of its fields."""
    return list(_leaves(tree, "", env_prefix, None))


def _leaves(
    tree: type[msgspec.Struct], prefix: str, env_prefix: str, whole: msgspec.Struct | None
) -> Iterator[Setting]:
    hints = get_type_hints(tree, include_extras=True)
    for field in msgspec.structs.fields(tree):
        name = prefix + field.encode_name
        hint = hints[field.name]
        required, default = _default_of(field, whole)
        if _is_branch(hint):
            yield from _leaves(hint, f"{name}.", env_prefix, default)
        else:
            variable = env_prefix + name.upper().replace(".", "_").replace("-", "_")
            yield Setting(name, hint, required, default, variable)


def _is_branch(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)


def _default_of(field: FieldInfo, whole: msgspec.Struct | None) -> tuple[bool, Any]:
    """Whether the field must be given, and what it is otherwise; ``whole`` is its parent's own default."""
    if whole is not None:
        return False, getattr(whole, field.name)
    if field.default is not msgspec.NODEFAULT:
        return False, field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return False, field.default_factory()
    return True, None


def _from_flags(flags: Mapping[str, object], leaves: Mapping[str, Setting]) -> Iterator[tuple[str, _Given]]:
    for name, value in flags.items():
        if name not in leaves:
            raise _unknown(f"flag --{name}", name, leaves, "--{}".format)
        if value is not None:
            yield name, _Given(value, f"flag --{name}")


def _from_environment(
    environ: Mapping[str, str], leaves: Mapping[str, Setting], prefix: str, ignored: Collection[str]
) -> Iterator[tuple[str, _Given]]:
    names = {each.variable: each.name for each in leaves.values()}
    for variable, value in environ.items():
        if not variable.startswith(prefix) or variable in ignored:
            continue
        if variable not in names:
            raise _unknown(f"variable {variable}", variable, names, str)
        yield names[variable], _Given(value, f"variable {variable}")


def _from_file(path: Path, leaves: Mapping[str, Setting]) -> dict[str, _Given]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise SettingsError(
            f"settings file {path} cannot be read: {problem.strerror}", remedy="give the path of a readable TOML file"
        ) from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"settings file {path} is not TOML: {problem}", remedy="correct that line") from problem
    return {name: _Given(value, f"{name} in {path}") for name, value in _flattened(content, "", leaves, path)}


def _flattened(
    table: Mapping[str, object], prefix: str, leaves: Mapping[str, Setting], path: Path
) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        name = prefix + key
        if name in leaves:
            yield name, value
        elif isinstance(value, dict) and any(leaf.startswith(f"{name}.") for leaf in leaves):
            yield from _flattened(value, f"{name}.", leaves, path)
        else:
            raise _unknown(f"{name} in {path}", name, leaves, str)


def _unknown(what: str, name: str, valid: Collection[str], shown: Callable[[str], str]) -> SettingsError:
    near = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.5)
    remedy = f"did you mean {shown(near[0])}?" if near else f"valid are {', '.join(shown(each) for each in valid)}"
    return SettingsError(f"{what} is not a setting", remedy=remedy)


def _converted(leaf: Setting, given: _Given) -> object:
    value = given.value
    if isinstance(value, str) and _is_list(leaf.type):
        value = [item.strip() for item in value.split(",") if item.strip()]
    try:
        return msgspec.convert(value, leaf.type, strict=False, dec_hook=_from_plain)
    except msgspec.ValidationError as problem:
        choices = ", ".join(_choices(leaf.type))
        raise SettingsError(
            f"{given.source} was {given.value!r}: {_sentence(str(problem))}",
            remedy=f"give one of {choices}" if choices else f"correct {given.source}",
        ) from problem


def _choices(hint: Any) -> tuple[str, ...]:
    """The values of a ``Literal``, also inside a union; nothing for other types."""
    if get_origin(hint) is Literal:
        return tuple(str(each) for each in get_args(hint))
    return tuple(choice for each in get_args(hint) for choice in _choices(each)) if get_origin(hint) else ()


def _is_list(hint: Any) -> bool:
    if get_origin(hint) in (list, tuple, set, frozenset):
        return True
    return any(_is_list(each) for each in get_args(hint))


def _from_plain(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    if isinstance(value, kind):
        return value
    raise msgspec.ValidationError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


def _sentence(problem: str) -> str:
    return problem.replace("`", "").split(" - at `$")[0][:1].lower() + problem.replace("`", "")[1:]


def _built(
    tree: type[Tree],
    prefix: str,
    values: Mapping[str, object],
    leaves: Mapping[str, Setting],
    default: msgspec.Struct | None,
) -> Tree:
    hints = get_type_hints(tree)
    arguments: dict[str, object] = {}
    for field in msgspec.structs.fields(tree):
        name = prefix + field.encode_name
        missing, fallback = _default_of(field, default)
        if _is_branch(hints[field.name]):
            arguments[field.name] = _built(hints[field.name], f"{name}.", values, leaves, fallback)
        elif name in values:
            arguments[field.name] = values[name]
        elif missing:
            raise SettingsError(
                f"setting {name} is missing",
                remedy=f"give --{name}, set {leaves[name].variable}, or write {name} in the settings file",
            )
        else:
            arguments[field.name] = fallback
    try:
        return tree(**arguments)
    except ValueError as problem:
        # A struct's __post_init__ checks what its fields must be together.
        raise SettingsError(f"{prefix.rstrip('.') or 'settings'}: {problem}") from problem
