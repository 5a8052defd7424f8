"""What can go wrong with state on disk, by what the reader can do.

UnavailableError
├── StorageUnavailableError   the database cannot be opened or reached
├── StorageFullError          no room left on the device
└── StorageLockedError        another process holds it
CorruptError
├── StorageCorruptError       the file is not a sound database
└── JournalBrokenError        an entry is missing, changed or out of order
UsageError
└── SchemaVersionError        the database was written by a newer version
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from taostack.process.errors import CorruptError, TaostackError, UnavailableError, UsageError


class StorageUnavailableError(UnavailableError):
    """The database cannot be opened, reached or written."""

    code = "storage-unavailable"
    remedy = "check that the path (or server) exists and that this user may write there"


class StorageFullError(UnavailableError):
    """No room is left where the database lies; nothing that was acknowledged is lost."""

    code = "storage-full"
    remedy = "make room on the device that holds the state, then start again"


class StorageLockedError(UnavailableError):
    """Another process holds the database."""

    code = "storage-locked"
    remedy = "stop the other process that uses this state, or give this one a state path of its own"


class StorageCorruptError(CorruptError):
    """The file is not a sound database."""

    code = "storage-corrupt"


class JournalBrokenError(CorruptError):
    """A journal entry is missing, changed or out of order."""

    code = "storage-journal-broken"
    remedy = "restore the database from a backup; do not go on from this file, its history cannot be trusted"


class SchemaVersionError(UsageError):
    """The database was written by a newer version of the program."""

    code = "storage-newer-schema"

    def __init__(self, component: str, *, found: int, known: int) -> None:
        super().__init__(
            f"the database has version {found} of {component!r}, this program knows up to {known}",
            remedy="upgrade the program, or start it with another state path",
        )


_BY_SQLITE_CODE: dict[int, type[TaostackError]] = {
    sqlite3.SQLITE_FULL: StorageFullError,
    sqlite3.SQLITE_BUSY: StorageLockedError,
    sqlite3.SQLITE_LOCKED: StorageLockedError,
    sqlite3.SQLITE_CORRUPT: StorageCorruptError,
    sqlite3.SQLITE_NOTADB: StorageCorruptError,
    sqlite3.SQLITE_CANTOPEN: StorageUnavailableError,
    sqlite3.SQLITE_READONLY: StorageUnavailableError,
    sqlite3.SQLITE_PERM: StorageUnavailableError,
    sqlite3.SQLITE_AUTH: StorageUnavailableError,
}

_FULL_EXTENDED = frozenset({sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE})
"""I/O errors that a file system gives when a file may not grow (quota, EFBIG, a full tmpfs)."""

_BY_SQLSTATE: dict[str, type[TaostackError]] = {
    "53100": StorageFullError,
    "55P03": StorageLockedError,
    "40P01": StorageLockedError,
    "XX001": StorageCorruptError,
    "XX002": StorageCorruptError,
}


def classify(error: BaseException) -> type[TaostackError] | None:
    """The error class for what a database driver raised; None for what only a programming mistake causes."""
    extended = getattr(error, "sqlite_errorcode", None)
    if isinstance(extended, int):
        if extended in _FULL_EXTENDED:
            return StorageFullError
        found = _BY_SQLITE_CODE.get(extended & 0xFF)
        if found is None and extended & 0xFF == sqlite3.SQLITE_IOERR:
            return StorageUnavailableError
        return found
    sqlstate = getattr(error, "sqlstate", "")
    if sqlstate is None:  # the server never answered, or went away in the middle
        return StorageUnavailableError
    if sqlstate:
        if sqlstate in _BY_SQLSTATE:
            return _BY_SQLSTATE[sqlstate]
        # Class 08 is "connection exception", 57P "operator intervention" (the server shuts down).
        return StorageUnavailableError if sqlstate.startswith(("08", "57P")) else None
    return None


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn a driver's error inside the block into one of ours; others pass unchanged.

    ``where`` names the database in the message (a path or a URL without its password).
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        driver_error = error.orig if error.orig is not None else error
        found = classify(driver_error)
        if found is None:
            raise
        raise found(f"{where}: {driver_error}") from error
