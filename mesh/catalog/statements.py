"""How much one statement may name, and how it names pairs and many numbers."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Text,
    and_,
    any_,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

Value = TypeVar("Value")
_CHUNK = 500
"""Values that one statement names; SQLite allows 32,766."""


def chunks(values: Sequence[Value]) -> Iterable[Sequence[Value]]:
    """The values in groups that fit into one statement."""
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs as a table of one statement, however many they are: to be joined with.

    SQLite reads all of a table for `(a, b) IN (VALUES …)`: it looks up in an index what it joins.
    """

    table: FromClause
    first: ColumnElement[Any]
    second: ColumnElement[Any]

    def are(self, first: ColumnElement[Any], second: ColumnElement[Any]) -> ColumnElement[bool]:
        """The condition that two columns are one of the pairs."""
        return and_(first == self.first, second == self.second)


def pairs_of(
    connection: Connection, pairs: Sequence[tuple[str, str]] | Sequence[tuple[str, int]]
) -> Pairs:
    """These pairs, each once, of a text and a text or a whole number."""
    unique = list(dict.fromkeys(pairs))
    if connection.dialect.name == "sqlite":
        table = func.json_each(json.dumps(unique)).table_valued("value", name="wanted")
        return Pairs(
            table,
            func.json_extract(table.c.value, "$[0]"),
            func.json_extract(table.c.value, "$[1]"),
        )
    kind = BigInteger() if unique and isinstance(unique[0][1], int) else Text()
    arrays = (
        cast(literal([pair[place] for pair in unique], ARRAY(of)), ARRAY(of))
        for place, of in enumerate((Text(), kind))
    )
    named = func.unnest(*arrays).table_valued("first", "second").render_derived(name="wanted")
    return Pairs(named, named.c.first, named.c.second)


def is_among(
    connection: Connection, column: ColumnElement[int], values: Collection[int]
) -> ColumnElement[bool]:
    """The condition that a column is one of many whole numbers, however many they are."""
    if connection.dialect.name == "sqlite":
        listed = func.json_each(json.dumps(list(values))).table_valued("value")
        return column.in_(select(listed.c.value))
    return column == any_(cast(literal(list(values), ARRAY(BigInteger)), ARRAY(BigInteger)))
