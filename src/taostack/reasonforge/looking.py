"""Reads a validator's database, and the chain beside it, for the commands that only look."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from taostack.chain.metagraph import Metagraph
from taostack.process.errors import UsageError
from taostack.reasonforge import audit, store
from taostack.reasonforge import leaderboard as boards
from taostack.reasonforge.errors import EpochError
from taostack.storage import Database, open_database

_REMEDY = "give the validator's file, see --state.path"


def open_existing(where: str) -> Database:
    """A validator's database; a file that does not exist, or is of another program, is an error and left alone."""
    if "://" in where:
        return open_database(where, [store.MIGRATIONS])
    path = Path(where).expanduser()
    if not path.is_file():
        raise UsageError(f"there is no database {where}", remedy=_REMEDY)
    if not _is_a_validators(path):
        raise UsageError(f"{where} is no validator's database", remedy=_REMEDY)
    return open_database(path, [store.MIGRATIONS])


def _is_a_validators(path: Path) -> bool:
    """Whether the tables are there already: opening would make them in any database."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error:
        return True  # damaged, locked or forbidden: opening says which
    return store.epochs.name in names


def leaderboard(where: str, epoch: int | None, network: str) -> boards.Leaderboard:
    """The leaderboard of an epoch; with a network, with what the chain says of each miner."""
    with open_existing(where) as database, database.reading() as connection:
        board = boards.build(connection, epoch)
        if not network:
            return board
        return boards.build(connection, board.epoch, metagraph=asyncio.run(_metagraph(network, board.netuid)))


async def _metagraph(network: str, netuid: int) -> Metagraph:
    from taostack.chain.client import Chain

    async with Chain.connect((network,)) as chain:
        return await chain.metagraph(netuid)


def epoch_file(where: str, epoch: int | None) -> audit.EpochFile:
    """The record of a closed epoch (None: the newest)."""
    with open_existing(where) as database, database.reading() as connection:
        if epoch is None:
            newest = store.closed_epochs(connection, newest=1)
            if not newest:
                raise EpochError("no epoch has been closed yet", remedy="let the validator finish its first epoch")
            epoch = newest[0]
        return audit.export(connection, epoch)
