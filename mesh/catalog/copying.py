"""Copying a catalog from one database to another: SQLite to PostgreSQL, and back.

Owns what a copy promises. It is all of one moment of the source, in one transaction of the target,
so that a copy which is cut leaves the target as empty as it was; a few rows are in memory at a
time; and what arrived is read again and compared before it is kept. Refuses a target that holds
anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import Connection, Table, insert, select

from mesh.catalog.database import Database
from mesh.catalog.keyed import batches
from mesh.catalog.migrating import migrate
from mesh.catalog.schema import metadata
from mesh.errors import CatalogError


@dataclass(slots=True)
class _Tally:
    """Rows of a table, and a digest that does not depend on their order.

    The order does differ: PostgreSQL may sort text by a language.
    """

    rows: int = 0
    digest: int = 0

    def add(self, row: Sequence[object]) -> None:
        hashed = blake2b(repr(tuple(row)).encode(), digest_size=16).digest()
        self.rows += 1
        self.digest = (self.digest + int.from_bytes(hashed)) % 2**128


def copy(source: Database, target: Database) -> Mapping[str, int]:
    """Copy every table; returns the rows of each.

    Raises CatalogError when the target holds something, or did not keep what it was given.
    """
    migrate(source)
    migrate(target)
    with source.reading() as here, target.writing() as there:
        _refuse_filled(there, target.where)
        copied = {}
        for table in metadata.sorted_tables:
            sent = _send(here, there, table)
            if sent != _tally(there, table):
                raise CatalogError(
                    f"the table {table.name} did not arrive as it was sent; nothing was kept",
                    where=target.where,
                    hint="run it again; if it is the same, the target's disk or server is at fault",
                )
            target.count_on_from(there, table)
            copied[table.name] = sent.rows
        return copied


def _refuse_filled(there: Connection, where: str) -> None:
    filled = [
        table.name
        for table in metadata.sorted_tables
        if there.execute(select(table).limit(1)).first() is not None
    ]
    if filled:
        raise CatalogError(
            f"it is a catalog that holds something already: {', '.join(filled[:3])}",
            where=where,
            hint="copy into an empty database, or add to what is there: "
            "`mesh catalog copy --merge`",
        )


def _send(here: Connection, there: Connection, table: Table) -> _Tally:
    tally = _Tally()
    for batch in batches(here, table):
        for row in batch:
            tally.add(tuple(row.values()))
        there.execute(insert(table), batch)
    return tally


def _tally(connection: Connection, table: Table) -> _Tally:
    tally = _Tally()
    for batch in batches(connection, table):
        for row in batch:
            tally.add(tuple(row.values()))
    return tally
