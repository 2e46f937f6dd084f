"""Lineage between columns, as values.

Owns edges, how far a product's columns are traced, and a walk's result. Free of the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from mesh.catalog.derivation import Derivation
from mesh.catalog.model import Direction

ColumnKey = tuple[str, str]
"""A column: its dataset's key (a product's name, or an external dataset's), and its name."""


Reach = Literal["all", "direct"]
"""Which edges are followed."""


class Knowledge(StrEnum):
    """Who knows an edge: the transform's own plan, its declaration, or a producer that reported."""

    FOUND = "found"
    DECLARED = "declared"
    REPORTED = "reported"


@dataclass(frozen=True, slots=True, order=True)
class ColumnEdge:
    """One column that another comes from.

    `downstream_column` is empty where the upstream decides about whole rows. `job` is the job of
    another producer that reported it.
    """

    upstream: str
    upstream_column: str
    downstream: str
    downstream_column: str
    kind: Derivation
    knowledge: Knowledge = Knowledge.FOUND
    job: str = ""
    is_masking: bool = False

    @property
    def is_direct(self) -> bool:
        """Whether values of the one are made from values of the other."""
        return self.kind.is_direct

    def as_json(self) -> dict[str, Any]:
        """The edge as plain values."""
        return {
            "upstream": self.upstream,
            "upstream_column": self.upstream_column,
            "downstream": self.downstream,
            "downstream_column": self.downstream_column,
            "type": "DIRECT" if self.is_direct else "INDIRECT",
            "subtype": str(self.kind),
            "knowledge": str(self.knowledge),
            "job": self.job,
            "is_masking": self.is_masking,
        }


@dataclass(frozen=True, slots=True)
class Tracing:
    """How the columns of a product are traced, and how far.

    `known` are the columns whose origins are complete, those that are made of no input among them;
    `unknown` says why others are not. `digest` is of what was looked at.
    """

    product: str
    digest: str
    edges: tuple[ColumnEdge, ...] = ()
    known: tuple[str, ...] = ()
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class ColumnLineage:
    """Columns and what comes from what, from some columns in one direction; nearest first.

    `depths` counts steps from the columns that were asked for. `unknown` says of products that were
    reached why some of their columns cannot be traced.
    """

    roots: tuple[ColumnKey, ...]
    direction: Direction
    depths: Mapping[ColumnKey, int]
    edges: tuple[ColumnEdge, ...]
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that were reached, nearest first, without those that were asked for."""
        asked = {dataset for dataset, _ in self.roots}
        ordered = sorted(self.depths.items(), key=lambda item: (item[1], item[0]))
        return tuple(dict.fromkeys(d for (d, _), _ in ordered if d not in asked))

    def as_json(self) -> dict[str, Any]:
        """The lineage as plain values."""
        return {
            "columns": [f"{dataset}.{column}" for dataset, column in self.roots],
            "direction": self.direction,
            "nodes": [
                {"dataset": dataset, "column": column, "depth": depth}
                for (dataset, column), depth in self.depths.items()
            ],
            "edges": [edge.as_json() for edge in self.edges],
            "unknown": dict(self.unknown),
        }
