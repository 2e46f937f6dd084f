"""Rows of two catalogs side by side, a few at a time, found by their keys.

Owns how a table is read without holding it, and how rows are found that have the keys of others.
Nothing here is in an order: databases sort texts differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Table, select

from mesh.catalog.statements import chunks

_BATCH = 1_000
"""Rows in memory at a time."""

Row = dict[str, Any]
Key = tuple[Any, ...]


def batches(connection: Connection, table: Table) -> Iterator[list[Row]]:
    """The rows of a table, a few at a time."""
    result = connection.execute(select(table).execution_options(yield_per=_BATCH))
    for batch in result.mappings().partitions():
        yield [dict(row) for row in batch]


def key_of(table: Table, row: Mapping[str, Any]) -> Key:
    """The primary key of a row."""
    return tuple(row[column.name] for column in table.primary_key.columns)


def rows_like(connection: Connection, table: Table, rows: Iterable[Row]) -> dict[Key, Row]:
    """The rows of a table that have the keys of others, by key."""
    wanted = {key_of(table, row) for row in rows}
    first = next(iter(table.primary_key.columns))
    found: dict[Key, Row] = {}
    for chunk in chunks(sorted({key[0] for key in wanted})):
        for told in connection.execute(select(table).where(first.in_(chunk))).mappings():
            row = dict(told)
            if (key := key_of(table, row)) in wanted:
                found[key] = row
    return found
