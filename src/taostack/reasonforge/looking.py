"""Reads a validator's database, and the chain beside it, for the commands that only look."""

import asyncio
from pathlib import Path

from taostack.chain.metagraph import Metagraph
from taostack.process.errors import UsageError
from taostack.reasonforge import audit, store
from taostack.reasonforge import leaderboard as boards
from taostack.reasonforge.errors import EpochError
from taostack.storage import Database, open_database


def open_existing(where: str) -> Database:
    """A validator's database; a file that does not exist is an error, not a new database."""
    if "://" not in where and not Path(where).expanduser().is_file():
        raise UsageError(f"there is no database {where}", remedy="give the validator's file, see --state.path")
    return open_database(where if "://" in where else Path(where).expanduser(), [store.MIGRATIONS])


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
