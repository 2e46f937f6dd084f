"""Lineage between columns in the catalog: recorded, and followed.

Owns the rows of a product's tracing; how they are followed is in `column_walks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from mesh.catalog import schema
from mesh.catalog.column_walks import RAW, ColumnWalk, edge_of, raw
from mesh.catalog.database import Database
from mesh.catalog.memory import Memory
from mesh.catalog.model import Direction
from mesh.catalog.outlasting import outlasting
from mesh.catalog.traced import ColumnEdge, ColumnKey, ColumnLineage, Knowledge, Reach, Tracing

_OWN = (str(Knowledge.FOUND), str(Knowledge.DECLARED))


class Traces:
    """What the catalog knows of columns that come from columns."""

    def __init__(self, database: Database, memory: Memory) -> None:
        self._database = database
        self._memory = memory

    def digests(self) -> Mapping[str, str]:
        """Of what each product's tracing was made, by product."""
        table = schema.tracings
        with self._database.reading() as connection:
            return {r.product: r.digest for r in connection.execute(select(table))}

    @outlasting
    def record(self, found: Sequence[Tracing]) -> None:
        """Put tracings in the place of those that were recorded of the same products."""
        if not found:
            return
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            for tracing in found:
                _replace(connection, tracing, now)

    def of(self, product: str) -> Tracing | None:
        """The tracing of a product; None when it was not traced."""
        table, edges = schema.tracings, schema.column_edges
        with self._database.reading() as connection:
            row = connection.execute(select(table).where(table.c.product == product)).first()
            if row is None:
                return None
            found = connection.execute(
                select(*RAW).where(edges.c.downstream == product, edges.c.origin.in_(_OWN))
            ).all()
        own = tuple(edge_of(edge) for edge in sorted(map(raw, found)))
        return Tracing(product, row.digest, own, tuple(row.known), row.unknown)

    def follow(
        self,
        roots: Iterable[ColumnKey],
        direction: Direction,
        depth: int | None = None,
        *,
        through: Reach = "all",
    ) -> ColumnLineage:
        """What columns come from (`up`), or what comes from them (`down`).

        `depth` counts steps; None follows all of them. `direct` edges carry values; `all` are also
        those that decide. What decides about whole rows counts for
        every column of its dataset: in the result, such an edge's downstream column is empty.
        """
        with self._database.reading() as connection:
            view = self._memory.at(connection)
            return ColumnWalk(connection, view, direction, through).from_(tuple(roots), depth)


def _replace(connection: Connection, tracing: Tracing, now: datetime) -> None:
    table, edges = schema.tracings, schema.column_edges
    connection.execute(
        delete(edges).where(edges.c.downstream == tracing.product, edges.c.origin.in_(_OWN))
    )
    connection.execute(delete(table).where(table.c.product == tracing.product))
    connection.execute(
        insert(table).values(
            product=tracing.product,
            digest=tracing.digest,
            known=list(tracing.known),
            unknown=tracing.unknown,
            traced_at=now,
        )
    )
    if tracing.edges:
        connection.execute(insert(edges), [_values(edge, now) for edge in tracing.edges])


def _values(edge: ColumnEdge, now: datetime) -> dict[str, Any]:
    return {
        "downstream": edge.downstream,
        "downstream_column": edge.downstream_column,
        "upstream": edge.upstream,
        "upstream_column": edge.upstream_column,
        "kind": str(edge.kind),
        "origin": str(edge.knowledge),
        "job": edge.job,
        "is_direct": edge.is_direct,
        "is_masking": edge.is_masking,
        "seen_at": now,
    }
