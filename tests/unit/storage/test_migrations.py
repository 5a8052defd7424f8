"""Steps, versions, and what a failed step leaves."""

import pytest
import sqlalchemy as sa

from taostack.process.errors import UsageError
from taostack.storage import Migrations, open_database
from taostack.storage.migrations import versions

CREATE = "CREATE TABLE things (id INTEGER PRIMARY KEY)"
WIDEN = "ALTER TABLE things ADD COLUMN name TEXT"


def columns(database) -> list[str]:
    with database.reading() as connection:
        if not sa.inspect(connection).has_table("things"):
            return []
        return [column["name"] for column in sa.inspect(connection).get_columns("things")]


def test_steps_run_once_and_in_order(tmp_path):
    ran = []

    def second(connection: sa.Connection) -> None:
        ran.append(connection.exec_driver_sql("SELECT count(*) FROM things").scalar())

    migrations = Migrations("things", (CREATE, second, WIDEN))
    for _ in range(2):
        with open_database(tmp_path / "a.sqlite", [migrations]) as database:
            assert columns(database) == ["id", "name"]
            with database.reading() as connection:
                assert versions(connection) == {"storage": 1, "things": 3}
    assert ran == [0]


def test_an_older_database_gets_the_missing_steps_only(tmp_path):
    open_database(tmp_path / "a.sqlite", [Migrations("things", (CREATE,))]).close()
    with open_database(tmp_path / "a.sqlite", [Migrations("things", (CREATE, WIDEN))]) as database:
        assert columns(database) == ["id", "name"]


def test_a_step_that_fails_rolls_back_and_can_be_repeated(tmp_path):
    def breaks(connection: sa.Connection) -> None:
        connection.exec_driver_sql(WIDEN)
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        open_database(tmp_path / "a.sqlite", [Migrations("things", (CREATE, breaks))])
    with open_database(tmp_path / "a.sqlite", [Migrations("things", (CREATE,))]) as database:
        assert columns(database) == ["id"]
    with open_database(tmp_path / "a.sqlite", [Migrations("things", (CREATE, WIDEN))]) as database:
        assert columns(database) == ["id", "name"]


def test_two_components_have_versions_of_their_own(tmp_path):
    other = Migrations("other", ("CREATE TABLE other (id INTEGER)",))
    both = [Migrations("things", (CREATE, WIDEN)), other]
    with open_database(tmp_path / "a.sqlite", both) as database, database.reading() as connection:
        assert versions(connection) == {"storage": 1, "things": 2, "other": 1}


def test_two_different_lists_under_one_name_are_refused(tmp_path):
    with pytest.raises(UsageError, match="'things'"):
        open_database(tmp_path / "a.sqlite", [Migrations("things", (CREATE,)), Migrations("things", (WIDEN,))])


def test_the_same_list_given_twice_counts_once(tmp_path):
    migrations = Migrations("things", (CREATE,))
    open_database(tmp_path / "a.sqlite", [migrations, migrations]).close()
