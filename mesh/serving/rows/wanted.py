"""What a client wants of a product's rows: columns, conditions, order, a page of so many.

Owns the query's words, with every problem said at once. A column that is not seen is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mesh.errors import DefinitionError, Problem, did_you_mean, near_names
from mesh.serving.rows.conditions import Condition

WORDS = frozenset({"select", "order", "limit", "cursor", "version", "as_of"})
"""Words of a query that are not columns; a column of such a name is written `column.NAME`."""
TABLE_WORDS = frozenset({"select", "version", "as_of"})
"""Those for a whole table, which has no pages."""
AGGREGATE_WORDS = frozenset({"measure", "by", "version", "as_of"})
ROWS = 100
MOST_ROWS = 10_000
_ESCAPE = "column."
_MOST_CONDITIONS = 50


@dataclass(frozen=True, slots=True)
class Order:
    """One column that rows are ordered by; nulls come last."""

    column: str
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of rows that are seen."""

    select: tuple[str, ...]
    conditions: tuple[Condition, ...]
    order: tuple[Order, ...]
    limit: int

    @classmethod
    def of(
        cls, query: Iterable[tuple[str, str]], seen: pl.Schema, words: frozenset[str] = WORDS
    ) -> Wanted:
        """Read a query's pairs, of columns that are seen. Raises DefinitionError.

        `words` are those that it may have; any other has to be a column.
        """
        reading = Reading(seen)
        pairs = list(query)
        told = {name: text for name, text in pairs if name in words}
        found = cls(
            reading.columns("select", told.get("select", "")) or tuple(seen.names()),
            reading.conditions(pairs, words),
            reading.order(told.get("order", "")),
            reading.limit(told.get("limit", str(ROWS))),
        )
        reading.require_sense()
        return found

    @property
    def told(self) -> list[Any]:
        """The same as plain values, by which a cursor knows its query."""
        conditions = [(c.column, c.word, str(c.value), c.is_negated) for c in self.conditions]
        return [self.select, conditions, [(o.column, o.is_descending) for o in self.order]]

    def filtered(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rows for which all conditions hold."""
        return rows.filter(*(c.expression for c in self.conditions)) if self.conditions else rows

    def ordered(self, rows: pl.LazyFrame, key: Sequence[str]) -> pl.LazyFrame:
        """Rows in the order wanted, made total by the key; without one as the table has them."""
        if not self.order:
            return rows
        named = [o.column for o in self.order]
        rest = [name for name in key if name not in named]
        descending = [*(o.is_descending for o in self.order), *(False for _ in rest)]
        return rows.sort(
            [*named, *rest], descending=descending, nulls_last=True, maintain_order=True
        )


class Reading:
    """Reads a query's words, and keeps what is wrong with them."""

    def __init__(self, seen: pl.Schema) -> None:
        self._seen = seen
        self._problems: list[Problem] = []

    def require_sense(self) -> None:
        """Raise DefinitionError with every problem, if there is any."""
        if self._problems:
            raise DefinitionError(self._problems)

    def columns(self, word: str, text: str) -> tuple[str, ...]:
        """Names of columns with commas between."""
        names = [name.strip() for name in text.split(",")] if text else []
        if len(set(names)) < len(names):
            self.refuse("a column is named twice", word)
        return tuple(name for name in names if self._is_seen(name, word))

    def order(self, text: str) -> tuple[Order, ...]:
        """`a.desc,b`."""
        found = []
        for part in text.split(",") if text else []:
            name, _, way = part.strip().partition(".")
            if way not in {"", "asc", "desc"}:
                self.refuse(f"{part[:80]!r}: write `column`, or `column.desc`", "order")
            elif self._is_seen(name, "order"):
                found.append(Order(name, way == "desc"))
        return tuple(found)

    def limit(self, text: str) -> int:
        """How many rows a page has."""
        if text.isdecimal() and 1 <= int(text) <= MOST_ROWS:
            return int(text)
        self.refuse(f"{text[:80]!r} is not from 1 to {MOST_ROWS:,}", "limit")
        return 1

    def conditions(
        self, pairs: Sequence[tuple[str, str]], words: frozenset[str]
    ) -> tuple[Condition, ...]:
        """Every pair that is none of the query's own words."""
        found = []
        for name, text in pairs:
            if name in words:
                continue
            column = name.removeprefix(_ESCAPE)
            if not self._is_seen(column, name):
                continue
            try:
                found.append(Condition.parse(column, self._seen[column], text))
            except ValueError as error:
                self.refuse(str(error), name)
        if len(found) > _MOST_CONDITIONS:
            self.refuse(f"more than {_MOST_CONDITIONS} conditions", "query")
        return tuple(found)

    def _is_seen(self, name: str, where: str) -> bool:
        if name in self._seen:
            return True
        near = did_you_mean(near_names(name, self._seen.names()))
        self.refuse(f"there is no column {name[:80]!r}", where, near)
        return False

    def refuse(self, what: str, where: str, hint: str = "") -> None:
        """Keep a problem."""
        self._problems.append(Problem(what, where[:80], hint))
