"""Sums over a product's rows: measures, by the columns that tell groups apart.

Owns which measures there are. A product declares a measure by the unit of its column: what has a
unit can be summed up, and a code or a number of something cannot. Rows can always be counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from mesh.contracts.model import Contract
from mesh.errors import DefinitionError
from mesh.reading.governed import GovernedRead
from mesh.serving.rows.wanted import AGGREGATE_WORDS, MOST_ROWS, Reading

COUNT = "count"
FUNCTIONS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "sum": pl.Expr.sum,
    "avg": pl.Expr.mean,
    "min": pl.Expr.min,
    "max": pl.Expr.max,
    "median": pl.Expr.median,
}
_MEASURE = re.compile(r"(?P<function>[a-z]+)\((?P<column>[^()]+)\)")
_NUMERIC = (pl.Decimal, pl.Duration)


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure as a client names it, `avg(delay_minutes)`."""

    name: str
    expression: pl.Expr


def measured_columns(contract: Contract, types: pl.Schema) -> tuple[str, ...]:
    """Columns that a product declares as measures, of those that are seen as numbers."""
    return tuple(
        column.name
        for column in contract.columns
        if column.unit and column.name in types and _is_number(types[column.name])
    )


def sums(read: GovernedRead, query: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """One row a group, in the order of the groups. Raises DefinitionError with every problem."""
    reading = Reading(read.types)
    told = {name: text for name, text in query if name in AGGREGATE_WORDS}
    measures = _measures(told.get("measure", COUNT), read, reading)
    by = reading.columns("by", told.get("by", ""))
    conditions = reading.conditions(query, AGGREGATE_WORDS)
    reading.require_sense()
    rows = read.scan()
    if conditions:
        rows = rows.filter(*(condition.expression for condition in conditions))
    expressions = [measure.expression.alias(measure.name) for measure in measures]
    if not by:
        return rows.select(expressions).collect(engine="streaming")
    grouped = rows.group_by(by).agg(expressions).sort(by, nulls_last=True)
    found = grouped.head(MOST_ROWS + 1).collect(engine="streaming")
    if found.height > MOST_ROWS:
        raise DefinitionError.of(
            f"there are more than {MOST_ROWS:,} groups",
            where="by",
            hint="ask by fewer columns, or for fewer rows by a condition",
        )
    return found


def _measures(text: str, read: GovernedRead, reading: Reading) -> list[Measure]:
    known = measured_columns(read.view.port.contract, read.types)
    found = []
    for name in dict.fromkeys(part.strip() for part in text.split(",")):
        match = _MEASURE.fullmatch(name)
        if name == COUNT:
            found.append(Measure(name, pl.len().cast(pl.Int64)))
        elif match is None or match["function"] not in FUNCTIONS:
            reading.refuse(f"{name[:80]!r} is no measure: {_words()}", "measure")
        elif match["column"] not in known:
            told = ", ".join(known) or "none"
            reading.refuse(
                f"{match['column'][:80]!r} is not declared as a measure",
                "measure",
                f"columns with a unit are: {told}",
            )
        else:
            found.append(Measure(name, FUNCTIONS[match["function"]](pl.col(match["column"]))))
    return found


def _is_number(kind: pl.DataType) -> bool:
    return kind.is_numeric() or isinstance(kind, _NUMERIC)


def _words() -> str:
    return f"write {COUNT}, or " + ", ".join(f"{function}(column)" for function in FUNCTIONS)
