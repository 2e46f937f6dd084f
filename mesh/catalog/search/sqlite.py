"""The index on SQLite: FTS5 with a column a tier, and trigrams of the vocabulary in a table.

FTS5's own trigram tokenizer pads no word, so that it would miss an error near an end of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from sqlalchemy import Connection, text

from mesh.catalog.search.index import LEAST_ALIKE, SHORTEST_ALIKE, Wanted, trigrams
from mesh.catalog.search.texts import Tier
from mesh.catalog.search.words import Term
from mesh.errors import Problem

_HAVING = "SELECT rowid, a, b, c, d FROM search_text WHERE search_text MATCH ? LIMIT ?"
_MATCHING = "SELECT rowid FROM search_text WHERE search_text MATCH ?"


class SqliteIndex:
    """Words in FTS5."""

    def put(self, connection: Connection, document: int, found: Mapping[Tier, set[str]]) -> None:
        """Make these the words of a document."""
        self.remove(connection, [document])
        connection.execute(
            text("INSERT INTO search_text (rowid, a, b, c, d) VALUES (:id, :a, :b, :c, :d)"),
            {"id": document, **{str(tier): " ".join(sorted(found[tier])) for tier in Tier}},
        )
        self._learn(connection, set().union(*found.values()))

    def remove(self, connection: Connection, documents: Iterable[int]) -> None:
        """Forget the words of documents; the vocabulary stays."""
        for document in documents:
            connection.execute(text("DELETE FROM search_text WHERE rowid = :id"), {"id": document})

    def clear(self, connection: Connection) -> None:
        """Forget everything."""
        for table in ("search_text", "search_words", "search_trigrams"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 -- a constant # nosec B608

    def matching(self, connection: Connection, wanted: Sequence[Wanted]) -> list[list[int]]:
        """The documents of each, in any order."""
        cursor = connection.connection.cursor()
        found = []
        for item in wanted:
            cursor.execute(_MATCHING, (_expression(item),))
            found.append([row[0] for row in cursor.fetchall()])
        cursor.close()
        return found

    def having(
        self, connection: Connection, every: Sequence[Term], most: int
    ) -> dict[int, Mapping[Tier, AbstractSet[str]]]:
        """The words of the documents that have every term, in whatever tier: of `most` of them."""
        asked = " AND ".join(f'"{term.text}"{"*" if term.is_prefix else ""}' for term in every)
        rows = connection.exec_driver_sql(_HAVING, (asked, most))
        return {row[0]: {t: set(row[n].split()) for n, t in enumerate(Tier, 1)} for row in rows}

    def known(self, connection: Connection, words: Sequence[str]) -> list[str]:
        """Those words that are in the vocabulary."""
        found = text(
            "SELECT word FROM search_words WHERE word IN (SELECT value FROM json_each(:words))"
        )
        return [row.word for row in connection.execute(found, {"words": json.dumps(words)})]

    def begun(self, connection: Connection, beginnings: Sequence[str]) -> list[str]:
        """Those beginnings that a word of the vocabulary has."""
        found = text(
            "SELECT value FROM json_each(:words) WHERE EXISTS (SELECT 1 FROM search_words "
            "WHERE word >= value AND word < value || '{')"
        )
        return [row.value for row in connection.execute(found, {"words": json.dumps(beginnings)})]

    def alike(self, connection: Connection, word: str) -> list[str]:
        """Words of the vocabulary that share trigrams with a word."""
        mine = sorted(trigrams(word))
        found = text(
            "SELECT word FROM search_trigrams WHERE trigram IN (SELECT value FROM json_each(:mine))"
            " GROUP BY word HAVING count(*) >= :least"
        )
        # As few in common as words of the same length may have, which are no less alike than that.
        least = max(1, int(2 * len(mine) * LEAST_ALIKE / (1 + LEAST_ALIKE)))
        asked = {"mine": json.dumps(mine), "least": least}
        return [row.word for row in connection.execute(found, asked)]

    def lacking(self, connection: Connection) -> Problem | None:  # noqa: ARG002 -- as the other
        """Nothing."""
        return None

    def _learn(self, connection: Connection, words: set[str]) -> None:
        """Add to the vocabulary what is not in it."""
        new = sorted(words - set(self.known(connection, sorted(words))))
        if not new:
            return
        connection.execute(
            text("INSERT INTO search_words (word) VALUES (:word)"), [{"word": word} for word in new]
        )
        parts = [
            {"trigram": trigram, "word": word}
            for word in new
            if len(word) >= SHORTEST_ALIKE and word.isascii()
            for trigram in sorted(trigrams(word))
        ]
        if parts:
            made = text("INSERT INTO search_trigrams (trigram, word) VALUES (:trigram, :word)")
            connection.execute(made, parts)


def _expression(wanted: Wanted) -> str:
    mark = "*" if wanted.is_prefix else ""
    words = " OR ".join(f'"{word}"{mark}' for word in wanted.words)
    return f"{wanted.tier} : ({words})"
