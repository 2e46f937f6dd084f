"""What erasures and retention removed from one of two catalogs, kept from coming back by a merge.

Owns which values are too old to be added: those from before the last erasure of their product that
either catalog knows, and profiles that the target had no longer. What the target still holds of
before such an erasure goes, too. Rows stay, as an erasure leaves them: without what they quote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, delete, func, select

from mesh.catalog import schema
from mesh.catalog.keyed import Row
from mesh.catalog.publications import forget_samples, without_samples
from mesh.catalog.statements import chunks


@dataclass(frozen=True, slots=True)
class Erased:
    """When each product was erased from last, as far as either catalog knows."""

    last: Mapping[str, datetime]

    @classmethod
    def of(cls, *catalogs: Connection) -> Erased:
        """Read it from catalogs, before one becomes the other."""
        table = schema.erasures
        asked = select(table.c.product, func.max(table.c.erased_at)).group_by(table.c.product)
        found: dict[str, datetime] = {}
        for connection in catalogs:
            for row in connection.execute(asked):
                moment: datetime = row[1]
                found[row.product] = max(moment, found.get(row.product, moment))
        return cls(found)

    def is_before(self, product: str, moment: datetime) -> bool:
        """Whether what was told of a product then may tell of rows that were erased."""
        last = self.last.get(product)
        return last is not None and moment <= last

    def is_same(self, row: Row, other: Row) -> bool:
        """Whether two refusals say the same, but for what an erasure took out of one of them."""
        return row["product"] in self.last and bare(row) == bare(other)

    def allowed(self, there: Connection, table: Table, rows: list[Row]) -> list[Row]:
        """What may be added of rows that the target lacks, and as what."""
        if table is schema.profiles:
            return self._allowed_profiles(there, rows)
        if table is schema.refusals:
            return [
                bare(row) if self.is_before(row["product"], row["refused_at"]) else row
                for row in rows
            ]
        return rows

    def forget(self, there: Connection) -> int:
        """Take out of the target what it holds of before an erasure; returns from how many rows."""
        table, gone = schema.profiles, 0
        for product, last in self.last.items():
            old = delete(table).where(table.c.product == product, table.c.profiled_at <= last)
            gone += there.execute(old).rowcount
            gone += forget_samples(there, product, until=last)
        return gone

    def _allowed_profiles(self, there: Connection, rows: list[Row]) -> list[Row]:
        """Not those that the target had once: it knows what they were of, and has them no more."""
        known = _published(there, [row["publication_id"] for row in rows])
        return [
            row
            for row in rows
            if row["publication_id"] not in known
            and not self.is_before(row["product"], row["profiled_at"])
        ]


def bare(row: Row) -> Row:
    """A refusal as an erasure leaves it."""
    return {**row, "content": without_samples(row["product"], row["content"])}


def _published(there: Connection, publications: Iterable[str]) -> set[str]:
    column = schema.receipts.c.publication_id
    found: set[str] = set()
    for chunk in chunks(list(publications)):
        found.update(there.execute(select(column).where(column.in_(chunk))).scalars())
    return found
