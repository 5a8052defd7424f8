"""State on disk: databases, migrations, the append-only journal, checkpoints."""

from taostack.storage.checkpoints import Checkpoint, Checkpoints, restore
from taostack.storage.engine import Database, open_database
from taostack.storage.journal import Entry, Head, Journal
from taostack.storage.migrations import Migrations, creates

__all__ = [
    "Checkpoint",
    "Checkpoints",
    "Database",
    "Entry",
    "Head",
    "Journal",
    "Migrations",
    "creates",
    "open_database",
    "restore",
]
