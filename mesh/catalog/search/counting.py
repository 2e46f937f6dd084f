"""How many of what was found have each value of each facet.

Owns both ways to count: of documents that were read, and by the database of many that were not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Float, case, func, literal, select

from mesh.catalog import schema
from mesh.catalog.conditions import FreshnessState
from mesh.catalog.search.model import Facet, FacetCount
from mesh.catalog.statements import is_among

AT: Mapping[Facet, int] = {facet: place for place, facet in enumerate(Facet)}
"""Where the value of a facet stands among those of a document."""

Values = tuple[str, ...]
"""The value of each facet that a document has, in the order of `Facet`."""
Counts = dict[Facet, tuple[FacetCount, ...]]


def fits(values: Values, facets: Mapping[Facet, Collection[str]], but: Facet | None = None) -> bool:
    """Whether a document has one of the chosen values of each facet."""
    return all(values[AT[name]] in chosen for name, chosen in facets.items() if name is not but)


def counted(documents: Sequence[Values], facets: Mapping[Facet, Collection[str]]) -> Counts:
    """The values of each facet with how many have them, as if nothing was chosen of it."""
    every = [(values, 1) for values in documents if fits(values, facets)]
    return {
        facet: _by_value(
            facet,
            [(v, 1) for v in documents if fits(v, facets, facet)] if facet in facets else every,
        )
        for facet in Facet
    }


def counted_by_database(
    connection: Connection, documents: Collection[int], now: datetime
) -> Counts:
    """The same of documents by their keys, where nothing is chosen."""
    table = schema.search_documents
    fresh = case(
        (table.c.due.is_(None), str(FreshnessState.UNKNOWN)),
        (table.c.due >= literal(now.timestamp(), Float()), str(FreshnessState.FRESH)),
        else_=str(FreshnessState.LATE),
    )
    values = [fresh if f is Facet.FRESHNESS else table.c[str(f)] for f in Facet]
    found = (
        select(*values, func.count())
        .where(is_among(connection, table.c.id, documents))
        .group_by(*values)
    )
    groups = [(tuple(row[:-1]), int(row[-1])) for row in connection.execute(found).all()]
    return {facet: _by_value(facet, groups) for facet in Facet}


def _by_value(facet: Facet, groups: Iterable[tuple[Values, int]]) -> tuple[FacetCount, ...]:
    """The values of a facet with their counts, the most first."""
    counts: Counter[str] = Counter()
    for values, count in groups:
        counts[values[AT[facet]]] += count
    counts.pop("", None)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(FacetCount(value, count) for value, count in ordered)
