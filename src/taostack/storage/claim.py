"""One owner at a time: two validators on one state would score an epoch twice.

A claim ends with its process, however that ends, and never has to be cleaned
up: it is a kernel lock on a file beside the database, or an advisory lock of a
PostgreSQL session.
"""

import fcntl
import os
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from taostack.storage.errors import StorageLockedError, StorageUnavailableError

_ADVISORY_KEY = 0x74616F737461636B
"""The letters "taostack": the advisory lock's number within one PostgreSQL database."""


class Claim(Protocol):
    """Held until ``release``."""

    def release(self) -> None:
        """Let others have it."""
        ...


class FileClaim:
    """Locks ``<path>.lock``, which also names the owner's process id for people to read."""

    def __init__(self, path: Path) -> None:
        lock_path = path.with_name(path.name + ".lock")
        try:
            self._descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageUnavailableError(f"{lock_path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise StorageLockedError(f"{path} is in use by the process {owner}") from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Unlock; the file stays (removing it would race with a new owner)."""
        os.close(self._descriptor)


class ServerClaim:
    """Holds one session of the server with an advisory lock."""

    def __init__(self, engine: sa.Engine, where: str) -> None:
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not self._connection.execute(sa.select(sa.func.pg_try_advisory_lock(_ADVISORY_KEY))).scalar():
            self._connection.close()
            raise StorageLockedError(f"{where} is in use by another process")

    def release(self) -> None:
        """End the session (not only return it to the pool, where the lock would live on)."""
        self._connection.invalidate()
        self._connection.close()
