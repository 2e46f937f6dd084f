"""Which product feeds which, from declared inputs and from receipts.

Owns the walk over the catalog's three sources of lineage: what definitions say is read, what
receipts prove was read, with exact versions, and what other producers report. Goes level by level,
so that diamonds are met once and cycles end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement, Connection, select

from mesh.catalog import schema
from mesh.catalog.model import Direction, Lineage, LineageEdge, LineageNode, NodeKind
from mesh.catalog.publications import latest_receipts
from mesh.catalog.receipts import Receipt
from mesh.catalog.reported.edges import find_dataset, is_external, reported_edges
from mesh.catalog.statements import chunks
from mesh.errors import UnknownProductError


def lineage(
    connection: Connection, product: str, direction: Direction, depth: int | None
) -> Lineage:
    """Everything that `product` is made from (`up`) or that is made from it (`down`).

    `depth` counts steps; None follows all of them.
    """
    depths = {product: 0}
    edges: list[LineageEdge] = []
    level = [product]
    while level and (depth is None or depths[level[0]] < depth):
        found = _edges(connection, level, direction)
        edges += found
        ends = sorted({edge.upstream if direction == "up" else edge.downstream for edge in found})
        reached = depths[level[0]] + 1
        level = [end for end in ends if end not in depths]
        depths |= dict.fromkeys(level, reached)
    latest = latest_receipts(connection, depths)
    told = tuple(replace(edge, reading=_reading(edge, latest)) for edge in edges)
    return Lineage(product, direction, _nodes(connection, depths, latest), told)


def resolve_known(connection: Connection, name: str) -> str:
    """A name that lineage knows of, though it be in no definition. Raises UnknownProductError."""
    sources = (
        schema.products.c.name,
        schema.receipts.c.product,
        schema.inputs.c.upstream,
        schema.receipt_inputs.c.upstream,
    )
    for column in sources:
        if connection.execute(select(column).where(column == name).limit(1)).first() is not None:
            return name
    if (external := find_dataset(connection, name)) is not None:
        return external
    raise UnknownProductError(name, connection.execute(select(schema.products.c.name)).scalars())


@dataclass(slots=True)
class _Link:
    """What is gathered about one upstream of one downstream."""

    ports: set[str] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    versions: set[tuple[int, int]] = field(default_factory=set)
    jobs: set[str] = field(default_factory=set)
    is_whole: bool = False
    is_declared: bool = False

    def add(self, port: str, columns: Sequence[str] | None) -> None:
        """One use: by a port, of some columns or of all (None)."""
        self.ports.add(port)
        self.columns.update(columns or ())
        self.is_whole = self.is_whole or columns is None

    def edge(self, upstream: str, downstream: str) -> LineageEdge:
        """Everything that was gathered."""
        return LineageEdge(
            upstream,
            downstream,
            ports=tuple(sorted(self.ports - {""})),
            columns=None if self.is_whole or self.jobs else tuple(sorted(self.columns)),
            versions=tuple(sorted(self.versions, reverse=True)),
            is_declared=self.is_declared,
            is_reference=self.ports == {""},
            jobs=tuple(sorted(self.jobs)),
        )


def _edges(
    connection: Connection, products: Sequence[str], direction: Direction
) -> list[LineageEdge]:
    links: dict[tuple[str, str], _Link] = defaultdict(_Link)
    for chunk in chunks(products):
        _gather_declared(connection, links, chunk, direction)
        _gather_used(connection, links, chunk, direction)
    for edge in reported_edges(connection, products, direction):
        links[edge.upstream, edge.downstream].jobs.add(edge.job)
    return [links[key].edge(*key) for key in sorted(links)]


def _gather_declared(
    connection: Connection,
    links: dict[tuple[str, str], _Link],
    products: Sequence[str],
    direction: Direction,
) -> None:
    table, owner = schema.inputs, schema.products
    end: ColumnElement[str] = table.c.product if direction == "up" else table.c.upstream
    found = (
        select(table, owner.c.is_declared)
        .join(owner, owner.c.name == table.c.product)
        .where(end.in_(products))
    )
    for row in connection.execute(found):
        link = links[row.upstream, row.product]
        link.add(row.port, row.columns)
        link.is_declared = link.is_declared or row.is_declared


def _gather_used(
    connection: Connection,
    links: dict[tuple[str, str], _Link],
    products: Sequence[str],
    direction: Direction,
) -> None:
    table, receipts = schema.receipt_inputs, schema.receipts
    end: ColumnElement[str] = receipts.c.product if direction == "up" else table.c.upstream
    found = (
        select(table, receipts.c.product, receipts.c.table_version)
        .join(receipts, receipts.c.publication_id == table.c.publication_id)
        .where(end.in_(products))
    )
    for row in connection.execute(found):
        link = links[row.upstream, row.product]
        link.add(row.port, row.columns)
        link.versions.add((row.table_version, row.version))


def _reading(edge: LineageEdge, latest: Mapping[str, Receipt]) -> str:
    """How the downstream's latest publication read an incremental input; empty for others."""
    receipt = latest.get(edge.downstream)
    inputs = receipt.inputs if receipt is not None else ()
    return next((i.words for i in inputs if i.product == edge.upstream and i.words), "")


def _nodes(
    connection: Connection, depths: Mapping[str, int], latest: Mapping[str, Receipt]
) -> tuple[LineageNode, ...]:
    declared = set(_declared(connection, list(depths)))
    return tuple(
        LineageNode(
            name,
            NodeKind.DECLARED
            if name in declared
            else NodeKind.EXTERNAL
            if is_external(name)
            else NodeKind.USED,
            depth,
            latest[name].table_version if name in latest else None,
        )
        for name, depth in sorted(depths.items(), key=lambda item: (item[1], item[0]))
    )


def _declared(connection: Connection, names: Sequence[str]) -> Iterable[str]:
    table = schema.products
    for chunk in chunks(names):
        found = select(table.c.name).where(table.c.name.in_(chunk), table.c.is_declared)
        yield from connection.execute(found).scalars()
