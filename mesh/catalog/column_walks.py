"""The walk from columns to the columns that they come from, or that come from them.

Owns how edges are read, and what of them is kept for the next walk. Goes level by level, so that
diamonds are met once and cycles end. A dataset that others reported and that turned out to be
another (see `datasets.canonical`) is walked as that other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from sys import intern
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, select

from mesh.catalog import schema
from mesh.catalog.derivation import Derivation
from mesh.catalog.memory import View
from mesh.catalog.model import Direction
from mesh.catalog.reported.edges import aliases, canonical_keys
from mesh.catalog.statements import chunks, pairs_of
from mesh.catalog.traced import ColumnEdge, ColumnKey, ColumnLineage, Knowledge, Reach

Raw = tuple[str, str, str, str, str, str, str, bool]
"""An edge as its row has it, in the order of `ColumnEdge`: there are many on a long way."""
RAW = tuple(
    schema.column_edges.c[name]
    for name in ("upstream", "upstream_column", "downstream", "downstream_column")
) + tuple(schema.column_edges.c[name] for name in ("kind", "origin", "job", "is_masking"))
_KINDS = {str(kind): kind for kind in Derivation}
_DIRECT = frozenset(name for name, kind in _KINDS.items() if kind.is_direct)
_KNOWLEDGE = {str(knowledge): knowledge for knowledge in Knowledge}
_Key = TypeVar("_Key", bound=tuple[str, ...])


def raw(row: Row[Any]) -> Raw:
    """An edge of a row that has the columns of `RAW`."""
    return tuple(row)


def edge_of(edge: Raw) -> ColumnEdge:
    """An edge as a value."""
    upstream, column, downstream, of, kind, knowledge, job, is_masking = edge
    return ColumnEdge(
        upstream, column, downstream, of, _KINDS[kind], _KNOWLEDGE[knowledge], job, is_masking
    )


class ColumnWalk:
    """One way through the edges, level by level. A column "" stands for all of its dataset."""

    def __init__(
        self, connection: Connection, view: View, direction: Direction, through: Reach
    ) -> None:
        self.connection = connection
        self.view = view
        self.direction = direction
        self.through = through

    def from_(self, roots: tuple[ColumnKey, ...], depth: int | None) -> ColumnLineage:
        """Everything that these columns lead to; `depth` counts steps, None follows all of them."""
        depths = dict.fromkeys(roots, 0)
        edges: dict[Raw, int] = {}
        level, reached = roots, 0
        while level and (depth is None or reached < depth):
            found = self._edges(level)
            reached += 1
            ends = sorted(set(map(self._end, found)) - depths.keys())
            depths |= dict.fromkeys(ends, reached)
            edges |= {edge: depths[self._end(edge)] for edge in found}
            level = tuple(ends)
        ordered = sorted((at, edge) for edge, at in edges.items())
        told = tuple(edge_of(edge) for _, edge in ordered)
        return ColumnLineage(roots, self.direction, depths, told, self._unknown(depths))

    def _end(self, edge: Raw) -> ColumnKey:
        return edge[:2] if self.direction == "up" else edge[2:4]

    def _own(self, edge: Raw) -> tuple[str, ...]:
        return edge[2:4] if self.direction == "up" else edge[:2]

    def _edges(self, level: Sequence[ColumnKey]) -> set[Raw]:
        """The edges from a level on, between canonical datasets."""
        exact = [key for key in level if key[1]]
        # What decides about the rows of a dataset decides about each of its columns.
        rows = dict.fromkeys((owner, "") for owner, _ in exact) if self.direction == "up" else ()
        whole = [(owner,) for owner, name in level if not name]
        found: set[Raw] = set()
        for kind, keys in (("column", [*exact, *rows]), ("columns", whole)):
            known = self.view.of(f"{kind} {self.direction}", keys, self._read, len)
            found.update(chain.from_iterable(known.values()))
        return found if self.through == "all" else {e for e in found if e[4] in _DIRECT}

    def _read(self, keys: Sequence[_Key]) -> dict[_Key, tuple[Raw, ...]]:
        """The edges of each column ("" stands for those of all rows), or of each dataset."""
        known = aliases(self.connection, {owner for owner, *_ in keys})
        named = {key: [(alias, *key[1:]) for alias in known[key[0]]] for key in keys}
        rows = self._rows(list(chain.from_iterable(named.values())))
        width = len(keys[0])
        by_end: dict[tuple[str, ...], list[Raw]] = {}
        for row, edge in zip(rows, self._between_canonical(rows), strict=True):
            by_end.setdefault(self._own(row)[:width], []).append(edge)
        return {
            key: tuple(chain.from_iterable(by_end.get(name, ()) for name in names))
            for key, names in named.items()
        }

    def _rows(self, named: Sequence[tuple[str, ...]]) -> list[Raw]:
        table = schema.column_edges
        is_up = self.direction == "up"
        dataset = table.c.downstream if is_up else table.c.upstream
        column = table.c.downstream_column if is_up else table.c.upstream_column
        if len(named[0]) == 1:
            asked = [
                select(*RAW).where(dataset.in_(chunk))
                for chunk in chunks([dataset for (dataset,) in named])
            ]
        else:
            wanted = pairs_of(self.connection, [(name, of) for name, of in named])
            asked = [select(*RAW).join(wanted.table, wanted.are(dataset, column))]
        return [raw(row) for one in asked for row in self.connection.execute(one).all()]

    def _between_canonical(self, edges: Sequence[Raw]) -> list[Raw]:
        named = {name for up, _, down, *_ in edges for name in (up, down)}
        same = {name: intern(name) for name in named}
        same |= canonical_keys(self.connection, named)
        return [(same[e[0]], e[1], same[e[2]], *e[3:]) for e in edges]

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
