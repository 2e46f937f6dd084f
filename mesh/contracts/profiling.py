"""What rows look like, column by column: how full, how many values, from where to where.

Owns the measures, as a pure function of a frame. Distinct values are estimated (HyperLogLog), the
rest is exact. Of columns whose values are not for everyone only counts are told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mesh.contracts.arrow import name_of

FEW = 1_000
"""Columns with at most so many values are told their most frequent ones."""
MOST_FREQUENT = 5


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column. `nulls` counts NaN, too; `distinct` is an estimate, without nulls.

    What a type does not have is None: lists and structs have no order, and are not counted. `top`
    are the most frequent values with their rows, empty where there are too many. One that
    `is_hidden` tells no values.
    """

    name: str
    type: str
    nulls: int
    distinct: int | None = None
    low: Any = None
    high: Any = None
    mean: float | None = None
    top: tuple[tuple[Any, int], ...] = ()
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """All columns of some rows."""

    rows: int
    columns: tuple[ColumnProfile, ...]

    def null_share(self, column: ColumnProfile) -> float:
        """The share of rows in which a column has no value, in [0, 1]."""
        return column.nulls / self.rows if self.rows else 0.0

    def as_json(self) -> dict[str, Any]:
        """The profile as plain values; other values than numbers and booleans as texts."""
        return {
            "rows": self.rows,
            "columns": [
                {
                    "name": column.name,
                    "type": column.type,
                    "nulls": column.nulls,
                    "null_share": round(self.null_share(column), 6),
                    "distinct_estimate": column.distinct,
                    "min": _plain(column.low),
                    "max": _plain(column.high),
                    "mean": column.mean,
                    "top": [{"value": _plain(v), "rows": rows} for v, rows in column.top],
                    "is_hidden": column.is_hidden,
                }
                for column in self.columns
            ],
        }


def profile(rows: pl.LazyFrame, *, hidden: Collection[str] = ()) -> Profile:
    """Measure every column, reading the rows twice. Of `hidden` columns no value is told.

    Memory grows with the distinct values of columns that have at most `FEW` of them.
    """
    schema = rows.collect_schema()
    asked = [
        expression.alias(f"{number} {measure}")
        for number, (name, kind) in enumerate(schema.items())
        for measure, expression in _measures(name, kind, is_hidden=name in hidden).items()
    ]
    measured = rows.select(pl.len().alias("rows"), *asked).collect(engine="streaming")
    found = measured.row(0, named=True)
    names = {
        field.name: name_of(field.type) for field in pl.DataFrame(schema=schema).to_arrow().schema
    }
    columns = [
        ColumnProfile(
            name=name,
            type=names[name],
            nulls=found[f"{number} nulls"],
            distinct=found.get(f"{number} distinct"),
            low=found.get(f"{number} low"),
            high=found.get(f"{number} high"),
            mean=found.get(f"{number} mean"),
            is_hidden=name in hidden,
        )
        for number, (name, kind) in enumerate(schema.items())
    ]
    top = _most_frequent(rows, columns)
    whole = tuple(replace(column, top=top.get(column.name, ())) for column in columns)
    return Profile(found["rows"], whole)


def _measures(name: str, kind: pl.DataType, *, is_hidden: bool) -> dict[str, pl.Expr]:
    column, missing = pl.col(name), _is_missing(name, kind)
    found = {"nulls": missing.sum()}
    if kind.is_nested() or kind == pl.Null:
        return found
    present = column.filter(~missing)
    found["distinct"] = present.approx_n_unique()
    if is_hidden or kind == pl.Binary:
        return found
    found |= {"low": present.min(), "high": present.max()}
    return found | ({"mean": present.mean()} if kind.is_numeric() else {})


def _is_missing(name: str, kind: pl.DataType) -> pl.Expr:
    """Whether there is no value; NaN is none."""
    column = pl.col(name)
    return column.is_null() | column.is_nan() if kind.is_float() else column.is_null()


def _most_frequent(
    rows: pl.LazyFrame, columns: list[ColumnProfile]
) -> Mapping[str, tuple[tuple[Any, int], ...]]:
    """The most frequent values of columns that have few, each with its rows."""
    schema = rows.collect_schema()
    known = [c for c in columns if not c.is_hidden and c.high is not None]
    few = [c.name for c in known if (c.distinct or 0) <= FEW]
    asked = [
        rows.select(pl.col(name).alias("value"))
        .filter(~_is_missing("value", schema[name]))
        .group_by("value")
        .agg(pl.len().alias("rows"))
        .sort("rows", "value", descending=[True, False])
        .head(MOST_FREQUENT)
        for name in few
    ]
    counted = pl.collect_all(asked, engine="streaming") if asked else []
    return {name: tuple(frame.iter_rows()) for name, frame in zip(few, counted, strict=True)}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)
