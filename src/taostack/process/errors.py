"""The root of every error that taostack raises on purpose.

TaostackError
├── UsageError          the caller gave something wrong: change the input
│   ├── SettingsError   a flag, variable or file entry is wrong
│   └── PortTakenError  another process listens where this one should
├── UnavailableError    something outside does not answer: wait, or repair it
├── RefusedError        the other side said no: the remedy says what to change
├── CorruptError        bytes on disk or on the wire are not what was written
└── StateError          the call came at the wrong moment of an object's life

Packages derive their own trees from these five, by what the caller can do.
Every class has a stable ``code`` (never reused, documented) and a ``remedy``;
an instance may give a more exact remedy. The command line prints
``error[code]: message (remedy)`` and exits with ``exit_code``.
"""


class TaostackError(Exception):
    """Base of the tree: ``str(error)`` says what happened, ``remedy`` what to do about it."""

    code: str = "taostack"
    remedy: str = "run again with --debug and report what it prints"
    exit_code: int = 2

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        if remedy is not None:
            self.remedy = remedy

    def line(self) -> str:
        """The one line that a command line shows."""
        return f"error[{self.code}]: {' '.join(str(self).split())} ({self.remedy})"


class UsageError(TaostackError):
    """The caller gave something wrong."""

    code = "usage"
    remedy = "see --help"


class SettingsError(UsageError):
    """A flag, environment variable or file entry is wrong."""

    code = "settings"
    remedy = "correct the named setting"


class PortTakenError(UsageError):
    """Another process listens on the address that ``who`` was told to use."""

    code = "port-taken"
    remedy = "stop the other process, or choose another port (0 takes a free one)"

    def __init__(self, host: str, port: int, who: str, *, remedy: str | None = None) -> None:
        super().__init__(f"port {port} on {host} is taken, so the {who} cannot listen there", remedy=remedy)
        self.host = host
        self.port = port


class UnavailableError(TaostackError):
    """Something outside this process does not answer."""

    code = "unavailable"
    remedy = "check that it runs and that the address is right, then try again"


class RefusedError(TaostackError):
    """The other side understood and said no."""

    code = "refused"
    remedy = "change what was asked for; asking again the same way gives the same answer"


class CorruptError(TaostackError):
    """Bytes on disk or on the wire are not what was written."""

    code = "corrupt"
    remedy = "restore the file from a backup, or move it away to start anew"


class StateError(TaostackError):
    """The call came at the wrong moment of an object's life."""

    code = "state"
    remedy = "start the object before using it, and do not use it after it closed"
