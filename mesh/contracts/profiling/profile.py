"""A profile as a value: what was measured of each column of some rows.

Owns its plain form, in which it is kept beside the table and in the catalog. Measures nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

MOST_FREQUENT = 5
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Shares of the rows that have a value, at or below which a quantile lies."""


@dataclass(frozen=True, slots=True)
class TextLengths:
    """The shortest, the longest and the mean text, in characters."""

    least: int
    most: int
    mean: float


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column. `nulls` counts NaN, too; `distinct` is without nulls, and `~` above 4,095.

    What a type does not have is None: lists and structs have no order, and are not counted. `top`
    are the most frequent values with their rows, `quantiles` are values by their share, of numbers
    and times. These and the lengths of texts are of a sample where it `is_estimated`. `stddev` is
    that of the whole. One that `is_hidden` tells no values.
    """

    name: str
    type: str
    nulls: int
    distinct: int | None = None
    low: Any = None
    high: Any = None
    mean: float | None = None
    stddev: float | None = None
    quantiles: tuple[tuple[float, Any], ...] = ()
    top: tuple[tuple[Any, int], ...] = ()
    is_estimated: bool = False
    lengths: TextLengths | None = None
    true_share: float | None = None
    is_hidden: bool = False

    def with_measures(self, **measures: Any) -> Self:
        """A copy with these."""
        return replace(self, **measures)

    def as_json(self, rows: int) -> dict[str, Any]:
        """The column as plain values, of so many rows."""
        return {
            "name": self.name,
            "type": self.type,
            "nulls": self.nulls,
            "null_share": round(self.nulls / rows, 6) if rows else 0.0,
            "distinct_estimate": self.distinct,
            "min": _plain(self.low),
            "max": _plain(self.high),
            "mean": self.mean,
            "stddev": self.stddev,
            "quantiles": [{"share": s, "value": _plain(value)} for s, value in self.quantiles],
            "top": [{"value": _plain(v), "rows": count} for v, count in self.top],
            "is_estimated": self.is_estimated,
            "lengths": asdict(self.lengths) if self.lengths else None,
            "true_share": self.true_share,
            "is_hidden": self.is_hidden,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote; values that are no numbers or booleans stay texts."""
        lengths = data.get("lengths")
        return cls(
            name=data["name"],
            type=data["type"],
            nulls=data["nulls"],
            distinct=data["distinct_estimate"],
            low=data["min"],
            high=data["max"],
            mean=data["mean"],
            stddev=data["stddev"],
            quantiles=tuple((item["share"], item["value"]) for item in data["quantiles"]),
            top=tuple((item["value"], item["rows"]) for item in data["top"]),
            is_estimated=data["is_estimated"],
            lengths=TextLengths(**lengths) if lengths else None,
            true_share=data["true_share"],
            is_hidden=data["is_hidden"],
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """All columns of some rows."""

    rows: int
    columns: tuple[ColumnProfile, ...]

    def null_share(self, column: ColumnProfile) -> float:
        """The share of rows in which a column has no value, in [0, 1]."""
        return column.nulls / self.rows if self.rows else 0.0

    def column(self, name: str) -> ColumnProfile | None:
        """The column of that name; None when it has none."""
        return next((column for column in self.columns if column.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """The profile as plain values; other values than numbers and booleans as texts."""
        return {
            "rows": self.rows,
            "columns": [column.as_json(self.rows) for column in self.columns],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(data["rows"], tuple(ColumnProfile.from_json(item) for item in data["columns"]))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return value if value is None or isinstance(value, bool | int | float) else str(value)
