"""Conditions on rows, as clients write them in a query: `delay_minutes=gt.30`.

Owns the operators and how values are read in a column's type. A value that a column cannot hold is
a problem of the request; none of the conditions can fail on a row. Source: PostgREST's operators.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl

_OPERATORS: Mapping[str, Callable[[pl.Expr, Any], Any]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
OPERATORS = (*_OPERATORS, "in", "like", "is")
_NOT = "not."
_BOOLEANS = {"true": True, "false": False}
_ITEMS = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,"]+)')


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a column. `value` is in the column's type; None with `is`."""

    column: str
    word: str
    value: Any
    is_negated: bool = False

    @classmethod
    def parse(cls, column: str, kind: pl.DataType, text: str) -> Condition:
        """Read `gt.30`, `not.in.(a,b)`, `like.N1*` or `is.null`. Raises ValueError."""
        is_negated = text.startswith(_NOT)
        word, dot, rest = text.removeprefix(_NOT).partition(".")
        if not dot or word not in OPERATORS:
            raise ValueError(f"{text[:80]!r} is no condition: write eq.VALUE, or {_others()}")
        if word == "is":
            if rest != "null":
                raise ValueError("`is` asks for null alone: is.null, not.is.null")
            return cls(column, word, None, is_negated)
        if word == "like":
            if kind != pl.String:
                raise ValueError("`like` is for texts")
            return cls(column, word, rest, is_negated)
        value = (
            tuple(value_of(v, kind) for v in _items(rest)) if word == "in" else value_of(rest, kind)
        )
        return cls(column, word, value, is_negated)

    @property
    def expression(self) -> pl.Expr:
        """True for rows that it holds for; null counts as a value that no comparison holds for."""
        found = self._held().fill_null(value=False)
        return found.not_() if self.is_negated else found

    def _held(self) -> pl.Expr:
        column = pl.col(self.column)
        if self.word == "is":
            return column.is_null()
        if self.word == "in":
            return column.is_in(list(self.value))
        if self.word == "like":
            pattern = "".join(".*" if part == "*" else re.escape(part) for part in self.value)
            return column.str.contains(f"(?s)^{pattern}$")
        held: pl.Expr = _OPERATORS[self.word](column, pl.lit(self.value))
        return held


def value_of(text: str, kind: pl.DataType) -> Any:
    """A value in a column's type. Raises ValueError for a text that is none."""
    try:
        found = _parsed(text, kind)
        # What the type cannot hold would be another value, or null, in a comparison.
        held = pl.Series([found], dtype=kind, strict=True).item()
    except (ArithmeticError, LookupError, TypeError, ValueError, pl.exceptions.PolarsError):
        raise ValueError(f"{text[:80]!r} is no value of type {kind}") from None
    return held


def _parsed(text: str, kind: pl.DataType) -> Any:
    if kind.is_integer():
        return int(text)
    if kind.is_float():
        return float(text)
    if kind == pl.String:
        return text
    if kind == pl.Boolean:
        return _BOOLEANS[text.lower()]
    if isinstance(kind, pl.Decimal):
        return Decimal(text)
    if kind == pl.Date:
        return date.fromisoformat(text)
    if kind == pl.Time:
        return time.fromisoformat(text)
    if isinstance(kind, pl.Datetime):
        moment = datetime.fromisoformat(text)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return zoned if kind.time_zone else zoned.astimezone(UTC).replace(tzinfo=None)
    raise TypeError(kind)


def _items(text: str) -> list[str]:
    if not (text.startswith("(") and text.endswith(")")):
        raise ValueError("`in` takes values in brackets: in.(a,b)")
    found = [quoted or plain for quoted, plain in _ITEMS.findall(text[1:-1])]
    if not found:
        raise ValueError("`in` takes one value at least")
    return [re.sub(r"\\(.)", r"\1", item) for item in found]


def _others() -> str:
    return ", ".join(f"{word}.…" for word in OPERATORS[1:]) + ", each with `not.` before it"
