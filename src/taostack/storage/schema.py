"""Tables that every database of ours has: journals and checkpoints."""

import sqlalchemy as sa

from taostack.storage.migrations import Migrations, creates

_metadata = sa.MetaData()

journal_entries = sa.Table(
    "journal_entries",
    _metadata,
    sa.Column("journal", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
)

journal_heads = sa.Table(
    "journal_heads",
    _metadata,
    sa.Column("journal", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
)

checkpoints = sa.Table(
    "checkpoints",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("saved_at_ms", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
)

MIGRATIONS = Migrations("storage", (creates(journal_entries, journal_heads, checkpoints),))
"""Applied by ``open_database`` before any other component."""
