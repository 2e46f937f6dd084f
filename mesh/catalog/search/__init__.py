"""Search over everything that can be found: products, and datasets that others report.

Owns the way in, `Search`. Candidates come from the database's own full-text index (`sqlite`,
`postgresql`); their order, facets and reasons are made here, so that both give the same page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mesh.catalog.database import Database
from mesh.catalog.search.finding import find
from mesh.catalog.search.index import index_of
from mesh.catalog.search.indexing import (
    index_dataset,
    index_domain,
    index_product,
    index_products,
    rebuild,
    touch,
)
from mesh.catalog.search.model import Facet, FacetCount, Hit, Match, SearchPage
from mesh.errors import Problem, UnknownFacetError

__all__ = [
    "Facet",
    "FacetCount",
    "Hit",
    "Match",
    "Search",
    "SearchPage",
    "index_dataset",
    "index_domain",
    "index_of",
    "index_product",
    "index_products",
    "rebuild",
    "touch",
]


class Search:
    """Search in the catalog. Every method may raise CatalogError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self,
        text: str = "",
        *,
        facets: Mapping[str, Collection[str]] | None = None,
        limit: int = 20,
        after: str = "",
    ) -> SearchPage:
        """What a text finds, best first; an empty one finds everything.

        The text may be anything: words are looked for, in any order; the last may be a beginning.
        What has none of a word may have one that was meant. `facets` narrows down to any of the
        values of each, `limit` is at most 200, `after` a page's cursor.
        Raises UnknownFacetError, InvalidCursorError.
        """
        chosen = {_facet(name): set(values) for name, values in (facets or {}).items()}
        with self._database.reading() as connection:
            return find(
                connection,
                text,
                {name: values for name, values in chosen.items() if values},
                limit=limit,
                after=after,
            )

    def rebuild(self) -> int:
        """Make the index anew from the catalog. Returns how many documents it has."""
        with self._database.writing() as connection:
            return rebuild(connection)

    def lacking(self) -> Problem | None:
        """What searches do without on this database, and how it comes; None for nothing."""
        with self._database.reading() as connection:
            return index_of(connection).lacking(connection)


def _facet(name: str) -> Facet:
    try:
        return Facet(name)
    except ValueError:
        raise UnknownFacetError(name, [*Facet]) from None
