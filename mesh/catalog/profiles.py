"""Profiles of publications, as rows of the catalog.

Owns how they are written and read back: the latest of a product, that of a version, and what became
of one column over time. A profile is of the rows of one publication, not of the whole table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, delete, insert, select

from mesh.catalog import schema
from mesh.catalog.database import Database
from mesh.catalog.outlasting import outlasting
from mesh.catalog.receipts import Receipt
from mesh.contracts.profiling.profile import ColumnProfile, Profile
from mesh.errors import UnknownColumnError

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class ProfileRecord:
    """The profile of one publication, and which version of the table it made."""

    product: str
    publication_id: str
    table_version: int
    profiled_at: datetime
    profile: Profile


@dataclass(frozen=True, slots=True)
class ColumnRecord:
    """One column in one publication of so many rows."""

    table_version: int
    profiled_at: datetime
    rows: int
    column: ColumnProfile


class Profiles:
    """The profiles in a catalog. Every method may raise CatalogError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, product: str, version: int | None = None) -> ProfileRecord | None:
        """The profile of a product's latest publication, or of the one that made a version.

        None when it was not profiled; the product's full name, registered or not.
        """
        return next(iter(self.latest(product, 1, version)), None)

    def latest(
        self, product: str, limit: int = 20, version: int | None = None
    ) -> list[ProfileRecord]:
        """A product's profiles, newest first, of one version alone where it is given."""
        table = schema.profiles
        wanted = select(table).where(table.c.product == product)
        if version is not None:
            wanted = wanted.where(table.c.table_version == version)
        wanted = wanted.order_by(table.c.table_version.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_record(row) for row in connection.execute(wanted)]

    def history(self, product: str, column: str, limit: int = 100) -> list[ColumnRecord]:
        """One column in a product's publications, newest first; those without it are left out.

        Raises UnknownColumnError when none of them has it.
        """
        records = self.latest(product, limit)
        found = [
            ColumnRecord(record.table_version, record.profiled_at, record.profile.rows, known)
            for record in records
            if (known := record.profile.column(column)) is not None
        ]
        if records and not found:
            names = tuple(known.name for known in records[0].profile.columns)
            raise UnknownColumnError(column, names, where=product)
        return found

    def publications(self, product: str) -> frozenset[str]:
        """The publications of a product whose profile is recorded."""
        table = schema.profiles
        wanted = select(table.c.publication_id).where(table.c.product == product)
        with self._database.reading() as connection:
            return frozenset(connection.execute(wanted).scalars())

    @outlasting
    def record(self, receipts: Sequence[Receipt]) -> int:
        """Record the profiles that come with receipts; returns how many were new."""
        with self._database.writing() as connection:
            return insert_profiles(connection, receipts)

    def forget(self, publications: Collection[str]) -> int:
        """Delete profiles that are no longer to be kept; returns how many there were."""
        if not publications:
            return 0
        table, names, gone = schema.profiles, sorted(publications), 0
        with self._database.writing() as connection:
            for start in range(0, len(names), _CHUNK):
                chunk = names[start : start + _CHUNK]
                found = connection.execute(delete(table).where(table.c.publication_id.in_(chunk)))
                gone += found.rowcount
        return gone


def insert_profiles(connection: Connection, receipts: Iterable[Receipt]) -> int:
    """Write the profiles that come with receipts, and are not recorded yet; returns how many."""
    table, count = schema.profiles, 0
    for receipt in receipts:
        if receipt.profile is None:
            continue
        known = select(table.c.product).where(table.c.publication_id == receipt.publication_id)
        if connection.execute(known).first() is not None:
            continue
        connection.execute(
            insert(table).values(
                publication_id=receipt.publication_id,
                product=receipt.product,
                table_version=receipt.table_version,
                profiled_at=receipt.published_at,
                rows=receipt.profile.rows,
                content=receipt.profile.as_json(),
            )
        )
        count += 1
    return count


def _record(row: Row[tuple[object, ...]]) -> ProfileRecord:
    return ProfileRecord(
        product=row.product,
        publication_id=row.publication_id,
        table_version=row.table_version,
        profiled_at=row.profiled_at,
        profile=Profile.from_json(row.content),
    )
