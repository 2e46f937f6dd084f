"""Taking a catalog to another revision, older or newer, on request.

Owns the way down, and what is lost on it. Opening a catalog never goes there: it only brings a
catalog up (`migrating`). A move is one transaction on either database, so a killed one leaves the
catalog as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, inspect, select, table

from mesh.catalog.database import Database
from mesh.catalog.migrating import VERSION_TABLE, config_for, known_revisions, revision_of
from mesh.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Move:
    """A way from one revision to another.

    `before` is None for an empty database. `lost` has the rows of every table that holds some and
    that the revision at the end has no room for.
    """

    before: str | None
    after: str
    lost: Mapping[str, int]


def foresee(database: Database, revision: str) -> Move:
    """What a move would lose: it is made, counted, and rolled back.

    Raises CatalogError for a revision that is not known.
    """
    database.prepare()
    with database.writing() as connection:
        move = _moved(connection, revision, database.where)
        connection.rollback()
        return move


def move_to(database: Database, revision: str) -> Move:
    """Take the catalog to a revision, and say what was lost.

    Raises CatalogError for a revision that is not known.
    """
    database.prepare()
    with database.writing() as connection:
        return _moved(connection, revision, database.where)


def _moved(connection: Connection, revision: str, where: str) -> Move:
    from alembic import command

    config = config_for(connection)
    known = known_revisions(config)
    found = revision_of(connection, where)
    for asked in filter(None, (found, revision)):
        if asked not in known:
            raise CatalogError(
                f"this Mesh does not know the catalog's revision {asked}",
                where=where,
                hint=f"it knows {', '.join(known)}; a newer Mesh may know more",
            )
    before = _rows(connection)
    if found is None or found < revision:
        command.upgrade(config, revision)
    elif found > revision:
        command.downgrade(config, revision)
    left = set(inspect(connection).get_table_names())
    lost = {name: rows for name, rows in before.items() if rows and name not in left}
    return Move(found, revision, lost)


INDEX = ("search_", "feeds", "lineage_changes")
"""How the names of tables begin that are made anew from the others."""


def _rows(connection: Connection) -> dict[str, int]:
    names = sorted(
        name
        for name in inspect(connection).get_table_names()
        if name != VERSION_TABLE and not name.startswith(INDEX)
    )
    counted = {}
    for name in names:
        query = select(func.count()).select_from(table(name))
        counted[name] = connection.execute(query).scalar_one()
    return counted
