"""Who reads which product, and which of its columns.

Owns what is told of reads, which are counted by the day: by consumer, and by column. A consumer is
a product, by its name, or a person or service. `usage_writing` writes them beside a reader; here
they come in from afar.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Row, Select, case, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from mesh.catalog import schema
from mesh.catalog.database import Database
from mesh.catalog.statements import chunks
from mesh.catalog.usage_writing import Count, Read
from mesh.errors import InvalidNameError
from mesh.naming import ProductId

DAYS = 30
MOST_TOGETHER = 5_000
"""Counts in one batch from afar."""
_BATCH_NAME = 64
_REMEMBERED = timedelta(days=3)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ConsumerUse:
    """How often a consumer read a product, which columns, and when last (UTC)."""

    consumer: str
    reads: int
    last_read_at: datetime
    columns: tuple[str, ...] = ()

    @property
    def is_product(self) -> bool:
        """Whether the consumer is a product, and no person or service."""
        try:
            ProductId.parse(self.consumer)
        except InvalidNameError:
            return False
        return True

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "consumer": self.consumer,
            "is_product": self.is_product,
            "reads": self.reads,
            "last_read_at": self.last_read_at.isoformat(),
            "columns": list(self.columns),
        }


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """How often a column was read, by whom, and when last (UTC)."""

    column: str
    reads: int
    last_read_at: datetime
    consumers: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sum:
    reads: int = 0
    last: datetime = _NEVER
    names: set[str] = field(default_factory=set)

    def add(self, row: Row[Any]) -> None:
        self.reads += row.reads
        self.last = max(self.last, row.last_read_at)


class Usage:
    """The reads in a catalog. Every method may raise CatalogError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, product: str, days: int = DAYS) -> list[ConsumerUse]:
        """Who read a product in the last days, most reads first; its full name."""
        found: dict[str, _Sum] = {}
        for row in self._rows(product, days):
            known = found.setdefault(row.consumer, _Sum())
            if row.column:
                known.names.add(row.column)
            else:
                known.add(row)
        return [
            ConsumerUse(consumer, known.reads, known.last, tuple(sorted(known.names)))
            for consumer, known in _by_reads(found)
        ]

    def columns(self, product: str, days: int = DAYS) -> list[ColumnUse]:
        """Which columns of a product were read in the last days, most reads first."""
        found: dict[str, _Sum] = {}
        for row in self._rows(product, days):
            if row.column:
                known = found.setdefault(row.column, _Sum())
                known.add(row)
                known.names.add(row.consumer)
        return [
            ColumnUse(column, known.reads, known.last, tuple(sorted(known.names)))
            for column, known in _by_reads(found)
        ]

    def reads(self, days: int = DAYS) -> dict[str, int]:
        """How often each product was read in the last days; those that were not are left out."""
        table = schema.usage
        found: dict[str, int] = {}
        for row in self._since(select(table).where(table.c.column == ""), days):
            found[row.product] = found.get(row.product, 0) + row.reads
        return found

    def add(self, batch: str, counts: Sequence[tuple[Read, Count]]) -> bool:
        """Add counts of registered products, together; says whether the batch was new.

        A batch that was added already changes nothing, for some days.
        """
        if len(batch) > _BATCH_NAME or len(counts) > MOST_TOGETHER:
            message = f"a batch is of {MOST_TOGETHER:,} counts, named in {_BATCH_NAME} characters"
            raise ValueError(message)
        seen, now = schema.usage_batches, datetime.now(UTC)
        with self._database.writing() as connection:
            connection.execute(delete(seen).where(seen.c.added_at < now - _REMEMBERED))
            if connection.execute(select(seen).where(seen.c.id == batch)).first() is not None:
                return False
            connection.execute(insert(seen).values(id=batch, added_at=now))
            _add(connection, counts)
        return True

    def _rows(self, product: str, days: int) -> list[Row[Any]]:
        return self._since(select(schema.usage).where(schema.usage.c.product == product), days)

    def _since(self, wanted: Select[Any], days: int) -> list[Row[Any]]:
        first = (datetime.now(UTC) - timedelta(days=days)).date()
        with self._database.reading() as connection:
            return list(connection.execute(wanted.where(schema.usage.c.day >= first)))


def _add(connection: Connection, counts: Sequence[tuple[Read, Count]]) -> None:
    names = sorted({read.product for read, _ in counts})
    asked = schema.products.c.name
    known: set[str] = set()
    for chunk in chunks(names):
        known.update(connection.execute(select(asked).where(asked.in_(chunk))).scalars())
    rows = [
        {**asdict(read), **asdict(count)}
        for read, count in sorted(counts, key=itemgetter(0))
        if read.product in known and count.reads > 0
    ]
    if rows:
        connection.execute(_added(connection), rows)


def _added(connection: Connection) -> Any:
    """The statement that adds to what is there; the later of two reads is the last."""
    table = schema.usage
    made = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
    new = made.excluded
    is_later = new.last_read_at > table.c.last_read_at
    return made.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={
            "reads": table.c.reads + new.reads,
            "last_read_at": case((is_later, new.last_read_at), else_=table.c.last_read_at),
        },
    )


def _by_reads(found: dict[str, _Sum]) -> Iterable[tuple[str, _Sum]]:
    return sorted(found.items(), key=lambda item: (-item[1].reads, item[0]))
