"""The optional parts of the package, and the modules that each one's extra brings."""

from collections.abc import Mapping

from taostack.process.errors import UsageError

OPTIONAL_PARTS: Mapping[str, tuple[str, ...]] = {
    "devnet": ("kyber_py", "Crypto"),
    "wire": ("zstandard",),
    "postgres": ("psycopg",),
}


class PartMissingError(UsageError):
    """A command needs an optional part that is not installed."""

    code = "part-missing"
    remedy = "install the part that the command belongs to"


def install_command(part: str) -> str:
    """What to type to get the part."""
    return f"pip install 'taostack[{part}]'"


def missing_part(problem: ModuleNotFoundError) -> PartMissingError | None:
    """The error to tell when what could not be imported belongs to an optional part."""
    module = (problem.name or "").split(".")[0]
    for part, modules in OPTIONAL_PARTS.items():
        if module in modules:
            return PartMissingError(f"this needs {module}, which is not installed", remedy=install_command(part))
    return None
