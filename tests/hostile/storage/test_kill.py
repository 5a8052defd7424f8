"""kill -9 at random moments: every append that was acknowledged is there afterwards."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from taostack.storage import Journal, Migrations, open_database
from taostack.storage.errors import StorageLockedError

APPENDER = Path(__file__).with_name("appender.py")
KILLS = 10

SLOW_MIGRATION = """
import sys, time
from taostack.storage import Migrations, open_database

def step(connection):
    connection.exec_driver_sql("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)")
    for number in range(20000):
        connection.exec_driver_sql(f"INSERT INTO things (name) VALUES ('{number}')")
        if number == 10000:
            print("halfway", flush=True)
    time.sleep(60)

open_database(sys.argv[1], [Migrations("things", (step,))])
"""


def run_until_killed(path: Path, threads: int, seconds: float) -> dict[int, str]:
    """What the process acknowledged before it was killed: number -> payload."""
    process = subprocess.Popen([sys.executable, str(APPENDER), str(path), str(threads)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    rest = process.stdout.read()
    process.stdout.close()
    process.wait(timeout=10)
    # The last line may be cut by the kill; a whole line is an acknowledgement.
    lines = (first + rest).split(b"\n")[:-1]
    return {int(seq): payload for seq, payload in (line.decode().split() for line in lines)}


def test_no_acknowledged_append_is_lost_by_kill_9(tmp_path):
    path, rng = tmp_path / "state.sqlite", random.Random(20_260)
    acknowledged: dict[int, str] = {}
    for kill in range(KILLS):
        told = run_until_killed(path, threads=1 + kill % 3, seconds=rng.uniform(0.0, 0.25))
        assert told
        assert not told.keys() & acknowledged.keys(), "a number was given out twice"
        acknowledged |= told
        with open_database(path) as database:
            found = {entry.seq: entry.payload.decode() for entry in Journal(database).replay()}
            assert Journal(database).verify().seq == len(found)
            assert {seq: found.get(seq) for seq in acknowledged} == acknowledged
    assert len(acknowledged) > KILLS * 5


def test_a_killed_owner_gives_its_claim_back(tmp_path):
    path = tmp_path / "state.sqlite"
    process = subprocess.Popen([sys.executable, str(APPENDER), str(path), "1"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(StorageLockedError, match=f"process {process.pid}"):
        open_database(path, exclusive=True)
    process.kill()
    process.stdout.close()
    process.wait(timeout=10)
    open_database(path, exclusive=True).close()


def test_a_migration_killed_in_the_middle_leaves_the_old_shape(tmp_path):
    path = tmp_path / "state.sqlite"
    process = subprocess.Popen([sys.executable, "-c", SLOW_MIGRATION, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"halfway\n"
    process.kill()
    process.stdout.close()
    process.wait(timeout=10)
    create = Migrations("things", ("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)",))
    with open_database(path, [create]) as database, database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM things").scalar() == 0
