"""Rows of a table that one transaction may touch: read once, changed in memory, written once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, Connection, Table, bindparam, insert, select, update

from mesh.catalog.statements import chunks

Key = tuple[str, ...]
Row = dict[str, Any]


@dataclass(slots=True)
class Rows:
    """Rows of one table that a batch may touch, as they were and as they are to be."""

    table: Table
    before: dict[Key, Row] = field(default_factory=dict)
    now: dict[Key, Row] = field(default_factory=dict)

    def load(self, connection: Connection, column: str, values: Iterable[str]) -> None:
        """Read the rows in which a column has one of these values."""
        primary = [c.name for c in self.table.primary_key.columns]
        for chunk in chunks(sorted(set(values))):
            for row in connection.execute(
                select(self.table).where(self.table.c[column].in_(chunk))
            ).mappings():
                self.before[tuple(row[name] for name in primary)] = dict(row)
        self.now = {key: dict(row) for key, row in self.before.items()}

    def write(self, connection: Connection) -> None:
        """Insert what is new, update what differs."""
        primary = [c.name for c in self.table.primary_key.columns]
        new = [row for key, row in self.now.items() if key not in self.before]
        if new:
            connection.execute(insert(self.table), new)
        changed = [r for key, r in self.now.items() if key in self.before and r != self.before[key]]
        if changed:
            values: dict[str, BindParameter[Any]] = {
                c.name: bindparam(f"now_{c.name}") for c in self.table.columns
            }
            where = [self.table.c[name] == bindparam(f"is_{name}") for name in primary]
            connection.execute(
                update(self.table).where(*where).values(**values),
                [
                    {f"now_{name}": value for name, value in row.items()}
                    | {f"is_{name}": row[name] for name in primary}
                    for row in changed
                ],
            )
