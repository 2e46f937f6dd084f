"""Which product feeds which, from declared inputs and from receipts.

Owns the walk over the catalog's three sources of lineage: what definitions say is read, what
receipts prove was read, with exact versions, and what other producers report. Goes level by level,
so that diamonds are met once and cycles end. A process that asks again has most of it in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, select

from mesh.catalog import feeds, schema
from mesh.catalog.memory import Memory, View
from mesh.catalog.model import Direction, Lineage, LineageEdge, LineageNode, NodeKind
from mesh.catalog.publications import latest_versions
from mesh.catalog.reported.edges import find_dataset, is_external, reported_edges
from mesh.catalog.statements import chunks
from mesh.errors import UnknownProductError

_ENDS = attrgetter("upstream", "downstream")


def lineage(
    connection: Connection, product: str, direction: Direction, depth: int | None, memory: Memory
) -> Lineage:
    """Everything that `product` is made from (`up`) or that is made from it (`down`).

    `depth` counts steps; None follows all of them.
    """
    view = memory.at(connection)
    depths = {product: 0}
    edges: list[LineageEdge] = []
    level, reached = [product], 0
    while level and (depth is None or reached < depth):
        found = _touching(connection, view, level, direction)
        edges += found
        reached += 1
        ends = {edge.upstream if direction == "up" else edge.downstream for edge in found}
        level = sorted(ends - depths.keys())
        depths |= dict.fromkeys(level, reached)
    nodes = _nodes(connection, view, depths)
    latest = {node.product: node.latest_version for node in nodes}
    told = [_as_latest(edge, latest[edge.downstream]) for edge in edges]
    if direction == "up":
        told = _as_read(connection, told, (product, latest[product]))
    return Lineage(product, direction, nodes, tuple(told))


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
    versions: tuple[tuple[int, int], ...] = ()
    jobs: set[str] = field(default_factory=set)
    is_whole: bool = False
    is_declared: bool = False
    reading: str = ""

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
            versions=self.versions,
            is_declared=self.is_declared,
            is_reference=self.ports == {""},
            reading=self.reading,
            jobs=tuple(sorted(self.jobs)),
        )


def _touching(
    connection: Connection, view: View, products: Sequence[str], direction: Direction
) -> list[LineageEdge]:
    """The edges that end in some products (`up`), or begin in them (`down`)."""
    keys = [(product,) for product in products]
    found = view.of(direction, keys, lambda k: _read_edges(connection, k, direction), len)
    return sorted((e for edges in found.values() for e in edges), key=_ENDS)


def _read_edges(
    connection: Connection, keys: Sequence[tuple[str]], direction: Direction
) -> dict[tuple[str], tuple[LineageEdge, ...]]:
    products = [product for (product,) in keys]
    links: dict[tuple[str, str], _Link] = defaultdict(_Link)
    for chunk in chunks(products):
        _gather_declared(connection, links, chunk, direction)
        _gather_used(connection, links, chunk, direction)
    for edge in reported_edges(connection, products, direction):
        links[edge.upstream, edge.downstream].jobs.add(edge.job)
    near = 1 if direction == "up" else 0
    found: dict[str, list[LineageEdge]] = {product: [] for product in products}
    for key, link in links.items():
        found[key[near]].append(link.edge(*key))
    return {(product,): tuple(edges) for product, edges in found.items()}


def _gather_declared(
    connection: Connection,
    links: dict[tuple[str, str], _Link],
    products: Sequence[str],
    direction: Direction,
) -> None:
    table, owner = schema.inputs, schema.products
    end: ColumnElement[str] = table.c.product if direction == "up" else table.c.upstream
    found = (
        select(table.c.upstream, table.c.product, table.c.port, table.c.columns)
        .add_columns(owner.c.is_declared)
        .join(owner, owner.c.name == table.c.product)
        .where(end.in_(products))
    )
    for row in connection.execute(found).all():
        link = links[row.upstream, row.product]
        link.add(row.port, row.columns)
        link.is_declared = link.is_declared or row.is_declared


def _gather_used(
    connection: Connection,
    links: dict[tuple[str, str], _Link],
    products: Sequence[str],
    direction: Direction,
) -> None:
    for edge in feeds.feeding(connection, products, direction):
        link = links[edge.upstream, edge.downstream]
        for port in edge.ports:
            link.add(port, edge.columns)
        link.versions, link.reading = edge.versions, edge.reading


def _as_latest(edge: LineageEdge, latest: int | None) -> LineageEdge:
    """The edge without how it was read, unless that is of the downstream's latest publication."""
    if not edge.reading or edge.versions[0][0] == latest:
        return edge
    return replace(edge, reading="")


