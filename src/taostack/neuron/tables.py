"""The neuron's own tables: whose state this is, its epochs, what it remembers of others."""

import sqlalchemy as sa

from taostack.storage.migrations import Migrations, creates

_metadata = sa.MetaData()

identity = sa.Table(
    "neuron_identity",
    _metadata,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("netuid", sa.Integer, nullable=False),
    sa.Column("hotkey", sa.Text, nullable=False),
    sa.Column("genesis", sa.Text, nullable=False),
    sa.Column("anchor_block", sa.BigInteger, nullable=False),
    sa.Column("anchor_hash", sa.Text, nullable=False),
)

epochs = sa.Table(
    "neuron_epochs",
    _metadata,
    sa.Column("registered_at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("first_block", sa.BigInteger, nullable=False),
    sa.Column("next_block", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("seed", sa.LargeBinary, nullable=False),
    sa.Column("opened_at_ms", sa.BigInteger, nullable=False),
    sa.Column("closed_at_ms", sa.BigInteger),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("rules", sa.Text),
    sa.Column("scores", sa.LargeBinary),
    sa.Column("detail", sa.LargeBinary),
    sa.Column("weights_code", sa.Text),
    sa.Column("weights_block", sa.BigInteger),
    sa.Column("weights_detail", sa.Text),
    sa.CheckConstraint("status IN ('open', 'done', 'abandoned')", name="epoch_status"),
)

remembered = sa.Table(
    "neuron_remembered",
    _metadata,
    sa.Column("component", sa.Text, primary_key=True),
    sa.Column("hotkey", sa.Text, primary_key=True),
    sa.Column("registered_at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("block", sa.BigInteger, nullable=False),
)

MIGRATIONS = Migrations("neuron", (creates(identity, epochs, remembered),))
"""Applied by the runners before the program's own."""
