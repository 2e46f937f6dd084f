"""Which files of a version a client needs, by the hints that it gives.

Owns the protocol's JSON predicates, and the comparisons among its SQL ones. A hint never hides a
row that meets it: a file is left out only when its statistics say that it has none, and a hint that
cannot be followed leaves out nothing. Of columns of floats nothing is concluded, for their bounds
say nothing of NaN.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from typing import Any

import polars as pl

_DEEPEST = 50
_MOST_NODES = 1_000
_COMPARED = {
    "equal": "=",
    "lessThan": "<",
    "lessThanOrEqual": "<=",
    "greaterThan": ">",
    "greaterThanOrEqual": ">=",
}
_TURNED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SQL = re.compile(
    r"\s*`?(?P<column>\w+)`?\s*(?:(?P<how><=|>=|=|<|>)\s*(?:'(?P<text>(?:[^']|'')*)'|"
    r"(?P<number>-?\d{1,18}))|(?P<is>is\s+(?P<not>not\s+)?null))\s*",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Possible:
    """Whether rows of a file may meet a predicate, and whether any may fail it, by expressions."""

    met: pl.Expr
    failed: pl.Expr

    def turned(self) -> _Possible:
        return _Possible(self.failed, self.met)


_ANYTHING = _Possible(pl.lit(value=True), pl.lit(value=True))


def chosen_files(
    files: pl.DataFrame,
    *,
    limit: int | None = None,
    json_hints: str = "",
    sql_hints: Sequence[str] = (),
) -> pl.DataFrame:
    """The files that may hold what is asked for; of a limit alone, as many as have the rows."""
    possible = [_of_json(json_hints, files), *(_of_sql(text, files) for text in sql_hints)]
    if known := [item for item in possible if item is not None]:
        return files.filter(pl.all_horizontal([item.met for item in known]))
    if limit is None or json_hints or sql_hints:
        return files
    before = pl.col("rows").fill_null(0).cum_sum() - pl.col("rows").fill_null(0)
    return files.filter(before < limit)


def _of_json(text: str, files: pl.DataFrame) -> _Possible | None:
    if not text:
        return None
    try:
        found = _Tree(files).possible(json.loads(text), 0)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        return None  # the protocol: of a hint that is not understood, all files are given
    return found


@dataclass(slots=True)
class _Tree:
    """A predicate in the protocol's JSON, over the statistics of files."""

    files: pl.DataFrame
    nodes: int = 0

    def possible(self, node: Any, depth: int) -> _Possible:
        """Raises ValueError, TypeError, KeyError or IndexError for what is no predicate."""
        self.nodes += 1
        if depth > _DEEPEST or self.nodes > _MOST_NODES:
            raise ValueError("the predicate is too large")
        how, children = node["op"], node.get("children", ())
        if how in {"and", "or"}:
            return _joined(how, [self.possible(child, depth + 1) for child in children])
        if how == "not":
            return self.possible(children[0], depth + 1).turned()
        if how == "isNull":
            return _null(self.files, children[0]["name"])
        return self._compared(_COMPARED[how], children[0], children[1])

    def _compared(self, how: str, left: Any, right: Any) -> _Possible:
        if (left["op"], right["op"]) == ("literal", "column"):
            left, right, how = right, left, _TURNED[how]
        if (left["op"], right["op"]) != ("column", "literal"):
            return _ANYTHING
        if left.get("valueType") != right.get("valueType"):
            return _ANYTHING
        return _comparison(
            self.files, left["name"], how, _Literal(right["valueType"], right["value"])
        )


def _of_sql(text: str, files: pl.DataFrame) -> _Possible | None:
    match = _SQL.fullmatch(text)
    if match is None:
        return None
    if match["is"]:
        found = _null(files, match["column"])
        return found.turned() if match["not"] else found
    if match["number"] is not None:
        literal = _Literal("long", match["number"])
    else:
        literal = _Literal("", match["text"].replace("''", "'"))
    return _comparison(files, match["column"], match["how"], literal)


def _joined(how: str, children: list[_Possible]) -> _Possible:
    if not children:
        raise ValueError("nothing to join")
    met, failed = (pl.Expr.and_, pl.Expr.or_) if how == "and" else (pl.Expr.or_, pl.Expr.and_)
    return _Possible(
        reduce(met, [child.met for child in children]),
        reduce(failed, [child.failed for child in children]),
    )


@dataclass(frozen=True, slots=True)
class _Literal:
    """A value as a hint has it. Without a `kind` it takes that of its column."""

    kind: str
    text: str

    def value(self, of: pl.DataType) -> Any:
        """The value in a column's type; None when they are not of one kind."""
        for kinds, types, made in _KINDS:
            if of in types and self.kind in kinds:
                return made(str(self.text))
        return None


_INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64)
_KINDS: Sequence[tuple[set[str], Sequence[Any], Callable[[str], Any]]] = (
    ({"int", "long"}, _INTEGERS, int),
    ({"string", ""}, (pl.String,), str),
    ({"date", ""}, (pl.Date,), date.fromisoformat),
    ({"timestamp"}, (pl.Datetime("us", "UTC"),), datetime.fromisoformat),
    ({"bool"}, (pl.Boolean,), {"true": True, "false": False}.__getitem__),
)


def _comparison(files: pl.DataFrame, column: str, how: str, literal: _Literal) -> _Possible:
    found = _bounds(files, column)
    if found is None:
        return _ANYTHING
    low, high, kind, is_exact = found
    value = literal.value(kind)
    if value is None or (isinstance(value, datetime) and value.tzinfo is None):
        return _ANYTHING
    wanted = pl.lit(value, dtype=kind)
    met, failed = {
        "=": ((low <= wanted) & (high >= wanted), (low != wanted) | (high != wanted)),
        "<": (low < wanted, high >= wanted),
        "<=": (low <= wanted, high > wanted),
        ">": (high > wanted, low <= wanted),
        ">=": (high >= wanted, low < wanted),
    }[how]
    # Null as a partition's value: a comparison is neither met nor failed. Null as a bound: unknown.
    unknown = not is_exact
    return _Possible(met.fill_null(unknown), failed.fill_null(unknown))


def _null(files: pl.DataFrame, column: str) -> _Possible:
    if column in _fields(files, "part"):
        is_null = pl.col("part").struct.field(column).is_null()
        return _Possible(is_null, ~is_null)
    if column not in _fields(files, "nulls"):
        return _ANYTHING
    count = pl.col("nulls").struct.field(column)
    if _fields(files, "nulls")[column] != pl.Int64:  # of a struct: by its fields
        return _ANYTHING
    is_other = count < pl.col("rows")
    return _Possible((count > 0).fill_null(value=True), is_other.fill_null(value=True))


def _bounds(files: pl.DataFrame, column: str) -> tuple[pl.Expr, pl.Expr, pl.DataType, bool] | None:
    """Lowest and highest value, their type, and whether all rows have just these."""
    parts, low, high = (_fields(files, name) for name in ("part", "low", "high"))
    if column in parts:
        value = pl.col("part").struct.field(column)
        return value, value, parts[column], True
    if column not in low or column not in high:
        return None
    lowest, highest = (pl.col(name).struct.field(column) for name in ("low", "high"))
    if isinstance(low[column], pl.Datetime):  # Spark cuts bounds to milliseconds
        highest = highest + timedelta(milliseconds=1)
    return lowest, highest, low[column], False


def _fields(files: pl.DataFrame, name: str) -> dict[str, Any]:
    kind = files.schema.get(name)
    return {field.name: field.dtype for field in kind.fields} if isinstance(kind, pl.Struct) else {}
