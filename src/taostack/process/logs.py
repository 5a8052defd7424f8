"""Structured logs: one event name with bound fields, as JSON lines or for a console.

    log = get_logger("taostack.wire").bind(netuid=1)
    log.info("axon.started", port=8091)

Every record goes through the standard ``logging`` module, so records of other
libraries come out in the same form, and a program that has its own logging
set-up keeps it: nothing is printed until ``configure`` is called. Fields bound
with ``bound`` are added to every event of the current task and of those it
starts.
"""

import contextlib
import difflib
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import msgspec
import structlog

from taostack.process.clock import Clock, SystemClock, utc_text
from taostack.process.errors import SettingsError

Logger = structlog.stdlib.BoundLogger
LogFormat = Literal["console", "json"]

LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
FORMATS: tuple[LogFormat, ...] = ("console", "json")

bound = structlog.contextvars.bound_contextvars

_HANDLER_NAME = "taostack"

# A library stays silent until the program says where its records go.
logging.getLogger("taostack").addHandler(logging.NullHandler())


def get_logger(name: str) -> Logger:
    """The logger of that name; ``bind`` adds fields to what it logs."""
    logger: Logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return logger


def configure(
    *,
    level: str = "info",
    format: str = "console",
    stream: TextIO | None = None,
    clock: Clock | None = None,
) -> None:
    """Send every record from ``level`` up to ``stream`` (the process's stderr by default).

    Calling it again replaces what the last call set up. Raises
    ``SettingsError`` for an unknown level or format.
    """
    threshold = LEVELS[_known("log level", level.lower(), tuple(LEVELS))]
    renderer = _renderer(_known("log format", format, FORMATS), stream or sys.stderr)
    stamp = _Stamp(clock or SystemClock())
    handler = _Handler(stream)
    handler.set_name(_HANDLER_NAME)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.contextvars.merge_contextvars],
            processors=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
                stamp,
                structlog.processors.StackInfoRenderer(),
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *renderer,
            ],
        )
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if each.get_name() == _HANDLER_NAME]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(threshold)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to the given stream, or to whatever ``sys.stderr`` is at that moment."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream or sys.stderr)
        self._follows_stderr = stream is None

    def emit(self, record: logging.LogRecord) -> None:
        if self._follows_stderr:
            self.stream = sys.stderr
        # A reader that went away (a closed pipe) must not take the process with it.
        with contextlib.suppress(BrokenPipeError, ValueError):
            super().emit(record)


class _Stamp:
    """Adds the time of the event, UTC, to the millisecond."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["timestamp"] = utc_text(self._clock.now_ms())
        return event


def _renderer(format: str, stream: TextIO) -> list[Any]:
    # Neither form shows local variables: they hold keys and passwords.
    if format == "json":
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [
            structlog.processors.ExceptionRenderer(frames),
            structlog.processors.JSONRenderer(serializer=_as_json),
        ]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=_is_terminal(stream), pad_event_to=28, exception_formatter=plain)]


def _as_json(event: object, **_: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def _is_terminal(stream: TextIO) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)())


def _known(what: str, value: str, valid: tuple[str, ...]) -> str:
    if value in valid:
        return value
    near = difflib.get_close_matches(value, valid, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(valid)}"
    raise SettingsError(f"{what} was {value!r}", remedy=hint)
