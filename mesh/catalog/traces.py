"""Lineage between columns in the catalog: recorded, and followed.

Owns the rows of a product's tracing, and the walk from columns to columns. Goes level by level, so
that diamonds are met once and cycles end. A dataset that others reported and that turned out to be
another (see `datasets.canonical`) is walked as that other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, insert, select

from mesh.catalog import schema
from mesh.catalog.database import Database
from mesh.catalog.derivation import Derivation
from mesh.catalog.model import Direction
from mesh.catalog.outlasting import outlasting
from mesh.catalog.reported.edges import aliases, canonical_keys
from mesh.catalog.statements import chunks, pairs_of
from mesh.catalog.traced import ColumnEdge, ColumnKey, ColumnLineage, Knowledge, Tracing

Reach = Literal["all", "direct"]
"""Which edges are followed."""
_OWN = (str(Knowledge.FOUND), str(Knowledge.DECLARED))


class Traces:
    """What the catalog knows of columns that come from columns."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
                select(*_RAW).where(edges.c.downstream == product, edges.c.origin.in_(_OWN))
            ).all()
        own = tuple(_edge(edge) for edge in sorted(map(_raw, found)))
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
            return _Walk(connection, direction, through).from_(tuple(roots), depth)


_Raw = tuple[str, str, str, str, str, str, str, bool]
"""An edge as its row has it, in the order of `ColumnEdge`: there are many on a long way."""
_RAW = tuple(
    schema.column_edges.c[name]
    for name in ("upstream", "upstream_column", "downstream", "downstream_column")
) + tuple(schema.column_edges.c[name] for name in ("kind", "origin", "job", "is_masking"))


class _Walk:
    """One way through the edges, level by level. A column "" stands for all of its dataset."""

    def __init__(self, connection: Connection, direction: Direction, through: Reach) -> None:
        self.connection = connection
        self.direction = direction
        self.through = through
        self._canonical: dict[str, str] = {}

    def from_(self, roots: tuple[ColumnKey, ...], depth: int | None) -> ColumnLineage:
        """Everything that these columns lead to."""
        depths = dict.fromkeys(roots, 0)
        edges: dict[_Raw, int] = {}
        level, reached = roots, 0
        while level and (depth is None or reached < depth):
            found = self._edges(level)
            reached += 1
            ends = sorted(set(map(self._end, found)) - depths.keys())
            depths |= dict.fromkeys(ends, reached)
            edges |= {edge: depths[self._end(edge)] for edge in found}
            level = tuple(ends)
        ordered = sorted((at, edge) for edge, at in edges.items())
        told = tuple(_edge(edge) for _, edge in ordered)
        return ColumnLineage(roots, self.direction, depths, told, self._unknown(depths))

    def _end(self, edge: _Raw) -> ColumnKey:
        return edge[:2] if self.direction == "up" else edge[2:4]

    def _edges(self, level: Sequence[ColumnKey]) -> set[_Raw]:
        """The edges from a level on, between canonical datasets."""
        table = schema.column_edges
        is_up = self.direction == "up"
        dataset = table.c.downstream if is_up else table.c.upstream
        column = table.c.downstream_column if is_up else table.c.upstream_column
        known = aliases(self.connection, {dataset for dataset, _ in level})
        keys = [(alias, name) for owner, name in level for alias in known[owner]]
        whole = [owner for owner, name in keys if not name]
        # What decides about the rows of a dataset decides about each of its columns.
        exact = [key for key in keys if key[1]] + [(o, "") for o, n in keys if n and is_up]
        chosen = select(*_RAW)
        if self.through == "direct":
            chosen = chosen.where(table.c.is_direct)
        found: set[_Raw] = set()
        for chunk in chunks(list(dict.fromkeys(whole))):
            rows = self.connection.execute(chosen.where(dataset.in_(chunk))).all()
            found.update(map(_raw, rows))
        if exact:
            wanted = pairs_of(self.connection, exact)
            asked = chosen.join(wanted.table, wanted.are(dataset, column))
            found.update(map(_raw, self.connection.execute(asked).all()))
        return self._between_canonical(found)

    def _between_canonical(self, edges: set[_Raw]) -> set[_Raw]:
        named = {name for up, _, down, *_ in edges for name in (up, down)}
        self._canonical |= canonical_keys(self.connection, named - self._canonical.keys())
        same = self._canonical
        if all(same.get(name, name) == name for name in named):
            return edges
        return {
            (same.get(edge[0], edge[0]), edge[1], same.get(edge[2], edge[2]), *edge[3:])
            for edge in edges
        }

    def _unknown(self, depths: Mapping[ColumnKey, int]) -> dict[str, str]:
        """Why columns cannot be traced: of what was reached, or downwards of who reads it."""
        table, inputs = schema.tracings, schema.inputs
        reached = sorted({dataset for dataset, _ in depths})
        unknown: dict[str, str] = {}
        for chunk in chunks(reached):
            asked = select(table.c.product, table.c.unknown).where(table.c.unknown != "")
            if self.direction == "up":
                asked = asked.where(table.c.product.in_(chunk))
            else:
                asked = asked.join(inputs, inputs.c.product == table.c.product).where(
                    inputs.c.upstream.in_(chunk)
                )
            unknown |= {row.product: row.unknown for row in self.connection.execute(asked)}
        return unknown


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


def _raw(row: Row[Any]) -> _Raw:
    return tuple(row)


def _edge(edge: _Raw) -> ColumnEdge:
    upstream, column, downstream, of, kind, knowledge, job, is_masking = edge
    return ColumnEdge(
        upstream, column, downstream, of, _KINDS[kind], _KNOWLEDGE[knowledge], job, is_masking
    )


_KINDS = {str(kind): kind for kind in Derivation}
_KNOWLEDGE = {str(knowledge): knowledge for knowledge in Knowledge}
