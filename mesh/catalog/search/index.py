"""What a database has to do for a search, whichever it is.

Owns the interface, and the tables and statements that all have in common. Words come folded, as
`[a-z0-9]+`: nothing that anybody typed reaches a statement otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from mesh.catalog.search.texts import Tier
from mesh.catalog.search.words import Term
from mesh.errors import Problem


@dataclass(frozen=True, slots=True)
class Wanted:
    """Documents that have any of these words, or of these beginnings, in texts of a tier."""

    tier: Tier
    words: tuple[str, ...]
    is_prefix: bool = False


class Index(Protocol):
    """The words of documents, and the vocabulary that typing errors are mended from."""

    def put(self, connection: Connection, document: int, found: Mapping[Tier, set[str]]) -> None:
        """Make these the words of a document."""

    def remove(self, connection: Connection, documents: Iterable[int]) -> None:
        """Forget the words of documents; the vocabulary stays."""

    def clear(self, connection: Connection) -> None:
        """Forget everything."""

    def matching(self, connection: Connection, wanted: Sequence[Wanted]) -> list[list[int]]:
        """The documents of each, in any order."""

    def having(
        self, connection: Connection, every: Sequence[Term], most: int
    ) -> dict[int, Mapping[Tier, AbstractSet[str]]]:
        """The words of the documents that have every term, in whatever tier: of `most` of them."""

    def known(self, connection: Connection, words: Sequence[str]) -> list[str]:
        """Those words that are in the vocabulary."""

    def begun(self, connection: Connection, beginnings: Sequence[str]) -> list[str]:
        """Those beginnings that a word of the vocabulary has."""

    def alike(self, connection: Connection, word: str) -> list[str]:
        """Words of the vocabulary that share trigrams with a word; empty if that is not known."""

    def lacking(self, connection: Connection) -> Problem | None:
        """What searches do without on this database, and how it comes; None for nothing."""


SHORTEST_ALIKE = 6
"""Letters of the shortest word that is looked up by trigrams."""
LEAST_ALIKE = 0.15
"""The share of trigrams that candidates have in common with a word, at least."""


def index_of(connection: Connection) -> Index:
    """The index of the database of a connection."""
    from mesh.catalog.search.postgresql import PostgresqlIndex
    from mesh.catalog.search.sqlite import SqliteIndex

    return SqliteIndex() if connection.dialect.name == "sqlite" else PostgresqlIndex()


def trigrams(word: str) -> set[str]:
    """The groups of three letters of a word, as `pg_trgm` has them: padded before and after."""
    padded = f"  {word} "
    return {padded[start : start + 3] for start in range(len(padded) - 2)}


def likeness(word: str, other: str) -> float:
    """The share of all trigrams of two words that both have."""
    mine, others = trigrams(word), trigrams(other)
    return len(mine & others) / len(mine | others)
