"""The index on PostgreSQL: a `tsvector` a document under GIN, and the vocabulary under `pg_trgm`.

A lexeme begins with the letter of its tier. PostgreSQL's own weights are not in a GIN index: to
look at them, it would read every document that a word is in. `pg_trgm` may be missing where nobody
may make extensions: then words with one typing error are found still, and words with two are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from sqlalchemy import Connection, text

from mesh.catalog.search.index import LEAST_ALIKE, Wanted
from mesh.catalog.search.texts import Tier
from mesh.catalog.search.words import Term
from mesh.errors import Problem

_HAVING = text(
    "SELECT document, tsvector_to_array(words) AS lexemes FROM search_text "
    "WHERE words @@ CAST(:every AS tsquery) LIMIT :most"
)


class PostgresqlIndex:
    """Words in a `tsvector`."""

    def put(self, connection: Connection, document: int, found: Mapping[Tier, set[str]]) -> None:
        """Make these the words of a document."""
        self.remove(connection, [document])
        lexemes = " ".join(f"'{tier}{word}'" for tier in Tier for word in sorted(found[tier]))
        connection.execute(
            text("INSERT INTO search_text (document, words) VALUES (:id, CAST(:w AS tsvector))"),
            {"id": document, "w": lexemes},
        )
        connection.execute(
            text(
                "INSERT INTO search_words (word) SELECT unnest(CAST(:words AS text[])) "
                "ON CONFLICT DO NOTHING"
            ),
            {"words": sorted(set().union(*found.values()))},
        )

    def remove(self, connection: Connection, documents: Iterable[int]) -> None:
        """Forget the words of documents; the vocabulary stays."""
        connection.execute(
            text("DELETE FROM search_text WHERE document = ANY(:ids)"), {"ids": list(documents)}
        )

    def clear(self, connection: Connection) -> None:
        """Forget everything."""
        for table in ("search_text", "search_words"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 -- a constant # nosec B608

    def matching(self, connection: Connection, wanted: Sequence[Wanted]) -> list[list[int]]:
        """The documents of each, in any order."""
        if not wanted:
            return []
        query = " UNION ALL ".join(
            f"SELECT {number}, array_agg(document) FROM search_text "  # noqa: S608 -- a number # nosec B608
            f"WHERE words @@ CAST(:q{number} AS tsquery)"
            for number in range(len(wanted))
        )
        asked = {f"q{number}": _expression(item) for number, item in enumerate(wanted)}
        found: dict[int, list[int] | None] = {
            row[0]: row[1] for row in connection.execute(text(query), asked)
        }
        return [found[number] or [] for number in range(len(wanted))]

    def having(
        self, connection: Connection, every: Sequence[Term], most: int
    ) -> dict[int, Mapping[Tier, AbstractSet[str]]]:
        """The words of the documents that have every term, in whatever tier: of `most` of them."""
        asked = {"every": " & ".join(f"({_anywhere(term)})" for term in every), "most": most}
        rows = connection.execute(_HAVING, asked)
        return {row.document: _by_tier(row.lexemes) for row in rows}

    def known(self, connection: Connection, words: Sequence[str]) -> list[str]:
        """Those words that are in the vocabulary."""
        found = text("SELECT word FROM search_words WHERE word = ANY(:words)")
        return [row.word for row in connection.execute(found, {"words": list(words)})]

    def begun(self, connection: Connection, beginnings: Sequence[str]) -> list[str]:
        """Those beginnings that a word of the vocabulary has."""
        found = text(
            "SELECT value FROM unnest(CAST(:words AS text[])) AS wanted(value) WHERE EXISTS "
            '(SELECT 1 FROM search_words WHERE word >= value COLLATE "C" '
            "AND word < (value || '{') COLLATE \"C\")"
        )
        return [row.value for row in connection.execute(found, {"words": list(beginnings)})]

    def alike(self, connection: Connection, word: str) -> list[str]:
        """Words of the vocabulary that share trigrams with a word; empty without `pg_trgm`."""
        if not _has_trigrams(connection):
            return []
        connection.exec_driver_sql(f"SET LOCAL pg_trgm.similarity_threshold = {LEAST_ALIKE}")
        found = text("SELECT word FROM search_words WHERE word % :word")
        return [row.word for row in connection.execute(found, {"word": word})]

    def lacking(self, connection: Connection) -> Problem | None:
        """The second typing error of a word, where `pg_trgm` is missing."""
        if _has_trigrams(connection):
            return None
        return Problem(
            "searches forgive one typing error in a word, not two: PostgreSQL has no pg_trgm here",
            hint="CREATE EXTENSION pg_trgm in the catalog's database, by a user who may",
        )


def _has_trigrams(connection: Connection) -> bool:
    """Whether `pg_trgm` is there, in a schema that is searched."""
    found = text("SELECT to_regoperator('%(text,text)')")
    return connection.execute(found).scalar() is not None


def _expression(wanted: Wanted) -> str:
    mark = ":*" if wanted.is_prefix else ""
    return " | ".join(f"'{wanted.tier}{word}'{mark}" for word in wanted.words)


def _by_tier(lexemes: Iterable[str]) -> dict[Tier, set[str]]:
    found: dict[Tier, set[str]] = {tier: set() for tier in Tier}
    for lexeme in lexemes:
        found[Tier(lexeme[0])].add(lexeme[1:])
    return found


def _anywhere(term: Term) -> str:
    mark = ":*" if term.is_prefix else ""
    return " | ".join(f"'{tier}{term.text}'{mark}" for tier in Tier)
