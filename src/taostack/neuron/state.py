"""Whose state it is, and what a neuron remembers of the others.

``Remembered`` keeps bytes about other neurons, filed under hotkey *and*
registration block: whoever takes over a uid, or comes back after having been
pushed out, starts from nothing. Rows are written for the neurons at hand, never
as an array over uids, so a subnet may grow and shrink between two runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from taostack.chain.client import Chain
from taostack.chain.errors import BlockUnknownError
from taostack.chain.metagraph import Metagraph
from taostack.neuron.blocks import BlockFollower
from taostack.neuron.errors import ForeignStateError
from taostack.neuron.keys import NeuronKey, keys_by_uid
from taostack.neuron.tables import identity, remembered
from taostack.storage.checkpoints import Checkpoints
from taostack.storage.engine import Database

ANCHOR_DEPTH = 8
"""How far behind the head the block lies by which a chain is recognised: deep enough not to be reorganised."""

ANCHOR_EVERY = 32
"""Blocks after which a newer anchor is taken."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose state a database holds; ``genesis`` and the anchor block tell the chain."""

    role: str
    netuid: int
    hotkey: str
    genesis: str
    anchor_block: int
    anchor_hash: str


async def claim_state(database: Database, chain: Chain, *, role: str, netuid: int, hotkey: str) -> None:
    """Make sure that the database belongs to this neuron on this chain; mark a new one as its own.

    A local chain that was started anew has the same genesis but another history:
    it is recognised by a block that was seen when the neuron last ran.
    Raises ForeignStateError.
    """
    anchor, anchor_hash = await _anchor(chain, (await chain.head()).number)
    genesis = await chain.block_hash(0)
    owner = Owner(role, netuid, hotkey, genesis, anchor, anchor_hash)
    known = await database.read(_owner_in)
    if known is not None:
        _compare(database.where, known, owner)
        if await _hash_or_none(chain, known.anchor_block) != known.anchor_hash:
            raise ForeignStateError(
                f"{database.where} was written when block {known.anchor_block} was {known.anchor_hash}; "
                "this chain has another one there (it was started anew, or is another chain)"
            )
    await database.write(lambda connection: _write_owner(connection, owner))


async def keep_anchor(database: Database, chain: Chain, blocks: BlockFollower) -> None:
    """Take a newer anchor every ``ANCHOR_EVERY`` blocks, for ever; a task of every neuron."""
    while True:
        head = await blocks.reached(blocks.number + ANCHOR_EVERY)
        anchor, anchor_hash = await _anchor(chain, head.number)
        statement = sa.update(identity).values(anchor_block=anchor, anchor_hash=anchor_hash)

        def write(connection: sa.Connection, statement: sa.Update = statement) -> None:
            connection.execute(statement)

        await database.write(write)


async def _anchor(chain: Chain, head: int) -> tuple[int, str]:
    number = max(0, head - ANCHOR_DEPTH)
    return number, await chain.block_hash(number)


def _compare(where: str, known: Owner, owner: Owner) -> None:
    for name in ("role", "netuid", "hotkey", "genesis"):
        before, now = getattr(known, name), getattr(owner, name)
        if before != now:
            raise ForeignStateError(f"{where} belongs to {name} {before}, this is {now}")


async def _hash_or_none(chain: Chain, block: int) -> str | None:
    try:
        return await chain.block_hash(block)
    except BlockUnknownError:
        return None


def _owner_in(connection: sa.Connection) -> Owner | None:
    row = connection.execute(sa.select(identity)).one_or_none()
    return None if row is None else Owner(*row[1:])


def _write_owner(connection: sa.Connection, owner: Owner) -> None:
    connection.execute(sa.delete(identity))
    connection.execute(
        sa.insert(identity).values(
            one=1,
            role=owner.role,
            netuid=owner.netuid,
            hotkey=owner.hotkey,
            genesis=owner.genesis,
            anchor_block=owner.anchor_block,
            anchor_hash=owner.anchor_hash,
        )
    )


class Remembered:
    """Bytes about other neurons, for one ``component`` (a name of yours) of one database.

    All methods work inside a transaction of the caller's, so that they commit
    together with what they belong to (``Scores.commit``, ``Database.write``).
    """

    def __init__(self, component: str) -> None:
        self.component = component

    def load(self, connection: sa.Connection, metagraph: Metagraph) -> dict[int, bytes]:
        """uid -> value, for the neurons of ``metagraph`` that something is remembered of."""
        rows = connection.execute(
            sa.select(remembered.c.hotkey, remembered.c.registered_at, remembered.c.value).where(
                remembered.c.component == self.component
            )
        )
        values = {NeuronKey(hotkey, registered_at): bytes(value) for hotkey, registered_at, value in rows}
        return {uid: values[key] for uid, key in enumerate(keys_by_uid(metagraph)) if key in values}

    def get(self, connection: sa.Connection, key: NeuronKey) -> bytes | None:
        """What is remembered of one neuron."""
        value = connection.execute(sa.select(remembered.c.value).where(*self._of(key))).scalar()
        return None if value is None else bytes(value)

    def save(self, connection: sa.Connection, values: Mapping[NeuronKey, bytes], *, block: int) -> None:
        """Replace what is remembered of these neurons; the others stay as they are."""
        if not values:
            return
        connection.execute(
            sa.delete(remembered).where(
                remembered.c.component == self.component,
                remembered.c.hotkey == sa.bindparam("of_hotkey"),
                remembered.c.registered_at == sa.bindparam("of_registered_at"),
            ),
            [{"of_hotkey": key.hotkey, "of_registered_at": key.registered_at} for key in values],
        )
        connection.execute(
            sa.insert(remembered),
            [
                {
                    "component": self.component,
                    "hotkey": key.hotkey,
                    "registered_at": key.registered_at,
                    "value": value,
                    "block": block,
                }
                for key, value in values.items()
            ],
        )

    def forget_gone(self, connection: sa.Connection, metagraph: Metagraph, *, before_block: int) -> int:
        """Drop what was last saved before ``before_block`` about neurons no longer there; returns how many."""
        present = set(keys_by_uid(metagraph))
        rows = connection.execute(
            sa.select(remembered.c.hotkey, remembered.c.registered_at).where(
                remembered.c.component == self.component, remembered.c.block < before_block
            )
        ).all()
        gone = [key for key in (NeuronKey(*row) for row in rows) if key not in present]
        for key in gone:
            connection.execute(sa.delete(remembered).where(*self._of(key)))
        return len(gone)

    def _of(self, key: NeuronKey) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            remembered.c.component == self.component,
            remembered.c.hotkey == key.hotkey,
            remembered.c.registered_at == key.registered_at,
        )


class CheckpointStore:
    """A few bytes under a name: what ``taostack.chain.weights`` keeps over a restart."""

    def __init__(self, database: Database, name: str) -> None:
        self._checkpoints = Checkpoints(database)
        self._name = name

    def load(self) -> bytes | None:
        """What was last saved."""
        saved = self._checkpoints.load(self._name)
        return None if saved is None else saved.payload

    def save(self, data: bytes) -> None:
        """Replace it; on disk when this returns."""
        self._checkpoints.save(self._name, 0, data)
