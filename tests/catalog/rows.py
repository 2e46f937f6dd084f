"""One row in every table of a catalog, at whatever revision its database is."""

from datetime import UTC, date, datetime

from sqlalchemy import MetaData, insert

from mesh.catalog.database import Database
from mesh.catalog.migrating import VERSION_TABLE, migrate

MOMENT = datetime(2026, 3, 4, 5, 6, 7, 891_011, tzinfo=UTC)


def fill(url):
    """Make a catalog at a URL, with a row in every table."""
    database = Database(url)
    migrate(database)
    with database.writing() as connection:
        insert_everywhere(connection)
    database.close()


def insert_everywhere(connection, only=None):
    """Insert a row into every table that the database has, or into those named.

    The tables are read from the database, not from the code: an older revision has others.
    """
    found = MetaData()
    found.reflect(connection)
    for table in found.sorted_tables:
        is_index = table.name.startswith(
            ("search_", "lineage_changes")
        )  # made anew from the others
        if table.name != VERSION_TABLE and not is_index and (only is None or table.name in only):
            connection.execute(insert(table).values({c.name: _value(c) for c in table.columns}))


def _value(column):
    """Every text is the same JSON, so that references hold and plain values can be read."""
    kind = column.type.python_type
    if kind is datetime:
        # SQLite keeps no zone.
        return MOMENT if column.type.timezone else MOMENT.replace(tzinfo=None)
    return {date: MOMENT.date(), str: '"\\u0000 \\u00e9 é"', int: 7, bool: True, float: 0.1}[kind]