def _as_read(
    connection: Connection, edges: Sequence[LineageEdge], root: tuple[str, int | None]
) -> list[LineageEdge]:
    """Edges with every version that the latest version of a product goes back to.

    Of an edge only the newest versions are kept at hand: a product that is read daily and published
    hourly was read as it was longer ago.
    """
    into: dict[str, list[LineageEdge]] = defaultdict(list)
    for edge in edges:
        into[edge.downstream].append(edge)
    older: dict[tuple[str, str], set[feeds.Pair]] = defaultdict(set)
    level = {(root[0], root[1])} if root[1] is not None else set()
    met: set[tuple[str, int]] = set()
    while level:
        met |= level
        read = {
            (edge.upstream, up)
            for name, version in level
            for edge in into[name]
            for up in _read_in(edge, version)
        }
        missing = [(n, v) for n, v in sorted(level) if any(_is_cut(e, v) for e in into[n])]
        for upstream, downstream, pair in feeds.read_by(connection, missing):
            older[upstream, downstream].add(pair)
            read.add((upstream, pair[1]))
        level = read - met
    return [
        replace(edge, versions=tuple(sorted({*edge.versions, *pairs}, reverse=True)))
        if (pairs := older.get((edge.upstream, edge.downstream)))
        else edge
        for edge in edges
    ]


def _read_in(edge: LineageEdge, version: int) -> Iterator[int]:
    """The upstream's versions that a version of the downstream read; pairs are newest first."""
    for down, up in edge.versions:
        if down < version:
            return
        if down == version:
            yield up


def _is_cut(edge: LineageEdge, version: int) -> bool:
    """Whether what is kept of an edge may lack what a version of its downstream read."""
    return len(edge.versions) >= feeds.KEPT and version <= edge.versions[-1][0]


def _nodes(
    connection: Connection, view: View, depths: Mapping[str, int]
) -> tuple[LineageNode, ...]:
    ordered = sorted(depths.items(), key=lambda item: (item[1], item[0]))
    known = view.of("node", [(name,) for name in depths], lambda keys: _known(connection, keys))
    return tuple(
        LineageNode(name, kind, depth, version)
        for name, depth in ordered
        for kind, version in (known[name,],)
    )


def _known(
    connection: Connection, keys: Sequence[tuple[str]]
) -> dict[tuple[str], tuple[NodeKind, int | None]]:
    """What each dataset is, and its newest version."""
    names = [name for (name,) in keys]
    declared, latest = set(_declared(connection, names)), latest_versions(connection, names)
    return {(name,): (_kind(name, declared), latest.get(name)) for name in names}


def _kind(name: str, declared: Collection[str]) -> NodeKind:
    if name in declared:
        return NodeKind.DECLARED
    return NodeKind.EXTERNAL if is_external(name) else NodeKind.USED


def _declared(connection: Connection, names: Sequence[str]) -> Iterable[str]:
    table = schema.products
    for chunk in chunks(names):
        found = select(table.c.name).where(table.c.name.in_(chunk), table.c.is_declared)
        yield from connection.execute(found).scalars()
