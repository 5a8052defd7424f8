"""What a person sees when a command fails: one line with a code and a remedy."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from taostack.cli.parts import missing_part
from taostack.process.errors import TaostackError

EXIT_USAGE = 2
EXIT_INTERNAL = 1
EXIT_INTERRUPTED = 130

# What typer raises for a wrong command line: BadParameter, its siblings, and the class they share.
_CommandLineError = typer.BadParameter.__mro__[2]


@contextmanager
def reported(*, debug: bool) -> Iterator[None]:
    """Turn whatever the block raises into one line on stderr and an exit code.

    ``TaostackError`` and a wrong command line exit with 2, Ctrl-C with 130,
    anything else (a defect of ours) with 1. With ``debug`` the traceback comes
    first.
    """
    try:
        yield
    except (SystemExit, typer.Exit):
        raise
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted", debug=False)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; Python would complain again when it flushes at exit.
        sys.stdout = None
        sys.exit(0)
    except Exception as problem:
        # The outermost boundary: everything that ends a command is told here, and only here.
        line, code = told(problem)
        _say(line, debug=debug)
        sys.exit(code)


def told(problem: BaseException) -> tuple[str, int]:
    """The line for a failure, and its exit code."""
    known = _first_known(problem)
    if known is not None:
        return known.line(), known.exit_code
    if isinstance(problem, _CommandLineError):
        return _command_line_told(problem)
    reason = " ".join(str(problem).split())
    named = f"{type(problem).__name__}: {reason}" if reason else type(problem).__name__
    return f"error[internal]: {named} ({TaostackError.remedy})", EXIT_INTERNAL


def _first_known(problem: BaseException) -> TaostackError | None:
    """The error itself, or the first of our own inside a group of errors."""
    if isinstance(problem, TaostackError):
        return problem
    if isinstance(problem, ModuleNotFoundError):
        return missing_part(problem)
    if isinstance(problem, BaseExceptionGroup):
        return next((known for each in problem.exceptions if (known := _first_known(each))), None)
    return None


def _command_line_told(problem: BaseException) -> tuple[str, int]:
    context = getattr(problem, "ctx", None)
    path = context.command_path if context is not None else "taostack"
    if type(problem).__name__ == "NoArgsIsHelpError":
        return str(problem.format_message()), EXIT_USAGE  # type: ignore[attr-defined]
    message = " ".join(problem.format_message().split()).rstrip(".")  # type: ignore[attr-defined]
    return f"error[usage]: {message} (see {path} --help)", EXIT_USAGE


def _say(line: str, *, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print(line, file=sys.stderr)
