"""The shape of a database, step by step, with its version written inside.

Each component (the journal, the neuron, a system) brings its own ordered list
of steps and its own version number, all in one table ``schema_versions``. A
step runs in one transaction together with the new version number, so a killed
migration leaves the old shape. A database that is newer than the program is
refused before anything is touched.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from taostack.process.errors import UsageError
from taostack.storage.errors import SchemaVersionError

Step = str | Callable[[sa.Connection], None]
"""One SQL statement, or a function that changes the shape through a connection."""

_versions = sa.Table(
    "schema_versions",
    sa.MetaData(),
    sa.Column("component", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Migrations:
    """The steps of one component; version ``n`` is the shape after step ``n`` (from 1).

    A step that was once released is never edited, only followed by another.
    """

    component: str
    steps: tuple[Step, ...]


def creates(*tables: sa.Table) -> Step:
    """A step that creates ``tables`` with their indexes, in dependency order."""

    def create(connection: sa.Connection) -> None:
        for table in tables:
            table.create(connection)

    return create


def versions(connection: sa.Connection) -> dict[str, int]:
    """Component -> version as the database has them; empty for a new database."""
    if not sa.inspect(connection).has_table(_versions.name):
        return {}
    return {component: version for component, version in connection.execute(sa.select(_versions))}


def migrate(engine: sa.Engine, components: Sequence[Migrations]) -> None:
    """Bring the database to the newest shape of every component.

    Raises SchemaVersionError (before any change) when the database is newer than
    ``components``, UsageError when a component is named twice with other steps.
    """
    wanted: dict[str, Migrations] = {}
    for each in components:
        if wanted.setdefault(each.component, each) != each:
            raise UsageError(f"two different migration lists are named {each.component!r}")
    with engine.connect() as connection:
        present = versions(connection)
    for each in wanted.values():
        found = present.get(each.component, 0)
        if found > len(each.steps):
            raise SchemaVersionError(each.component, found=found, known=len(each.steps))
    if all(present.get(each.component, 0) == len(each.steps) for each in wanted.values()):
        return
    with engine.begin() as connection:
        _versions.create(connection, checkfirst=True)
    for each in wanted.values():
        for number in range(present.get(each.component, 0) + 1, len(each.steps) + 1):
            _apply(engine, each, number)


def _apply(engine: sa.Engine, migrations: Migrations, number: int) -> None:
    """Run one step and write its version, both or neither.

    Two processes may start at once: the version is read again under the write
    lock, and a step that the other one made meanwhile is passed over.
    """
    with engine.begin() as connection:
        current = connection.execute(
            sa.select(_versions.c.version).where(_versions.c.component == migrations.component).with_for_update()
        ).scalar()
        if (current or 0) >= number:
            return
        step = migrations.steps[number - 1]
        if isinstance(step, str):
            connection.exec_driver_sql(step)
        else:
            step(connection)
        if current is None:
            connection.execute(sa.insert(_versions).values(component=migrations.component, version=number))
        else:
            connection.execute(
                sa.update(_versions).where(_versions.c.component == migrations.component).values(version=number)
            )
